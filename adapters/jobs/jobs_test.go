package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/adapters/jobs"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
)

var _ commands.FileJobs = (*jobs.Jobs)(nil)

func TestInstancesThatMigrateTogetherTakeTurns(t *testing.T) {
	t.Parallel()
	database := postgrestest.Database(t)
	var instances errgroup.Group
	for range 3 {
		instances.Go(func() error {
			config, err := pgxpool.ParseConfig(database)
			if err != nil {
				return err
			}
			config.MaxConns = 1
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			if err != nil {
				return err
			}
			defer pool.Close()
			return errors.Join(jobs.Migrate(t.Context(), pool), jobs.Migrate(t.Context(), pool))
		})
	}
	require.NoError(t, instances.Wait())
}

func TestMigratingWithoutADatabaseIsAnError(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://127.0.0.1:1/none")
	require.NoError(t, err)
	defer pool.Close()
	require.ErrorContains(t, jobs.Migrate(t.Context(), pool), "migrate jobs")
}

func TestADatabaseThatCannotBeMigratedIsAnError(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	config := pool.Config()
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	readOnly, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(readOnly.Close)
	require.ErrorContains(t, jobs.Migrate(t.Context(), readOnly), "make the schema of jobs")
	execute(t, pool, `CREATE SCHEMA jobs; CREATE TABLE jobs.river_migration (other int)`)
	require.ErrorContains(t, jobs.Migrate(t.Context(), pool), "migrate jobs")
}

