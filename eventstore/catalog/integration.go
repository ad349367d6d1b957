package catalog

import (
	"ticketd/domain/integration"
	"ticketd/eventstore"
)

var integrationEvents = []eventstore.Entry{
	eventstore.Type[integration.Connected]("integration.connected"),
	eventstore.Type[integration.Changed]("integration.changed"),
	eventstore.Type[integration.CredentialsSet]("integration.credentials_set"),
	eventstore.Type[integration.Checked]("integration.checked"),
	eventstore.Type[integration.Enabled]("integration.enabled"),
	eventstore.Type[integration.Disabled]("integration.disabled"),
	eventstore.Type[integration.Suspended]("integration.suspended"),
	eventstore.Type[integration.Expired]("integration.expired"),
	eventstore.Type[integration.Synced]("integration.synced"),
	eventstore.Type[integration.Disconnected]("integration.disconnected"),
}
