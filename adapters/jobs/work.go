package jobs

import (
	"context"
	"runtime/debug"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"ticketd/internal/wordless"
)

// worker does jobs of a kind for River, in one life of a process.
type worker[A work] struct {
	river.WorkerDefaults[A]
	options Options
	held    *held
	gate    *gate
}

const errAbandoned = wordless.PlainError("its worker died in the middle of every try")

// Work implements river.Worker.
func (w *worker[A]) Work(ctx context.Context, job *river.Job[A]) error {
	w.held.take(job.ID)
	defer w.held.release(job.ID)
	last := job.Attempt >= job.MaxAttempts
	var err error = errAbandoned
	if job.Attempt <= job.MaxAttempts {
		err = w.try(ctx, job.Args, last)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Canceled // River puts it back, and the try does not count
	case !last:
		return wordless.Of(err)
	}
	return w.park(ctx, job.ID, job.Args, err)
}

// Middleware implements river.Worker. The place of a job that went through the gate is free when it has ended, even if it
// could not be read.
func (w *worker[A]) Middleware(row *rivertype.JobRow) []rivertype.WorkerMiddleware {
	if !slices.Contains(gated, row.Queue) {
		return nil
	}
	return []rivertype.WorkerMiddleware{river.WorkerMiddlewareFunc(func(ctx context.Context, _ *rivertype.JobRow, work func(context.Context) error) error {
		defer w.gate.leave()
		return work(ctx)
	})}
}

// try does the job. A panic is an error like others: River would keep what it says.
func (w *worker[A]) try(ctx context.Context, args A, last bool) (err error) {
	defer func() {
		if value := recover(); value != nil {
			name, id := args.subject()
			err = wordless.Panicked(value)
			w.options.Log.WarnContext(ctx, "a job panicked", name, id, "cause", err, "stack", string(debug.Stack()))
		}
	}()
	return args.do(ctx, w.options, last)
}

// park gives up what the job is about, and then the job.
func (w *worker[A]) park(ctx context.Context, job int64, args A, cause error) error {
	name, id := args.subject()
	if err := args.giveUp(ctx, w.options); err != nil {
		if ctx.Err() != nil {
			return context.Canceled
		}
		w.options.Log.WarnContext(ctx, "a job could not be given up yet", "job", job, name, id, "cause", wordless.Of(err))
		return river.JobSnooze(w.options.RetryAfter)
	}
	w.options.Log.WarnContext(ctx, "a job was parked after its last try", "job", job, name, id, "cause", wordless.Of(cause))
	return wordless.Of(cause)
}

// NextRetry implements river.Worker.
func (w *worker[A]) NextRetry(job *river.Job[A]) time.Time {
	return time.Now().Add(w.options.RetryAfter << (job.Attempt - 1))
}
