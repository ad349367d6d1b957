package projections_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/backtest"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// trialRoom is an event store with the tables that backtests are made of and read from, on a database of its own.
type trialRoom struct {
	council

	trials *projections.Backtests
}

func newTrialRoom(t *testing.T) trialRoom {
	t.Helper()
	r := trialRoom{council: council{T: t, pool: postgrestest.Pool(t), org: newOrg(), ann: newUser()}}
	r.trials = projections.NewBacktests(r.pool)
	keys, err := r.keys(r.pool)
	require.NoError(t, err)
	r.store = eventstore.Open(t.Context(), r.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{
		r.trials, projections.NewTickets(r.pool), projections.NewAgentRuns(r.pool),
	}})
	t.Cleanup(r.store.Close)
	return r
}

// happen appends to a stream and answers it.
func (r trialRoom) happen(org domain.OrgID, id uuid.UUID, events ...any) eventstore.Stream {
	r.Helper()
	stream, err := r.store.Load(r.Context(), org.UUID, id)
	require.NoError(r, err)
	streams, err := r.store.Append(r.Context(), eventstore.Metadata{Actor: eventstore.Actor{Type: "system"}}, eventstore.Write{Stream: stream, Events: events})
	require.NoError(r, err)
	return streams[0]
}

func (r trialRoom) started(tickets int) backtest.Started {
	return backtest.Started{Agent: domain.Categorization, Version: 3, Tickets: make([]uuid.UUID, tickets), By: r.ann}
}

func TestABacktestIsFoundAsItsEventsSay(t *testing.T) {
	t.Parallel()
	r := newTrialRoom(t)
	id, other := newUser().UUID, newUser().UUID
	stream := r.happen(r.org, id, r.started(9), backtest.Judged{Ticket: id, Cost: 5}, backtest.Judged{Ticket: other, Cost: 2}, backtest.Stopped{Code: "budget", Reason: "No money."})
	row, err := r.trials.Find(t.Context(), r.org, domain.Categorization, id)
	require.NoError(t, err)
	ended := stream.Events[3].At
	require.WithinDuration(t, ended, *row.EndedAt, 0)
	row.StartedAt, row.EndedAt = row.StartedAt.UTC(), &ended
	require.Equal(t, projections.Fold(projections.ApplyBacktest, stream.Events), row)
	require.Equal(t, projections.BacktestRow{
		ID: id, Org: r.org, Version: 4, Agent: domain.Categorization, ConfigVersion: 3, Status: projections.BacktestStopped, Code: "budget", Reason: "No money.", Tickets: 9,
		Tried: 2, Cost: 7, StartedBy: r.ann, StartedAt: stream.Events[0].At, EndedAt: &ended,
	}, row)

	r.happen(r.org, other, r.started(1), backtest.Completed{})
	cancelled := newUser().UUID
	r.happen(r.org, cancelled, r.started(1), backtest.Cancelled{By: r.ann})
	list, err := r.trials.List(t.Context(), r.org, domain.Categorization, 2)
	require.NoError(t, err)
	require.Equal(t, []projections.BacktestStatus{projections.BacktestCancelled, projections.BacktestCompleted}, []projections.BacktestStatus{list[0].Status, list[1].Status})

	for _, where := range []struct {
		org   domain.OrgID
		agent domain.Agent
	}{{newOrg(), domain.Categorization}, {r.org, domain.Summary}} {
		_, err = r.trials.Find(t.Context(), where.org, where.agent, id)
		require.ErrorIs(t, err, backtest.ErrNotFound)
		list, err := r.trials.List(t.Context(), where.org, where.agent, 9)
		require.NoError(t, err)
		require.Empty(t, list)
	}
	require.Zero(t, projections.ApplyBacktest(projections.BacktestRow{}, eventstore.Recorded{Version: 3, Event: "another noun's"}))
	b := &pgx.Batch{}
	r.trials.Queue(b, []eventstore.Stream{{}, {Events: []eventstore.Recorded{{Version: 1, Type: "ticket.opened"}}}})
	require.Zero(t, b.Len())
}

func TestBacktestsAreRebuiltAsTheyWere(t *testing.T) {
	t.Parallel()
	r := newTrialRoom(t)
	r.happen(r.org, newUser().UUID, r.started(2), backtest.Judged{Ticket: uuid.UUID{1}, Cost: 4}, backtest.Completed{})
	r.happen(r.org, newUser().UUID, r.started(2), backtest.Judged{Ticket: uuid.UUID{2}})
	rebuild := &projections.Rebuilder{Pool: r.pool, Codec: catalog.Codec, Keys: r.keys, Progress: func(string, int64, int64) {}}
	did, err := rebuild.Run(t.Context(), r.trials.Projection())
	require.NoError(t, err)
	require.True(t, did.Tables[0].Equal(), "%+v", did.Tables[0])
	require.EqualValues(t, 2, did.Tables[0].Rows)
}

