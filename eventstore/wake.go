package eventstore

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// wake tells everybody who waits that something was committed.
type wake struct {
	mu sync.Mutex
	ch chan struct{}
}

func newWake() *wake { return &wake{ch: make(chan struct{})} }

func (w *wake) wait() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ch
}

func (w *wake) broadcast() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.ch)
	w.ch = make(chan struct{})
}

// notifier wakes the readers of other instances, and ours when others commit.
//
// # Why
//
// NOTIFY inside a commit serializes all commits behind one lock and cost nine tenths of the throughput. Here it runs
// after the commit, in a transaction of its own that waits for no disk, and one stands for as many commits as came in
// meanwhile. A wake-up that is lost costs a reader its poll interval, never an event.
type notifier struct {
	pending chan struct{}
	work    sync.WaitGroup
}

const (
	channel    = "ticketd_events"
	retryAfter = time.Second
	// notifyEvery is how long one notification stands for all commits after it: each costs a transaction.
	notifyEvery = 5 * time.Millisecond
)

func startNotifier(ctx context.Context, pool *pgxpool.Pool, heard func(), log *slog.Logger) *notifier {
	n := &notifier{pending: make(chan struct{}, 1)}
	self := uuid.NewString()
	n.work.Go(func() { n.tell(ctx, pool, self, log) })
	n.work.Go(func() {
		for ctx.Err() == nil {
			if err := listen(ctx, pool, self, heard); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "listening for other instances was interrupted", "cause", err)
			}
			pause(ctx, retryAfter)
		}
	})
	return n
}

func (n *notifier) poke() {
	select {
	case n.pending <- struct{}{}:
	default:
	}
}

func (n *notifier) wait() { n.work.Wait() }

func (n *notifier) tell(ctx context.Context, pool *pgxpool.Pool, self string, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.pending:
		}
		_, err := pool.Exec(ctx, `SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)`, channel, self)
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "other instances were not woken", "cause", err)
			pause(ctx, retryAfter)
		}
		pause(ctx, notifyEvery)
	}
}

func listen(ctx context.Context, pool *pgxpool.Pool, self string, heard func()) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	raw := conn.Hijack() // a listening connection must not go back to the pool
	defer func() { _ = raw.Close(context.WithoutCancel(ctx)) }()
	if _, err := raw.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	heard() // of what was committed before we listened
	for {
		n, err := raw.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		if n.Payload != self {
			heard()
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
