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

var _ commands.SyncJobs = (*jobs.Jobs)(nil)

func newSync() commands.SyncJob {
	return commands.SyncJob{Org: domain.OrgID{UUID: uuid.New()}, Sync: uuid.New(), Correlation: "request", Causation: "7"}
}

// Syncs are done where nothing is waited for, in the order they came, each once.
func TestASyncIsDoneAside(t *testing.T) {
	t.Parallel()
	desk := newRunDesk(t)
	o := desk.options()
	begun := make(chan commands.SyncJob, 9)
	o.Sync = func(_ context.Context, job commands.SyncJob) error {
		begun <- job
		return nil
	}
	j := open(t, migrated(t), o)
	job := newSync()
	for range 2 {
		require.NoError(t, j.EnqueueSync(t.Context(), job))
	}
	waiting := only(t, j, job.Org)
	require.Equal(t, []any{job.Sync, "sync_integration", "aside"}, []any{waiting.Sync, waiting.Kind, waiting.Queue}, "one job until it has ended")
	run(t, j)
	require.Equal(t, job, <-begun)
	awaitState(t, j, job.Org, "completed")
	require.Empty(t, begun)
}

func TestASyncThatGoesWrongIsGivenUp(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newRunDesk(t)
	o := desk.options()
	given := make(chan commands.SyncJob, 1)
	o.Sync = func(context.Context, commands.SyncJob) error { return context.DeadlineExceeded }
	o.GiveUpSync = func(_ context.Context, job commands.SyncJob) error {
		given <- job
		return nil
	}
	j := open(t, pool, o)
	job := newSync()
	require.NoError(t, j.EnqueueSync(t.Context(), job))
	run(t, j)
	require.Equal(t, job, <-given)
	awaitState(t, j, job.Org, "parked")
}

// A process that was not told how leaves them to others.
func TestWhoDoesNotKnowSyncsCallsNoneOff(t *testing.T) {
	t.Parallel()
	j := open(t, migrated(t), newRunDesk(t).options())
	job := newSync()
	require.NoError(t, j.EnqueueSync(t.Context(), job))
	require.ErrorContains(t, j.Discard(t.Context(), job.Org, only(t, j, job.Org).ID), "does not know")
	run(t, j)
	require.Eventually(t, func() bool { return len(only(t, j, job.Org).Errors) > 0 }, patience, shortLease/100)
}
