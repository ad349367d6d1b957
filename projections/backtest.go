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
	"ticketd/domain/backtest"
	"ticketd/eventstore"
)

// BacktestStatus is where a backtest stands.
type BacktestStatus string

// The statuses of a backtest.
const (
	BacktestRunning   BacktestStatus = "running"
	BacktestCompleted BacktestStatus = "completed"
	BacktestStopped   BacktestStatus = "stopped" // by the program: Code says why
	BacktestCancelled BacktestStatus = "cancelled"
)

// BacktestRow is a backtest as lists show it. What it measured stands in its events.
type BacktestRow struct {
	ID            uuid.UUID
	Org           domain.OrgID
	Version       int
	Agent         domain.Agent
	ConfigVersion int // 0: a draft
	Status        BacktestStatus
	Code          string // of why it stopped
	Reason        string // a sentence for a person
	Tickets       int
	Tried         int
	Cost          int64 // millionths of a dollar
	StartedBy     domain.UserID
	StartedAt     time.Time
	EndedAt       *time.Time
}

// ApplyBacktest folds one event into the row.
func ApplyBacktest(b BacktestRow, r eventstore.Recorded) BacktestRow {
	event, ok := r.Event.(backtest.Event)
	if !ok {
		return b
	}
	switch e := event.(type) {
	case backtest.Started:
		b = BacktestRow{
			ID: r.Stream, Org: domain.OrgID{UUID: r.Org}, Agent: e.Agent, ConfigVersion: e.Version, Status: BacktestRunning, Tickets: len(e.Tickets),
			StartedBy: e.By, StartedAt: r.At,
		}
	case backtest.Judged:
		b.Tried++
		b.Cost += e.Cost
	case backtest.Completed:
		b.Status, b.EndedAt = BacktestCompleted, &r.At
	case backtest.Stopped:
		b.Status, b.EndedAt, b.Code, b.Reason = BacktestStopped, &r.At, e.Code, e.Reason
	case backtest.Cancelled:
		b.Status, b.EndedAt = BacktestCancelled, &r.At
	}
	b.Version = r.Version
	return b
}

// Backtests is the backtests table. It implements Table.
type Backtests struct{ pool *pgxpool.Pool }

// NewBacktests answers the table in this database.
func NewBacktests(pool *pgxpool.Pool) *Backtests { return &Backtests{pool: pool} }

const backtestColumns = `id, org_id, version, agent, config_version, status, code, reason, tickets, tried, cost, started_by, started_at, ended_at`

const writeBacktest = `
INSERT INTO backtests (` + backtestColumns + `)
SELECT $1::uuid, $2::uuid, $3::int, $4::text, $5::int, $6::text, $7::text, $8::text, $9::int, $10::int, $11::bigint, $12::uuid, $13::timestamptz, $14::timestamptz
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = $3 AND e.hash = $15)
ON CONFLICT (id) DO UPDATE SET
	version = excluded.version, status = excluded.status, code = excluded.code, reason = excluded.reason, tried = excluded.tried, cost = excluded.cost,
	ended_at = excluded.ended_at`

// Queue implements eventstore.Inline.
func (t *Backtests) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		for _, row := range t.Rows(s) {
			b.Queue(writeBacktest, append(row, s.Events[s.Version()-1].Hash[:])...)
		}
	}
}

// Projection tells how the table is made.
func (t *Backtests) Projection() Projection {
	return Projection{Name: "backtests", Key: "id", Nouns: []string{backtest.Decider.Category}, Code: 1, Inline: t}
}

// Columns implements Table.
func (*Backtests) Columns() string { return backtestColumns }

// Rows implements Table.
func (*Backtests) Rows(s eventstore.Stream) [][]any {
	if s.Category() != backtest.Decider.Category {
		return nil
	}
	b := Fold(ApplyBacktest, s.Events)
	return [][]any{{
		[16]byte(b.ID), [16]byte(b.Org.UUID), b.Version, string(b.Agent), b.ConfigVersion, string(b.Status), b.Code, b.Reason, b.Tickets, b.Tried, b.Cost,
		[16]byte(b.StartedBy.UUID), b.StartedAt, b.EndedAt,
	}}
}

// Find answers one backtest of an agent. Errors: backtest.ErrNotFound.
func (t *Backtests) Find(ctx context.Context, org domain.OrgID, agent domain.Agent, id uuid.UUID) (BacktestRow, error) {
	rows, err := t.pool.Query(ctx, `SELECT `+backtestColumns+` FROM backtests WHERE org_id = $1 AND agent = $2 AND id = $3`, [16]byte(org.UUID), string(agent), [16]byte(id))
	if err == nil {
		var row BacktestRow
		if row, err = pgx.CollectOneRow(rows, scanBacktest); err == nil {
			return row, nil
		}
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return BacktestRow{}, backtest.ErrNotFound
	}
	return BacktestRow{}, fmt.Errorf("find backtest: %w", err)
}

