package commands

import (
	"context"
	"errors"
	"fmt"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// AssignedTickets knows who has which ticket.
type AssignedTickets interface {
	// OpenOf answers open tickets that the member has, at most limit of them.
	OpenOf(ctx context.Context, org domain.OrgID, assignee domain.UserID, limit int) ([]ticket.ID, error)
}

// releaseAtOnce is how many tickets are taken from a member who leaves before looking again which are left.
const releaseAtOnce = 100

// ReleaseTickets gives the open tickets of a member who leaves back to everybody: nobody waits for somebody who has gone.
func ReleaseTickets(tickets Tickets, assigned AssignedTickets) Reaction {
	return Reaction{
		Name: "release_tickets", Facts: []string{"user.removed", "user.deactivated"},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			leaver := domain.UserID{UUID: r.Stream}
			for {
				ids, err := assigned.OpenOf(ctx, domain.OrgID{UUID: r.Org}, leaver, releaseAtOnce)
				if err != nil || len(ids) == 0 {
					return err
				}
				for _, id := range ids {
					release := ticket.Release{From: leaver, Reason: "The assignee has left.", By: domain.System}
					if _, err := tickets.Handle(ctx, because(r), id, release); err != nil && !errors.Is(err, ticket.ErrNotFound) {
						return fmt.Errorf("release ticket %s: %w", id, err)
					}
				}
			}
		},
	}
}
