package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/eventstore"
	"ticketd/eventstore/eventstoretest"
)

func feedOf(s instance) *eventstore.Feed {
	return &eventstore.Feed{Store: s.Postgres, Pool: s.pool, Log: slog.New(slog.DiscardHandler)}
}

// following is a subscriber that runs until it is stopped.
type following struct {
	stop context.CancelFunc
	done chan error
}

func follow(t *testing.T, f *eventstore.Feed, name string, h eventstore.Handle) following {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	run := following{stop: stop, done: make(chan error, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run.done <- f.Run(ctx, name, h)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return run
}

func (r following) end(t *testing.T) {
	t.Helper()
	r.stop()
	require.NoError(t, <-r.done)
}

// takeNote writes each event into a table that does not refuse doubles, so that one would show.
func takeNote(_ context.Context, w *pgx.Batch, events []eventstore.Recorded) error {
	for _, e := range events {
		w.Queue(`INSERT INTO taken (position) VALUES ($1)`, e.Position)
	}
	return nil
}

func openWithTaken(t *testing.T) instance {
	t.Helper()
	pool := database(t)
	exec(t, pool, `CREATE TABLE taken (nth bigint GENERATED ALWAYS AS IDENTITY, position bigint NOT NULL)`)
	return open(t, pool, eventstore.Options{})
}

func taken(t *testing.T, pool *pgxpool.Pool) int {
	t.Helper()
	return number(t, pool, `SELECT count(*) FROM taken`)
}

// requireTakenOnce checks that every event was handed over exactly once, in order.
func requireTakenOnce(t *testing.T, pool *pgxpool.Pool, name string) {
	t.Helper()
	require.Equal(t, number(t, pool, `SELECT count(*) FROM events`), taken(t, pool))
	require.Zero(t, number(t, pool, `SELECT count(*) FROM events WHERE position NOT IN (SELECT position FROM taken)`), "lost")
	require.Zero(t, number(t, pool, `SELECT count(*) FROM (
		SELECT position <= lag(position) OVER (ORDER BY nth) AS back FROM taken) AS t WHERE back`), "out of order")
	require.Equal(t, number(t, pool, `SELECT max(position) FROM events`), checkpoint(t, pool, name))
}

func checkpoint(t *testing.T, pool *pgxpool.Pool, name string) int {
	t.Helper()
	return number(t, pool, `SELECT coalesce(max(position), 0) FROM checkpoints WHERE name = $1`, name)
}

func appendMany(t *testing.T, s eventstore.Log, n int) {
	t.Helper()
	var work errgroup.Group
	work.SetLimit(16)
	for i := range n {
		work.Go(func() error {
			_, err := appendNote(t.Context(), s, fresh(), strconv.Itoa(i))
			return err
		})
	}
	require.NoError(t, work.Wait())
}

func TestAFeedHandsOverOnceAcrossRestarts(t *testing.T) {
	t.Parallel()
	s := openWithTaken(t)
	appendMany(t, s, 50)
	var work errgroup.Group
	work.Go(func() error {
		stream := fresh()
		for i := range 200 {
			var err error
			if stream, err = appendNote(t.Context(), s, stream, strconv.Itoa(i)); err != nil {
				return err
			}
		}
		return nil
	})
	for round := range 8 {
		least := taken(t, s.pool) + min(10, 240-round)
		run := follow(t, feedOf(s), "notes", takeNote)
		eventually(t, func() bool { n := taken(t, s.pool); return n >= least || n == 250 }, "some headway")
		run.end(t)
	}
	require.NoError(t, work.Wait())
	follow(t, feedOf(s), "notes", takeNote)
	eventually(t, func() bool { return taken(t, s.pool) >= 250 }, "everything")
	requireTakenOnce(t, s.pool, "notes")
}

func TestTwoInstancesOfOneSubscriberShareTheWork(t *testing.T) {
	t.Parallel()
	a := openWithTaken(t)
	b := another(t, a.pool)
	first := follow(t, feedOf(a), "notes", takeNote)
	second := follow(t, feedOf(b), "notes", takeNote)
	appendMany(t, a, 200)
	appendMany(t, b, 200)
	eventually(t, func() bool { return taken(t, a.pool) >= 400 }, "everything")
	requireTakenOnce(t, a.pool, "notes")
	first.end(t)
	second.end(t)
}

// The instance that stands by takes over when the other makes no headway.
func TestAnotherInstanceTakesOver(t *testing.T) {
	t.Parallel()
	a := openWithTaken(t)
	b := another(t, a.pool)
	mustAppend(t, a, fresh(), "first")
	var byB atomic.Int64
	meet, committed := make(chan struct{}), make(chan struct{})
	active := follow(t, feedOf(a), "notes", func(ctx context.Context, w *pgx.Batch, events []eventstore.Recorded) error {
		if events[0].Version == 1 {
			eitherOf(ctx, meet) // both have read the first event; this one commits it
		}
		return takeNote(ctx, w, events)
	})
	standby := follow(t, feedOf(b), "notes", func(ctx context.Context, w *pgx.Batch, events []eventstore.Recorded) error {
		if byB.Add(1) == 1 {
			close(meet)
			eitherOf(ctx, committed)
		}
		return takeNote(ctx, w, events)
	})
	eventually(t, func() bool { return taken(t, a.pool) == 1 }, "the first event is taken once")
	close(committed)
	active.end(t)
	mustAppend(t, b, fresh(), "second")
	eventually(t, func() bool { return taken(t, a.pool) == 2 }, "the other has taken over")
	requireTakenOnce(t, a.pool, "notes")
	standby.end(t)
}

// eitherOf waits for the channel or the end.
func eitherOf(ctx context.Context, ch <-chan struct{}) {
	select {
	case <-ch:
	case <-ctx.Done():
	}
}

// The one that lost the race must not run its writes at all: they may collide with the winner's.
func TestTheLoserOfACheckpointWritesNothing(t *testing.T) {
	t.Parallel()
	s := openWithTaken(t)
	exec(t, s.pool, `CREATE UNIQUE INDEX ON taken (position)`)
	mustAppend(t, s, fresh(), "a")
	var handled atomic.Int64
	loser := follow(t, feedOf(s), "notes", func(ctx context.Context, w *pgx.Batch, events []eventstore.Recorded) error {
		handled.Add(1)
		_, err := s.pool.Exec(ctx, `UPDATE checkpoints SET position = $1 WHERE name = 'notes'`, events[0].Position)
		if err == nil {
			_, err = s.pool.Exec(ctx, `INSERT INTO taken (position) VALUES ($1)`, events[0].Position)
		}
		if err != nil {
			return err
		}
		return takeNote(ctx, w, events)
	})
	eventually(t, func() bool { return taken(t, s.pool) == 1 }, "the winner has written")
	loser.end(t)
	require.Equal(t, int64(1), handled.Load())
	requireTakenOnce(t, s.pool, "notes")
}

func TestAHandlersErrorIsPoison(t *testing.T) {
	t.Parallel()
	broken := errors.New("cannot apply this")
	for what, h := range map[string]eventstore.Handle{
		"an error": func(context.Context, *pgx.Batch, []eventstore.Recorded) error { return broken },
		"a wrong statement": func(_ context.Context, w *pgx.Batch, _ []eventstore.Recorded) error {
			w.Queue(`SELECT nothing`)
			return nil
		},
		"bad data": func(_ context.Context, w *pgx.Batch, _ []eventstore.Recorded) error {
			w.Queue(`SELECT 1/0`)
			return nil
		},
		"a constraint": func(_ context.Context, w *pgx.Batch, _ []eventstore.Recorded) error {
			w.Queue(`INSERT INTO taken (position) VALUES (NULL)`)
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := openWithTaken(t)
			fine := mustAppend(t, s, fresh(), "fine")
			run := follow(t, feedOf(s), "notes", func(ctx context.Context, w *pgx.Batch, events []eventstore.Recorded) error {
				_ = takeNote(ctx, w, events)
				if events[0].Position == fine.Position() {
					return nil
				}
				return h(ctx, w, events)
			})
			eventually(t, func() bool { return taken(t, s.pool) == 1 }, "the first event is taken")
			at := checkpoint(t, s.pool, "notes")
			bad := mustAppend(t, s, fresh(), "bad")
			err := <-run.done
			poison, ok := errors.AsType[*eventstore.PoisonError](err)
			require.True(t, ok, err)
			require.Equal(t, bad.Position(), poison.Position)
			require.Equal(t, at, checkpoint(t, s.pool, "notes"))
			require.Equal(t, 1, taken(t, s.pool), "what it queued is undone")

			follow(t, feedOf(s), "notes", takeNote) // once it is mended
			eventually(t, func() bool { return taken(t, s.pool) == 2 }, "it goes on where it stopped")
			requireTakenOnce(t, s.pool, "notes")
		})
	}
}

func TestAnUnreadableEventEndsAFeed(t *testing.T) {
	t.Parallel()
	s := openWithTaken(t)
	foreign(t, s.pool, "nobody.knows", `{}`, `{"v":1}`, make([]byte, 32))
	err := feedOf(s).Run(t.Context(), "notes", takeNote)
	_, ok := errors.AsType[*eventstore.PoisonError](err)
	require.True(t, ok, err)
	err = eventstore.Tail(t.Context(), s, 0, slog.New(slog.DiscardHandler), func(context.Context, []eventstore.Recorded) error { return nil })
	_, ok = errors.AsType[*eventstore.PoisonError](err)
	require.True(t, ok, err)
	require.Zero(t, checkpoint(t, s.pool, "notes"))
}

// A handler that gives up because the program ends has met no poison.
func TestAHandlerMayGiveUpWhenItIsStopped(t *testing.T) {
	t.Parallel()
	s := openWithTaken(t)
	mustAppend(t, s, fresh(), "a")
	handling := make(chan struct{})
	run := follow(t, feedOf(s), "notes", func(ctx context.Context, _ *pgx.Batch, _ []eventstore.Recorded) error {
		close(handling)
		<-ctx.Done()
		return fmt.Errorf("give up: %w", ctx.Err())
	})
	<-handling
	run.end(t)
	require.Zero(t, checkpoint(t, s.pool, "notes"))
}

func TestAFeedSurvivesADatabaseRestart(t *testing.T) {
	t.Parallel()
	control := openWithTaken(t).pool
	s := another(t, control)
	run := follow(t, feedOf(s), "notes", takeNote)
	for range 3 {
		appendMany(t, another(t, control), 10)
		terminateAll(t, control)
		eventually(t, func() bool { _, err := appendNote(t.Context(), s, fresh(), "again"); return err == nil }, "appends are taken again")
		events := number(t, control, `SELECT count(*) FROM events`)
		eventually(t, func() bool { return taken(t, control) >= events }, "the feed has caught up")
		requireTakenOnce(t, control, "notes")
	}
	run.end(t)
}

// Trouble that may pass is waited out, wherever it strikes.
func TestAFeedWaitsOutTrouble(t *testing.T) {
	t.Parallel()
	s := openWithTaken(t)
	exec(t, s.pool, `CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$;
		CREATE TRIGGER trouble BEFORE INSERT ON taken FOR EACH ROW EXECUTE FUNCTION trouble()`)
	var attempts atomic.Int64
	follow(t, feedOf(s), "notes", func(ctx context.Context, w *pgx.Batch, events []eventstore.Recorded) error {
		attempts.Add(1)
		return takeNote(ctx, w, events)
	})
	mustAppend(t, s, fresh(), "a")
	eventually(t, func() bool { return attempts.Load() > 1 }, "it tries again")
	exec(t, s.pool, `DROP TRIGGER trouble ON taken`)
	eventually(t, func() bool { return taken(t, s.pool) == 1 }, "it goes on")
	requireTakenOnce(t, s.pool, "notes")
}

func TestSubscribersFollowOnTheirOwn(t *testing.T) {
	t.Parallel()
	s := openWithTaken(t)
	mustAppend(t, s, fresh(), "a")
	var seen atomic.Int64
	follow(t, feedOf(s), "slow", func(ctx context.Context, _ *pgx.Batch, _ []eventstore.Recorded) error {
		<-ctx.Done()
		return ctx.Err()
	})
	follow(t, feedOf(s), "counting", func(_ context.Context, _ *pgx.Batch, events []eventstore.Recorded) error {
		seen.Add(int64(len(events)))
		return nil
	})
	mustAppend(t, s, fresh(), "b")
	eventually(t, func() bool { return seen.Load() == 2 }, "one does not wait for the other")
}

func TestTailFollowsFromAPosition(t *testing.T) {
	t.Parallel()
	control := database(t)
	s := another(t, control)
	stream := mustAppend(t, s, fresh(), "old")
	after := stream.Position()
	done := errors.New("enough")
	var seen []string
	ready := make(chan struct{})
	var work errgroup.Group
	work.Go(func() error {
		return eventstore.Tail(t.Context(), s, after, slog.New(slog.DiscardHandler), func(_ context.Context, events []eventstore.Recorded) error {
			if len(seen) == 0 {
				close(ready)
			}
			for _, e := range events {
				note, _ := e.Event.(eventstoretest.Noted)
				seen = append(seen, note.Text)
			}
			if len(seen) >= 3 {
				return done
			}
			return nil
		})
	})
	stream = mustAppend(t, s, stream, "one")
	<-ready
	terminateAll(t, control)
	for _, text := range []string{"two", "three"} {
		eventually(t, func() bool {
			grown, err := appendNote(t.Context(), s, stream, text)
			if err == nil {
				stream = grown
			}
			return err == nil
		}, "appended")
	}
	require.ErrorIs(t, work.Wait(), done)
	require.Equal(t, []string{"one", "two", "three"}, seen)
}

func TestTailEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := eventstore.NewMemory(eventstoretest.Codec)
	ctx, stop := context.WithCancel(t.Context())
	mustAppend(t, s, fresh(), "a")
	require.NoError(t, eventstore.Tail(ctx, s, 0, slog.New(slog.DiscardHandler), func(context.Context, []eventstore.Recorded) error {
		stop()
		return nil
	}))
}

// failing is a Reader whose database is away for a while.
type failing struct {
	eventstore.Reader
	left atomic.Int64
}

func (f *failing) Read(ctx context.Context, q eventstore.Query) ([]eventstore.Recorded, error) {
	if f.left.Add(-1) >= 0 {
		return nil, errors.New("away")
	}
	return f.Reader.Read(ctx, q)
}

func TestTailWaitsOutTrouble(t *testing.T) {
	t.Parallel()
	s := eventstore.NewMemory(eventstoretest.Codec)
	mustAppend(t, s, fresh(), "a")
	f := &failing{Reader: s}
	f.left.Store(1)
	done := errors.New("enough")
	require.ErrorIs(t, eventstore.Tail(t.Context(), f, 0, slog.New(slog.DiscardHandler), func(context.Context, []eventstore.Recorded) error {
		return done
	}), done)
}
