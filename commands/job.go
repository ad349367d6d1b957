package commands

import (
	"context"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
)

// RunJob asks a worker to do a run of an agent.
type RunJob struct {
	Org         domain.OrgID
	Run         uuid.UUID
	Correlation string // the request everything started with
	Causation   string // the position of the event that asked for it
}

// RunJobs hands runs of agents to workers.
type RunJobs interface {
	// EnqueueRun asks for a run to be done, an urgent one before others: a person waits for it. To ask again is harmless.
	EnqueueRun(ctx context.Context, job RunJob, urgent bool) error
}

// Job is background work as those see it who look after it.
type Job struct {
	ID          int64
	Kind        string // "read_file", "run_agent", "run_backtest" or "sync_integration"
	Queue       string
	State       string        // "available", "running", "retryable", "parked", "completed" ...
	File        domain.FileID // that is read
	Run         uuid.UUID     // of an agent
	Backtest    uuid.UUID
	Sync        uuid.UUID // of an integration
	Attempt     int
	MaxAttempts int
	CreatedAt   time.Time
	ScheduledAt time.Time // when it may run
	AttemptedAt *time.Time
	FinalizedAt *time.Time
	Errors      []JobError // the first first
}

// JobError is what went wrong in one try.
type JobError struct {
	At      time.Time
	Attempt int
	Error   string
}

// JobsQuery selects jobs.
type JobsQuery struct {
	State string // of Job; "" those that are parked, "all" any
	After int64  // the id behind which to go on: older ones
	Limit int
}

// The refusals of jobs.
var (
	ErrNoJob    = &domain.Error{Kind: domain.NotFound, Code: "job_not_found", Message: "There is no such job."}
	ErrJobState = &domain.Error{Kind: domain.Conflict, Code: "job_state", Message: "The job's state does not allow this."}
)

// JobDesk lets people look after background work. Errors: ErrNoJob, also for a job of another organization, and
// ErrJobState.
type JobDesk interface {
	// List answers jobs, the newest first.
	List(ctx context.Context, org domain.OrgID, q JobsQuery) ([]Job, error)

	// Retry makes a job run at once that was given up, or waits for its next try.
	Retry(ctx context.Context, org domain.OrgID, id int64) error

	// Discard takes a job away that does not run.
	Discard(ctx context.Context, org domain.OrgID, id int64) error
}
