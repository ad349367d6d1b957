package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
)

func (s *Server) jobRoutes() {
	register(s, op("list-jobs", nethttp.MethodGet, "/api/v1/admin/jobs", "List background jobs, newest first", tagFiles,
		described("Without a state those that are parked: given up, until somebody has them retried or discarded.")), s.listJobs)
	register(s, op("retry-job", nethttp.MethodPost, "/api/v1/admin/jobs/{job_id}/retry", "Have a job run again, at once", tagFiles, status202, errs(404, 409)), s.retryJob)
	register(s, op("discard-job", nethttp.MethodPost, "/api/v1/admin/jobs/{job_id}/discard", "Take a job away", tagFiles, status204, errs(404, 409)), s.discardJob)
	register(s, op("delete-job", nethttp.MethodDelete, "/api/v1/admin/jobs/{job_id}", "Take a job away, as discard does", tagFiles, status204, errs(404, 409)), s.discardJob)
}

// Job is background work.
type Job struct {
	ID          int64      `json:"id"`
	Kind        string     `json:"kind" enum:"read_file,run_agent,run_backtest,sync_integration"`
	Queue       string     `json:"queue"`
	State       string     `json:"state" example:"parked"`
	FileID      *uuid.UUID `json:"file_id" format:"uuid" doc:"The upload that it reads."`
	RunID       *uuid.UUID `json:"run_id" format:"uuid" doc:"The run of an agent that it does."`
	BacktestID  *uuid.UUID `json:"backtest_id,omitempty" format:"uuid" doc:"The backtest that it goes on with."`
	SyncID      *uuid.UUID `json:"sync_id,omitempty" format:"uuid" doc:"The sync of an integration that it goes on with."`
	Attempt     int        `json:"attempt"`
	MaxAttempts int        `json:"max_attempts"`
	CreatedAt   Timestamp  `json:"created_at"`
	ScheduledAt Timestamp  `json:"scheduled_at" doc:"When it may run."`
	AttemptedAt *Timestamp `json:"attempted_at"`
	FinalizedAt *Timestamp `json:"finalized_at"`
	Errors      []JobError `json:"errors" doc:"The first first."`
}

// JobError is what went wrong in one try.
type JobError struct {
	At      Timestamp `json:"at"`
	Attempt int       `json:"attempt"`
	Error   string    `json:"error"`
}

// JobList is a page of jobs.
type JobList struct {
	Jobs []Job `json:"jobs"`
}

func (s *Server) listJobs(ctx context.Context, in *struct {
	State string `query:"state" pattern:"^[a-z]*$" maxLength:"20" doc:"all, parked, available, running, retryable, scheduled, completed and so on."`
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"50"`
	After int64  `query:"after" minimum:"0" doc:"Jobs behind the one with this id: older ones."`
},
) (*struct{ Body JobList }, error) {
	if !callerOf(ctx).Can(domain.ManageJobs) {
		return nil, domain.ErrForbidden
	}
	jobs, err := s.Jobs.List(ctx, callerOf(ctx).Org, commands.JobsQuery{State: in.State, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	list := JobList{Jobs: make([]Job, len(jobs))}
	for i, j := range jobs {
		list.Jobs[i] = renderJob(j)
	}
	return &struct{ Body JobList }{list}, nil
}

func renderJob(j commands.Job) Job {
	shown := Job{
		ID: j.ID, Kind: j.Kind, Queue: j.Queue, State: j.State, Attempt: j.Attempt, MaxAttempts: j.MaxAttempts, CreatedAt: Timestamp(j.CreatedAt),
		ScheduledAt: Timestamp(j.ScheduledAt), AttemptedAt: optionalTime(j.AttemptedAt), FinalizedAt: optionalTime(j.FinalizedAt), Errors: make([]JobError, len(j.Errors)),
	}
	if !j.File.IsZero() {
		shown.FileID = &j.File.UUID
	}
	if j.Run != uuid.Nil {
		shown.RunID = &j.Run
	}
	if j.Backtest != uuid.Nil {
		shown.BacktestID = &j.Backtest
	}
	if j.Sync != uuid.Nil {
		shown.SyncID = &j.Sync
	}
	for i, e := range j.Errors {
		shown.Errors[i] = JobError{At: Timestamp(e.At), Attempt: e.Attempt, Error: e.Error}
	}
	return shown
}

// JobID is the path parameter of a job's routes.
type JobID struct {
	ID int64 `path:"job_id" minimum:"1"`
}

func (s *Server) retryJob(ctx context.Context, in *JobID) (*struct{}, error) {
	if !callerOf(ctx).Can(domain.ManageJobs) {
		return nil, domain.ErrForbidden
	}
	return nil, s.Jobs.Retry(ctx, callerOf(ctx).Org, in.ID)
}

func (s *Server) discardJob(ctx context.Context, in *JobID) (*struct{}, error) {
	if !callerOf(ctx).Can(domain.ManageJobs) {
		return nil, domain.ErrForbidden
	}
	return nil, s.Jobs.Discard(ctx, callerOf(ctx).Org, in.ID)
}
