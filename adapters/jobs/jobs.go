// Package jobs hands uploads and runs of agents to workers, through rows of PostgreSQL that River keeps.
//
// # Why
//
// Reading a recording takes minutes, a model's answer seconds, and a reaction must not take 100 ms. A job is a row beside the log, so it survives
// whatever happens to the processes around it: each try is counted before it begins, and a worker has its jobs only as long
// as it gives signs of life. River takes half an hour or more to notice a worker that was killed, since it can only guess
// from how long jobs take; here a person waits for the file or the answer, so workers have leases.
//
// A job carries references only: rows are kept where no erasure looks.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"ticketd/commands"
)

// tries is how often a job is tried before it is parked.
const tries = 4

// The queues. Each has workers of its own, so that a long recording never holds up a screenshot, nor either of them an
// answer.
const (
	// suspects are uploads whose worker died. A process does one of them at a time: if one kills its worker, the others are
	// not at it, and lose no further try.
	suspects      = "suspects"
	transcription = "transcription"
	ocr           = "ocr"
	extraction    = "extraction"
	// agents are runs, which wait for models and tools most of the time.
	agents = "agents"
	// suspectRuns are runs whose worker died, one at a time as well. They are apart from the uploads, which go through the
	// gate, and may be done by other processes.
	suspectRuns = "suspect_runs"
	// aside is for what nobody waits for: backtests and syncs, which may take hours, and runs of candidates. What of it killed its
	// worker stays there.
	aside = "aside"
)

// mostAside is how much of that is done in a process at a time.
const mostAside = 2

// gated lists the queues whose jobs keep a core busy, the most urgent first. Suspects have waited for a lease already, and
// take one place only.
var gated = []string{suspects, transcription, ocr, extraction}

// Options says how to work.
type Options struct {
	// Workers is how many uploads of each queue are read here at a time, of suspects one; of all queues together one more than
	// that. When more want to, those go first whose queue is more urgent. With none, this process reads none.
	Workers int
	// Process does what an upload is enqueued for. An error is worth another try, unless the job says that it was the last.
	Process func(ctx context.Context, job commands.FileJob) error
	// GiveUp says on the file that it was given up. It is called when a job is called off, and before one is parked: its last try
	// answered an error, its last try panicked, or its worker has died in the middle of every try. In the last case nothing
	// is tried any more, for the file may be what kills workers. The file may say so already, which must be harmless. An
	// error puts the job back, to be given up a little later; until then it is not parked.
	GiveUp func(ctx context.Context, job commands.FileJob) error
	// AgentWorkers is how many runs of agents are done here at a time, beside the uploads, and one more of those whose worker
	// died. With none, this process does none.
	AgentWorkers int
	// Run does a run. It is to Process what a run is to an upload, and has its own limit of time.
	Run func(ctx context.Context, job commands.RunJob) error
	// GiveUpRun says on the run that it was given up, under the rules of GiveUp. In a process without it, nobody can call a
	// run's job off.
	GiveUpRun func(ctx context.Context, job commands.RunJob) error
	// Backtest goes on with a backtest, which may take an hour; GiveUpBacktest is to it what GiveUpRun is to a run.
	Backtest       func(ctx context.Context, job commands.BacktestJob) error
	GiveUpBacktest func(ctx context.Context, job commands.BacktestJob) error
	// Sync goes on with a sync, which may take hours; GiveUpSync is to it what GiveUpRun is to a run.
	Sync       func(ctx context.Context, job commands.SyncJob) error
	GiveUpSync func(ctx context.Context, job commands.SyncJob) error
	// RetryAfter is the wait before the second try; it doubles with each. A minute without it.
	RetryAfter time.Duration
	// Lease is how long a job may hang whose worker was killed: by then another has begun with it, if one is free. A worker
	// is taken for dead when three quarters of it have passed without a sign of life, of which it gives ten a lease; one that
	// lives, but cannot reach the database, has told its jobs to stop by then. Half a minute without it.
	Lease time.Duration
	// Log hears what goes wrong.
	Log *slog.Logger
}

// Jobs is the queue of what is to be done with uploads and by agents.
type Jobs struct {
	pool     *pgxpool.Pool
	options  Options
	log      *slog.Logger // River's
	client   *river.Client[pgx.Tx]
	patience time.Duration // with jobs that are told to stop
}

// New answers a queue on a database that Migrate has prepared.
func New(pool *pgxpool.Pool, o Options) (*Jobs, error) {
	if o.GiveUp == nil || o.Workers > 0 && o.Process == nil || o.AgentWorkers > 0 && (o.Run == nil || o.GiveUpRun == nil) {
		return nil, errors.New("jobs need a way to be given up, and workers something to do with them")
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = time.Minute
	}
	if o.Lease == 0 {
		o.Lease = 30 * time.Second
	}
	j := &Jobs{pool: pool, options: o, log: slog.New(quiet{o.Log.Handler()}), patience: stopPatience}
	client, err := river.NewClient(riverpgxv5.New(pool), j.config())
	if err != nil {
		return nil, fmt.Errorf("prepare the queue of jobs: %w", err)
	}
	j.client = client
	return j, nil
}

// config is what every client of River has in common.
func (j *Jobs) config() *river.Config {
	return &river.Config{
		Schema:      schema,
		Logger:      j.log,
		MaxAttempts: tries,
		// What is enqueued this soon after something else is not announced, and waits for the next look at the queue.
		FetchCooldown:     river.FetchCooldownMin,
		FetchPollInterval: min(time.Second, j.options.Lease/10),
		JobTimeout:        -1, // Process has a limit for each stage, and Run one for the whole
		// Parked jobs wait for an administrator, however long that takes.
		DiscardedJobRetentionPeriod: -1,
		// The table is small, and making an index anew waits for every transaction there is.
		ReindexerIndexNames: []string{},
	}
}

// insert makes a job of this, unless there is one that has not ended.
func (j *Jobs) insert(ctx context.Context, args work, queue string, priority int) error {
	_, err := j.client.Insert(ctx, args, &river.InsertOpts{
		Queue: queue, Priority: priority, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: unfinished},
	})
	if err != nil {
		name, id := args.subject()
		return fmt.Errorf("enqueue %s %s: %w", name, id, err)
	}
	return nil
}

var unfinished = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
}
