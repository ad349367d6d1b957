package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketd/eventstore"
)

const (
	// swapWait is how long the swap waits for whoever uses the live tables. All who come after it wait as long.
	swapWait = "250ms"
	// longUse is how long a transaction must have been open to count as one that the swap would wait for.
	longUse = "100ms"
	// swapPause lies between two attempts, and swapPatience is when the last of them is over.
	swapPause    = 50 * time.Millisecond
	swapPatience = 2 * time.Minute
)

// ErrTablesInUse reports that somebody read or wrote the live tables without a pause.
var ErrTablesInUse = errors.New("projections: a long transaction uses the tables")

// swap puts the fresh tables in the place of the live ones.
//
// Whoever waits for a table makes all others wait behind. So the swap begins only while nobody uses the tables for long,
// and gives up soon when somebody does after all, to try again.
func (b *rebuild) swap(ctx context.Context) error {
	b.Progress("swap", 0, 0)
	for deadline := time.Now().Add(swapPatience); time.Now().Before(deadline); {
		if err := b.catchUpAlmost(ctx); err != nil {
			return err
		}
		used, err := b.usedForLong(ctx)
		if err != nil {
			return err
		}
		if !used {
			err := b.swapNow(context.WithoutCancel(ctx))
			if err == nil || !isLockTimeout(err) {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(swapPause):
		}
	}
	return ErrTablesInUse
}

// usedForLong reports whether a transaction that has been open for a while, or a vacuum, holds one of the live tables.
func (b *rebuild) usedForLong(ctx context.Context) (used bool, err error) {
	tables := make([]string, len(b.plans.relations))
	for i, r := range b.plans.relations {
		tables[i] = qualified(b.live, r.name)
	}
	err = b.conn.QueryRow(ctx, `
		SELECT EXISTS (
			SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
				AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND l.relation IN (SELECT to_regclass(name) FROM unnest($1::text[]) AS name)
				AND (a.backend_type <> 'client backend' OR a.xact_start < clock_timestamp() - $2::interval)
		)`, tables, longUse).Scan(&used)
	if err != nil {
		return false, fmt.Errorf("see who uses the tables: %w", err)
	}
	return used, nil
}

func (b *rebuild) swapNow(ctx context.Context) error {
	at := b.at
	err := b.whileNobodyAppends(ctx, b.conn, func(tx pgx.Tx) error { return b.exchange(ctx, tx) })
	if err != nil {
		b.at = at // what was caught up with is taken back
	}
	return err
}

// whileNobodyAppends runs f in a transaction that holds the lock of every append. A program that is frozen now must not
// stop them for ever.
func (b *rebuild) whileNobodyAppends(ctx context.Context, on *pgx.Conn, f func(pgx.Tx) error) error {
	var began time.Time
	err := pgx.BeginFunc(ctx, on, func(tx pgx.Tx) error {
		err := run(ctx, tx, `SET LOCAL idle_in_transaction_session_timeout = '10s'`, `SET LOCAL synchronous_commit = on`)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, eventstore.AppendLock); err != nil {
			return err
		}
		began = time.Now()
		return f(tx)
	})
	if !began.IsZero() {
		b.did.Waited = max(b.did.Waited, time.Since(began))
	}
	return err
}

// exchange does the rest while nobody appends. The feed of a table is stopped at its checkpoint: it goes on with the
// fresh one, which it finds by its name, and writes again at most what is there already.
func (b *rebuild) exchange(ctx context.Context, tx pgx.Tx) error {
	if _, err := b.catchUp(ctx, tx); err != nil {
		return err
	}
	if err := run(ctx, tx, `SET LOCAL lock_timeout = '`+swapWait+`'`); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `SELECT FROM checkpoints WHERE name = ANY($1) ORDER BY name FOR UPDATE`, names(b.list)); err != nil {
		return err
	}
	if err := run(ctx, tx, b.plans.lock()); err != nil {
		return err
	}
	now, err := readBlueprint(ctx, tx, b.live, names(b.list))
	if err != nil {
		return err
	}
	if !b.plans.same(now) {
		return ErrReshaped
	}
	if err := run(ctx, tx, b.plans.swap()...); err != nil {
		return err
	}
	return record(ctx, tx, b.list)
}
