package commands

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// TicketDeliveries knows where tickets live too.
type TicketDeliveries interface {
	// OfTicket answers the integrations that the ticket lives with, or is on its way to.
	OfTicket(ctx context.Context, org domain.OrgID, ticket uuid.UUID) ([]uuid.UUID, error)
}

// DeliverTickets begins a delivery where a ticket shall live with an integration too, and has it looked at whenever the ticket
// has changed.
func DeliverTickets(d Deliveries, known TicketDeliveries) Reaction {
	return Reaction{
		Name: "deliver-tickets",
		Facts: []string{
			"ticket.routed", "ticket.edited", "ticket.categorized", "ticket.status_changed", "ticket.commented", "ticket.attached", "ticket.detached", "ticket.deleted", "ticket.words_erased",
		},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			if routed, ok := r.Event.(ticket.Routed); ok {
				if !routed.Send {
					return nil
				}
				return d.begin(ctx, because(r), routed.Integration, r.Stream, r.Version)
			}
			org := domain.OrgID{UUID: r.Org}
			integrations, err := known.OfTicket(ctx, org, r.Stream)
			if err != nil {
				return err
			}
			for _, id := range integrations {
				if err := d.Queue.Wake(ctx, DeliveryJob{Org: org, Integration: id, Delivery: delivery.IDOf(id, r.Stream)}); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// begin begins the delivery that a version of the ticket asks for.
func (d Deliveries) begin(ctx context.Context, r Request, to, id uuid.UUID, route int) error {
	state, err := d.Tickets.handler.State(ctx, r.Org, id)
	if err != nil {
		return err
	}
	connected, err := d.Integrations.Find(ctx, r.Org, to)
	if errors.Is(err, integration.ErrNotFound) { // it was disconnected meanwhile
		_, err = d.Tickets.handler.Handle(ctx, r, id, ticket.NoteDelivery{
			Noted: ticket.DeliveryNoted{Integration: to, Status: ticket.DeliverySkipped, Code: "disconnected"}, By: r.By,
		})
		return err
	}
	if err != nil {
		return err
	}
	delivered := delivery.IDOf(to, id)
	_, err = d.deliveries.Create(ctx, r, delivered, delivery.Begin{
		Integration: to, Ticket: id, Route: route, CreatedBy: state.CreatedBy, Fallback: connected.Fallback,
	})
	if err != nil && !errors.Is(err, ErrErased) {
		return err
	}
	return d.Queue.Wake(ctx, DeliveryJob{Org: r.Org, Integration: to, Delivery: delivered})
}

// GoOnByHand has a delivery looked at when a person has let it go on, or given a step up.
func GoOnByHand(d Deliveries) Reaction {
	return Reaction{
		Name: "go-on-by-hand", Facts: []string{"delivery.retried", "delivery.dropped"},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			org := domain.OrgID{UUID: r.Org}
			state, err := d.deliveries.State(ctx, org, r.Stream)
			if err != nil {
				return err
			}
			return d.Queue.Wake(ctx, DeliveryJob{Org: org, Integration: state.Integration, Delivery: r.Stream})
		},
	}
}

// WatchIntegrations has integrations checked as soon as something about them changes, and lets go on what waited for one that
// can be used again.
func WatchIntegrations(queue DeliveryQueue) Reaction {
	return Reaction{
		Name: "watch-integrations",
		Facts: []string{
			"integration.connected", "integration.changed", "integration.credentials_set", "integration.enabled", "integration.checked", "integration.disconnected",
		},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			t := AccountRef{Org: domain.OrgID{UUID: r.Org}, Integration: r.Stream}
			switch e := r.Event.(type) {
			case integration.Disconnected:
				if err := queue.Unwatch(ctx, t); err != nil {
					return err
				}
				return queue.WakeAll(ctx, t)
			case integration.Checked:
				if !e.OK {
					return nil
				}
			default:
				if err := queue.Watch(ctx, t); err != nil {
					return err
				}
			}
			return queue.Resume(ctx, t.Org, t.Integration)
		},
	}
}
