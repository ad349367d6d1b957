package ws

import (
	"context"

	"github.com/google/uuid"
)

// mostTickets is how many tickets one resume may subscribe to.
const mostTickets = 100

// subscription is the data of a subscription_response.
type subscription struct {
	TicketID   uuid.UUID `json:"ticket_id,omitzero"`
	Subscribed bool      `json:"subscribed"`
	Position   int64     `json:"position"` // every later notice will be told
}

func (s *Server) handleSubscribeTicket(ctx context.Context, k *socket, r request) error {
	id, _, err := s.find(ctx, k, r)
	if err != nil {
		return err
	}
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	if err := k.subscribe(id); err != nil {
		return err
	}
	k.answer(r, "subscription_response", ticket, subscription{TicketID: id, Subscribed: true, Position: k.lane.position})
	return nil
}

// handleUnsubscribeTicket does not ask for the ticket when it has its id: one that is gone can still be left.
func (s *Server) handleUnsubscribeTicket(ctx context.Context, k *socket, r request) error {
	ref, err := r.text("ticket_id")
	if err != nil {
		return err
	}
	id, err := uuid.Parse(ref)
	if err != nil {
		if id, _, err = s.tickets.Find(ctx, *k.caller.Load(), ref); err != nil {
			return err
		}
	}
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	if id != everything {
		k.unsubscribe(id)
	}
	k.answer(r, "subscription_response", ticket, subscription{TicketID: id, Subscribed: false, Position: k.lane.position})
	return nil
}

func (s *Server) handleTicketStatus(ctx context.Context, k *socket, r request) error {
	_, status, err := s.find(ctx, k, r)
	if err != nil {
		return err
	}
	k.answer(r, "ticket_status", ticket, status)
	return nil
}

func (s *Server) find(ctx context.Context, k *socket, r request) (id uuid.UUID, status any, err error) {
	ref, err := r.text("ticket_id")
	if err != nil {
		return uuid.Nil, nil, err
	}
	return s.tickets.Find(ctx, *k.caller.Load(), ref)
}
