package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/domain"
)

// Waits implements commands.DeliveryWaits.
func (q DeliveryQueue) Waits(ctx context.Context, org domain.OrgID, deliveries []uuid.UUID) (map[uuid.UUID]time.Time, error) {
	ids := make([][16]byte, len(deliveries))
	for i, id := range deliveries {
		ids[i] = id
	}
	rows, err := q.Pool.Query(ctx, `SELECT delivery_id, nullif(due_at, 'infinity') FROM delivery_queue WHERE org_id = $1 AND delivery_id = ANY ($2)`,
		[16]byte(org.UUID), ids)
	if err != nil {
		return nil, fmt.Errorf("read when deliveries are due: %w", err)
	}
	waits := make(map[uuid.UUID]time.Time, len(deliveries))
	var id uuid.UUID
	var due *time.Time
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id), &due}, func() error {
		waits[id] = time.Time{}
		if due != nil {
			waits[id] = *due
		}
		return nil
	})
	return waits, named("read when deliveries are due", err)
}
