package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/jobs"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
)

var _ commands.RunJobs = (*jobs.Jobs)(nil)

// runCall is a run at the desk of a worker, which lasts until it is ended.
type runCall struct {
	commands.RunJob
	ctx context.Context
	end chan error
}

// runDesk is where runs arrive.
type runDesk struct {
	t      *testing.T
	calls  chan runCall
	givens chan commands.RunJob
}

func newRunDesk(t *testing.T) *runDesk {
	t.Helper()
	return &runDesk{t: t, calls: make(chan runCall, 100), givens: make(chan commands.RunJob, 100)}
}

func (d *runDesk) run(ctx context.Context, job commands.RunJob) error {
	c := runCall{RunJob: job, ctx: ctx, end: make(chan error, 1)}
	d.calls <- c
	select {
	case err := <-c.end:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *runDesk) giveUp(_ context.Context, job commands.RunJob) error {
	d.givens <- job
	return nil
}

// next waits for a run.
func (d *runDesk) next() runCall {
	d.t.Helper()
	select {
	case c := <-d.calls:
		return c
	case <-time.After(patience):
		require.FailNow(d.t, "no run has come")
		return runCall{}
	}
}

// given waits for a run that is given up.
func (d *runDesk) given() commands.RunJob {
	d.t.Helper()
	select {
	case job := <-d.givens:
		return job
	case <-time.After(patience):
		require.FailNow(d.t, "no run was given up")
		return commands.RunJob{}
	}
}

// options are for a process that does one run at a time, and reads no uploads.
func (d *runDesk) options() jobs.Options {
	return jobs.Options{
		AgentWorkers: 1, Run: d.run, GiveUpRun: d.giveUp, RetryAfter: 20 * time.Millisecond, Lease: shortLease, Log: slog.New(slog.DiscardHandler),
	}
}

func newRun() commands.RunJob {
	return commands.RunJob{Org: domain.OrgID{UUID: uuid.New()}, Run: uuid.New(), Correlation: "request", Causation: "7"}
}

func enqueueRun(t *testing.T, j *jobs.Jobs, job commands.RunJob) {
	t.Helper()
	require.NoError(t, j.EnqueueRun(t.Context(), job, true))
}

func TestARunIsOneJobUntilItHasEnded(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	j := open(t, pool, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	job := newRun()
	for _, urgent := range []bool{false, true, false} {
		require.NoError(t, j.EnqueueRun(t.Context(), job, urgent))
	}
	require.Equal(t, job.Run, only(t, j, job.Org).Run)
	other := job
	other.Org = domain.OrgID{UUID: uuid.New()}
	enqueueRun(t, j, other)
	require.Equal(t, job.Run, only(t, j, other.Org).Run, "another organization may have a run with this id")
	require.Equal(t, []string{"run_agent agents 1", "run_agent agents 3"},
		rows[string](t, pool, `SELECT concat_ws(' ', kind, queue, priority) FROM jobs.river_job ORDER BY priority`))
	require.ElementsMatch(t, []string{"org_id", "run_id", "correlation", "causation"},
		rows[string](t, pool, `SELECT DISTINCT jsonb_object_keys(args) FROM jobs.river_job`), "references, and no words")

	desk := newRunDesk(t)
	run(t, open(t, pool, desk.options()))
	for _, want := range []commands.RunJob{other, job} { // the urgent one first
		c := desk.next()
		require.Equal(t, want, c.RunJob)
		c.end <- nil
	}
	awaitState(t, j, job.Org, "completed")
	enqueueRun(t, j, job)
	require.Equal(t, job.Run, desk.next().Run, "what has ended may be asked for again")
}

func TestARunDoesNotWaitForUploads(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	files, runs := newDesk(t), newRunDesk(t)
	o := files.options()
	o.AgentWorkers, o.Run, o.GiveUpRun = 3, runs.run, runs.giveUp
	j := open(t, pool, o)
	stop := run(t, j)
	for _, category := range []file.Category{file.Document, file.Audio} { // all places there are
		require.NoError(t, j.Enqueue(t.Context(), newJob(), category, 1))
		files.next()
	}
	screenshot := newJob()
	enqueue(t, j, screenshot)
	for range 3 {
		enqueueRun(t, j, newRun())
	}
	var calls []runCall
	for range 3 {
		calls = append(calls, runs.next())
	}
	require.Equal(t, "available", only(t, j, screenshot.Org).State)
	for _, c := range calls {
		c.end <- nil
		awaitState(t, j, c.Org, "completed")
	}
	require.Equal(t, "available", only(t, j, screenshot.Org).State, "a run that has ended leaves no place to an upload")
	stop()
}

func TestAProcessDoesWhatItHasWorkersFor(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	files, runs := newDesk(t), newRunDesk(t)
	reader, agent := open(t, pool, files.options()), open(t, pool, runs.options())
	upload, asked := newJob(), newRun()
	enqueue(t, agent, upload)
	enqueueRun(t, reader, asked)
	stop := run(t, reader)
	files.next().end <- nil
	awaitState(t, reader, upload.Org, "completed")
	stop()
	require.Equal(t, "available", only(t, reader, asked.Org).State)
	second := newJob()
	enqueue(t, agent, second)
	run(t, agent)
	runs.next().end <- nil
	awaitState(t, agent, asked.Org, "completed")
	require.Equal(t, "available", only(t, agent, second.Org).State)
}

func TestARunIsTakenOverWhenItsWorkerIsKilled(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newRunDesk(t)
	j := open(t, pool, desk.options())
	job := newRun()
	enqueueRun(t, j, job)
	cmd, output := program(t, pool)
	line, err := output.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "took "+job.Run.String()+"\n", line)
	require.NoError(t, cmd.Process.Kill())
	execute(t, pool, `UPDATE jobs.workers SET seen_at = '-infinity'`) // the lease is over
	run(t, j)
	require.Equal(t, job, desk.next().RunJob)
	taken := only(t, j, job.Org)
	require.Equal(t, "suspect_runs", taken.Queue)
	require.Equal(t, 2, taken.Attempt, "a try that killed a worker counts")
	require.Equal(t, "its worker died", taken.Errors[0].Error)
}

func TestRunsThatAreTakenOverAreDoneOneAtATime(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newRunDesk(t)
	o := desk.options()
	o.AgentWorkers = 3
	j := open(t, pool, o)
	suspects := map[uuid.UUID]bool{}
	for range 2 {
		job := newRun()
		suspects[job.Run] = true
		enqueueRun(t, j, job)
	}
	upload := newJob()
	enqueue(t, j, upload)
	execute(t, pool, `UPDATE jobs.river_job SET state = 'running', attempt = 1, attempted_at = now(), attempted_by = '{dead}'`)
	run(t, j)
	first, fresh := desk.next(), newRun()
	require.True(t, suspects[first.Run])
	enqueueRun(t, j, fresh)
	require.Equal(t, fresh.Run, desk.next().Run, "there is room beside it")
	require.Len(t, rows[string](t, pool, `SELECT queue FROM jobs.river_job WHERE state = 'available' AND attempt = 1 AND queue = 'suspect_runs'`), 1,
		"the other has not begun another try")
	first.end <- nil
	second := desk.next()
	require.True(t, suspects[second.Run])
	require.NotEqual(t, first.Run, second.Run)
	require.Equal(t, "suspects", only(t, j, upload.Org).Queue, "an upload has its own suspects")
}

func TestAFailingRunIsTriedFourTimesAndParked(t *testing.T) {
	t.Parallel()
	desk := newRunDesk(t)
	j := open(t, migrated(t), desk.options())
	run(t, j)
	job := newRun()
	enqueueRun(t, j, job)
	for range 4 {
		c := desk.next()
		require.Equal(t, job, c.RunJob)
		c.end <- &domain.Error{Code: "model_away", Message: "somebody's words"}
	}
	require.Equal(t, job, desk.given())
	parked := awaitState(t, j, job.Org, "parked")
	require.Len(t, parked.Errors, 4)
	require.Equal(t, "model_away", parked.Errors[3].Error)

	require.NoError(t, j.Retry(t.Context(), job.Org, parked.ID))
	desk.next().end <- nil
	awaitState(t, j, job.Org, "completed")
}

func TestARunThatPanicsIsNamedAndNotQuoted(t *testing.T) {
	t.Parallel()
	desk, log := newRunDesk(t), &logbook{}
	o := desk.options()
	o.Log = log.logger()
	o.Run = func(context.Context, commands.RunJob) error { panic("secret") }
	j := open(t, migrated(t), o)
	run(t, j)
	job := newRun()
	enqueueRun(t, j, job)
	desk.given()
	require.Equal(t, "it panicked with a string", awaitState(t, j, job.Org, "parked").Errors[0].Error)
	require.Contains(t, log.String(), "run="+job.Run.String())
	require.NotContains(t, log.String(), "secret")
}

func TestARunWhoseWorkersAllDiedIsGivenUpUntried(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newRunDesk(t)
	j := open(t, pool, desk.options())
	job := newRun()
	enqueueRun(t, j, job)
	execute(t, pool, `UPDATE jobs.river_job SET state = 'running', attempt = 4, attempted_at = now(), attempted_by = '{dead}'`)
	run(t, j)
	require.Equal(t, job.Run, desk.given().Run)
	parked := awaitState(t, j, job.Org, "parked")
	require.Equal(t, "its worker died in the middle of every try", parked.Errors[1].Error)
	require.Empty(t, desk.calls)
}

func TestARunIsNotParkedBeforeItSaysSo(t *testing.T) {
	t.Parallel()
	desk := newRunDesk(t)
	o := desk.options()
	o.Run = func(context.Context, commands.RunJob) error { return errors.New("no") }
	away := make(chan error, 1)
	away <- errors.New("the database is away")
	o.GiveUpRun = func(ctx context.Context, job commands.RunJob) error {
		select {
		case err := <-away:
			return err
		default:
			return desk.giveUp(ctx, job)
		}
	}
	j := open(t, migrated(t), o)
	run(t, j)
	job := newRun()
	enqueueRun(t, j, job)
	require.Equal(t, job.Run, desk.given().Run)
	awaitState(t, j, job.Org, "parked")
	require.Empty(t, away)
}

func TestStoppingCostsARunNoTry(t *testing.T) {
	t.Parallel()
	desk := newRunDesk(t)
	j := open(t, migrated(t), desk.options())
	job := newRun()
	stop := run(t, j)
	enqueueRun(t, j, job)
	c := desk.next()
	stop()
	require.Error(t, c.ctx.Err())
	put := only(t, j, job.Org)
	require.Equal(t, "available", put.State)
	require.Zero(t, put.Attempt)
}

func TestARunThatIsDiscardedIsGivenUp(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newRunDesk(t)
	o := desk.options()
	o.AgentWorkers = 0
	job := newRun()
	ignorant := open(t, pool, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	enqueueRun(t, ignorant, job)
	id := only(t, ignorant, job.Org).ID
	require.ErrorContains(t, ignorant.Discard(t.Context(), job.Org, id), "does not know how a run is given up")
	require.Equal(t, "available", only(t, ignorant, job.Org).State, "or it would wait for ever")

	j := open(t, pool, o)
	require.NoError(t, j.Discard(t.Context(), job.Org, id))
	require.Equal(t, job, desk.given())
	require.Equal(t, "cancelled", only(t, j, job.Org).State)
	enqueueRun(t, j, job)
}

func TestJobsOfBothKindsAreListedToTheirOrganization(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	j := open(t, pool, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	upload, asked := newJob(), newRun()
	asked.Org = upload.Org
	enqueue(t, j, upload)
	enqueueRun(t, j, asked)
	list, err := j.List(t.Context(), upload.Org, commands.JobsQuery{State: "all", Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, commands.Job{Kind: "run_agent", Queue: "agents", Run: asked.Run}, commands.Job{Kind: list[0].Kind, Queue: list[0].Queue, Run: list[0].Run, File: list[0].File})
	require.Equal(t, commands.Job{Kind: "read_file", Queue: "ocr", File: upload.File}, commands.Job{Kind: list[1].Kind, Queue: list[1].Queue, Run: list[1].Run, File: list[1].File})

	stranger := newRun().Org
	list, err = j.List(t.Context(), stranger, commands.JobsQuery{State: "all", Limit: 10})
	require.NoError(t, err)
	require.Empty(t, list)
	id := rows[int64](t, pool, `SELECT id FROM jobs.river_job WHERE kind = 'run_agent'`)[0]
	require.ErrorIs(t, j.Retry(t.Context(), stranger, id), commands.ErrNoJob)
	require.ErrorIs(t, j.Discard(t.Context(), stranger, id), commands.ErrNoJob)
	require.ErrorIs(t, j.Retry(t.Context(), asked.Org, id), commands.ErrJobState)
}

func TestAJobOfAnUnknownKindIsAnError(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	j := open(t, pool, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	job := newRun()
	enqueueRun(t, j, job)
	id := only(t, j, job.Org).ID
	execute(t, pool, `UPDATE jobs.river_job SET kind = 'other'`)
	_, err := j.List(t.Context(), job.Org, commands.JobsQuery{State: "all"})
	require.ErrorContains(t, err, `nobody knows the kind "other"`)
	require.ErrorContains(t, j.Discard(t.Context(), job.Org, id), "nobody knows")
	execute(t, pool, `DROP TABLE jobs.river_job CASCADE`)
	require.ErrorContains(t, j.EnqueueRun(t.Context(), job, true), "enqueue run "+job.Run.String())
}
