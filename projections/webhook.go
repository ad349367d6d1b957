package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/webhook"
	"ticketd/eventstore"
)

// WebhookRow is a webhook as its organization has set it up.
type WebhookRow struct {
	ID          webhook.ID
	Org         domain.OrgID
	Version     int
	URL         string
	Events      []string
	Description string
	PauseCode   webhook.PauseCode // empty: it is not paused
	PauseReason string
	Generation  int        // of the secret: how often it was rotated
	RotatedAt   *time.Time // the last time
	ReplayFrom  int64      // where the last replay begins
	Replayed    int        // the version with which that was asked for; 0: never
	CreatedBy   domain.UserID
	Deleted     bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Sends reports whether events are sent.
func (w WebhookRow) Sends() bool { return w.Version > 0 && !w.Deleted && w.PauseCode == "" }

// Generations answers the secrets that sign at a moment, the last one first: for a while after a rotation there are two.
func (w WebhookRow) Generations(at time.Time) []int {
	if w.RotatedAt != nil && at.Before(w.RotatedAt.Add(webhook.RotationOverlap)) {
		return []int{w.Generation, w.Generation - 1}
	}
	return []int{w.Generation}
}

// ApplyWebhook folds one event into the row.
func ApplyWebhook(w WebhookRow, r eventstore.Recorded) WebhookRow {
	event, ok := r.Event.(webhook.Event)
	if !ok {
		return w
	}
	switch e := event.(type) {
	case webhook.Subscribed:
		w = WebhookRow{
			ID: webhook.ID{UUID: r.Stream}, Org: domain.OrgID{UUID: r.Org}, URL: e.URL, Events: e.Events, Description: e.Description,
			CreatedBy: e.By, CreatedAt: r.At,
		}
	case webhook.Changed:
		set(&w.URL, e.URL)
		set(&w.Events, e.Events)
		set(&w.Description, e.Description)
	case webhook.SecretRotated:
		w.Generation++
		w.RotatedAt = &r.At
	case webhook.Paused:
		w.PauseCode, w.PauseReason = e.Code, e.Reason
	case webhook.Resumed:
		w.PauseCode, w.PauseReason = "", ""
	case webhook.Replayed:
		w.ReplayFrom, w.Replayed = e.From, r.Version
	case webhook.Deleted:
		w.Deleted = true
	}
	w.Version, w.UpdatedAt = r.Version, r.At
	return w
}

// Webhooks is the webhooks table. It implements Table.
type Webhooks struct{ pool *pgxpool.Pool }

// NewWebhooks answers the table in this database.
func NewWebhooks(pool *pgxpool.Pool) *Webhooks { return &Webhooks{pool: pool} }

const webhookColumns = `id, org_id, version, url, events, description, pause_code, pause_reason, generation, rotated_at, replay_from, replayed, created_by, deleted, created_at, updated_at`

const writeWebhook = `
INSERT INTO webhooks (` + webhookColumns + `)
SELECT $1::uuid, $2::uuid, $3::int, $4::text, $5::json, $6::text, $7::text, $8::text, $9::int, $10::timestamptz, $11::bigint, $12::int, $13::uuid, $14::bool, $15::timestamptz, $16::timestamptz
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = $3 AND e.hash = $17)
ON CONFLICT (id) DO UPDATE SET
	version = excluded.version, url = excluded.url, events = excluded.events, description = excluded.description, pause_code = excluded.pause_code,
	pause_reason = excluded.pause_reason, generation = excluded.generation, rotated_at = excluded.rotated_at, replay_from = excluded.replay_from,
	replayed = excluded.replayed, deleted = excluded.deleted, updated_at = excluded.updated_at`

// Queue implements eventstore.Inline.
func (*Webhooks) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		if s.Category() == webhook.Decider.Category {
			b.Queue(writeWebhook, append(Fold(ApplyWebhook, s.Events).columns(), s.Events[s.Version()-1].Hash[:])...)
		}
	}
}

// Projection tells how the table is made.
func (w *Webhooks) Projection() Projection {
	return Projection{Name: "webhooks", Key: "id", Nouns: []string{webhook.Decider.Category}, Code: 1, Inline: w}
}

// Columns implements Table.
func (*Webhooks) Columns() string { return webhookColumns }

// Rows implements Table.
func (*Webhooks) Rows(s eventstore.Stream) [][]any {
	if s.Category() != webhook.Decider.Category {
		return nil
	}
	return [][]any{Fold(ApplyWebhook, s.Events).columns()}
}

// columns are the values of webhookColumns.
func (w WebhookRow) columns() []any {
	return []any{
		[16]byte(w.ID.UUID), [16]byte(w.Org.UUID), w.Version, w.URL, jsonText(w.Events, "[]"), w.Description, string(w.PauseCode), w.PauseReason,
		w.Generation, w.RotatedAt, w.ReplayFrom, w.Replayed, [16]byte(w.CreatedBy.UUID), w.Deleted, w.CreatedAt, w.UpdatedAt,
	}
}

func scanWebhook(row pgx.CollectableRow) (w WebhookRow, err error) {
	var events []byte
	err = row.Scan(
		(*[16]byte)(&w.ID.UUID), (*[16]byte)(&w.Org.UUID), &w.Version, &w.URL, &events, &w.Description, &w.PauseCode, &w.PauseReason,
		&w.Generation, &w.RotatedAt, &w.ReplayFrom, &w.Replayed, (*[16]byte)(&w.CreatedBy.UUID), &w.Deleted, &w.CreatedAt, &w.UpdatedAt,
	)
	if err != nil {
		return w, err
	}
	return w, unlessEmpty(events, &w.Events)
}

// Find answers one webhook. webhook.ErrNotFound when there is none in the organization, or none any more.
func (w *Webhooks) Find(ctx context.Context, org domain.OrgID, id webhook.ID) (WebhookRow, error) {
	rows, err := w.pool.Query(ctx, `SELECT `+webhookColumns+` FROM webhooks WHERE org_id = $1 AND id = $2 AND NOT deleted`, [16]byte(org.UUID), [16]byte(id.UUID))
	if err != nil {
		return WebhookRow{}, fmt.Errorf("find webhook: %w", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, scanWebhook)
	if errors.Is(err, pgx.ErrNoRows) {
		return WebhookRow{}, webhook.ErrNotFound
	}
	if err != nil {
		return WebhookRow{}, fmt.Errorf("find webhook: %w", err)
	}
	return row, nil
}

// List answers all webhooks of an organization, the oldest first: they are few.
func (w *Webhooks) List(ctx context.Context, org domain.OrgID) ([]WebhookRow, error) {
	rows, err := w.pool.Query(ctx, `SELECT `+webhookColumns+` FROM webhooks WHERE org_id = $1 AND NOT deleted ORDER BY created_at, id`, [16]byte(org.UUID))
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanWebhook)
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	return list, nil
}

// Count answers how many webhooks an organization has.
func (w *Webhooks) Count(ctx context.Context, org domain.OrgID) (n int, err error) {
	if err := w.pool.QueryRow(ctx, `SELECT count(*) FROM webhooks WHERE org_id = $1 AND NOT deleted`, [16]byte(org.UUID)).Scan(&n); err != nil {
		return 0, fmt.Errorf("count webhooks: %w", err)
	}
	return n, nil
}
