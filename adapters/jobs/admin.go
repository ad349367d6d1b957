package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"ticketd/commands"
	"ticketd/domain"
)

// ErrUnknownState refuses to list jobs of a state that there is not.
var ErrUnknownState = &domain.Error{Kind: domain.Invalid, Code: "job_state_unknown", Message: "There is no such state of a job.", Field: "state"}

const (
	anyState = "all"
	parked   = "parked" // which River calls discarded
	maxList  = 1000
)

// List answers an organization's jobs, the newest first. It returns ErrUnknownState.
func (j *Jobs) List(ctx context.Context, org domain.OrgID, q commands.JobsQuery) ([]commands.Job, error) {
	params := river.NewJobListParams().
		Where("args @> @of::jsonb", river.NamedArgs{"of": fmt.Sprintf(`{"org_id": %q}`, org)}).
		OrderBy(river.JobListOrderByID, river.SortOrderDesc).
		First(min(max(q.Limit, 1), maxList))
	if q.State == "" || q.State == parked {
		q.State = string(rivertype.JobStateDiscarded)
	}
	if q.State != anyState {
		state := rivertype.JobState(q.State)
		if !slices.Contains(rivertype.JobStates(), state) {
			return nil, ErrUnknownState
		}
		params = params.States(state)
	}
	if q.After > 0 {
		params = params.Where("id < @after", river.NamedArgs{"after": q.After})
	}
	found, err := j.client.JobList(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	jobs := make([]commands.Job, 0, len(found.Jobs))
	for _, row := range found.Jobs {
		job, err := newJob(row)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

func newJob(row *rivertype.JobRow) (commands.Job, error) {
	args, err := readWork(row)
	if err != nil {
		return commands.Job{}, err
	}
	job := commands.Job{
		ID: row.ID, Kind: row.Kind, Queue: row.Queue, State: string(row.State),
		Attempt: row.Attempt, MaxAttempts: row.MaxAttempts, CreatedAt: row.CreatedAt, ScheduledAt: row.ScheduledAt,
		AttemptedAt: row.AttemptedAt, FinalizedAt: row.FinalizedAt,
	}
	args.show(&job)
	if row.State == rivertype.JobStateDiscarded {
		job.State = parked
	}
	for _, e := range row.Errors {
		job.Errors = append(job.Errors, commands.JobError{At: e.At, Attempt: e.Attempt, Error: e.Error})
	}
	return job, nil
}

// Retry has a job done now that is parked, which gives it all its tries again, or that waits for its next try. It returns
// commands.ErrNoJob, and commands.ErrJobState for one in another state, or when the same is to be done already by another job.
func (j *Jobs) Retry(ctx context.Context, org domain.OrgID, id int64) error {
	return j.change(ctx, org, id, func(tx pgx.Tx, state rivertype.JobState) error {
		switch state {
		case rivertype.JobStateDiscarded:
			if err := j.startOver(ctx, tx, id); err != nil {
				return err
			}
		case rivertype.JobStateRetryable, rivertype.JobStateScheduled:
		case rivertype.JobStateAvailable, rivertype.JobStateCancelled, rivertype.JobStateCompleted, rivertype.JobStatePending, rivertype.JobStateRunning:
			return commands.ErrJobState
		}
		_, err := j.client.JobRetryTx(ctx, tx, id)
		return err
	})
}

// startOver forgets a parked job's tries.
func (j *Jobs) startOver(ctx context.Context, tx pgx.Tx, id int64) error {
	tag, err := tx.Exec(ctx, `
		UPDATE jobs.river_job j SET attempt = 0
		WHERE id = $1 AND NOT EXISTS (SELECT FROM jobs.river_job o WHERE o.unique_key = j.unique_key AND o.state = ANY ($2::text[]::jobs.river_job_state[]))`, id, unfinished)
	if err == nil && tag.RowsAffected() == 0 {
		return commands.ErrJobState.With("Another job does the same already.")
	}
	return err
}

// Discard removes a parked job, and calls off one that has not begun, whose file or run is given up. It returns commands.ErrNoJob,
// and commands.ErrJobState for one that runs or has ended.
func (j *Jobs) Discard(ctx context.Context, org domain.OrgID, id int64) error {
	return j.change(ctx, org, id, func(tx pgx.Tx, state rivertype.JobState) error {
		var err error
		switch state {
		case rivertype.JobStateDiscarded:
			_, err = j.client.JobDeleteTx(ctx, tx, id)
		case rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateScheduled:
			row, callOff := j.client.JobCancelTx(ctx, tx, id)
			if callOff != nil {
				return callOff
			}
			args, err := readWork(row)
			if err != nil {
				return err
			}
			return args.giveUp(ctx, j.options) // or it would wait for ever
		case rivertype.JobStateCancelled, rivertype.JobStateCompleted, rivertype.JobStateRunning:
			return commands.ErrJobState
		}
		return err
	})
}

// change does something to an organization's job, which nobody else changes meanwhile.
func (j *Jobs) change(ctx context.Context, org domain.OrgID, id int64, do func(tx pgx.Tx, state rivertype.JobState) error) error {
	err := pgx.BeginFunc(ctx, j.pool, func(tx pgx.Tx) error {
		var state string
		err := tx.QueryRow(ctx, `SELECT state::text FROM jobs.river_job WHERE args->>'org_id' = $1::uuid::text AND id = $2 FOR UPDATE`,
			org.UUID, id).Scan(&state)
		if errors.Is(err, pgx.ErrNoRows) {
			return commands.ErrNoJob
		}
		if err != nil {
			return err
		}
		return do(tx, rivertype.JobState(state))
	})
	if err != nil && domain.KindOf(err) == domain.Internal {
		return fmt.Errorf("change job %d: %w", id, err)
	}
	return err
}

// Waiting counts the jobs of all organizations that a free worker would begin with.
func (j *Jobs) Waiting(ctx context.Context) (int, error) {
	return j.count(ctx, rivertype.JobStateAvailable)
}

// Parked counts the jobs of all organizations that wait for an administrator.
func (j *Jobs) Parked(ctx context.Context) (int, error) {
	return j.count(ctx, rivertype.JobStateDiscarded)
}

func (j *Jobs) count(ctx context.Context, state rivertype.JobState) (n int, err error) {
	err = j.pool.QueryRow(ctx, `SELECT count(*) FROM jobs.river_job WHERE state = $1::text::jobs.river_job_state`, state).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count jobs: %w", err)
	}
	return n, nil
}
