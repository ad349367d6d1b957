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

// Outdated answers those projections whose tables were made by other code, or of other tables that were. In a log without
// events there are none.
func (r *Rebuilder) Outdated(ctx context.Context, list []Projection) ([]Projection, error) {
	var empty bool
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
	if err == nil {
		err = r.Pool.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM events)`).Scan(&empty)
	}
	if err != nil {
		return nil, fmt.Errorf("read the projections' code: %w", err)
	}
	outdated := slices.DeleteFunc(slices.Clone(list), func(p Projection) bool { return codes[p.Name] == p.Code })
	if empty && len(outdated) > 0 {
		return nil, pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error { return record(ctx, tx, outdated) })
	}
	nouns := nounsOf(outdated)
	return slices.DeleteFunc(slices.Clone(list), func(p Projection) bool {
		isMadeOfThem := p.Inline == nil && slices.ContainsFunc(p.Nouns, func(noun string) bool { return slices.Contains(nouns, noun) })
		return codes[p.Name] == p.Code && !isMadeOfThem
	}), nil
}

// Renew makes those tables anew that other code has made, and tells what it does. Another instance that does it already is
// waited for, and so is the database; an event that cannot be applied is not. It ends with ctx.
func (r *Rebuilder) Renew(ctx context.Context, list []Projection, log *slog.Logger) error {
	for {
		outdated, err := r.Outdated(ctx, list)
		if err == nil && len(outdated) == 0 {
			return nil
		}
		if err == nil {
			err = r.renew(ctx, outdated, log)
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

func (r *Rebuilder) renew(ctx context.Context, outdated []Projection, log *slog.Logger) error {
	log.InfoContext(ctx, "the code of projections has changed: making their tables anew", "projections", names(outdated))
	did, err := r.Run(ctx, outdated...)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "the tables were made anew", "projections", names(outdated), "events", did.Events, "took", did.Took, "appends_waited", did.Waited)
	return nil
}
