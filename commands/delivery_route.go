package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// ErrUnknownIntegration needs more than the ticket to decide.
var ErrUnknownIntegration = &domain.Error{Kind: domain.Invalid, Code: "unknown_integration", Message: "There is no such integration.", Field: "integration_id"}

// Send has a ticket live with an integration too. The ticket's stream says what has come of it. Errors: ErrUnknownIntegration,
// the refusals of package ticket.
func (d Deliveries) Send(ctx context.Context, r Request, id ticket.ID, to uuid.UUID) (eventstore.Stream, error) {
	platform, err := d.Tickets.destination(ctx, r.Org, to)
	if err != nil {
		return eventstore.Stream{}, err
	}
	return d.Tickets.Handle(ctx, r, id, ticket.RouteTo{Integration: to, Platform: platform, By: r.By})
}

// destination answers the platform of an integration that tickets can be sent to.
func (t Tickets) destination(ctx context.Context, org domain.OrgID, id uuid.UUID) (string, error) {
	known, err := t.integrations.State(ctx, org, id)
	if err != nil {
		return "", err
	}
	if known.Status() == "" {
		return "", ErrUnknownIntegration
	}
	return string(known.Platform), nil
}

// reroute sends the ticket to the first integration of the chain that can be used. false: there is none.
func (w *deliveryWork) reroute(ctx context.Context) (bool, error) {
	for i, to := range w.state.Fallback {
		other, err := w.Integrations.Find(ctx, w.request.Org, to)
		if errors.Is(err, integration.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		switch other.Status() {
		case integration.Pending, integration.Active:
			err := w.goTo(ctx, to, string(other.Platform), w.state.Fallback[i+1:])
			if _, refused := errors.AsType[*domain.Error](err); refused { // the ticket is gone, or its words are
				return false, nil
			}
			return true, err
		case integration.Error, integration.Inactive, integration.HasExpired, integration.IsSuspended: // no better than here
		}
	}
	return false, nil
}

// goTo ends the delivery and begins the other, in one append.
func (w *deliveryWork) goTo(ctx context.Context, to uuid.UUID, platform string, rest []uuid.UUID) error {
	next := delivery.IDOf(to, w.state.Ticket)
	_, err := Together(ctx, w.deliveries.log, w.request, "delivery.Reroute", func() ([]eventstore.Write, error) {
		here, err := w.deliveries.Decide(ctx, w.request.Org, w.id, delivery.Reroute{To: to})
		if err != nil {
			return nil, err
		}
		onTicket, err := w.Tickets.handler.DecideAll(ctx, w.request.Org, w.state.Ticket,
			ticket.NoteDelivery{Noted: *w.noted(ticket.DeliverySkipped, "rerouted"), By: w.request.By},
			ticket.RouteTo{Integration: to, Platform: platform, By: w.request.By})
		if err != nil {
			return nil, err
		}
		there, err := w.deliveries.Decide(ctx, w.request.Org, next, delivery.Begin{
			Integration: to, Ticket: w.state.Ticket, Route: onTicket.Stream.Version() + len(onTicket.Events), CreatedBy: w.state.CreatedBy, Fallback: rest,
			Instead: w.state.Integration,
		})
		return []eventstore.Write{here, onTicket, there}, err
	})
	if err != nil {
		return fmt.Errorf("send ticket %s elsewhere: %w", w.state.Ticket, err)
	}
	return nil
}

// Retry lets what waits be tried again at once. Errors: delivery.ErrNotFound, delivery.ErrNotWaiting, domain.ErrForbidden.
func (d Deliveries) Retry(ctx context.Context, r Request, id uuid.UUID) (eventstore.Stream, error) {
	return d.byHand(ctx, r, id, delivery.Retry{By: r.By}, ticket.DeliveryPending, "")
}

// Drop gives up what waits. Errors: as Retry.
func (d Deliveries) Drop(ctx context.Context, r Request, id uuid.UUID) (eventstore.Stream, error) {
	return d.byHand(ctx, r, id, delivery.Drop{By: r.By}, ticket.DeliverySkipped, "dropped")
}

// byHand does what a person decided, and says so on a ticket that is not there yet. A reaction has the delivery looked at.
func (d Deliveries) byHand(ctx context.Context, r Request, id uuid.UUID, cmd delivery.Command, status ticket.DeliveryState, code string) (eventstore.Stream, error) {
	w, err := d.open(ctx, DeliveryJob{Org: r.Org, Delivery: id})
	if err != nil {
		return eventstore.Stream{}, err
	}
	says := w.noted(status, code)
	w.request = r
	err = w.together(ctx, cmd, func() (eventstore.Write, error) {
		if says == nil {
			return eventstore.Write{}, nil
		}
		return d.Tickets.handler.Decide(ctx, r.Org, w.state.Ticket, ticket.NoteDelivery{Noted: *says, By: domain.System})
	})
	if err != nil {
		return eventstore.Stream{}, err
	}
	return w.stream, nil
}
