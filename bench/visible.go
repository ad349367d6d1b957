package main

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

const searchFeed = "ticket_search"

// benchVisible measures how long after Append a projection of its own transaction, the full-text index, has committed.
// The limit is the least such a thing must do: read the event, and commit one row.
func benchVisible(ctx context.Context, l *lab, o options, out io.Writer) error {
	_, pool, err := l.open(ctx, "visible")
	if err != nil {
		return err
	}
	defer pool.Close()
	v, err := openVisibility(ctx, pool, l.log)
	if err != nil {
		return err
	}
	defer v.close()
	results := newTable("what", "samples:", "p50 ms:", "p99 ms:", "target p50 / p99:")
	for _, line := range []struct {
		what, target string
		idle         bool
		measure      func(context.Context, time.Duration) (sample, error)
	}{
		{"limit: read one event, commit one row", "", false, v.limit},
		{"commit to visible", "1 / 2.5", false, v.measure},
		{"the same, a transaction left open in another database", "1 / 2.5", true, v.measure},
	} {
		s := &series{}
		for range o.rounds {
			measured, err := v.once(ctx, l.server, line.idle, o.span, line.measure)
			if err != nil {
				return err
			}
			s.add(measured, measured)
		}
		results.add(line.what, strconv.Itoa(medianOf(s.samples, func(m sample) int { return m.done })), ms(s.p50()), ms(s.p99()), line.target)
	}
	results.write(out, "From commit to read model", "From the moment Append returns until the search index's transaction is seen from another connection.")
	return nil
}

// visibility is a store, and what keeps the search index.
type visibility struct {
	pool  *pgxpool.Pool
	store *eventstore.Postgres
	close func()
}

func openVisibility(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) (*visibility, error) {
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	if err != nil {
		return nil, err
	}
	inline := []eventstore.Inline{projections.NewTickets(pool), projections.NewComments(pool)}
	store := eventstore.Open(ctx, pool, catalog.Codec, keys, eventstore.Options{Inline: inline, Log: log})
	runner := projections.NewRunner(&eventstore.Feed{Store: store, Pool: pool, Log: log}, log,
		projections.TicketSearch())
	ctx, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { runner.Run(ctx) })
	return &visibility{pool: pool, store: store, close: func() {
		stop()
		work.Wait()
		store.Close()
	}}, nil
}

// once measures, with a transaction left open elsewhere if that is wanted.
func (v *visibility) once(ctx context.Context, elsewhere string, open bool, span time.Duration, measure func(context.Context, time.Duration) (sample, error)) (sample, error) {
	if open {
		idler, err := pgx.Connect(ctx, elsewhere)
		if err != nil {
			return sample{}, err
		}
		defer idler.Close(ctx) //nolint:errcheck // that ends its transaction
		if _, err := idler.Exec(ctx, "BEGIN; SELECT pg_current_xact_id()"); err != nil {
			return sample{}, err
		}
	}
	return measure(ctx, span)
}

// measure opens tickets one after the other, and watches the feed's checkpoint.
func (v *visibility) measure(ctx context.Context, span time.Duration) (sample, error) {
	author := domain.UserID{UUID: uuid.New()}
	var took []time.Duration
	for end := time.Now().Add(span); time.Now().Before(end); {
		written, err := v.store.Append(ctx, eventstore.Metadata{}, eventstore.Write{
			Stream: eventstore.Stream{Org: author.UUID, ID: uuid.Must(uuid.NewV7())}, Events: []any{opened(author)},
		})
		if err != nil {
			return sample{}, err
		}
		start := time.Now()
		for at := int64(0); at < written[0].Position(); {
			if err := v.pool.QueryRow(ctx, `SELECT coalesce(max(position), 0) FROM checkpoints WHERE name = $1`, searchFeed).Scan(&at); err != nil {
				return sample{}, err
			}
		}
		took = append(took, time.Since(start))
	}
	return v.sorted(took, span), nil
}

// limit does by hand what every projection must: read, write, commit.
func (v *visibility) limit(ctx context.Context, span time.Duration) (sample, error) {
	const read = `SELECT position, data FROM events WHERE position > $1 ORDER BY position LIMIT 1`
	const write = `INSERT INTO checkpoints (name, position) VALUES ('limit', $1) ON CONFLICT (name) DO UPDATE SET position = excluded.position + 1`
	var took []time.Duration
	for end := time.Now().Add(span); time.Now().Before(end); {
		start := time.Now()
		if _, err := v.pool.Exec(ctx, read, 0); err != nil {
			return sample{}, err
		}
		if _, err := v.pool.Exec(ctx, write, len(took)); err != nil {
			return sample{}, err
		}
		took = append(took, time.Since(start))
	}
	return v.sorted(took, span), nil
}

// sorted leaves out the first tenth, which prepares statements and fills caches.
func (*visibility) sorted(took []time.Duration, span time.Duration) sample {
	return summary(slices.Clone(took[len(took)/10:]), span)
}
