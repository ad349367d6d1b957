package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketd/domain"
	"ticketd/domain/user"
)

// ListPast is List as it would have answered at a moment: whoever was removed since is still there, and nobody is who
// came later.
func (t *Users) ListPast(ctx context.Context, org domain.OrgID, log Events, at time.Time, after domain.UserID, limit int) ([]UserRow, error) {
	var page []UserRow
	for {
		people, err := t.hereUntil(ctx, org, at, after, limit)
		if err != nil {
			return nil, err
		}
		if len(people) == 0 {
			return page, nil
		}
		then, err := foldPast(ctx, org, log, at, ApplyUser, people)
		if err != nil {
			return nil, fmt.Errorf("list past users: %w", err)
		}
		for _, person := range people {
			if row := then[person.stream]; row.Status != user.StatusRemoved {
				page = append(page, row)
			}
			if len(page) == limit {
				return page, nil
			}
		}
		after.UUID = people[len(people)-1].stream
	}
}

// hereUntil answers some of those who had come by a moment, the oldest first, whether they have left or not.
func (t *Users) hereUntil(ctx context.Context, org domain.OrgID, at time.Time, after domain.UserID, limit int) ([]history, error) {
	rows, err := t.pool.Query(ctx, `
		SELECT id, version FROM users
		WHERE org_id = $1 AND created_at <= $2
			AND ($3::uuid IS NULL OR (created_at, id) > (SELECT a.created_at, a.id FROM users a WHERE a.org_id = $1 AND a.id = $3))
		ORDER BY created_at, id LIMIT $4`, [16]byte(org.UUID), at, optional(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list past users: %w", err)
	}
	people, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h history, err error) {
		return h, row.Scan((*[16]byte)(&h.stream), &h.events)
	})
	if err != nil {
		return nil, fmt.Errorf("list past users: %w", err)
	}
	return people, nil
}
