package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/eventstore"
	"ticketd/eventstore/eventstoretest"
)

// hold lets nobody write to the table, so that appends gather in the lane. The answer lets go.
func hold(t *testing.T, pool *pgxpool.Pool) (release func()) {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE events IN EXCLUSIVE MODE`)
	require.NoError(t, err)
	end := sync.OnceFunc(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	t.Cleanup(end)
	return end
}

// eventually waits for a condition.
func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, 20*time.Second, 2*time.Millisecond, what)
}

func TestConcurrentAppendsShareATransaction(t *testing.T) {
	t.Parallel()
	var appends, batches, largest atomic.Int64
	s := open(t, database(t), eventstore.Options{Observe: func(n int, took time.Duration) {
		appends.Add(int64(n))
		batches.Add(1)
		largest.Store(max(largest.Load(), int64(n)))
	}})
	const writers, each = 64, 10
	var work errgroup.Group
	for range writers {
		work.Go(func() (err error) {
			stream := fresh()
			for i := range each {
				if stream, err = appendNote(t.Context(), s, stream, strconv.Itoa(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, work.Wait())
	eventually(t, func() bool { return appends.Load() == writers*each }, "every append is observed once")
	require.Greater(t, largest.Load(), int64(1))
	require.Less(t, batches.Load(), int64(writers*each))
	eventstoretest.RequireChains(t, s.Rows(t))
}

// A lost race is an answer: PostgreSQL rolls nothing back and logs no error.
func TestAConflictRaisesNothingInPostgreSQL(t *testing.T) {
	t.Parallel()
	control := database(t)
	s := another(t, control)
	empty := fresh()
	mustAppend(t, s, empty, "first")
	rollbacks := func() int {
		return number(t, control, `SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()`)
	}
	before := rollbacks()
	var work errgroup.Group
	for range 20 {
		work.Go(func() error {
			_, err := appendNote(t.Context(), s, empty, "late")
			if !errors.Is(err, eventstore.ErrConflict) {
				return fmt.Errorf("not a conflict: %w", err)
			}
			return nil
		})
	}
	require.NoError(t, work.Wait())
	s.Close()
	s.pool.Close()
	eventually(t, func() bool {
		return number(t, control, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'another'`) == 0
	}, "a connection has reported its numbers when it is gone")
	require.Equal(t, before, rollbacks())
	require.Equal(t, 1, number(t, control, `SELECT count(*) FROM events`))
}

func TestEventsAreAppendOnly(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	mustAppend(t, s, fresh(), "a")
	before := s.Rows(t)
	for _, sql := range []string{
		`UPDATE events SET type = 'x'`, `DELETE FROM events`, `TRUNCATE events`,
		`UPDATE events SET type = 'x' WHERE false`, `DELETE FROM events WHERE position = 1`,
	} {
		_, err := s.pool.Exec(t.Context(), sql)
		require.ErrorContains(t, err, "append-only", sql)
	}
	require.Equal(t, before, s.Rows(t))
}

// titles is an Inline table: the last text of each stream, and how long the stream is.
type titles struct{}

func (titles) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		if s.Category() != "note" {
			continue
		}
		last := s.Events[len(s.Events)-1]
		note, _ := last.Event.(eventstoretest.Noted)
		b.Queue(`INSERT INTO titles SELECT $1, $2, $3 WHERE EXISTS (SELECT FROM events WHERE stream_id = $1 AND version = $2 AND hash = $4)
			ON CONFLICT (id) DO UPDATE SET version = excluded.version, title = excluded.title`,
			[16]byte(s.ID), last.Version, note.Text, last.Hash[:])
	}
}

func openWithTitles(t *testing.T) instance {
	t.Helper()
	pool := database(t)
	exec(t, pool, `CREATE TABLE titles (id uuid PRIMARY KEY, version int NOT NULL, title text NOT NULL)`)
	return open(t, pool, eventstore.Options{Inline: []eventstore.Inline{titles{}}})
}

// mismatches counts the rows that do not say what their stream's last event says.
func mismatches(t *testing.T, pool *pgxpool.Pool) int {
	t.Helper()
	return number(t, pool, `SELECT count(*) FROM titles FULL JOIN (
		SELECT DISTINCT ON (stream_id) stream_id, version, data->>'text' AS title FROM events ORDER BY stream_id, version DESC
	) last ON stream_id = id AND last.version = titles.version AND last.title = titles.title
	WHERE id IS NULL OR stream_id IS NULL`)
}

