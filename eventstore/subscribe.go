package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// feedBatch is how many events are read at a time: enough for folding to pay, little enough to hold in memory.
	feedBatch = 2000
	// standbyInterval is how often an instance looks whether the one that does the work still does it.
	standbyInterval = time.Second
	// saveInterval is how much work without writes, which is harmless to repeat, a crash may cause again.
	saveInterval = 50 * time.Millisecond
)

// Handle is given committed events in position order. What it queues on w commits together with the checkpoint. It must
// not do slow work: whoever comes next in the log waits for it.
type Handle func(ctx context.Context, w *pgx.Batch, events []Recorded) error

// Feed delivers every event once to a named subscriber, over restarts and over instances.
type Feed struct {
	Store *Postgres
	Pool  *pgxpool.Pool
	Log   *slog.Logger

	troubled sync.Map // since when each subscriber that cannot go on is waiting for the database
}

// Run follows the log from the subscriber's checkpoint until ctx ends. Database trouble is waited out; an error or a
// panic of h, a write of it that PostgreSQL refuses, or an unreadable event ends it with a *PoisonError, and the
// checkpoint stays before that batch.
//
// Several instances may run the same name. The checkpoint's row lets one of them commit a batch; the others stand by
// and take over when it makes no headway.
func (f *Feed) Run(ctx context.Context, name string, h Handle) error {
	for ctx.Err() == nil {
		err := f.follow(ctx, name, h)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // a handler that gave up because it was asked to has met no poison
		}
		if poison, ok := errors.AsType[*PoisonError](err); ok {
			return poison
		}
		if err != nil {
			f.troubled.LoadOrStore(name, time.Now())
			f.Log.WarnContext(ctx, "a subscriber lost the database and will go on", "subscriber", name, "cause", err)
			pause(ctx, retryAfter)
		}
	}
	return nil
}

func (f *Feed) follow(ctx context.Context, name string, h Handle) error {
	at, err := f.checkpoint(ctx, name)
	if err != nil {
		return err
	}
	saved, savedAt := at, time.Now()
	for ctx.Err() == nil {
		woken := f.Store.Woken()
		events, all, err := next(ctx, f.Store, at)
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		if len(events) > 0 {
			if err := h.survive(ctx, b, events); err != nil {
				return &PoisonError{Position: events[0].Position, Err: err}
			}
			at = events[len(events)-1].Position
		}
		// What asked for no writes needs no checkpoint at once: read again after a crash, it does no harm. But it must move
		// while there is work, or an instance that stands by would think that nobody does it.
		if b.Len() > 0 || at > saved && time.Since(savedAt) > saveInterval {
			if at, err = f.save(ctx, name, saved, at, b); err != nil {
				return err
			}
			saved, savedAt = at, time.Now()
		}
		f.troubled.Delete(name)
		if all {
			var idle <-chan time.Time
			if at > saved {
				idle = time.After(saveInterval)
			}
			await(ctx, woken, idle)
		}
	}
	return nil
}

// Waiting answers the subscribers that have waited for the database for longer than that.
func (f *Feed) Waiting(longer time.Duration) (names []string) {
	f.troubled.Range(func(name, since any) bool {
		if began, ok := since.(time.Time); ok && time.Since(began) > longer {
			names = append(names, fmt.Sprint(name))
		}
		return true
	})
	slices.Sort(names)
	return names
}

// survive turns a panic into an error. It would end the process, and every process after it that meets the same event.
func (h Handle) survive(ctx context.Context, w *pgx.Batch, events []Recorded) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	return h(ctx, w, events)
}

// save moves the checkpoint with the writes, and answers where to go on: there, or where another instance has come to.
func (f *Feed) save(ctx context.Context, name string, from, to int64, writes *pgx.Batch) (int64, error) {
	moved, err := f.advance(ctx, name, from, to, writes)
	switch {
	case isFault(err):
		return from, &PoisonError{Position: from + 1, Err: err}
	case err != nil:
		return from, fmt.Errorf("advance %s: %w", name, err)
	case moved:
		return to, nil
	}
	return f.standby(ctx, name)
}

// standby waits until the checkpoint stops moving although there is more to read, and answers where it stands.
func (f *Feed) standby(ctx context.Context, name string) (int64, error) {
	last, err := f.checkpoint(ctx, name)
	for err == nil && ctx.Err() == nil {
		pause(ctx, standbyInterval)
		var at, head int64
		if at, err = f.checkpoint(ctx, name); err != nil {
			break
		}
		if head, err = f.Store.Head(ctx); err == nil && at == last && at < head {
			return at, nil
		}
		last = at
	}
	return last, err
}

