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
	"ticketd/domain/agentrun"
	"ticketd/eventstore"
)

// RunStatus is where a run stands.
type RunStatus string

// The statuses of a run.
const (
	RunRunning   RunStatus = "running"
	RunCompleted RunStatus = "completed"
	RunFailed    RunStatus = "failed"
)

// runErased is the code of a run whose words were erased before it ended.
const runErased = "erased"

// AgentRunRow is a run as lists show it. What happened in it stands in its events.
type AgentRunRow struct {
	ID            uuid.UUID
	Org           domain.OrgID
	Version       int
	Agent         domain.Agent
	ConfigVersion int
	Purpose       agentrun.Purpose
	RequestedBy   domain.UserID
	Ticket        uuid.UUID // it is about, or that it made; zero: none
	Thread        uuid.UUID
	Message       uuid.UUID
	Status        RunStatus
	Code          string // of what went wrong
	Provider      string
	Model         string
	Confidence    *float64
	Turns         int
	InputTokens   int
	OutputTokens  int
	Cost          int64 // millionths of a dollar
	StartedAt     time.Time
	EndedAt       *time.Time
}

// ApplyAgentRun folds one event into the row.
func ApplyAgentRun(a AgentRunRow, r eventstore.Recorded) AgentRunRow {
	event, ok := r.Event.(agentrun.Event)
	if !ok {
		return a
	}
	switch e := event.(type) {
	case agentrun.Started:
		a = AgentRunRow{
			ID: r.Stream, Org: domain.OrgID{UUID: r.Org}, Agent: e.Agent, ConfigVersion: e.ConfigVersion, Purpose: e.Purpose, RequestedBy: e.RequestedBy,
			Ticket: e.Ticket, Thread: e.Thread, Message: e.Message, Status: RunRunning, StartedAt: r.At,
		}
	case agentrun.ModelAsked:
		a.Provider, a.Model, a.Turns = e.Provider, e.Model, max(a.Turns, e.Turn)
		a.InputTokens += e.InputTokens
		a.OutputTokens += e.OutputTokens
		a.Cost += e.Cost
	case agentrun.Completed:
		a.Status, a.EndedAt, a.Provider, a.Model, a.Confidence = RunCompleted, &r.At, e.Provider, e.Model, e.Confidence
		if e.Ticket != uuid.Nil {
			a.Ticket = e.Ticket
		}
	case agentrun.Failed:
		a.Status, a.EndedAt, a.Code = RunFailed, &r.At, e.Code
	case agentrun.WordsErased:
		if a.Status == RunRunning { // nobody goes on with it
			a.Status, a.EndedAt, a.Code = RunFailed, &r.At, runErased
		}
	case agentrun.ProviderFailed, agentrun.ToolCalled: // told by the run itself
	}
	a.Version = r.Version
	return a
}

// AgentRuns is the agent_runs table. It implements Table.
type AgentRuns struct{ pool *pgxpool.Pool }

// NewAgentRuns answers the table in this database.
func NewAgentRuns(pool *pgxpool.Pool) *AgentRuns { return &AgentRuns{pool: pool} }

const agentRunColumns = `id, org_id, version, agent, config_version, purpose, requested_by, ticket, thread, message, status, code, provider, model,
	confidence, turns, input_tokens, output_tokens, cost, started_at, ended_at`

const writeAgentRun = `
INSERT INTO agent_runs (` + agentRunColumns + `)
SELECT $1::uuid, $2::uuid, $3::int, $4::text, $5::int, $6::text, $7::uuid, $8::uuid, $9::uuid, $10::uuid, $11::text, $12::text, $13::text, $14::text,
	$15::float8, $16::int, $17::int, $18::int, $19::bigint, $20::timestamptz, $21::timestamptz
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = $3 AND e.hash = $22)
ON CONFLICT (id) DO UPDATE SET
	version = excluded.version, ticket = excluded.ticket, status = excluded.status, code = excluded.code, provider = excluded.provider, model = excluded.model,
	confidence = excluded.confidence, turns = excluded.turns, input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
	cost = excluded.cost, ended_at = excluded.ended_at`

