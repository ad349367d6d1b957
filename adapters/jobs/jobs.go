// Package jobs hands uploads to workers, through rows of PostgreSQL that River keeps.
//
// # Why
//
// Reading a recording takes minutes, and a reaction must not take 100 ms. A job is a row beside the log, so it survives
// whatever happens to the processes around it: each try is counted before it begins, and a worker has its jobs only as long
// as it gives signs of life. River takes half an hour or more to notice a worker that was killed, since it can only guess
// from how long jobs take; here a person waits for the file, so workers have leases.
//
// A job carries references only: rows are kept where no erasure looks.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
)

// tries is how often a job is tried before it is parked.
const tries = 4

// The queues. Each has workers of its own, so that a long recording never holds up a screenshot.
const (
	// suspects are jobs whose worker died, of any kind. A process does one of them at a time: if one kills its worker, the
	// others are not at it, and lose no further try.
	suspects      = "suspects"
	transcription = "transcription"
	ocr           = "ocr"
	extraction    = "extraction"
)

// queues lists them, the most urgent first. Suspects have waited for a lease already, and take one place only.
var queues = []string{suspects, transcription, ocr, extraction}

// Options says how to work.
type Options struct {
	// Workers is how many jobs of each queue run here at a time, of suspects one; of all queues together one more than that.
	// When more want to, those go first whose queue is more urgent. With none, this process enqueues and administers only.
	Workers int
	// Process does a job. An error is worth another try, unless the job says that it was the last.
	Process func(ctx context.Context, job commands.FileJob) error
	// GiveUp says on the file that it was given up. It is called when a job is called off, and before one is parked: its last try
	// answered an error, its last try panicked, or its worker has died in the middle of every try. In the last case nothing
	// is tried any more, for the file may be what kills workers. The file may say so already, which must be harmless. An
	// error puts the job back, to be given up a little later; until then it is not parked.
	GiveUp func(ctx context.Context, job commands.FileJob) error
	// RetryAfter is the wait before the second try; it doubles with each. A minute without it.
	RetryAfter time.Duration
	// Lease is how long a job may hang whose worker was killed: by then another has begun with it, if one is free. A worker
	// is taken for dead when three quarters of it have passed without a sign of life, of which it gives ten a lease; one that
	// lives, but cannot reach the database, has told its jobs to stop by then. Half a minute without it.
	Lease time.Duration
	// Log hears what goes wrong.
	Log *slog.Logger
}

// Jobs is the queue of what is to be done with uploads.
type Jobs struct {
	pool     *pgxpool.Pool
	options  Options
	log      *slog.Logger // River's
	client   *river.Client[pgx.Tx]
	patience time.Duration // with jobs that are told to stop
}

// New answers a queue on a database that Migrate has prepared.
func New(pool *pgxpool.Pool, o Options) (*Jobs, error) {
	if o.GiveUp == nil || o.Workers > 0 && o.Process == nil {
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
		JobTimeout:        -1, // Process has a limit for each stage
		// Parked jobs wait for an administrator, however long that takes.
		DiscardedJobRetentionPeriod: -1,
		// The table is small, and making an index anew waits for every transaction there is.
		ReindexerIndexNames: []string{},
	}
}

// readFile is what a job carries. The names are stored.
type readFile struct {
	Org         uuid.UUID `json:"org_id" river:"unique"`
	File        uuid.UUID `json:"file_id" river:"unique"`
	Run         int       `json:"run" river:"unique"`
	Correlation string    `json:"correlation"`
	Causation   string    `json:"causation"`
}

// Kind implements river.JobArgs. The name is stored.
func (readFile) Kind() string { return "read_file" }

// Enqueue implements commands.FileJobs. The job is written beside the transaction that moves the reaction's checkpoint, and
// not in it: the reaction may repeat, so a job is enqueued at least once. The same upload and run are one job until it has
// ended, which makes a repetition harmless; what asks for it even later finds the stages made.
func (j *Jobs) Enqueue(ctx context.Context, job commands.FileJob, category file.Category, run int) error {
	args := readFile{Org: job.Org.UUID, File: job.File.UUID, Run: run, Correlation: job.Correlation, Causation: job.Causation}
	_, err := j.client.Insert(ctx, args, &river.InsertOpts{
		Queue: queueOf(category), UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: unfinished},
	})
	if err != nil {
		return fmt.Errorf("enqueue file %s: %w", job.File, err)
	}
	return nil
}

var unfinished = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
}

// queueOf answers who reads a category.
func queueOf(c file.Category) string {
	switch c {
	case file.Audio, file.Video:
		return transcription
	case file.Image:
		return ocr
	case file.Document, file.Spreadsheet, file.Presentation, file.Archive, file.Text, file.Code, file.Other:
	}
	return extraction
}

// fileJob is the job as those who do it know it.
func (a readFile) fileJob(last bool) commands.FileJob {
	return commands.FileJob{
		Org: domain.OrgID{UUID: a.Org}, File: domain.FileID{UUID: a.File}, Correlation: a.Correlation, Causation: a.Causation, Last: last,
	}
}
