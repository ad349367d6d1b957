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
// Whoever is back by the time of the fact, because it is delivered again, keeps what they have.
func ReleaseTickets(tickets Tickets, assigned AssignedTickets, members Members) Reaction {
	return Reaction{
		Name: "release_tickets", Facts: []string{"user.removed", "user.deactivated"},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			org, leaver := domain.OrgID{UUID: r.Org}, domain.UserID{UUID: r.Stream}
			back, err := members.Active(ctx, org, leaver)
			if err != nil {
				return fmt.Errorf("look up who left: %w", err)
			}
			if back {
				return nil
			}
			for {
				ids, err := assigned.OpenOf(ctx, org, leaver, releaseAtOnce)
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
