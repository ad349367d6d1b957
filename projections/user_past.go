package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/domain"
	"ticketd/domain/user"
	"ticketd/eventstore"
)

// ListPast is List as it would have answered at a moment: whoever was removed since is still there, and nobody is who
// came later.
func (t *Users) ListPast(ctx context.Context, org domain.OrgID, log eventstore.Reader, at time.Time, after domain.UserID, limit int) ([]UserRow, error) {
	var page []UserRow
	for {
		ids, err := t.hereUntil(ctx, org, at, after, limit)
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			return page, nil
		}
		events, err := log.Read(ctx, eventstore.Query{Org: org.UUID, Streams: ids})
		if err != nil {
			return nil, fmt.Errorf("list past users: %w", err)
		}
		then := make(map[uuid.UUID]UserRow, len(ids))
		for _, r := range events {
			if !r.At.After(at) {
				then[r.Stream] = ApplyUser(then[r.Stream], r)
			}
		}
		for _, id := range ids {
			if row := then[id]; row.Status != user.StatusRemoved {
				page = append(page, row)
			}
			if len(page) == limit {
				return page, nil
			}
		}
		after.UUID = ids[len(ids)-1]
	}
}

// hereUntil answers some of those who had come by a moment, the oldest first, whether they have left or not.
func (t *Users) hereUntil(ctx context.Context, org domain.OrgID, at time.Time, after domain.UserID, limit int) ([]uuid.UUID, error) {
	rows, err := t.pool.Query(ctx, `
		SELECT id FROM users
		WHERE org_id = $1 AND created_at <= $2
			AND ($3::uuid IS NULL OR (created_at, id) > (SELECT a.created_at, a.id FROM users a WHERE a.org_id = $1 AND a.id = $3))
		ORDER BY created_at, id LIMIT $4`, [16]byte(org.UUID), at, optional(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list past users: %w", err)
	}
	ids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id uuid.UUID, err error) { return id, row.Scan((*[16]byte)(&id)) })
	if err != nil {
		return nil, fmt.Errorf("list past users: %w", err)
	}
	return ids, nil
}
