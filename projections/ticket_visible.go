package projections

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
)

// Visible answers which of the tickets the caller may see, for whoever shows their ids. It is one query for all; whoever
// sees every ticket needs none.
func (t *Tickets) Visible(ctx context.Context, caller domain.Caller, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	visible := make(map[uuid.UUID]bool, len(ids))
	if len(ids) == 0 || caller.May(domain.ReadTickets) {
		for _, id := range ids {
			visible[id] = true
		}
		return visible, nil
	}
	owners, err := t.owners(ctx, slices.Repeat([]uuid.UUID{caller.Org.UUID}, len(ids)), ids)
	if err != nil {
		return nil, err
	}
	for id, own := range owners {
		visible[id] = caller.May(domain.ReadTickets, own...)
	}
	return visible, nil
}
