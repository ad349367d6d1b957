package main

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/thread"
	"ticketd/projections"
)

// visibleThreads finds conversations for the sockets, by the same rule as the REST routes.
type visibleThreads struct{ rows *projections.Threads }

// Find implements ws.Threads.
func (v visibleThreads) Find(ctx context.Context, caller domain.Caller, ref string) (uuid.UUID, error) {
	id, err := uuid.Parse(strings.TrimSpace(ref))
	if err != nil {
		return uuid.Nil, thread.ErrNotFound
	}
	row, err := v.rows.FindVisible(ctx, caller, id)
	return row.ID, err
}