// Queue implements eventstore.Inline.
func (*AgentRuns) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		if s.Category() == agentrun.Decider.Category {
			b.Queue(writeAgentRun, append(Fold(ApplyAgentRun, s.Events).columns(), s.Events[s.Version()-1].Hash[:])...)
		}
	}
}

// Projection tells how the table is made.
func (a *AgentRuns) Projection() Projection {
	return Projection{Name: "agent_runs", Key: "id", Nouns: []string{agentrun.Decider.Category}, Code: 1, Inline: a}
}

// Columns implements Table.
func (*AgentRuns) Columns() string { return agentRunColumns }

// Rows implements Table.
func (*AgentRuns) Rows(s eventstore.Stream) [][]any {
	if s.Category() != agentrun.Decider.Category {
		return nil
	}
	return [][]any{Fold(ApplyAgentRun, s.Events).columns()}
}

// columns are the values of agentRunColumns.
func (a AgentRunRow) columns() []any {
	return []any{
		[16]byte(a.ID), [16]byte(a.Org.UUID), a.Version, string(a.Agent), a.ConfigVersion, string(a.Purpose), [16]byte(a.RequestedBy.UUID),
		unlessNil(a.Ticket), unlessNil(a.Thread), unlessNil(a.Message), string(a.Status), a.Code, a.Provider, a.Model, a.Confidence,
		a.Turns, a.InputTokens, a.OutputTokens, a.Cost, a.StartedAt, a.EndedAt,
	}
}

// ErrNoRun reports that the organization has no such run, or none that the caller may see.
var ErrNoRun = agentrun.ErrNotFound

// FindVisible answers one run. ErrNoRun when there is none that the caller may see.
func (a *AgentRuns) FindVisible(ctx context.Context, caller domain.Caller, id uuid.UUID) (AgentRunRow, error) {
	rows, err := a.pool.Query(ctx, `SELECT `+agentRunColumns+` FROM agent_runs WHERE org_id = $1 AND id = $2`, [16]byte(caller.Org.UUID), [16]byte(id))
	if err != nil {
		return AgentRunRow{}, fmt.Errorf("find run: %w", err)
	}
	row, err := pgx.CollectOneRow(rows, scanAgentRun)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && !caller.May(domain.ReadRuns, row.RequestedBy):
		return AgentRunRow{}, ErrNoRun
	case err != nil:
		return AgentRunRow{}, fmt.Errorf("find run: %w", err)
	}
	return row, nil
}

// UnfinishedRun is a run that was begun.
type UnfinishedRun struct {
	Org     domain.OrgID
	ID      uuid.UUID
	Purpose agentrun.Purpose
}

// Unfinished answers the runs that began before a moment and have not ended. It asks for no organization, because which there
// are is the question: the program itself goes on with them, for nobody who asks.
func (a *AgentRuns) Unfinished(ctx context.Context, before time.Time) ([]UnfinishedRun, error) {
	rows, err := a.pool.Query(ctx, `SELECT org_id, id, purpose FROM agent_runs WHERE status = 'running' AND started_at < $1 ORDER BY started_at LIMIT 1000`, before)
	if err != nil {
		return nil, fmt.Errorf("find unfinished runs: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u UnfinishedRun, err error) {
		return u, row.Scan((*[16]byte)(&u.Org.UUID), (*[16]byte)(&u.ID), &u.Purpose)
	})
	if err != nil {
		return nil, fmt.Errorf("find unfinished runs: %w", err)
	}
	return list, nil
}

func scanAgentRun(row pgx.CollectableRow) (AgentRunRow, error) {
	var a AgentRunRow
	var ticket, thread, message *uuid.UUID
	err := row.Scan(
		(*[16]byte)(&a.ID), (*[16]byte)(&a.Org.UUID), &a.Version, &a.Agent, &a.ConfigVersion, &a.Purpose, (*[16]byte)(&a.RequestedBy.UUID), &ticket, &thread, &message,
		&a.Status, &a.Code, &a.Provider, &a.Model, &a.Confidence, &a.Turns, &a.InputTokens, &a.OutputTokens, &a.Cost, &a.StartedAt, &a.EndedAt,
	)
	for to, from := range map[*uuid.UUID]*uuid.UUID{&a.Ticket: ticket, &a.Thread: thread, &a.Message: message} {
		if from != nil {
			*to = *from
		}
	}
	return a, err
}