// List answers the backtests of an agent, the newest first.
func (t *Backtests) List(ctx context.Context, org domain.OrgID, agent domain.Agent, limit int) ([]BacktestRow, error) {
	rows, err := t.pool.Query(ctx, `SELECT `+backtestColumns+` FROM backtests WHERE org_id = $1 AND agent = $2 ORDER BY started_at DESC, id DESC LIMIT $3`,
		[16]byte(org.UUID), string(agent), limit)
	if err != nil {
		return nil, fmt.Errorf("list backtests: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanBacktest)
	if err != nil {
		return nil, fmt.Errorf("list backtests: %w", err)
	}
	return list, nil
}

func scanBacktest(row pgx.CollectableRow) (b BacktestRow, err error) {
	err = row.Scan((*[16]byte)(&b.ID), (*[16]byte)(&b.Org.UUID), &b.Version, &b.Agent, &b.ConfigVersion, &b.Status, &b.Code, &b.Reason, &b.Tickets, &b.Tried,
		&b.Cost, (*[16]byte)(&b.StartedBy.UUID), &b.StartedAt, &b.EndedAt)
	return b, err
}

// UnfinishedBacktest is a backtest that was begun.
type UnfinishedBacktest struct {
	Org domain.OrgID
	ID  uuid.UUID
}

// Unfinished answers the backtests that began before a moment and have not ended. It asks for no organization, because which
// there are is the question: the program itself goes on with them, for nobody who asks.
func (t *Backtests) Unfinished(ctx context.Context, before time.Time) ([]UnfinishedBacktest, error) {
	rows, err := t.pool.Query(ctx, `SELECT org_id, id FROM backtests WHERE status = 'running' AND started_at < $1 ORDER BY started_at LIMIT 1000`, before)
	if err != nil {
		return nil, fmt.Errorf("find unfinished backtests: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u UnfinishedBacktest, err error) {
		return u, row.Scan((*[16]byte)(&u.Org.UUID), (*[16]byte)(&u.ID))
	})
	if err != nil {
		return nil, fmt.Errorf("find unfinished backtests: %w", err)
	}
	return list, nil
}

// Categorized answers tickets that an agent has categorized, the most recent first.
func (t *Backtests) Categorized(ctx context.Context, org domain.OrgID, limit int) ([]uuid.UUID, error) {
	list, err := t.ids(ctx, `SELECT id, id FROM tickets WHERE org_id = $1 AND NOT deleted AND ai IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT $2`, [16]byte(org.UUID), limit)
	if err != nil {
		return nil, fmt.Errorf("find categorized tickets: %w", err)
	}
	tickets := make([]uuid.UUID, len(list))
	for i, pair := range list {
		tickets[i] = pair[0]
	}
	return tickets, nil
}

// Running answers the backtest of an agent that is under way; uuid.Nil when none is.
func (t *Backtests) Running(ctx context.Context, org domain.OrgID, agent domain.Agent) (uuid.UUID, error) {
	list, err := t.ids(ctx, `SELECT id, id FROM backtests WHERE org_id = $1 AND agent = $2 AND status = 'running' LIMIT 1`, [16]byte(org.UUID), string(agent))
	if err != nil {
		return uuid.Nil, fmt.Errorf("find the backtest under way: %w", err)
	}
	if len(list) == 0 {
		return uuid.Nil, nil
	}
	return list[0][0], nil
}

// Shadows answers the runs of what was tried since a version of a configuration, and the tickets they are about: the most
// recent first.
func (t *Backtests) Shadows(ctx context.Context, org domain.OrgID, agent domain.Agent, version, limit int) ([][2]uuid.UUID, error) {
	list, err := t.ids(ctx, `SELECT id, ticket FROM agent_runs WHERE org_id = $1 AND agent = $2 AND config_version = $3 AND purpose = 'shadow'
		ORDER BY started_at DESC, id DESC LIMIT $4`, [16]byte(org.UUID), string(agent), version, limit)
	if err != nil {
		return nil, fmt.Errorf("find the runs of a candidate: %w", err)
	}
	return list, nil
}

func (t *Backtests) ids(ctx context.Context, query string, args ...any) ([][2]uuid.UUID, error) {
	rows, err := t.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (pair [2]uuid.UUID, err error) {
		return pair, row.Scan((*[16]byte)(&pair[0]), (*[16]byte)(&pair[1]))
	})
}
