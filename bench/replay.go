package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/adapters/postgres"
	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

const (
	// replayTickets have replayEvents each.
	replayTickets = 10_000
	replayEvents  = 10
	// replayTarget is aimed at for reading and decoding the log, rebuildTarget for folding it into the tickets table.
	replayTarget  = 1.3
	rebuildTarget = 200_000
)

// benchReplay measures reading the whole log with everything decoded and unsealed, and making the tickets table anew.
// The limit is PostgreSQL's own COPY of the log to nowhere.
func benchReplay(ctx context.Context, l *lab, o options, out io.Writer) error {
	database, err := l.database(ctx, "replay")
	if err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, database)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := fillLog(ctx, pool, replayTickets); err != nil {
		return err
	}
	limit, replay, rebuild, err := replayRounds(ctx, pool, o.rounds)
	if err != nil {
		return err
	}
	results := newTable("what", "events/s:", "ratio:", "target:")
	results.add("limit: COPY TO STDOUT", whole(limit.rate()), ratio(limit.ratio()), "")
	results.add("replay, decoded", whole(replay.rate()), ratio(replay.ratio()), ratio(replayTarget))
	results.add("rebuild, folded into tickets", whole(rebuild.rate()), ratio(rebuild.ratio()), fmt.Sprintf("%d/s", rebuildTarget))
	results.write(out, "Replay", fmt.Sprintf("%d tickets with %d events each, every word sealed with two keys.", replayTickets, replayEvents))
	return nil
}

// fillLog appends the histories of some tickets, written by several people.
func fillLog(ctx context.Context, pool *pgxpool.Pool, tickets int) error {
	keys, err := rebuildKeys(pool)
	if err != nil {
		return err
	}
	store := eventstore.Open(ctx, pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{projections.NewTickets(pool)}})
	defer store.Close()
	org := uuid.Must(uuid.NewV7())
	people := make([]domain.UserID, 100)
	for i := range people {
		people[i].UUID = uuid.Must(uuid.NewV7())
	}
	var work sync.WaitGroup
	var next atomic.Int64
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for range 64 {
		work.Go(func() {
			for n := int(next.Add(1)); n <= tickets && ctx.Err() == nil; n = int(next.Add(1)) {
				by, other := people[n%len(people)], people[(n+1)%len(people)]
				history := []any{opened(by)}
				for len(history) < replayEvents {
					history = append(history, ticket.Commented{CommentID: uuid.Must(uuid.NewV7()), Author: other, Content: comment},
						ticket.Assigned{Assignee: other, By: by}, ticket.StatusChanged{From: ticket.Open, To: ticket.InProgress, By: other})
				}
				stream := eventstore.Stream{Org: org, ID: uuid.Must(uuid.NewV7())}
				m := eventstore.Metadata{Actor: eventstore.Actor{Type: "user", ID: by.UUID}, Command: "ticket.AddComment", CorrelationID: uuid.NewString()}
				if _, err := store.Append(ctx, m, eventstore.Write{Stream: stream, Events: history}); err != nil {
					cancel(err)
				}
			}
		})
	}
	work.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	_, err = pool.Exec(ctx, "VACUUM (ANALYZE) events")
	return err
}

func rebuildKeys(from eventstore.Database) (*eventstore.Keyring, error) {
	return eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: from})
}

// replayRounds takes turns: the limit, the replay, the rebuild.
func replayRounds(ctx context.Context, pool *pgxpool.Pool, rounds int) (limit, replay, rebuild *series, err error) {
	limit, replay, rebuild = &series{}, &series{}, &series{}
	var events int
	if err := pool.QueryRow(ctx, "SELECT count(*) FROM events").Scan(&events); err != nil {
		return nil, nil, nil, err
	}
	for range rounds {
		if err := settle(ctx, pool); err != nil {
			return nil, nil, nil, err
		}
		bare, err := perSecond(events, func() error { return copyLog(ctx, pool) })
		if err != nil {
			return nil, nil, nil, err
		}
		limit.add(bare, bare)
		read, err := perSecond(events, func() error { return replayLog(ctx, pool) })
		if err != nil {
			return nil, nil, nil, err
		}
		replay.add(read, bare)
		rebuilder := projections.Rebuilder{
			Pool: pool, Codec: catalog.Codec, Progress: func(string, int64, int64) {},
			Keys: rebuildKeys,
		}
		did, err := rebuilder.Run(ctx, projections.NewTickets(pool).Projection())
		if err != nil {
			return nil, nil, nil, err
		}
		if !did.Tables[0].Equal() {
			return nil, nil, nil, fmt.Errorf("%d rows differ after a rebuild", did.Tables[0].Differ)
		}
		rebuild.add(sample{rate: float64(did.Events) / did.Folded.Seconds(), done: int(did.Events)}, bare)
	}
	return limit, replay, rebuild, nil
}

func perSecond(events int, do func() error) (sample, error) {
	began := time.Now()
	err := do()
	return sample{rate: float64(events) / time.Since(began).Seconds(), done: events}, err
}

func copyLog(ctx context.Context, pool *pgxpool.Pool) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	_, err = conn.Conn().PgConn().CopyTo(ctx, io.Discard, "COPY events TO STDOUT")
	return err
}

func replayLog(ctx context.Context, pool *pgxpool.Pool) error {
	keys, err := rebuildKeys(pool)
	if err != nil {
		return err
	}
	replay := eventstore.Replay{Pool: pool, Codec: catalog.Codec, Keys: keys}
	return replay.Streams(ctx, []string{"ticket"}, 1<<62, func(context.Context, []eventstore.Stream) error { return nil })
}
