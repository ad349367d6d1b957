package ws

import (
	"context"

	"github.com/google/uuid"

	"ticketd/domain"
)

// Tickets finds a ticket by id or number, if the caller may see it; status is the data of ticket_status.
type Tickets interface {
	Find(ctx context.Context, caller domain.Caller, ref string) (id uuid.UUID, status any, err error)
}

func ticketNoun(tickets Tickets) noun {
	return noun{
		name: "ticket", protocol: ticket, find: tickets.Find,
		about: func(id uuid.UUID) subscription { return subscription{TicketID: id} },
	}
}
