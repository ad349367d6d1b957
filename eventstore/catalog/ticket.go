package catalog

import (
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

var ticketEvents = []eventstore.Entry{
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
}
