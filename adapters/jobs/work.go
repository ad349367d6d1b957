package jobs

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"ticketd/commands"
	"ticketd/internal/wordless"
)

// worker does jobs for River, in one life of a process.
type worker struct {
	river.WorkerDefaults[readFile]
	options Options
	held    *held
	gate    *gate
}

const errAbandoned = wordless.PlainError("its worker died in the middle of every try")

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, job *river.Job[readFile]) error {
	w.held.take(job.ID)
	defer w.held.release(job.ID)
	asked := job.Args.fileJob(job.Attempt >= job.MaxAttempts)
	var err error = errAbandoned
	if job.Attempt <= job.MaxAttempts {
		err = w.process(ctx, asked)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Canceled // River puts it back, and the try does not count
	case !asked.Last:
		return wordless.Of(err)
	}
	return w.park(ctx, job.ID, asked, err)
}

// Middleware implements river.Worker. A job's place is free when it has ended, even if it could not be read.
func (w *worker) Middleware(*rivertype.JobRow) []rivertype.WorkerMiddleware {
	return []rivertype.WorkerMiddleware{river.WorkerMiddlewareFunc(func(ctx context.Context, _ *rivertype.JobRow, work func(context.Context) error) error {
		defer w.gate.leave()
		return work(ctx)
	})}
}

// process does the job. A panic is an error like others: River would keep what it says.
func (w *worker) process(ctx context.Context, job commands.FileJob) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = wordless.PlainError(fmt.Sprintf("it panicked with a %T", value)) // which may be what somebody wrote
			w.options.Log.WarnContext(ctx, "a job panicked", "file", job.File, "cause", err, "stack", string(debug.Stack()))
		}
	}()
	return w.options.Process(ctx, job)
}

// park gives the file up, and then the job.
func (w *worker) park(ctx context.Context, id int64, job commands.FileJob, cause error) error {
	if err := w.options.GiveUp(ctx, job); err != nil {
		if ctx.Err() != nil {
			return context.Canceled
		}
		w.options.Log.WarnContext(ctx, "a job could not be given up yet", "job", id, "file", job.File, "cause", wordless.Of(err))
		return river.JobSnooze(w.options.RetryAfter)
	}
	w.options.Log.WarnContext(ctx, "a job was parked after its last try", "job", id, "file", job.File, "cause", wordless.Of(cause))
	return wordless.Of(cause)
}

// NextRetry implements river.Worker.
func (w *worker) NextRetry(job *river.Job[readFile]) time.Time {
	return time.Now().Add(w.options.RetryAfter << (job.Attempt - 1))
}
