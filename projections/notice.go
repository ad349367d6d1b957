package projections

import (
	"context"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/eventstore"
)

// Notice is what the WebSocket says about one event. An event makes at most one, so its position names it.
type Notice struct {
	Position int64
	At       time.Time
	Org      domain.OrgID
	Topic    uuid.UUID // the ticket it is about
	Protocol string    // "ticket"
	Type     string    // e.g. "ticket_status_update"
	Data     any       // marshals to the notice's data

	Needs  domain.Permission // what a receiver must be allowed
	Owners []domain.UserID   // whose own it is, for receivers allowed no more than that
}

// VisibleTo reports whether the actor may receive the notice.
func (n Notice) VisibleTo(a domain.Actor) bool { return a.May(n.Needs, n.Owners...) }

// Notices turns events into what the sockets say about them.
type Notices struct {
	Tickets *Tickets
}

// From answers the notices of the events, in order. Events nobody is told about make none.
func (n *Notices) From(ctx context.Context, events []eventstore.Recorded) ([]Notice, error) {
	return n.ticketNotices(ctx, events)
}
