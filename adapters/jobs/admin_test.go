package jobs_test

import (
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/jobs"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
)

// inState answers a job of which the database says that it is in this state, and its id.
func inState(t *testing.T, pool *pgxpool.Pool, state string) (*jobs.Jobs, commands.FileJob, int64) {
	t.Helper()
	j := open(t, pool, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	job := newJob()
	enqueue(t, j, job)
	execute(t, pool, `UPDATE jobs.river_job SET state = $1::text::jobs.river_job_state, attempt = 4, attempted_at = now(),
		finalized_at = CASE WHEN $1::text IN ('cancelled', 'completed', 'discarded') THEN now() END
		WHERE args->>'org_id' = $2`, state, job.Org.String())
	return j, job, only(t, j, job.Org).ID
}

func TestJobsAreAdministeredByTheirState(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	for state, want := range map[string]struct{ retried, discarded string }{
		"discarded": {"available", "removed"},
		"retryable": {"available", "cancelled"},
		"scheduled": {"available", "cancelled"},
		"available": {"", "cancelled"},
		"pending":   {"", "cancelled"},
		"running":   {"", ""},
		"completed": {"", ""},
		"cancelled": {"", ""},
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			j, job, id := inState(t, pool, state)
			err := j.Retry(t.Context(), job.Org, id)
			if want.retried == "" {
				require.ErrorIs(t, err, commands.ErrJobState)
				require.Equal(t, state, only(t, j, job.Org).State)
			} else {
				require.NoError(t, err)
				require.Equal(t, want.retried, only(t, j, job.Org).State)
			}

			j, job, id = inState(t, pool, state)
			err = j.Discard(t.Context(), job.Org, id)
			switch want.discarded {
			case "":
				require.ErrorIs(t, err, commands.ErrJobState)
				require.Equal(t, state, only(t, j, job.Org).State)
			case "removed":
				require.NoError(t, err)
				require.ErrorIs(t, j.Discard(t.Context(), job.Org, id), commands.ErrNoJob)
			default:
				require.NoError(t, err)
				require.Equal(t, want.discarded, only(t, j, job.Org).State)
			}
		})
	}
}

func TestNobodySeesJobsOfOthers(t *testing.T) {
	t.Parallel()
	j, job, id := inState(t, migrated(t), "discarded")
	other := newJob().Org
	for _, state := range []string{"", "all"} {
		list, err := j.List(t.Context(), other, commands.JobsQuery{State: state, Limit: 10})
		require.NoError(t, err)
		require.NotNil(t, list)
		require.Empty(t, list)
	}
	require.ErrorIs(t, j.Retry(t.Context(), other, id), commands.ErrNoJob)
	require.ErrorIs(t, j.Discard(t.Context(), other, id), commands.ErrNoJob)
	require.Equal(t, domain.NotFound, domain.KindOf(j.Discard(t.Context(), job.Org, id+1)))
	require.Equal(t, "parked", only(t, j, job.Org).State)
}

func TestAParkedJobIsNotDoneTwiceAtATime(t *testing.T) {
	t.Parallel()
	j, job, id := inState(t, migrated(t), "discarded")
	enqueue(t, j, job)
	require.ErrorIs(t, j.Retry(t.Context(), job.Org, id), commands.ErrJobState)
}

func TestJobsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	j, job, first := inState(t, migrated(t), "discarded")
	for run := range 4 {
		require.NoError(t, j.Enqueue(t.Context(), job, file.Text, 2+run))
	}
	list := func(q commands.JobsQuery) (ids []int64) {
		found, err := j.List(t.Context(), job.Org, q)
		require.NoError(t, err)
		for _, job := range found {
			ids = append(ids, job.ID-first)
		}
		return ids
	}
	require.Equal(t, []int64{0}, list(commands.JobsQuery{Limit: 10}), "those that are parked")
	require.Equal(t, []int64{4, 3, 2, 1}, list(commands.JobsQuery{State: "available", Limit: 10}))
	require.Equal(t, []int64{4, 3}, list(commands.JobsQuery{State: "all", Limit: 2}))
	require.Equal(t, []int64{2, 1}, list(commands.JobsQuery{State: "all", Limit: 2, After: first + 3}))
	require.Equal(t, []int64{0}, list(commands.JobsQuery{State: "all", Limit: 2, After: first + 1}))
	require.Len(t, list(commands.JobsQuery{State: "all", Limit: -1}), 1)
	_, err := j.List(t.Context(), job.Org, commands.JobsQuery{State: "nonsense"})
	require.ErrorIs(t, err, jobs.ErrUnknownState)
}

func TestJobsAreCountedThatWaitAndThatAreParked(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	counts := func(j *jobs.Jobs) [2]int {
		waiting, err := j.Waiting(t.Context())
		require.NoError(t, err)
		parked, err := j.Parked(t.Context())
		require.NoError(t, err)
		return [2]int{waiting, parked}
	}
	var j *jobs.Jobs
	for _, state := range []string{"available", "discarded", "running", "completed", "retryable", "scheduled", "cancelled", "discarded"} {
		j, _, _ = inState(t, pool, state)
	}
	require.Equal(t, [2]int{1, 2}, counts(j), "of all organizations")
}

func TestAJobThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	j := open(t, pool, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	job := newJob()
	enqueue(t, j, job)
	execute(t, pool, `UPDATE jobs.river_job SET args = args || '{"run": "one"}'`)
	_, err := j.List(t.Context(), job.Org, commands.JobsQuery{State: "all"})
	require.ErrorContains(t, err, "read job")
}
