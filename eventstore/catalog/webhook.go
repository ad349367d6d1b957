package catalog

import (
	"ticketd/domain/webhook"
	"ticketd/eventstore"
)

var webhookEvents = []eventstore.Entry{
	eventstore.Type[webhook.Subscribed]("webhook.subscribed"),
	eventstore.Type[webhook.Changed]("webhook.changed"),
	eventstore.Type[webhook.SecretRotated]("webhook.secret_rotated"),
	eventstore.Type[webhook.Paused]("webhook.paused"),
	eventstore.Type[webhook.Resumed]("webhook.resumed"),
	eventstore.Type[webhook.Replayed]("webhook.replayed"),
	eventstore.Type[webhook.Deleted]("webhook.deleted"),
}