func TestABacktestThatNobodyIsAtIsFound(t *testing.T) {
	t.Parallel()
	r := newTrialRoom(t)
	id := newUser().UUID
	started := r.happen(r.org, id, r.started(2)).Events[0].At
	r.happen(newOrg(), newUser().UUID, r.started(2), backtest.Completed{})
	found, err := r.trials.Unfinished(t.Context(), started.Add(time.Second))
	require.NoError(t, err)
	require.Equal(t, []projections.UnfinishedBacktest{{Org: r.org, ID: id}}, found)
	found, err = r.trials.Unfinished(t.Context(), started)
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestTheBacktestUnderWayIsFound(t *testing.T) {
	t.Parallel()
	r := newTrialRoom(t)
	r.happen(r.org, newUser().UUID, r.started(2), backtest.Completed{})
	r.happen(newOrg(), newUser().UUID, r.started(2))
	running, err := r.trials.Running(t.Context(), r.org, domain.Categorization)
	require.NoError(t, err)
	require.Equal(t, uuid.Nil, running)
	id := newUser().UUID
	r.happen(r.org, id, r.started(2))
	running, err = r.trials.Running(t.Context(), r.org, domain.Categorization)
	require.NoError(t, err)
	require.Equal(t, id, running)
	running, err = r.trials.Running(t.Context(), r.org, domain.Summary)
	require.NoError(t, err)
	require.Equal(t, uuid.Nil, running, "of another agent")
}

func TestOnlyTicketsThatAnAgentCategorizedAreReplayed(t *testing.T) {
	t.Parallel()
	r := newTrialRoom(t)
	opened := ticket.Opened{Number: 1, Title: "t", Description: "d", Category: ticket.General, Priority: ticket.Medium, Urgency: ticket.Medium, CreatedBy: r.ann}
	said := ticket.Categorized{Run: uuid.New(), Agent: domain.Categorization, Category: "bug", Priority: ticket.Low, CreatedBy: r.ann}
	var want []uuid.UUID
	for range 3 {
		opened.Number++
		id := newUser().UUID
		r.happen(r.org, id, opened, said)
		want = append([]uuid.UUID{id}, want...)
	}
	opened.Number++
	r.happen(r.org, newUser().UUID, opened)
	opened.Number++
	r.happen(r.org, newUser().UUID, opened, said, ticket.Deleted{})
	r.happen(newOrg(), newUser().UUID, opened, said)
	found, err := r.trials.Categorized(t.Context(), r.org, 10)
	require.NoError(t, err)
	require.Equal(t, want, found, "the most recent first")
	found, err = r.trials.Categorized(t.Context(), r.org, 1)
	require.NoError(t, err)
	require.Equal(t, want[:1], found)
}

func TestTheRunsOfACandidateAreThoseSinceItWasSet(t *testing.T) {
	t.Parallel()
	r := newTrialRoom(t)
	run, about := newUser().UUID, newUser().UUID
	start := agentrun.Started{Agent: domain.Categorization, ConfigVersion: 4, Purpose: agentrun.Shadow, RequestedBy: r.ann, Ticket: about}
	r.happen(r.org, run, start)
	r.happen(newOrg(), newUser().UUID, start)
	earlier, live := start, start
	earlier.ConfigVersion, live.Purpose = 2, agentrun.CategorizeTicket
	r.happen(r.org, newUser().UUID, earlier)
	r.happen(r.org, newUser().UUID, live)
	found, err := r.trials.Shadows(t.Context(), r.org, domain.Categorization, 4, 10)
	require.NoError(t, err)
	require.Equal(t, [][2]uuid.UUID{{run, about}}, found)
}

func TestADatabaseThatIsAwayHasNoBacktests(t *testing.T) {
	t.Parallel()
	r := newTrialRoom(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, find := r.trials.Find(gone, r.org, domain.Categorization, uuid.New())
	_, list := r.trials.List(gone, r.org, domain.Categorization, 1)
	_, unfinished := r.trials.Unfinished(gone, time.Now())
	_, categorized := r.trials.Categorized(gone, r.org, 1)
	_, shadows := r.trials.Shadows(gone, r.org, domain.Categorization, 1, 1)
	_, running := r.trials.Running(gone, r.org, domain.Categorization)
	for _, err := range []error{find, list, unfinished, categorized, shadows, running} {
		require.ErrorIs(t, err, context.Canceled)
	}
}
