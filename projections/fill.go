package projections

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/eventstore"
)

// Fill writes the rows of streams that have none yet: those of tables written with the events by COPY, and those of the
// others, which would follow, at once.
func Fill(list []Projection) eventstore.Fill {
	return func(ctx context.Context, tx pgx.Tx, streams []eventstore.Stream) error {
		followers := &pgx.Batch{}
		for _, p := range list {
			if p.Inline == nil {
				p.Refresh(followers, idsOf(streams))
			} else if err := p.copy(ctx, tx, streams); err != nil {
				return fmt.Errorf("fill %s: %w", p.Name, err)
			}
		}
		if err := tx.SendBatch(ctx, followers).Close(); err != nil {
			return fmt.Errorf("fill what follows the log: %w", err)
		}
		return nil
	}
}

func (p Projection) copy(ctx context.Context, tx pgx.Tx, streams []eventstore.Stream) error {
	var rows [][]any
	for _, s := range streams {
		rows = append(rows, p.Inline.Rows(s)...)
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{p.Name}, columnNames(p.Inline.Columns()), pgx.CopyFromRows(rows))
	return err
}

func idsOf(streams []eventstore.Stream) []uuid.UUID {
	ids := make([]uuid.UUID, len(streams))
	for i, s := range streams {
		ids[i] = s.ID
	}
	return ids
}
