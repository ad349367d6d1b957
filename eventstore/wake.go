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
// meanwhile. Under it lies one look at the head of the log every pollInterval, for all readers of an instance together: a
// wake-up that is lost costs them that long, never an event, and an instance that has nothing to do asks for little.
type notifier struct {
	pending chan struct{}
	work    sync.WaitGroup
}

const (
	channel    = "ticketd_events"
	retryAfter = time.Second
	// notifyEvery is how long one notification stands for all commits after it: each costs a transaction.
	notifyEvery = 5 * time.Millisecond
	// pollInterval is how often the head of the log is looked at, in case nobody was told that it moved.
	pollInterval = 250 * time.Millisecond
)

func (s *Postgres) startNotifier(ctx context.Context, log *slog.Logger) {
	n := &notifier{pending: make(chan struct{}, 1)}
	self := uuid.NewString()
	n.work.Go(func() { n.tell(ctx, s.pool, self, log) })
	n.work.Go(func() {
		for ctx.Err() == nil {
			if err := listen(ctx, s.pool, self, s.heard); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "listening for other instances was interrupted", "cause", err)
			}
			pause(ctx, retryAfter)
		}
	})
	n.work.Go(func() { s.watch(ctx) })
	s.notifier = n
}

// watch wakes the readers when the head of the log has moved, and when it cannot be seen: they find out for themselves.
func (s *Postgres) watch(ctx context.Context) {
	var last int64
	for pause(ctx, pollInterval); ctx.Err() == nil; pause(ctx, pollInterval) {
		patient, done := unhurried(ctx)
		head, err := s.Head(patient)
		done()
		if err != nil || head != last {
			s.wake.broadcast()
		}
		last = head
	}
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
