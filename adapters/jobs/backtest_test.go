package jobs_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/jobs"
	"ticketd/commands"
	"ticketd/domain"
)

var _ commands.LabJobs = (*jobs.Jobs)(nil)

func newBacktest() commands.BacktestJob {
	return commands.BacktestJob{Org: domain.OrgID{UUID: uuid.New()}, Backtest: uuid.New(), Correlation: "request", Causation: "7"}
}

// What nobody waits for is done in a queue of its own, beside the runs.
func TestABacktestDelaysNoRun(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newRunDesk(t)
	o := desk.options()
	begun, let := make(chan commands.BacktestJob, 9), make(chan struct{})
	o.Backtest = func(_ context.Context, job commands.BacktestJob) error {
		begun <- job
		<-let
		return nil
	}
	j := open(t, pool, o)
	job := newBacktest()
	for range 2 {
		require.NoError(t, j.EnqueueBacktest(t.Context(), job))
	}
	require.Equal(t, job.Backtest, only(t, j, job.Org).Backtest, "one job until it has ended")
	run(t, j)
	require.Equal(t, job, <-begun)
	live, tried := newRun(), newRun()
	enqueueRun(t, j, live)
	c := desk.next()
	require.Equal(t, live.Run, c.Run)
	require.NoError(t, j.EnqueueAside(t.Context(), tried))
	aside := desk.next()
	require.Equal(t, tried.Run, aside.Run, "the one worker for runs is still at the other")
	for _, call := range []runCall{c, aside} {
		call.end <- nil
	}
	close(let)
	awaitState(t, j, job.Org, "completed")
	awaitState(t, j, tried.Org, "completed")
	require.ElementsMatch(t, []string{"aside", "agents", "aside"}, rows[string](t, pool, `SELECT queue FROM jobs.river_job`))
}

// A run for which nobody waits does not come before those for whom somebody does because it has killed its worker.
func TestWhatNobodyWaitsForStaysAsideWhenItsWorkerDies(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newRunDesk(t)
	j := open(t, pool, desk.options())
	tried := newRun()
	require.NoError(t, j.EnqueueAside(t.Context(), tried))
	execute(t, pool, `UPDATE jobs.river_job SET state = 'running', attempt = 1, attempted_at = now(), attempted_by = '{dead}'`)
	run(t, j)
	c := desk.next()
	require.Equal(t, tried.Run, c.Run)
	require.Equal(t, "aside", only(t, j, tried.Org).Queue)
	c.end <- nil
	awaitState(t, j, tried.Org, "completed")
}

func TestABacktestThatGoesWrongIsGivenUp(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newRunDesk(t)
	o := desk.options()
	given := make(chan commands.BacktestJob, 1)
	o.Backtest = func(context.Context, commands.BacktestJob) error { return context.DeadlineExceeded }
	o.GiveUpBacktest = func(_ context.Context, job commands.BacktestJob) error {
		given <- job
		return nil
	}
	j := open(t, pool, o)
	job := newBacktest()
	require.NoError(t, j.EnqueueBacktest(t.Context(), job))
	run(t, j)
	require.Equal(t, job, <-given)
	awaitState(t, j, job.Org, "parked")
}

// A process that was not told how leaves them to others.
func TestWhoDoesNotKnowBacktestsCallsNoneOff(t *testing.T) {
	t.Parallel()
	j := open(t, migrated(t), newRunDesk(t).options())
	job := newBacktest()
	require.NoError(t, j.EnqueueBacktest(t.Context(), job))
	require.ErrorContains(t, j.Discard(t.Context(), job.Org, only(t, j, job.Org).ID), "does not know")
	run(t, j)
	require.Eventually(t, func() bool { return len(only(t, j, job.Org).Errors) > 0 }, patience, shortLease/100)
}
