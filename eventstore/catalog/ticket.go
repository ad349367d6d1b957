package catalog

import (
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// A ticket has a key of its own, so that a retention rule can erase its words.
var ticketEvents = eventstore.WithOwnKeys(
	eventstore.Type[ticket.Opened]("ticket.opened"),
	eventstore.Type[ticket.Edited]("ticket.edited"),
	eventstore.Type[ticket.StatusChanged]("ticket.status_changed"),
	eventstore.Type[ticket.Summarized]("ticket.summarized"),
	eventstore.Type[ticket.Assigned]("ticket.assigned"),
	eventstore.Type[ticket.Unassigned]("ticket.unassigned"),
	eventstore.Type[ticket.Commented]("ticket.commented"),
	eventstore.Type[ticket.Attached]("ticket.attached"),
	eventstore.Type[ticket.Detached]("ticket.detached"),
	eventstore.Type[ticket.Deleted]("ticket.deleted"),
	eventstore.Type[ticket.WordsErased]("ticket.words_erased"),
)