func TestAnUploadIsOneJobOfItsRun(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	j := open(t, pool, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	job := newJob()
	for range 3 {
		enqueue(t, j, job)
	}
	require.Equal(t, job.File, only(t, j, job.Org).File)
	other := job
	other.Org = domain.OrgID{UUID: uuid.New()}
	enqueue(t, j, other)
	require.Equal(t, job.File, only(t, j, other.Org).File, "another organization may have a file with this id")
	require.NoError(t, j.Enqueue(t.Context(), job, file.Image, 2))
	require.Equal(t, []int{2, 1, 1}, rows[int](t, pool, `SELECT (args->>'run')::int FROM jobs.river_job ORDER BY 1 DESC`))
	require.ElementsMatch(t, []string{"org_id", "file_id", "run", "correlation", "causation"},
		rows[string](t, pool, `SELECT DISTINCT jsonb_object_keys(args) FROM jobs.river_job`), "references, and no words")

	desk := newDesk(t)
	run(t, open(t, pool, desk.options()))
	for range 3 {
		desk.next().end <- nil
	}
	awaitState(t, j, other.Org, "completed")
	enqueue(t, j, other)
	require.Equal(t, other.File, desk.next().File, "what has ended may be asked for again")
}

func TestEachCategoryHasItsQueue(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	j := open(t, pool, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	for _, c := range file.Categories {
		require.NoError(t, j.Enqueue(t.Context(), newJob(), c, 1))
	}
	require.Equal(t, []string{"extraction 7", "ocr 1", "transcription 2"},
		rows[string](t, pool, `SELECT queue || ' ' || count(*) FROM jobs.river_job GROUP BY queue ORDER BY queue`))
}

func TestALongRecordingHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newDesk(t)
	j := open(t, pool, desk.options())
	run(t, j)
	recording, second, screenshot := newJob(), newJob(), newJob()
	require.NoError(t, j.Enqueue(t.Context(), recording, file.Video, 1))
	first := desk.next()
	require.Equal(t, recording.File, first.File)
	require.NoError(t, j.Enqueue(t.Context(), second, file.Audio, 1))
	require.NoError(t, j.Enqueue(t.Context(), screenshot, file.Image, 1))
	require.Equal(t, screenshot.File, desk.next().File)
	first.end <- nil
	require.Equal(t, second.File, desk.next().File)
}

func TestAProcessDoesOneJobMoreThanAQueueHasWorkers(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	busy, free := newDesk(t), newDesk(t)
	j := open(t, pool, busy.options())
	run(t, j)
	report, recording, screenshot := newJob(), newJob(), newJob()
	require.NoError(t, j.Enqueue(t.Context(), report, file.Document, 1))
	require.NoError(t, j.Enqueue(t.Context(), recording, file.Audio, 1))
	begun := busy.next()
	busy.next()
	enqueue(t, j, screenshot)
	stop := run(t, open(t, pool, free.options()))
	other := free.next()
	require.Equal(t, screenshot.File, other.File, "it waits where others see it")
	require.Equal(t, 1, only(t, j, screenshot.Org).Attempt)
	require.Empty(t, busy.calls)
	stop()
	begun.end <- nil
	require.Equal(t, screenshot.File, busy.next().File, "there is room again")
}

func TestAJobThatCannotBeReadTakesNoPlace(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newDesk(t)
	j := open(t, pool, desk.options())
	for range 2 {
		require.NoError(t, j.Enqueue(t.Context(), newJob(), file.Document, 1))
	}
	execute(t, pool, `UPDATE jobs.river_job SET args = args || '{"run": "one"}'`)
	run(t, j)
	require.Eventually(t, func() bool {
		return len(rows[string](t, pool, `SELECT queue FROM jobs.river_job WHERE attempt > 0 AND state <> 'running'`)) == 2
	}, patience, 5*time.Millisecond)
	enqueue(t, j, newJob())
	desk.next()
	recording := newJob()
	require.NoError(t, j.Enqueue(t.Context(), recording, file.Audio, 1))
	require.Equal(t, recording.File, desk.next().File)
}

func TestAJobBeginsAtOnceAndAHealthyRunIsSilent(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk, log := newDesk(t), &logbook{}
	o := desk.options()
	o.Log = log.logger()
	j := open(t, pool, o)
	stop := run(t, j)
	enqueue(t, j, newJob())
	desk.next().end <- nil // it has begun
	var waits []time.Duration
	for range 15 {
		asked := time.Now()
		enqueue(t, j, newJob())
		c := desk.next()
		waits = append(waits, c.at.Sub(asked))
		c.end <- nil
	}
	slices.Sort(waits)
	t.Logf("from asking to beginning: median %s, worst %s; %d connections", waits[7], waits[14], pool.Stat().TotalConns())
	require.Less(t, waits[7], 500*time.Millisecond, "it does not wait for the next look at the queue")
	stop()
	require.Empty(t, log.String())
}

func TestWorkersNeedSomethingToDo(t *testing.T) {
	t.Parallel()
	_, err := jobs.New(nil, jobs.Options{Workers: 1})
	require.ErrorContains(t, err, "workers something to do")
	giveUp := func(context.Context, commands.FileJob) error { return nil }
	_, err = jobs.New(nil, jobs.Options{GiveUp: giveUp, AgentWorkers: 1, Run: func(context.Context, commands.RunJob) error { return nil }})
	require.ErrorContains(t, err, "a way to be given up")
	_, err = jobs.New(nil, jobs.Options{GiveUp: giveUp, AgentWorkers: 1, GiveUpRun: func(context.Context, commands.RunJob) error { return nil }})
	require.ErrorContains(t, err, "workers something to do")
	_, err = jobs.New(nil, jobs.Options{GiveUp: giveUp, Lease: -time.Hour, Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "prepare the queue")
}

func TestAProcessWithoutWorkersWaits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	j := open(t, migrated(t), jobs.Options{Log: slog.New(slog.DiscardHandler)})
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	select {
	case <-ended:
		require.FailNow(t, "it has not waited")
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	require.NoError(t, <-ended)
}

func TestADatabaseThatIsNotPreparedIsAnError(t *testing.T) {
	t.Parallel()
	j := open(t, postgrestest.Pool(t), newDesk(t).options())
	ctx, job := t.Context(), newJob()
	require.ErrorContains(t, j.Run(ctx), "sign of life")
	require.ErrorContains(t, j.Enqueue(ctx, job, file.Image, 1), "enqueue file")
	_, err := j.List(ctx, job.Org, commands.JobsQuery{})
	require.ErrorContains(t, err, "list jobs")
	_, err = j.Waiting(ctx)
	require.ErrorContains(t, err, "count jobs")
	_, err = j.Parked(ctx)
	require.ErrorContains(t, err, "count jobs")
	require.ErrorContains(t, j.Retry(ctx, job.Org, 1), "change job 1")
}
