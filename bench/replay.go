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

// benchReplay measures going through the whole log: reading it with everything decoded and unsealed, making the tickets
// table anew, verifying and exporting it. The limit is PostgreSQL's own COPY of the log to nowhere.
func benchReplay(ctx context.Context, l *lab, o options, out io.Writer) error {
	_, pool, err := l.open(ctx, "replay")
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := fillLog(ctx, pool, replayTickets); err != nil {
		return err
	}
	lines, err := logLines(pool)
	if err != nil {
		return err
	}
	if err := logRounds(ctx, pool, lines, o.rounds); err != nil {
		return err
	}
	results := newTable("what", "events/s:", "ratio:", "target:")
	for _, line := range lines {
		results.add(line.what, whole(line.rate()), ratio(line.ratio()), line.target)
	}
	results.write(out, "The whole log", fmt.Sprintf("%d tickets with %d events each, every word sealed with two keys.", replayTickets, replayEvents))
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

// logLine is one way to go through the whole log.
type logLine struct {
	what   string
	target string
	run    func(ctx context.Context, events int) (sample, error)
	series
}

// logLines answers the limit, and what is measured beside it.
func logLines(pool *pgxpool.Pool) ([]*logLine, error) {
	signer, err := eventstore.NewHeadSigner([32]byte{})
	if err != nil {
		return nil, err
	}
	signed := &eventstore.SignedLog{Pool: pool, Signer: signer, Witness: &memoryWitness{}}
	whole := func(do func(ctx context.Context) error) func(context.Context, int) (sample, error) {
		return func(ctx context.Context, events int) (sample, error) {
			return perSecond(events, func() error { return do(ctx) })
		}
	}
	return []*logLine{
		{what: "limit: COPY TO STDOUT", run: whole(func(ctx context.Context) error { return copyLog(ctx, pool) })},
		{what: "replay, decoded", target: ratio(replayTarget), run: whole(func(ctx context.Context) error { return replayLog(ctx, pool) })},
		{what: "rebuild, folded into tickets", target: fmt.Sprintf("%d/s", rebuildTarget), run: func(ctx context.Context, _ int) (sample, error) { return rebuildTickets(ctx, pool) }},
		{what: "verify, against what was signed", run: whole(func(ctx context.Context) error { return verifyLog(ctx, signed) })},
		{what: "export", run: whole(func(ctx context.Context) error {
			_, err := signed.Export(ctx, io.Discard, func(int64, int64) {})
			return err
		})},
	}, nil
}

// logRounds lets the lines take turns. What is verified was signed before.
func logRounds(ctx context.Context, pool *pgxpool.Pool, lines []*logLine, rounds int) error {
	var events int
	if err := pool.QueryRow(ctx, "SELECT count(*) FROM events").Scan(&events); err != nil {
		return err
	}
	if _, err := lines[len(lines)-1].run(ctx, events); err != nil { // an export signs
		return err
	}
	for range rounds {
		if err := settle(ctx, pool); err != nil {
			return err
		}
		var bare sample
		for n, line := range lines {
			measured, err := line.run(ctx, events)
			if err != nil {
				return fmt.Errorf("%s: %w", line.what, err)
			}
			if n == 0 {
				bare = measured
			}
			line.add(measured, bare)
		}
	}
	return nil
}

func rebuildTickets(ctx context.Context, pool *pgxpool.Pool) (sample, error) {
	rebuilder := projections.Rebuilder{Pool: pool, Codec: catalog.Codec, Progress: func(string, int64, int64) {}, Keys: rebuildKeys}
	did, err := rebuilder.Run(ctx, projections.NewTickets(pool).Projection())
	if err != nil {
		return sample{}, err
	}
	if !did.Tables[0].Equal() {
		return sample{}, fmt.Errorf("%d rows differ after a rebuild", did.Tables[0].Differ)
	}
	return sample{rate: float64(did.Events) / did.Folded.Seconds(), done: int(did.Events)}, nil
}

func verifyLog(ctx context.Context, signed *eventstore.SignedLog) error {
	report, err := signed.Verify(ctx, eventstore.Verifying{})
	if err == nil && !report.Valid {
		err = fmt.Errorf("the log is not valid: %d findings", report.Found)
	}
	return err
}

// memoryWitness is a Witness for as long as the benchmark runs.
type memoryWitness struct{ note string }

// Last implements eventstore.Witness.
func (w *memoryWitness) Last() (string, error) { return w.note, nil }

// Keep implements eventstore.Witness.
func (w *memoryWitness) Keep(note string) error {
	w.note = note
	return nil
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
