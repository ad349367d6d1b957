package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketd/eventstore"
)

// retryRebuild is how long a rebuild waits for another one, or for the database, before it is tried again.
const retryRebuild = time.Second

// record keeps the code that the tables are made with.
func record(ctx context.Context, q querier, list []Projection) error {
	b := &pgx.Batch{}
	for _, p := range list {
		b.Queue(`INSERT INTO projections (name, code, rebuilt_at) VALUES ($1, $2, now())
			ON CONFLICT (name) DO UPDATE SET code = excluded.code, rebuilt_at = excluded.rebuilt_at`, p.Name, p.Code)
	}
	if err := q.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("record the projections' code: %w", err)
	}
	return nil
}

// codes answers the code that each table was made with.
func (r *Rebuilder) codes(ctx context.Context) (map[string]int, error) {
	codes := map[string]int{}
	rows, err := r.Pool.Query(ctx, `SELECT name, code FROM projections`)
	if err != nil {
		return nil, fmt.Errorf("read the projections' code: %w", err)
	}
	var name string
	var code int
	_, err = pgx.ForEachRow(rows, []any{&name, &code}, func() error {
		codes[name] = code
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the projections' code: %w", err)
	}
	return codes, nil
}

// Outdated answers those projections whose tables were made by older code, or by nobody knows which, or of other tables
// that were. In a log without events there are none.
//
// # Why
//
// A table of newer code is left alone. While instances are replaced one by one, an old one may start once more, and must
// not take back what a new one has made. Whoever takes the program back for good runs `ticketd rebuild`, which makes the
// tables anew whatever their code was, and records that it is the older one now.
func (r *Rebuilder) Outdated(ctx context.Context, list []Projection) ([]Projection, error) {
	codes, err := r.codes(ctx)
	if err != nil {
		return nil, err
	}
	older := slices.DeleteFunc(slices.Clone(list), func(p Projection) bool { return codes[p.Name] >= p.Code })
	if len(older) == 0 {
		return nil, nil
	}
	begun, err := r.begun(ctx, older)
	if err != nil || !begun {
		return nil, err
	}
	nouns := nounsOf(older)
	return slices.DeleteFunc(slices.Clone(list), func(p Projection) bool {
		isMadeOfThem := p.Inline == nil && slices.ContainsFunc(p.Nouns, func(noun string) bool { return slices.Contains(nouns, noun) })
		return codes[p.Name] > p.Code || codes[p.Name] == p.Code && !isMadeOfThem
	}), nil
}

// begun reports whether the log has events. The tables of one that has none are what any code makes of it, which is
// recorded here: under the lock of every append, for a restore may be about to bring events whose tables are still empty.
func (r *Rebuilder) begun(ctx context.Context, list []Projection) (begun bool, err error) {
	const anything = `SELECT EXISTS (SELECT FROM events)`
	err = pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, anything).Scan(&begun); err != nil || begun {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, eventstore.AppendLock); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, anything).Scan(&begun); err != nil || begun {
			return err
		}
		return record(ctx, tx, list)
	})
	if err != nil {
		return false, fmt.Errorf("see whether there are events: %w", err)
	}
	return begun, nil
}

// Renew makes those tables anew that older code has made, and tells what it does. First it clears what a rebuild that was
// killed has left. Another instance that does it already is waited for, and so is the database; an event that cannot be
// applied is not. It ends with ctx.
func (r *Rebuilder) Renew(ctx context.Context, list []Projection, log *slog.Logger) error {
	for told := false; ; {
		err := r.Clear(ctx)
		if err == nil || errors.Is(err, ErrRebuilding) {
			told = told || r.tellNewer(ctx, list, log)
			var outdated []Projection
			if outdated, err = r.Outdated(ctx, list); err == nil && len(outdated) == 0 {
				return nil
			}
		}
		if err == nil {
			err = r.renew(ctx, list, log)
		}
		if _, poison := errors.AsType[*eventstore.PoisonError](err); poison {
			return err
		}
		if err != nil && !errors.Is(err, ErrRebuilding) && ctx.Err() == nil {
			log.WarnContext(ctx, "tables of the read side were not made anew and will be tried again", "cause", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryRebuild):
		}
	}
}

// tellNewer says which tables are left alone although their code is not ours.
func (r *Rebuilder) tellNewer(ctx context.Context, list []Projection, log *slog.Logger) (told bool) {
	codes, err := r.codes(ctx)
	newer := slices.DeleteFunc(slices.Clone(list), func(p Projection) bool { return codes[p.Name] <= p.Code })
	if len(newer) > 0 {
		log.WarnContext(ctx, "a newer program has made tables of the read side; this one leaves them as they are", "projections", names(newer))
	}
	return err == nil
}

// renew looks once more when nobody else can make tables: another instance may just have made them, or a newer one.
func (r *Rebuilder) renew(ctx context.Context, list []Projection, log *slog.Logger) error {
	var outdated []Projection
	did, err := r.run(ctx, func(ctx context.Context) (_ []Projection, err error) {
		if outdated, err = r.Outdated(ctx, list); len(outdated) > 0 {
			log.InfoContext(ctx, "the code of projections has changed: making their tables anew", "projections", names(outdated))
		}
		return outdated, err
	})
	if err != nil || len(outdated) == 0 {
		return err
	}
	log.InfoContext(ctx, "the tables were made anew", "projections", names(outdated), "events", did.Events, "took", did.Took, "appends_waited", did.Waited)
	return nil
}
