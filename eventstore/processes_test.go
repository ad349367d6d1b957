package eventstore_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/eventstore"
	"ticketd/eventstore/eventstoretest"
)

const (
	// helperDatabase makes the test binary a process that writes to this database and reads it at the same time.
	helperDatabase = "EVENTSTORE_HELPER_DATABASE"

	processes      = 2
	writers        = 16
	sharedStreams  = 200
	appendsEach    = 60
	eventsExpected = processes * writers * appendsEach
)

// Two processes write to the same streams, and in each a reader that only remembers its last position sees every event
// once, each stream's versions in order.
func TestTwoProcessesWriteAtOnce(t *testing.T) {
	t.Parallel()
	pool := database(t)
	var work errgroup.Group
	for range processes {
		work.Go(func() error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			cmd := osexec.CommandContext(t.Context(), program)
			cmd.Env = append(os.Environ(), helperDatabase+"="+pool.Config().ConnString())
			var output bytes.Buffer
			cmd.Stdout, cmd.Stderr = &output, &output
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%w: %s", err, &output)
			}
			return nil
		})
	}
	require.NoError(t, work.Wait())
	require.Equal(t, eventsExpected, number(t, pool, `SELECT count(*) FROM events`))
	eventstoretest.RequireChains(t, instance{pool: pool}.Rows(t))
}

// sharedStream is the nth of the streams that all processes write to.
func sharedStream(n int) uuid.UUID {
	id := uuid.UUID{1}
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

func helper(ctx context.Context) int {
	if err := writeAndRead(ctx, os.Getenv(helperDatabase)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func writeAndRead(ctx context.Context, database string) error {
	pool, err := pgxpool.New(ctx, database)
	if err != nil {
		return err
	}
	defer pool.Close()
	keys, err := eventstore.NewKeyring(masterKey, eventstore.PostgresKeys{Pool: pool})
	if err != nil {
		return err
	}
	s := eventstore.Open(ctx, pool, eventstoretest.Codec, keys, eventstore.Options{})
	defer s.Close()
	work, ctx := errgroup.WithContext(ctx)
	for range writers {
		work.Go(func() error {
			for n := 0; n < appendsEach; {
				stream, err := s.Load(ctx, org, sharedStream(rand.IntN(sharedStreams)))
				if err != nil {
					return err
				}
				switch _, err = appendNote(ctx, s, stream, "a"); {
				case err == nil:
					n++
				case !errors.Is(err, eventstore.ErrConflict):
					return err
				}
			}
			return nil
		})
	}
	work.Go(func() error { return readInOrder(ctx, s, eventsExpected) })
	return work.Wait()
}

var errEnough = errors.New("every event was seen")

// readInOrder follows the log until it has seen so many events, and checks that none is missing, doubled or early.
func readInOrder(ctx context.Context, r eventstore.Reader, want int) error {
	seen, versions := 0, map[uuid.UUID]int{}
	err := eventstore.Tail(ctx, r, 0, slog.New(slog.DiscardHandler), func(_ context.Context, events []eventstore.Recorded) error {
		for _, e := range events {
			if e.Version != versions[e.Stream]+1 {
				return fmt.Errorf("version %d of %s came after %d", e.Version, e.Stream, versions[e.Stream])
			}
			versions[e.Stream] = e.Version
			seen++
		}
		if seen >= want {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return errors.Join(err, ctx.Err())
}

// Whoever inserts past the store, and takes its time, is put into commit order by the table itself.
func TestSlowForeignWritersAreReadInCommitOrder(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	const foreigners, each, last = 6, 30, "the last"
	reading, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	seen := map[int64]bool{}
	var reader errgroup.Group
	reader.Go(func() error {
		return eventstore.Tail(reading, s, 0, slog.New(slog.DiscardHandler), func(_ context.Context, events []eventstore.Recorded) error {
			for _, e := range events {
				seen[e.Position] = true
				if e.Event == (eventstoretest.Noted{Text: last}) {
					return errEnough
				}
			}
			return nil
		})
	})
	var work errgroup.Group
	for range foreigners {
		work.Go(func() error {
			for range each {
				if err := insertSlowly(t.Context(), s.pool); err != nil {
					return err
				}
			}
			return nil
		})
	}
	work.Go(func() error {
		for range each {
			if _, err := appendNote(t.Context(), s, fresh(), "ours"); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, work.Wait())
	mustAppend(t, s, fresh(), last)
	require.ErrorIs(t, reader.Wait(), errEnough)
	rows := s.Rows(t)
	for _, row := range rows {
		require.True(t, seen[row.Position], "event %d was skipped", row.Position)
	}
	require.Len(t, seen, len(rows))
	require.Greater(t, len(rows), foreigners*each/2)
}

// insertSlowly inserts two events with work between them and the commit, and changes its mind now and then.
func insertSlowly(ctx context.Context, pool *pgxpool.Pool) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	const insert = `INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash)
		VALUES (gen_random_uuid(), 1, $1, 'note.noted', '{"text":"theirs"}', '{"v":1}', clock_timestamp(), '', $2)`
	for range 2 {
		b := &pgx.Batch{}
		b.Queue(`SELECT pg_sleep(random() * 0.004)`)
		b.Queue(insert, [16]byte(org), make([]byte, 32))
		b.Queue(`SELECT pg_sleep(random() * 0.004)`)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
	}
	if rand.IntN(10) == 0 {
		return nil
	}
	return tx.Commit(ctx)
}
