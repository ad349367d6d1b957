package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/domain"
)

// StartedCursor is a place in a list of what somebody began, newest first.
type StartedCursor struct {
	At time.Time
	ID uuid.UUID
}

// newest is where such a list begins.
var newest = StartedCursor{At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), ID: uuid.Max}

// OfPerson answers a page of the conversations that a person began, deleted ones too, newest first.
func (t *Threads) OfPerson(ctx context.Context, org domain.OrgID, person domain.UserID, after *StartedCursor, limit int) ([]ThreadRow, error) {
	from := newest
	if after != nil {
		from = *after
	}
	rows, err := t.pool.Query(ctx, `
		SELECT `+threadColumns+` FROM threads WHERE org_id = $1 AND created_by = $2 AND (created_at, id) < ($3, $4)
		ORDER BY created_at DESC, id DESC LIMIT $5`, [16]byte(org.UUID), [16]byte(person.UUID), from.At, [16]byte(from.ID), limit)
	if err != nil {
		return nil, fmt.Errorf("list a person's threads: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanThread)
	if err != nil {
		return nil, fmt.Errorf("list a person's threads: %w", err)
	}
	return list, nil
}

// OfPerson answers a page of what was said in the conversations that a person began, deleted ones too, replies included:
// after a version of one of them, thread by thread.
func (m *Messages) OfPerson(ctx context.Context, org domain.OrgID, person domain.UserID, after uuid.UUID, version, limit int) ([]MessageRow, error) {
	// OFFSET 0 has the person's threads found first, and one after the other asked for messages until there are enough. Without it
	// PostgreSQL goes through everybody's threads, because their key is in the right order.
	return m.collect(ctx, `
		SELECT m.* FROM (SELECT id FROM threads WHERE org_id = $1 AND created_by = $2 AND id >= $3 ORDER BY id OFFSET 0) own
		CROSS JOIN LATERAL (
			SELECT `+messageColumns+` FROM messages WHERE org_id = $1 AND thread_id = own.id AND (thread_id, version) > ($3, $4) ORDER BY version LIMIT $5
		) m ORDER BY own.id, m.version LIMIT $5`, [16]byte(org.UUID), [16]byte(person.UUID), [16]byte(after), version, limit)
}