func TestInlineRowsAgreeWithTheLog(t *testing.T) {
	t.Parallel()
	s := openWithTitles(t)
	shared := make([]eventstore.Stream, 3)
	for i := range shared {
		shared[i] = mustAppend(t, s, fresh(), "first")
	}
	var accepted, conflicts atomic.Int64
	var work errgroup.Group
	for w := range 16 {
		work.Go(func() error {
			for i := range 10 {
				stream, err := s.Load(t.Context(), org, shared[(w+i)%len(shared)].ID)
				if err != nil {
					return err
				}
				switch _, err = appendNote(t.Context(), s, stream, fmt.Sprint(w, i)); {
				case err == nil:
					accepted.Add(1)
				case errors.Is(err, eventstore.ErrConflict):
					conflicts.Add(1)
				default:
					return err
				}
			}
			return nil
		})
	}
	var done atomic.Bool
	var watcher errgroup.Group
	watcher.Go(func() error {
		for !done.Load() {
			if n := mismatches(t, s.pool); n != 0 {
				return fmt.Errorf("%d rows did not agree", n)
			}
		}
		return nil
	})
	require.NoError(t, work.Wait())
	done.Store(true)
	require.NoError(t, watcher.Wait(), "at every moment")
	require.Positive(t, conflicts.Load())
	require.Equal(t, int64(160), accepted.Load()+conflicts.Load())
	require.Zero(t, mismatches(t, s.pool))
	require.Equal(t, 3, number(t, s.pool, `SELECT count(*) FROM titles`))
}

// One commit that PostgreSQL refuses must not take with it those that came at the same time.
func TestARefusedAppendFailsAlone(t *testing.T) {
	t.Parallel()
	s := openWithTitles(t)
	release := hold(t, s.pool)
	errs := make([]error, 20)
	var work sync.WaitGroup
	for i := range errs {
		text := "fine"
		if i%7 == 3 {
			text = "a NUL \x00 that no text column takes"
		}
		work.Go(func() { _, errs[i] = appendNote(t.Context(), s, fresh(), text) })
	}
	waitForLanes(t, s.pool)
	release()
	work.Wait()
	for i, err := range errs {
		if i%7 == 3 {
			require.ErrorContains(t, err, "invalid byte sequence", "append %d", i)
		} else {
			require.NoError(t, err, "append %d", i)
		}
	}
	require.Equal(t, 17, number(t, s.pool, `SELECT count(*) FROM events`))
	require.Zero(t, mismatches(t, s.pool))
	eventstoretest.RequireChains(t, s.Rows(t))
}

// waitForLanes waits until a lane's transaction stands before a held table.
func waitForLanes(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	eventually(t, func() bool {
		return number(t, pool, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
	}, "somebody waits for the table")
}

func TestCloseWritesWhatWasAccepted(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	release := hold(t, s.pool)
	errs := make([]error, 50)
	var work sync.WaitGroup
	for i := range errs {
		work.Go(func() { _, errs[i] = appendNote(t.Context(), s, fresh(), "a") })
	}
	waitForLanes(t, s.pool)
	var closing sync.WaitGroup
	for range 2 {
		closing.Go(s.Close)
	}
	release()
	work.Wait()
	closing.Wait()
	var written int
	for _, err := range errs {
		if err == nil {
			written++
		} else {
			require.ErrorContains(t, err, "closed")
		}
	}
	require.Positive(t, written)
	require.Equal(t, written, number(t, s.pool, `SELECT count(*) FROM events`), "those who were told so, and nobody else")
	for range 20 {
		_, err := appendNote(t.Context(), s, fresh(), "late")
		require.ErrorContains(t, err, "closed")
	}
	require.Equal(t, written, number(t, s.pool, `SELECT count(*) FROM events`))
}

// Whoever appends while the store closes hears yes or no; nobody waits for ever, and no answer is wrong.
func TestAppendsThatMeetCloseAreAnswered(t *testing.T) {
	t.Parallel()
	pool := database(t)
	var told atomic.Int64
	for range 20 {
		s := open(t, pool, eventstore.Options{})
		var work sync.WaitGroup
		for range 8 {
			work.Go(func() {
				for {
					if _, err := appendNote(t.Context(), s, fresh(), "a"); err != nil {
						return
					}
					told.Add(1)
				}
			})
		}
		<-s.Woken()
		s.Close()
		work.Wait()
	}
	require.EqualValues(t, told.Load(), number(t, pool, `SELECT count(*) FROM events`))
}

func TestACallerWhoLeavesDisturbsNobody(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	release := hold(t, s.pool)
	leaving, leave := context.WithCancel(t.Context())
	errs := make([]error, 20)
	var work sync.WaitGroup
	for i := range errs {
		ctx := t.Context()
		if i%2 == 0 {
			ctx = leaving
		}
		work.Go(func() { _, errs[i] = appendNote(ctx, s, fresh(), "a") })
	}
	waitForLanes(t, s.pool)
	leave()
	gone, err := appendNote(leaving, s, fresh(), "after leaving")
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, gone.Version())
	release()
	work.Wait()
	for i, err := range errs {
		if i%2 == 0 {
			require.ErrorIs(t, err, context.Canceled)
		} else {
			require.NoError(t, err)
		}
	}
	mustAppend(t, s, fresh(), "the lane goes on")
	eventstoretest.RequireChains(t, s.Rows(t))
}

