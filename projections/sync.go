package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/syncing"
	"ticketd/eventstore"
)

// SyncStatus is where a sync stands.
type SyncStatus string

// The statuses of a sync.
const (
	SyncRunning   SyncStatus = "running"
	SyncCompleted SyncStatus = "completed"
	SyncFailed    SyncStatus = "failed" // not every ticket was looked at: Code says why
)

// SyncRow is a sync as lists show it. What came of each ticket stands in its events.
type SyncRow struct {
	ID          uuid.UUID
	Org         domain.OrgID
	Version     int
	Integration uuid.UUID
	Number      int // from 1, of the integration's
	DryRun      bool
	Status      SyncStatus
	Code        string // of why it failed
	Reason      string // in words
	Tickets     int    // to be looked at
	Counts      syncing.Counts
	StartedBy   domain.UserID
	StartedAt   time.Time
	EndedAt     *time.Time
}

// ApplySync folds one event into the row.
func ApplySync(s SyncRow, r eventstore.Recorded) SyncRow {
	event, ok := r.Event.(syncing.Event)
	if !ok {
		return s
	}
	switch e := event.(type) {
	case syncing.Started:
		s = SyncRow{
			ID: r.Stream, Org: domain.OrgID{UUID: r.Org}, Integration: e.Integration, Number: e.Number, DryRun: e.DryRun, Status: SyncRunning, Tickets: e.Tickets,
			StartedBy: e.By, StartedAt: r.At,
		}
	case syncing.Looked: // Progressed, which follows it, counts it
	case syncing.Progressed:
		s.Tickets, s.Counts = e.Tickets, e.Counts
	case syncing.Ended: // by now it is known how many there were
		s.Status, s.EndedAt, s.Counts, s.Tickets = SyncCompleted, &r.At, e.Counts, e.Counts.Done()
	case syncing.Failed:
		s.Status, s.EndedAt, s.Counts, s.Code, s.Reason = SyncFailed, &r.At, e.Counts, e.Code, e.Why
	}
	s.Version = r.Version
	return s
}

// Syncs is the syncs table. It implements Table.
type Syncs struct{ pool *pgxpool.Pool }

// NewSyncs answers the table in this database.
func NewSyncs(pool *pgxpool.Pool) *Syncs { return &Syncs{pool: pool} }

const syncColumns = `id, org_id, version, integration_id, number, dry_run, status, code, reason, tickets, created, updated, skipped, failed, started_by, started_at, ended_at`

const writeSync = `
INSERT INTO syncs (` + syncColumns + `)
SELECT $1::uuid, $2::uuid, $3::int, $4::uuid, $5::int, $6::bool, $7::text, $8::text, $9::text, $10::int, $11::int, $12::int, $13::int, $14::int, $15::uuid,
	$16::timestamptz, $17::timestamptz
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = $3 AND e.hash = $18)
ON CONFLICT (id) DO UPDATE SET
	version = excluded.version, status = excluded.status, code = excluded.code, reason = excluded.reason, tickets = excluded.tickets, created = excluded.created,
	updated = excluded.updated, skipped = excluded.skipped, failed = excluded.failed, ended_at = excluded.ended_at`

// Queue implements eventstore.Inline.
func (t *Syncs) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		for _, row := range t.Rows(s) {
			b.Queue(writeSync, append(row, s.Events[s.Version()-1].Hash[:])...)
		}
	}
}

// Projection tells how the table is made.
func (t *Syncs) Projection() Projection {
	return Projection{Name: "syncs", Key: "id", Nouns: []string{syncing.Decider.Category}, Code: 1, Inline: t}
}

// Columns implements Table.
func (*Syncs) Columns() string { return syncColumns }

// Rows implements Table.
func (*Syncs) Rows(s eventstore.Stream) [][]any {
	if s.Category() != syncing.Decider.Category {
		return nil
	}
	y := Fold(ApplySync, s.Events)
	return [][]any{{
		[16]byte(y.ID), [16]byte(y.Org.UUID), y.Version, [16]byte(y.Integration), y.Number, y.DryRun, string(y.Status), y.Code, y.Reason, y.Tickets, y.Counts.Created,
		y.Counts.Updated, y.Counts.Skipped, y.Counts.Failed, [16]byte(y.StartedBy.UUID), y.StartedAt, y.EndedAt,
	}}
}

func scanSync(row pgx.CollectableRow) (s SyncRow, err error) {
	err = row.Scan((*[16]byte)(&s.ID), (*[16]byte)(&s.Org.UUID), &s.Version, (*[16]byte)(&s.Integration), &s.Number, &s.DryRun, &s.Status, &s.Code, &s.Reason, &s.Tickets,
		&s.Counts.Created, &s.Counts.Updated, &s.Counts.Skipped, &s.Counts.Failed, (*[16]byte)(&s.StartedBy.UUID), &s.StartedAt, &s.EndedAt)
	return s, err
}

