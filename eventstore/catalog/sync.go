package catalog

import (
	"ticketd/domain/syncing"
	"ticketd/eventstore"
)

var syncEvents = []eventstore.Entry{
	eventstore.Type[syncing.Started]("sync.started"),
	eventstore.Type[syncing.Looked]("sync.looked"),
	eventstore.Type[syncing.Progressed]("sync.progressed"),
	eventstore.Type[syncing.Ended]("sync.ended"),
	eventstore.Type[syncing.Failed]("sync.failed"),
}