// When the connection breaks, nobody knows what became of the batch: all hear of it, and what was told is true.
func TestALostConnectionIsAnError(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	release := hold(t, s.pool)
	errs := make([]error, 10)
	var work sync.WaitGroup
	for i := range errs {
		work.Go(func() { _, errs[i] = appendNote(t.Context(), s, fresh(), "a") })
	}
	waitForLanes(t, s.pool)
	exec(t, s.pool, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
	release()
	work.Wait()
	var written int
	for _, err := range errs {
		if err == nil {
			written++
		}
	}
	require.Less(t, written, len(errs))
	require.Equal(t, written, number(t, s.pool, `SELECT count(*) FROM events`))
	eventually(t, func() bool { _, err := appendNote(t.Context(), s, fresh(), "b"); return err == nil }, "the lane goes on")
}

func TestADatabaseRestartIsSurvived(t *testing.T) {
	t.Parallel()
	control := database(t)
	s := another(t, control)
	stream := mustAppend(t, s, fresh(), "before")
	terminateAll(t, control)
	eventually(t, func() bool {
		grown, err := appendNote(t.Context(), s, stream, "after")
		if err == nil {
			stream = grown
		}
		return err == nil
	}, "appends are taken again")
	var loaded eventstore.Stream
	eventually(t, func() (ok bool) {
		var err error
		loaded, err = s.Load(t.Context(), org, stream.ID)
		return err == nil
	}, "reads are answered again")
	require.Equal(t, stream, loaded)
}

// terminateAll ends every connection to the database but the one that asks. Only the pool it asks through is told.
func terminateAll(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	exec(t, pool, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	pool.Reset()
}

func TestADatabaseThatIsGoneIsAnError(t *testing.T) {
	t.Parallel()
	pool := another(t, database(t)).pool
	keys, err := eventstore.NewKeyring(masterKey, eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	s := eventstore.Open(t.Context(), pool, eventstoretest.Codec, keys, eventstore.Options{})
	stream := mustAppend(t, s, fresh(), "a")
	s.Close()
	pool.Close()
	_, err = s.Load(t.Context(), org, stream.ID)
	require.ErrorContains(t, err, "load stream")
	_, err = s.Read(t.Context(), eventstore.Query{})
	require.ErrorContains(t, err, "read after 0")
	_, err = s.Head(t.Context())
	require.ErrorContains(t, err, "read head")
	_, err = keys.Key(t.Context(), org, newID())
	require.ErrorContains(t, err, "load key")
	_, err = eventstore.PostgresKeys{Pool: pool}.CreateKey(t.Context(), org, newID(), nil)
	require.Error(t, err)
}

// foreign writes an event past the store, with broken parts where a test wants them.
func foreign(t *testing.T, pool *pgxpool.Pool, name, data, metadata string, hash []byte) {
	t.Helper()
	exec(t, pool, `INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash)
		VALUES ($1, 1, $2, $3, $4, $5, now(), '', $6)`, [16]byte(newID()), [16]byte(org), name, data, metadata, hash)
}

func TestAnUnreadableEventIsPoison(t *testing.T) {
	t.Parallel()
	good := make([]byte, 32)
	for what, write := range map[string]func(*testing.T, *pgxpool.Pool){
		"an unknown name": func(t *testing.T, p *pgxpool.Pool) { t.Helper(); foreign(t, p, "nobody.knows", `{}`, `{"v":1}`, good) },
		"a newer version": func(t *testing.T, p *pgxpool.Pool) { t.Helper(); foreign(t, p, "note.noted", `{}`, `{"v":9}`, good) },
		"no version":      func(t *testing.T, p *pgxpool.Pool) { t.Helper(); foreign(t, p, "note.noted", `{}`, `{}`, good) },
		"null":            func(t *testing.T, p *pgxpool.Pool) { t.Helper(); foreign(t, p, "note.noted", `null`, `{"v":1}`, good) },
		"other metadata":  func(t *testing.T, p *pgxpool.Pool) { t.Helper(); foreign(t, p, "note.noted", `{}`, `[]`, good) },
		"a short hash": func(t *testing.T, p *pgxpool.Pool) {
			t.Helper()
			foreign(t, p, "note.noted", `{}`, `{"v":1}`, good[:5])
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := open(t, database(t), eventstore.Options{})
			mustAppend(t, s, fresh(), "a")
			write(t, s.pool)
			head, err := s.Head(t.Context())
			require.NoError(t, err)
			_, err = s.Read(t.Context(), eventstore.Query{})
			poison, ok := errors.AsType[*eventstore.PoisonError](err)
			require.True(t, ok, err)
			require.Equal(t, head, poison.Position)
			require.ErrorContains(t, poison, fmt.Sprintf("event %d: ", head))
			require.Error(t, errors.Unwrap(poison))
			_, err = s.Read(t.Context(), eventstore.Query{Upto: head - 1})
			require.NoError(t, err)
		})
	}
}

func TestAKeyErasedBeforeItIsMadeStaysErased(t *testing.T) {
	t.Parallel()
	pool, anna := database(t), newID()
	store := eventstore.PostgresKeys{Pool: pool}
	exec(t, pool, `INSERT INTO subject_keys (subject_id, org_id, wrapped, erased_at) VALUES ($1, $2, '', now())`, [16]byte(anna), [16]byte(org))
	wrapped, err := store.CreateKey(t.Context(), org, anna, []byte("key"))
	require.NoError(t, err)
	require.Empty(t, wrapped)
}
