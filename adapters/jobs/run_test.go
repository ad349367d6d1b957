package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
)

func TestAFailingJobIsTriedFourTimesAndParked(t *testing.T) {
	t.Parallel()
	desk, log := newDesk(t), &logbook{}
	o := desk.options()
	o.RetryAfter, o.Lease, o.Log = 100*time.Millisecond, 2*time.Second, log.logger()
	j := open(t, migrated(t), o)
	run(t, j)
	job := newJob()
	enqueue(t, j, job)
	var before time.Time
	for try := range 4 {
		c := desk.next()
		want := job
		want.Last = try == 3
		require.Equal(t, want, c.FileJob)
		if try > 0 {
			require.GreaterOrEqual(t, c.at.Sub(before), 100*time.Millisecond<<(try-1))
		}
		before = time.Now()
		c.end <- errors.Join(fmt.Errorf("read %q: %w", "somebody's words", errors.New("more of them")), errors.New("others"))
	}
	require.True(t, desk.given().Last)
	parked := awaitState(t, j, job.Org, "parked")
	require.Equal(t, 4, parked.Attempt)
	require.Equal(t, 4, parked.MaxAttempts)
	require.NotNil(t, parked.FinalizedAt)
	require.Len(t, parked.Errors, 4)
	for i, e := range parked.Errors {
		require.Equal(t, i+1, e.Attempt)
		require.Equal(t, "*errors.errorString", e.Error)
	}
	require.Contains(t, log.String(), "a job was parked after its last try")
	require.NotContains(t, log.String(), "words")

	require.NoError(t, j.Retry(t.Context(), job.Org, parked.ID))
	again := desk.next()
	require.False(t, again.Last, "it has all its tries again")
	again.end <- nil
	awaitState(t, j, job.Org, "completed")
}

type plain struct{ error }

func (plain) Plain() string { return "tesseract took too long" }

func TestWhatIsKeptOfAnErrorHoldsNoWords(t *testing.T) {
	t.Parallel()
	answering := func(err error) func() error { return func() error { return err } }
	endings := map[string]func() error{
		"not_now":                       answering(fmt.Errorf("secret: %w", &domain.Error{Code: "not_now", Message: "secret"})),
		"tesseract took too long":       answering(fmt.Errorf("secret: %w", plain{errors.New("secret")})),
		"SQLSTATE 22P02":                answering(fmt.Errorf("secret: %w", &pgconn.PgError{Code: "22P02", Message: "secret"})),
		"context.deadlineExceededError": answering(fmt.Errorf("secret: %w", context.DeadlineExceeded)),
		"it panicked with a string":     func() error { panic("secret") },
	}
	desk, log := newDesk(t), &logbook{}
	o := desk.options()
	o.Workers, o.Lease, o.Log = len(endings), 2*time.Second, log.logger()
	o.Process = func(_ context.Context, job commands.FileJob) error { return endings[job.Correlation]() }
	j := open(t, migrated(t), o)
	run(t, j)
	for want := range endings {
		job := newJob()
		job.Correlation = want
		enqueue(t, j, job)
	}
	for range endings {
		job := desk.given()
		for _, e := range awaitState(t, j, job.Org, "parked").Errors {
			require.Equal(t, job.Correlation, e.Error)
		}
	}
	require.NotContains(t, log.String(), "secret")
}

func TestAJobIsNotParkedBeforeItsFileSaysSo(t *testing.T) {
	t.Parallel()
	desk := newDesk(t)
	o := desk.options()
	o.Lease = 2 * time.Second
	var asked atomic.Int32
	o.Process = func(context.Context, commands.FileJob) error { return errors.New("no") }
	o.GiveUp = func(ctx context.Context, job commands.FileJob) error {
		if asked.Add(1) < 3 {
			return errors.New("the database is away")
		}
		return desk.giveUp(ctx, job)
	}
	j := open(t, migrated(t), o)
	run(t, j)
	job := newJob()
	enqueue(t, j, job)
	require.True(t, desk.given().Last)
	require.Equal(t, 4, awaitState(t, j, job.Org, "parked").Attempt)
	require.EqualValues(t, 3, asked.Load())
}

func TestStoppingCostsAJobNoTry(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk, log := newDesk(t), &logbook{}
	o := desk.options()
	o.Log = log.logger()
	j := open(t, pool, o)
	job := newJob()
	for range 6 { // more often than there are tries
		stop := run(t, j)
		enqueue(t, j, job)
		c := desk.next()
		require.False(t, c.Last)
		began := time.Now()
		stop()
		require.Less(t, time.Since(began), 5*time.Second)
		require.Error(t, c.ctx.Err())
		put := only(t, j, job.Org)
		require.Equal(t, "available", put.State)
		require.Zero(t, put.Attempt)
		require.Empty(t, put.Errors)
		require.Empty(t, rows[string](t, pool, `SELECT id FROM jobs.workers`))
	}
	require.Empty(t, log.String())
}

func TestAJobThatDoesNotStopIsNotWaitedForEndlessly(t *testing.T) {
	t.Parallel()
	desk := newDesk(t)
	o := desk.options()
	began, release := make(chan struct{}), make(chan struct{})
	o.Process = func(context.Context, commands.FileJob) error {
		close(began)
		<-release
		return nil
	}
	j := open(t, migrated(t), o)
	j.StopWithin(50 * time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	job := newJob()
	enqueue(t, j, job)
	<-began
	cancel()
	require.ErrorContains(t, <-ended, "stop the jobs")
	close(release)
	awaitState(t, j, job.Org, "completed")
}

func TestAJobThatIsGivenUpWhenItsWorkerStopsIsPutBack(t *testing.T) {
	t.Parallel()
	desk := newDesk(t)
	o := desk.options()
	o.Lease = 2 * time.Second
	began := make(chan struct{})
	o.Process = func(context.Context, commands.FileJob) error { return errors.New("no") }
	o.GiveUp = func(ctx context.Context, _ commands.FileJob) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	}
	j := open(t, migrated(t), o)
	stop := run(t, j)
	job := newJob()
	enqueue(t, j, job)
	<-began
	stop()
	put := only(t, j, job.Org)
	require.Equal(t, "available", put.State)
	require.Equal(t, 3, put.Attempt)
}

func TestWhatStandsInTheWayOfWorkIsNamed(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	o := newDesk(t).options()
	o.Workers = 1_000_000
	require.ErrorContains(t, open(t, pool, o).Run(t.Context()), "prepare to work on jobs")
	execute(t, pool, `ALTER TABLE jobs.river_queue RENAME TO other`)
	require.ErrorContains(t, open(t, pool, newDesk(t).options()).Run(t.Context()), "start to work on jobs")
}

func TestALeaseThatCannotBeGivenBackIsAnError(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk, log := newDesk(t), &logbook{}
	o := desk.options()
	o.Lease, o.Log = 2*time.Second, log.logger()
	j := open(t, pool, o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	enqueue(t, j, newJob())
	desk.next().end <- nil
	execute(t, pool, `DROP TABLE jobs.workers`)
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "could not be looked after") }, patience, time.Millisecond)
	cancel()
	require.ErrorContains(t, <-ended, "give the lease on jobs back")
}
