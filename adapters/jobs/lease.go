package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// lease is how long a worker has its jobs.
type lease struct {
	pool    *pgxpool.Pool
	log     *slog.Logger
	name    string
	every   time.Duration // between two signs of life
	silence time.Duration // after which a worker is taken for dead
	held    *held
	renewed time.Time // when the last sign was sent: not after the database noted it
	lost    atomic.Bool
}

func newLease(j *Jobs, name string) *lease {
	l := &lease{pool: j.pool, log: j.options.Log, name: name, every: j.options.Lease / 10, silence: j.options.Lease * 3 / 4}
	l.held = &held{silence: l.silence, ended: map[int64]time.Time{}}
	return l
}

// keep renews the lease, and takes jobs from workers that have lost theirs, until ctx ends or the lease is lost: others are
// about to take our jobs.
func (l *lease) keep(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(l.every, time.Until(l.limit()))):
		}
		err := errors.Join(l.renew(ctx), l.takeOver(ctx))
		if err != nil {
			l.log.WarnContext(ctx, "the lease on jobs could not be looked after", "cause", err)
		}
		if !time.Now().Before(l.limit()) {
			l.lost.Store(true)
			return
		}
	}
}

// limit is when we have lost the lease: one beat before others may take our jobs.
func (l *lease) limit() time.Time { return l.renewed.Add(l.silence - l.every) }

// bounded is for a statement that must be over by when the lease is lost. It does not end with ctx: PostgreSQL logs a
// statement that is cancelled as an error.
func (l *lease) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadline(context.WithoutCancel(ctx), l.limit())
}

// startPatience is how much longer the first sign of life may take, before which there is nothing to lose.
const startPatience = 30 * time.Second

// begin takes the lease.
func (l *lease) begin(ctx context.Context) error {
	l.renewed = time.Now().Add(startPatience)
	return l.renew(ctx)
}

// renew gives a sign of life. The database's clock counts, which all workers share.
func (l *lease) renew(ctx context.Context) error {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	sent := time.Now()
	_, err := l.pool.Exec(ctx, `INSERT INTO jobs.workers VALUES ($1, now()) ON CONFLICT (id) DO UPDATE SET seen_at = now()`, l.name)
	if err != nil {
		return fmt.Errorf("give a sign of life: %w", err)
	}
	l.renewed = sent
	return nil
}

// end gives the lease back, so that nobody waits for it.
func (l *lease) end(ctx context.Context) error {
	if _, err := l.pool.Exec(ctx, `DELETE FROM jobs.workers WHERE id = $1`, l.name); err != nil {
		return fmt.Errorf("give the lease on jobs back: %w", err)
	}
	return nil
}

// takeOver makes the jobs of dead workers available again, and our own that we know nothing of: their row was changed, but
// the connection broke before we were told. The try they were in counts, and they are suspects from now on, an
// administrator's retry included: which of them killed the worker, nobody knows. What nobody waits for stays aside, behind
// those for whom somebody does.
func (l *lease) takeOver(ctx context.Context) error {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	tag, err := l.pool.Exec(ctx, `
		WITH dead AS (DELETE FROM jobs.workers WHERE seen_at < now() - $3::interval),
		lost AS (
			SELECT j.id FROM jobs.river_job j CROSS JOIN LATERAL (SELECT j.attempted_by[cardinality(j.attempted_by)] AS worker) last
			WHERE j.state = 'running' AND CASE worker
				WHEN $1::text THEN j.id <> ALL ($2::bigint[]) AND j.attempted_at < now() - $3::interval
				ELSE NOT EXISTS (SELECT FROM jobs.workers w WHERE w.id = worker AND w.seen_at >= now() - $3::interval) END
			ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
		)
		UPDATE jobs.river_job j SET state = 'available', queue = CASE WHEN j.queue = $7 THEN j.queue WHEN j.kind = $4 THEN $5 ELSE $6 END, scheduled_at = now(), errors = array_append(j.errors,
			jsonb_build_object('at', now(), 'attempt', j.attempt, 'error', 'its worker died', 'trace', ''))
		FROM lost WHERE j.id = lost.id`, l.name, l.held.ids(), l.silence, runAgent{}.Kind(), suspectRuns, suspects, aside)
	if err != nil {
		return fmt.Errorf("take jobs over: %w", err)
	}
	if n := tag.RowsAffected(); n > 0 {
		l.log.WarnContext(ctx, "jobs of workers that have died are taken over", "jobs", n)
	}
	return nil
}

// held is which jobs a worker knows to be its own: those it is at, and those whose end may not be written yet.
type held struct {
	silence time.Duration
	mu      sync.Mutex
	ended   map[int64]time.Time // zero while it lasts
}

func (h *held) take(id int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended[id] = time.Time{}
}

func (h *held) release(id int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended[id] = time.Now()
}

// ids answers them, and forgets what has ended long ago.
func (h *held) ids() []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.ended, func(_ int64, ended time.Time) bool { return !ended.IsZero() && time.Since(ended) > h.silence })
	return append([]int64{}, slices.Collect(maps.Keys(h.ended))...) // none is not NULL
}