// Await waits until a subscriber has come as far as a position.
func (f *Feed) Await(ctx context.Context, name string, position int64) error {
	for {
		at, err := f.checkpoint(ctx, name)
		if err != nil || at >= position {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s is at %d, not yet at %d: %w", name, at, position, ctx.Err())
		}
		pause(ctx, retryAfter)
	}
}

func (f *Feed) checkpoint(ctx context.Context, name string) (at int64, err error) {
	err = f.Pool.QueryRow(ctx, `SELECT position FROM checkpoints WHERE name = $1`, name).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		_, err = f.Pool.Exec(ctx, `INSERT INTO checkpoints (name, position) VALUES ($1, 0) ON CONFLICT DO NOTHING`, name)
	}
	if err != nil {
		return 0, fmt.Errorf("checkpoint %s: %w", name, err)
	}
	return at, nil
}

// advance commits the checkpoint with what the handler queued; false, and nothing written, when another instance was
// first. The checkpoint's row locks out a second instance until we commit.
func (f *Feed) advance(ctx context.Context, name string, from, to int64, writes *pgx.Batch) (moved bool, err error) {
	ctx, done := unhurried(ctx)
	defer done()
	conn, err := f.Pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release() // closes the connection if the transaction is still open
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	// A frozen instance must not hold the row for ever. And nothing waits for the disk: what a crash takes back, it takes
	// back together with the checkpoint.
	b.Queue(`SELECT set_config('idle_in_transaction_session_timeout', '10s', true), set_config('synchronous_commit', 'off', true), ` + planOnce)
	b.Queue(`UPDATE checkpoints SET position = $3 WHERE name = $1 AND position = $2`, name, from, to).Exec(func(tag pgconn.CommandTag) error {
		moved = tag.RowsAffected() == 1
		return nil
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return false, err
	}
	if !moved {
		_, err := conn.Exec(ctx, "ROLLBACK")
		return false, err
	}
	writes.Queue("COMMIT")
	return true, conn.SendBatch(ctx, writes).Close()
}

// faults are the classes of SQLSTATE that the statements themselves cause: a row written twice, bad data, a broken
// constraint, wrong SQL, what is larger than the server takes, what a function raises. Not 0A: it also says that a plan
// was made before a table changed.
var faults = []string{"21", "22", "23", "42", "54", "P0"}

// isFault reports an error that the next attempt would meet again. Whatever else goes wrong may go right then: a full
// disk (class 53) is emptied, a server that ends (57) is started.
func isFault(err error) bool {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains(faults, answer.Code[:2])
}

// next is r.Next as far as the events can be read: what stands before one that cannot is handed over first.
func next(ctx context.Context, r Reader, after int64) (events []Recorded, all bool, err error) {
	events, all, err = r.Next(ctx, after)
	poison, ok := errors.AsType[*PoisonError](err)
	if !ok || poison.Position == after+1 {
		return events, all, err
	}
	ctx, done := unhurried(ctx)
	defer done()
	before, failure := r.Read(ctx, Query{After: after, Upto: poison.Position - 1, Limit: feedBatch})
	if failure == nil && len(before) == 0 {
		failure = poison
	}
	return before, false, failure
}

func await(ctx context.Context, woken <-chan struct{}, idle <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-woken:
	case <-idle:
	}
}

// Tail follows the log from a position until ctx ends, for those who keep no checkpoint: sockets and caches of this
// instance. Database trouble is waited out; an unreadable event, with a *PoisonError after all that stands before it was
// handed over, or an error of h ends it.
func Tail(ctx context.Context, r Reader, after int64, log *slog.Logger, h func(context.Context, []Recorded) error) error {
	for ctx.Err() == nil {
		woken := r.Woken()
		events, all, err := next(ctx, r, after)
		if poison, ok := errors.AsType[*PoisonError](err); ok {
			return poison
		}
		if err != nil {
			if ctx.Err() == nil {
				log.WarnContext(ctx, "following the log was interrupted", "cause", err)
				pause(ctx, retryAfter)
			}
			continue
		}
		if len(events) > 0 {
			if err := h(ctx, events); err != nil {
				return err
			}
			after = events[len(events)-1].Position
		}
		if all {
			await(ctx, woken, nil)
		}
	}
	return nil
}
