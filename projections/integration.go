package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/eventstore"
)

// IntegrationRow is a connection with a vendor, without its credentials, which are kept elsewhere.
type IntegrationRow struct {
	ID           integration.ID
	Org          domain.OrgID
	Version      int
	State        integration.State
	CheckedAt    *time.Time // the last check; nil: there was none
	LastSyncedAt *time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Exists reports whether there is an integration to show.
func (i IntegrationRow) Exists() bool { return i.State.Status() != "" }

// ApplyIntegration folds one event into the row.
func ApplyIntegration(i IntegrationRow, r eventstore.Recorded) IntegrationRow {
	event, ok := r.Event.(integration.Event)
	if !ok {
		return i
	}
	at := r.At
	if i.Version == 0 {
		i.ID, i.Org, i.CreatedAt = integration.ID{UUID: r.Stream}, domain.OrgID{UUID: r.Org}, at
	}
	switch event.(type) { //nolint:gochecksumtype // the others say nothing of when
	case integration.Checked, integration.Expired:
		i.CheckedAt = &at
	case integration.Synced:
		i.LastSyncedAt = &at
	}
	i.State = integration.Evolve(i.State, event)
	i.Version, i.UpdatedAt = r.Version, at
	return i
}

// Integrations is the integrations table. It implements Table.
type Integrations struct{ pool *pgxpool.Pool }

// NewIntegrations answers the table in this database.
func NewIntegrations(pool *pgxpool.Pool) *Integrations { return &Integrations{pool: pool} }

const integrationColumns = `id, org_id, version, platform, status, state, checked_at, last_synced_at, created_at, updated_at`

const writeIntegration = `
INSERT INTO integrations (` + integrationColumns + `)
SELECT $1::uuid, $2::uuid, $3::int, $4::text, $5::text, $6::json, $7::timestamptz, $8::timestamptz, $9::timestamptz, $10::timestamptz
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = $3 AND e.hash = $11)
ON CONFLICT (id) DO UPDATE SET
	version = excluded.version, platform = excluded.platform, status = excluded.status, state = excluded.state, checked_at = excluded.checked_at,
	last_synced_at = excluded.last_synced_at, updated_at = excluded.updated_at`

// Queue implements eventstore.Inline.
func (t *Integrations) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		for _, row := range t.Rows(s) {
			b.Queue(writeIntegration, append(row, s.Events[s.Version()-1].Hash[:])...)
		}
	}
}

// Projection tells how the table is made.
func (t *Integrations) Projection() Projection {
	return Projection{Name: "integrations", Key: "id", Nouns: []string{integration.Decider.Category}, Code: 2, Inline: t}
}

// Columns implements Table.
func (*Integrations) Columns() string { return integrationColumns }

// Rows implements Table.
func (*Integrations) Rows(s eventstore.Stream) [][]any {
	if s.Category() != integration.Decider.Category {
		return nil
	}
	i := Fold(ApplyIntegration, s.Events)
	return [][]any{{
		[16]byte(i.ID.UUID), [16]byte(i.Org.UUID), i.Version, string(i.State.Platform), string(i.State.Status()), jsonText(i.State, "{}"),
		i.CheckedAt, i.LastSyncedAt, i.CreatedAt, i.UpdatedAt,
	}}
}

// integrationRows reads rows, with the time of the last check even when that found nothing new.
const integrationRows = `
SELECT i.id, i.org_id, i.version, i.state, greatest(i.checked_at, c.checked_at), i.last_synced_at, i.created_at, i.updated_at
FROM integrations i LEFT JOIN integration_checks c ON c.integration_id = i.id AND c.org_id = i.org_id `

func scanIntegration(row pgx.CollectableRow) (i IntegrationRow, err error) {
	var state []byte
	err = row.Scan((*[16]byte)(&i.ID.UUID), (*[16]byte)(&i.Org.UUID), &i.Version, &state, &i.CheckedAt, &i.LastSyncedAt, &i.CreatedAt, &i.UpdatedAt)
	if err != nil {
		return i, err
	}
	return i, json.Unmarshal(state, &i.State)
}

// Find answers one integration. integration.ErrNotFound when there is none in the organization, or none any more.
func (t *Integrations) Find(ctx context.Context, org domain.OrgID, id uuid.UUID) (IntegrationRow, error) {
	return t.one(ctx, `WHERE i.org_id = $1 AND i.id = $2 AND i.status <> ''`, [16]byte(org.UUID), [16]byte(id))
}

// List answers the organization's integrations, the oldest first.
func (t *Integrations) List(ctx context.Context, org domain.OrgID) ([]IntegrationRow, error) {
	return t.all(ctx, `WHERE i.org_id = $1 AND i.status <> '' ORDER BY i.created_at, i.id`, [16]byte(org.UUID))
}

// Locate answers an integration of whatever organization. A vendor that sends a webhook knows its address only, which is what
// tells whose it is; nothing of the answer may be shown before the webhook has proved itself.
func (t *Integrations) Locate(ctx context.Context, id uuid.UUID) (IntegrationRow, error) {
	return t.one(ctx, `WHERE i.id = $1 AND i.status <> ''`, [16]byte(id))
}

// ByPlatform answers the integrations of a platform in all organizations. It is the program's own: a vendor may know one webhook
// address for all its customers, and the monitor looks after everybody's connections.
func (t *Integrations) ByPlatform(ctx context.Context, p integration.Platform) ([]IntegrationRow, error) {
	return t.all(ctx, `WHERE i.platform = $1 AND i.status <> '' ORDER BY i.id`, string(p))
}

func (t *Integrations) one(ctx context.Context, where string, args ...any) (IntegrationRow, error) {
	rows, err := t.pool.Query(ctx, integrationRows+where, args...)
	if err != nil {
		return IntegrationRow{}, fmt.Errorf("find integration: %w", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, scanIntegration)
	if errors.Is(err, pgx.ErrNoRows) {
		return IntegrationRow{}, integration.ErrNotFound
	}
	if err != nil {
		return IntegrationRow{}, fmt.Errorf("find integration: %w", err)
	}
	return row, nil
}

func (t *Integrations) all(ctx context.Context, where string, args ...any) ([]IntegrationRow, error) {
	rows, err := t.pool.Query(ctx, integrationRows+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list integrations: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanIntegration)
	if err != nil {
		return nil, fmt.Errorf("list integrations: %w", err)
	}
	return list, nil
}