// Find answers one sync of an integration. Errors: syncing.ErrNotFound.
func (t *Syncs) Find(ctx context.Context, org domain.OrgID, integration, id uuid.UUID) (SyncRow, error) {
	rows, err := t.pool.Query(ctx, `SELECT `+syncColumns+` FROM syncs WHERE org_id = $1 AND integration_id = $2 AND id = $3`,
		[16]byte(org.UUID), [16]byte(integration), [16]byte(id))
	if err == nil {
		var row SyncRow
		if row, err = pgx.CollectOneRow(rows, scanSync); err == nil {
			return row, nil
		}
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return SyncRow{}, syncing.ErrNotFound
	}
	return SyncRow{}, fmt.Errorf("find sync: %w", err)
}

// List answers an integration's syncs, the newest first.
func (t *Syncs) List(ctx context.Context, org domain.OrgID, integration uuid.UUID, limit, offset int) ([]SyncRow, error) {
	rows, err := t.pool.Query(ctx, `SELECT `+syncColumns+` FROM syncs WHERE org_id = $1 AND integration_id = $2 ORDER BY number DESC LIMIT $3 OFFSET $4`,
		[16]byte(org.UUID), [16]byte(integration), limit, offset)
	if err != nil {
		return nil, fmt.Errorf("list syncs: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanSync)
	if err != nil {
		return nil, fmt.Errorf("list syncs: %w", err)
	}
	return list, nil
}

// Last answers the number of an integration's last sync; 0 when there was none.
func (t *Syncs) Last(ctx context.Context, org domain.OrgID, integration uuid.UUID) (number int, err error) {
	err = t.pool.QueryRow(ctx, `SELECT coalesce(max(number), 0) FROM syncs WHERE org_id = $1 AND integration_id = $2`,
		[16]byte(org.UUID), [16]byte(integration)).Scan(&number)
	if err != nil {
		return 0, fmt.Errorf("find the last sync: %w", err)
	}
	return number, nil
}

// UnfinishedSync is a sync that was begun.
type UnfinishedSync struct {
	Org domain.OrgID
	ID  uuid.UUID
}

// Unfinished answers the syncs that began before a moment and have not ended. It asks for no organization, because which there
// are is the question: the program itself goes on with them, for nobody who asks.
func (t *Syncs) Unfinished(ctx context.Context, before time.Time) ([]UnfinishedSync, error) {
	rows, err := t.pool.Query(ctx, `SELECT org_id, id FROM syncs WHERE status = 'running' AND started_at < $1 ORDER BY started_at LIMIT 1000`, before)
	if err != nil {
		return nil, fmt.Errorf("find unfinished syncs: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u UnfinishedSync, err error) {
		return u, row.Scan((*[16]byte)(&u.Org.UUID), (*[16]byte)(&u.ID))
	})
	if err != nil {
		return nil, fmt.Errorf("find unfinished syncs: %w", err)
	}
	return list, nil
}

// routed are the tickets that a sync looks at: a ticket that was deleted only until it is left alone there too.
const routed = ` FROM tickets t WHERE org_id = $1 AND integrations <> '{}' AND integrations @> ARRAY[$2::uuid] AND created_at <= $3 AND
	(NOT deleted OR EXISTS (SELECT FROM deliveries d WHERE d.org_id = $1 AND d.ticket_id = t.id AND d.integration_id = $2 AND d.status <> 'ended'))`

// Routed answers tickets that are routed to an integration and were made by then, in the order of their ids, behind one of
// them; behind uuid.Nil: from the first. Those that were deleted are left out once they are left alone there too.
func (t *Syncs) Routed(ctx context.Context, org domain.OrgID, integration uuid.UUID, by time.Time, behind uuid.UUID, limit int) ([]uuid.UUID, error) {
	rows, err := t.pool.Query(ctx, `SELECT id`+routed+` AND id > $4 ORDER BY id LIMIT $5`, [16]byte(org.UUID), [16]byte(integration), by, [16]byte(behind), limit)
	if err != nil {
		return nil, fmt.Errorf("find routed tickets: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id uuid.UUID, err error) { return id, row.Scan((*[16]byte)(&id)) })
	if err != nil {
		return nil, fmt.Errorf("find routed tickets: %w", err)
	}
	return list, nil
}

// CountRouted answers how many of them there are.
func (t *Syncs) CountRouted(ctx context.Context, org domain.OrgID, integration uuid.UUID, by time.Time) (n int, err error) {
	if err := t.pool.QueryRow(ctx, `SELECT count(*)`+routed, [16]byte(org.UUID), [16]byte(integration), by).Scan(&n); err != nil {
		return 0, fmt.Errorf("count routed tickets: %w", err)
	}
	return n, nil
}

// Numbers answers what people call tickets; those that are not there are left out.
func (t *Syncs) Numbers(ctx context.Context, org domain.OrgID, tickets []uuid.UUID) (map[uuid.UUID]int64, error) {
	rows, err := t.pool.Query(ctx, `SELECT id, number FROM tickets WHERE org_id = $1 AND id = ANY ($2)`, [16]byte(org.UUID), raw(tickets))
	if err != nil {
		return nil, fmt.Errorf("find the numbers of tickets: %w", err)
	}
	numbers := make(map[uuid.UUID]int64, len(tickets))
	var id uuid.UUID
	var number int64
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id), &number}, func() error {
		numbers[id] = number
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find the numbers of tickets: %w", err)
	}
	return numbers, nil
}
