package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/webhook"
	"ticketd/eventstore"
)

// WebhookCursors keeps how far webhooks have come, and which process sends for each.
//
// # Why
//
// Events must go out in their order, so one process at a time sends for a webhook: the one whose id stands in its row, for
// as long as it says so again. A process that was killed says nothing any more, and one that is frozen neither: others take
// over when its time is up. Each takes its share, so that a new process is of use at once. The clock is the database's, the
// same for all.
type WebhookCursors struct{ Pool *pgxpool.Pool }

// Hold says that a process is there, takes webhooks for it that nobody holds, up to its share, and answers all that it
// holds for life from now on, and how many of them are more than its share.
func (w WebhookCursors) Hold(ctx context.Context, process uuid.UUID, life time.Duration) (held []commands.WebhookRef, surplus int, err error) {
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_advisory_xact_lock($1)`, eventstore.WebhookLock)
	b.Queue(`INSERT INTO webhook_senders (process, until) VALUES ($1, now() + $2::interval) ON CONFLICT (process) DO UPDATE SET until = excluded.until`, [16]byte(process), life)
	b.Queue(`DELETE FROM webhook_senders WHERE until < now()`)
	// It begins with what happens behind its own first event.
	b.Queue(`
		INSERT INTO webhook_cursors (webhook_id, org_id, version, position)
		SELECT w.id, w.org_id, 0, e.position FROM webhooks w JOIN events e ON e.stream_id = w.id AND e.version = 1
		WHERE NOT w.deleted AND NOT EXISTS (SELECT FROM webhook_cursors c WHERE c.webhook_id = w.id)`)
	b.Queue(`UPDATE webhook_cursors SET held_until = now() + $2::interval WHERE holder = $1`, [16]byte(process), life)
	b.Queue(`
		WITH live AS (SELECT w.id, c.holder, c.held_until FROM webhooks w JOIN webhook_cursors c ON c.webhook_id = w.id WHERE NOT w.deleted AND w.pause_code = ''),
		share AS (SELECT ceil((SELECT count(*) FROM live)::numeric / (SELECT count(*) FROM webhook_senders))::int - (SELECT count(*) FROM live WHERE holder = $1)::int AS room),
		free AS (
			SELECT c.webhook_id FROM webhook_cursors c JOIN live l ON l.id = c.webhook_id
			WHERE c.holder IS NULL OR c.held_until < now() ORDER BY c.webhook_id LIMIT greatest(0, (SELECT room FROM share))
		)
		UPDATE webhook_cursors c SET holder = $1, held_until = now() + $2::interval FROM free WHERE c.webhook_id = free.webhook_id`, [16]byte(process), life)
	b.Queue(`
		SELECT c.org_id, c.webhook_id, w.pause_code = '' AND NOT w.deleted FROM webhook_cursors c JOIN webhooks w ON w.id = c.webhook_id WHERE c.holder = $1 ORDER BY c.webhook_id`,
		[16]byte(process)).Query(func(rows pgx.Rows) error {
		var ref commands.WebhookRef
		var lives bool
		_, err := pgx.ForEachRow(rows, []any{(*[16]byte)(&ref.Org.UUID), (*[16]byte)(&ref.ID.UUID), &lives}, func() error {
			if lives {
				held = append(held, ref)
			}
			return nil
		})
		return err
	})
	b.Queue(`
		SELECT ceil((SELECT count(*) FROM webhooks WHERE NOT deleted AND pause_code = '')::numeric / (SELECT count(*) FROM webhook_senders))::int`).
		QueryRow(func(row pgx.Row) error {
			var share int
			err := row.Scan(&share)
			surplus = max(0, len(held)-share)
			return err
		})
	if err := w.Pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, 0, fmt.Errorf("hold webhooks: %w", err)
	}
	return held, surplus, nil
}

// Release lets others send for webhooks at once.
func (w WebhookCursors) Release(ctx context.Context, process uuid.UUID, refs ...commands.WebhookRef) error {
	ids := make([][16]byte, len(refs))
	for i, ref := range refs {
		ids[i] = ref.ID.UUID
	}
	if _, err := w.Pool.Exec(ctx, `UPDATE webhook_cursors SET holder = NULL WHERE holder = $1 AND webhook_id = ANY($2)`, [16]byte(process), ids); err != nil {
		return fmt.Errorf("release webhooks: %w", err)
	}
	return nil
}

// Leave says that a process sends no more.
func (w WebhookCursors) Leave(ctx context.Context, process uuid.UUID) error {
	b := &pgx.Batch{}
	b.Queue(`UPDATE webhook_cursors SET holder = NULL WHERE holder = $1`, [16]byte(process))
	b.Queue(`DELETE FROM webhook_senders WHERE process = $1`, [16]byte(process))
	if err := w.Pool.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("leave webhooks: %w", err)
	}
	return nil
}

// Tidy forgets the cursors of webhooks that were deleted, and destroys secrets that sign nothing any more. It is about all
// organizations, for nobody asks.
func (w WebhookCursors) Tidy(ctx context.Context) error {
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM webhook_cursors c USING webhooks w WHERE w.id = c.webhook_id AND w.deleted`)
	b.Queue(`
		DELETE FROM webhook_secrets s USING webhooks w WHERE w.id = s.webhook_id AND (w.deleted OR s.generation < w.generation - 1
			OR s.generation < w.generation AND w.rotated_at < now() - $1::interval)`, webhook.RotationOverlap)
	if err := w.Pool.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("tidy webhooks: %w", err)
	}
	return nil
}

