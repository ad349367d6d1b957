package eventstore_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
	"ticketd/eventstore/eventstoretest"
)

func TestWordsAreFoundByWhoWroteThem(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	anna, ben := newID(), newID()
	write := func(of uuid.UUID, events ...any) uuid.UUID {
		t.Helper()
		stream := eventstore.Stream{Org: of, ID: newID()}
		_, err := s.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: stream, Events: events})
		require.NoError(t, err)
		return stream.ID
	}
	letter := write(org, eventstoretest.Written{Person: ben, Text: "his"}, eventstoretest.Written{Person: anna, Text: "hers"}, eventstoretest.Written{Person: anna, Text: "more"})
	said := write(org, eventstoretest.Said{Person: anna, Text: "hers"})
	write(org, eventstoretest.Burnt{Person: anna})                          // names her, and holds no words
	write(org, eventstoretest.Written{Person: anna})                        // hers, and empty
	write(org, eventstoretest.Noted{Text: anna.String()})                   // by somebody who names her
	write(newID(), eventstoretest.Written{Person: anna, Text: "elsewhere"}) // in another organization
	found, err := s.WordsOf(t.Context(), org, anna)
	require.NoError(t, err)
	require.Equal(t, []eventstore.Wording{{Stream: letter, Category: "letter"}, {Stream: said, Category: "note"}}, found)
	nothing, err := s.WordsOf(t.Context(), org, newID())
	require.NoError(t, err)
	require.Empty(t, nothing)

	exec(t, s.pool, `ALTER TABLE events DISABLE TRIGGER ALL`)
	exec(t, s.pool, `UPDATE events SET type = 'future.written' WHERE stream_id = $1`, [16]byte(letter))
	found, err = s.WordsOf(t.Context(), org, anna)
	require.NoError(t, err)
	require.Contains(t, found, eventstore.Wording{Stream: letter, Category: "future"}, "what cannot be read may be hers")
	exec(t, s.pool, `UPDATE events SET metadata = '[]' WHERE stream_id = $1`, [16]byte(said))
	found, err = s.WordsOf(t.Context(), org, anna)
	require.NoError(t, err)
	require.Contains(t, found, eventstore.Wording{Stream: said, Category: "note"})
	s.pool.Close()
	_, err = s.WordsOf(t.Context(), org, anna)
	require.Error(t, err)
}

func TestASubscriberThatWaitsIsNamed(t *testing.T) {
	t.Parallel()
	pool := database(t)
	s := open(t, pool, eventstore.Options{})
	feed := &eventstore.Feed{Store: s.Postgres, Pool: pool, Log: slog.New(slog.DiscardHandler)}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	exec(t, pool, `ALTER TABLE checkpoints RENAME TO elsewhere`)
	go func() {
		ended <- feed.Run(ctx, "patient", func(context.Context, *pgx.Batch, []eventstore.Recorded) error { return nil })
	}()
	require.Eventually(t, func() bool { return len(feed.Waiting(0)) == 1 }, 20*time.Second, time.Millisecond)
	require.Equal(t, []string{"patient"}, feed.Waiting(0))
	require.Empty(t, feed.Waiting(time.Hour))
	exec(t, pool, `ALTER TABLE elsewhere RENAME TO checkpoints`)
	require.Eventually(t, func() bool { return len(feed.Waiting(0)) == 0 }, 20*time.Second, time.Millisecond)
	stop()
	require.NoError(t, <-ended)
}

func TestAwaitWaitsForASubscriber(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	feed := &eventstore.Feed{Store: s.Postgres, Pool: s.pool, Log: slog.New(slog.DiscardHandler)}
	stream := mustAppend(t, s, fresh(), "one")
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, feed.Await(impatient, "slow", stream.Position()), context.Canceled)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- feed.Run(ctx, "slow", func(_ context.Context, w *pgx.Batch, _ []eventstore.Recorded) error {
			w.Queue("SELECT 1")
			return nil
		})
	}()
	require.NoError(t, feed.Await(t.Context(), "slow", stream.Position()))
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, feed.Await(t.Context(), "slow", stream.Position()), "it stays there")
}
