package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// appendTargets say which share of the limit is aimed at, by writers.
var appendTargets = []struct {
	writers int
	ratio   float64
}{{1, .8}, {8, .8}, {32, 1.6}, {64, 2.7}}

// benchAppend measures Append, everything included: sealing, JSON, the hash chain, the version check, commit order. Once
// for the log alone, once with the row of the ticket in the same transaction.
func benchAppend(ctx context.Context, l *lab, o options, out io.Writer) error {
	database, pool, err := l.open(ctx, "append")
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, bareTable); err != nil {
		return err
	}
	results := newTable("writers:", "what", "events/s:", "p50 ms:", "p99 ms:", "PostgreSQL CPU ms:", "ratio:", "target:")
	for _, target := range appendTargets {
		limit, alone, withRow, err := appendRounds(ctx, l, pool, database, target.writers, o)
		if err != nil {
			return err
		}
		writers := strconv.Itoa(target.writers)
		for _, line := range []struct {
			what   string
			of     *costs
			target string
		}{
			{"limit: pgbench, bare INSERT", limit, ""},
			{"append", alone, ratio(target.ratio)},
			{"append and the ticket's row", withRow, ""},
		} {
			results.add(writers, line.what, whole(line.of.rate()), ms(line.of.p50()), ms(line.of.p99()), ms(median(line.of.database)), ratio(line.of.ratio()), line.target)
		}
	}
	results.write(out, "Append", "One ticket.commented an append; sealing, codec, hash chain, version check and commit order included.")
	return nil
}

// appendRounds takes turns: the limit, the log alone, the log with the tickets' rows.
func appendRounds(ctx context.Context, l *lab, pool *pgxpool.Pool, database string, writers int, o options) (limit, alone, withRow *costs, err error) {
	limit, alone, withRow = &costs{}, &costs{}, &costs{}
	for range o.rounds {
		if _, err := pool.Exec(ctx, "TRUNCATE bare"); err != nil {
			return nil, nil, nil, err
		}
		bare, err := limit.charge(l, nil, func() (sample, error) { return measureBare(ctx, pool, database, writers, o) })
		if err != nil {
			return nil, nil, nil, err
		}
		limit.add(bare, bare)
		for _, variant := range []struct {
			of     *costs
			inline []eventstore.Inline
		}{{alone, nil}, {withRow, []eventstore.Inline{projections.NewTickets(pool)}}} {
			measured, err := variant.of.charge(l, nil, func() (sample, error) { return measureAppend(ctx, pool, variant.inline, writers, o) })
			if err != nil {
				return nil, nil, nil, err
			}
			variant.of.add(measured, bare)
		}
	}
	return limit, alone, withRow, nil
}

const comment = "Hello, the export still fails with error 502 after the last update, see the attached log; it happens each time."

// measureBare has pgbench insert rows as long as ours.
func measureBare(ctx context.Context, pool *pgxpool.Pool, database string, writers int, o options) (sample, error) {
	if err := settle(ctx, pool); err != nil {
		return sample{}, err
	}
	_, _, data, err := catalog.Codec.Encode(ticket.Commented{CommentID: uuid.New(), Author: domain.UserID{UUID: uuid.New()}, Content: comment + comment[:60]}, nil)
	if err != nil {
		return sample{}, err
	}
	metadata := fmt.Sprintf(`{"v":1,"actor":{"type":"user","id":"%s"},"command":"ticket.AddComment"}`, uuid.New())
	return pgbench(ctx, database, bareInsert, writers, o.span, map[string]string{"data": string(data), "metadata": metadata})
}

// streamLength is how many events a stream gets before its writer begins another.
const streamLength = 20

// measureAppend has every writer append to a ticket of its own: opened first, commented on then.
func measureAppend(ctx context.Context, pool *pgxpool.Pool, inline []eventstore.Inline, writers int, o options) (sample, error) {
	if err := settle(ctx, pool); err != nil {
		return sample{}, err
	}
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	if err != nil {
		return sample{}, err
	}
	store := eventstore.Open(ctx, pool, catalog.Codec, keys, eventstore.Options{Inline: inline})
	defer store.Close()
	author := domain.UserID{UUID: uuid.New()}
	metadata := eventstore.Metadata{Actor: eventstore.Actor{Type: "user", ID: author.UUID}, Command: "ticket.AddComment"}
	streams := make([]eventstore.Stream, writers)
	return drive(ctx, writers, o.span, func(ctx context.Context, worker int) error {
		stream := streams[worker]
		var event any = ticket.Commented{CommentID: uuid.Must(uuid.NewV7()), Author: author, Content: comment}
		if v := stream.Version(); v == 0 || v == streamLength {
			stream = eventstore.Stream{Org: author.UUID, ID: uuid.Must(uuid.NewV7())}
			event = opened(author)
		}
		written, err := store.Append(ctx, metadata, eventstore.Write{Stream: stream, Events: []any{event}})
		if err == nil {
			streams[worker] = written[0]
		}
		return err
	})
}

func opened(by domain.UserID) ticket.Opened {
	return ticket.Opened{
		Number: 1, Title: "Export fails with error 502", Description: comment, Priority: "medium", Urgency: "medium", Category: "technical",
		SourceChannel: "email", CreatedBy: by,
	}
}