const cursorColumns = `version, position, failures, failing_since, next_try_at, last_try_at, last_status, last_error`

// Cursor answers where a webhook stands that a process holds; false when it does not.
func (w WebhookCursors) Cursor(ctx context.Context, process uuid.UUID, ref commands.WebhookRef) (commands.WebhookCursor, bool, error) {
	rows, err := w.Pool.Query(ctx, `SELECT webhook_id, `+cursorColumns+` FROM webhook_cursors WHERE org_id = $1 AND webhook_id = $2 AND holder = $3`,
		[16]byte(ref.Org.UUID), [16]byte(ref.ID.UUID), [16]byte(process))
	if err != nil {
		return commands.WebhookCursor{}, false, fmt.Errorf("find a webhook's cursor: %w", err)
	}
	cursor, err := pgx.CollectExactlyOneRow(rows, scanCursor)
	if errors.Is(err, pgx.ErrNoRows) {
		return commands.WebhookCursor{}, false, nil
	}
	if err != nil {
		return commands.WebhookCursor{}, false, fmt.Errorf("find a webhook's cursor: %w", err)
	}
	return cursor.WebhookCursor, true, nil
}

// Save moves a cursor, if the process still holds the webhook, and answers the webhook's version; 0 when it does not.
func (w WebhookCursors) Save(ctx context.Context, process uuid.UUID, ref commands.WebhookRef, c commands.WebhookCursor) (version int, err error) {
	err = w.Pool.QueryRow(ctx, `
		UPDATE webhook_cursors SET version = $4, position = $5, failures = $6, failing_since = $7, next_try_at = $8, last_try_at = $9, last_status = $10, last_error = $11
		WHERE org_id = $1 AND webhook_id = $2 AND holder = $3
		RETURNING coalesce((SELECT w.version FROM webhooks w WHERE w.id = $2), 0)`,
		[16]byte(ref.Org.UUID), [16]byte(ref.ID.UUID), [16]byte(process), c.Version, c.Position, c.Failures, unlessNever(c.FailingSince), unlessNever(c.NextTry),
		unlessNever(c.LastTry), c.LastStatus, c.LastError).Scan(&version)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("move a webhook's cursor: %w", err)
	}
	return version, nil
}

func unlessNever(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type ownCursor struct {
	commands.WebhookCursor
	id webhook.ID
}

func scanCursor(row pgx.CollectableRow) (c ownCursor, err error) {
	var since, next, last *time.Time
	err = row.Scan((*[16]byte)(&c.id.UUID), &c.Version, &c.Position, &c.Failures, &since, &next, &last, &c.LastStatus, &c.LastError)
	c.FailingSince, c.NextTry, c.LastTry = orNever(since), orNever(next), orNever(last)
	return c, err
}

func orNever(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// Cursors implements commands.WebhookProgress.
func (w WebhookCursors) Cursors(ctx context.Context, org domain.OrgID, ids ...webhook.ID) (map[webhook.ID]commands.WebhookCursor, error) {
	bare := make([][16]byte, len(ids))
	for i, id := range ids {
		bare[i] = id.UUID
	}
	rows, err := w.Pool.Query(ctx, `SELECT webhook_id, `+cursorColumns+` FROM webhook_cursors WHERE org_id = $1 AND webhook_id = ANY($2)`, [16]byte(org.UUID), bare)
	if err != nil {
		return nil, fmt.Errorf("find webhooks' cursors: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanCursor)
	if err != nil {
		return nil, fmt.Errorf("find webhooks' cursors: %w", err)
	}
	found := map[webhook.ID]commands.WebhookCursor{}
	for _, c := range list {
		found[c.id] = c.WebhookCursor
	}
	return found, nil
}

// Behind implements commands.WebhookProgress.
func (w WebhookCursors) Behind(ctx context.Context, org domain.OrgID, position int64) (n int, err error) {
	err = w.Pool.QueryRow(ctx, `SELECT count(*) FROM (SELECT FROM events WHERE org_id = $1 AND position > $2 LIMIT $3) AS behind`,
		[16]byte(org.UUID), position, commands.MostBehind).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count events behind a webhook: %w", err)
	}
	return n, nil
}
