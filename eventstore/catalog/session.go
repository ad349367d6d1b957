package catalog

import (
	"ticketd/domain/session"
	"ticketd/eventstore"
)

var sessionEvents = []eventstore.Entry{
	eventstore.Type[session.Started]("session.started"),
	eventstore.Type[session.Refreshed]("session.refreshed"),
	eventstore.Type[session.Revoked]("session.revoked"),
}
