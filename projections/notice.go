package projections

import (
	"context"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/file"
	"ticketd/domain/integration"
	"ticketd/domain/organization"
	"ticketd/domain/syncing"
	"ticketd/domain/thread"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// Notice is what the WebSocket says about one event. An event makes at most one, so its position names it.
type Notice struct {
	Position int64
	At       time.Time
	Org      domain.OrgID
	Topic    uuid.UUID // the ticket, the upload, the thread or the organization it is about
	Protocol string    // "ticket", "file", "chat" or "system"
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
	Files   *Files
	Threads *Threads
}

// From answers the notices of the events, in order. Events nobody is told about make none.
func (n *Notices) From(ctx context.Context, events []eventstore.Recorded) ([]Notice, error) {
	owners, err := lookUp[ticket.Event](ctx, events, n.Tickets.owners)
	if err != nil {
		return nil, err
	}
	files, err := lookUp[file.Event](ctx, events, n.Files.watched)
	if err != nil {
		return nil, err
	}
	reached, err := lookUp[file.StageFailed](ctx, events, n.Files.reached)
	if err != nil {
		return nil, err
	}
	texts, err := n.Files.texts(ctx, events)
	if err != nil {
		return nil, err
	}
	creators, err := lookUp[thread.Event](ctx, events, n.Threads.owners)
	if err != nil {
		return nil, err
	}
	sent, err := n.sentFiles(ctx, events)
	if err != nil {
		return nil, err
	}
	var notices []Notice
	for _, r := range events {
		notice := Notice{Position: r.Position, At: r.At, Org: domain.OrgID{UUID: r.Org}, Topic: r.Stream}
		switch e := r.Event.(type) {
		case ticket.Event:
			notices = append(notices, notice.aboutTicket(e, r, owners[r.Stream]))
		case file.Event:
			notices = append(notices, notice.aboutFile(e, r, files[r.Stream], reached[r.Stream], texts))
		case organization.BudgetReached:
			notices = append(notices, notice.aboutBudget(e, r.At))
		case integration.Event:
			if notice, told := notice.aboutIntegration(e, r.At); told {
				notices = append(notices, notice)
			}
		case delivery.Event:
			if notice, told := notice.aboutSending(e, sent, r.At); told {
				notices = append(notices, notice)
			}
		case syncing.Event:
			if notice, told := notice.aboutSync(e, r.At); told {
				notices = append(notices, notice)
			}
		case thread.Event:
			if notice, told := notice.aboutThread(e, r, creators[r.Stream]); told {
				notices = append(notices, notice)
			}
		}
	}
	return notices, nil
}

// lookUp asks about the streams of the events that are an E, once for all; it does not ask when there are none.
func lookUp[E, T any](
	ctx context.Context, events []eventstore.Recorded, ask func(ctx context.Context, orgs, ids []uuid.UUID) (map[uuid.UUID]T, error),
) (map[uuid.UUID]T, error) {
	var orgs, ids []uuid.UUID
	seen := map[uuid.UUID]bool{}
	for _, r := range events {
		if _, ok := r.Event.(E); ok && !seen[r.Stream] {
			seen[r.Stream] = true
			orgs, ids = append(orgs, r.Org), append(ids, r.Stream)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return ask(ctx, orgs, ids)
}
