package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
	"ticketd/eventstore/eventstoretest"
)

func replayOf(s instance) eventstore.Replay {
	return eventstore.Replay{Pool: s.pool, Codec: eventstoretest.Codec, Keys: s.keys}
}

// replayed collects what a replay gives.
func replayed(t *testing.T, s instance, upto int64) map[uuid.UUID]eventstore.Stream {
	t.Helper()
	var mu sync.Mutex
	streams := map[uuid.UUID]eventstore.Stream{}
	require.NoError(t, replayOf(s).Streams(t.Context(), []string{"note"}, upto, func(_ context.Context, some []eventstore.Stream) error {
		mu.Lock()
		defer mu.Unlock()
		for _, one := range some {
			_, twice := streams[one.ID]
			require.False(t, twice, "a stream is given once")
			streams[one.ID] = one
		}
		return nil
	}))
	return streams
}

// Streams come complete, be they longer than what is read at a time.
func TestAReplayGivesEveryStreamOnce(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	require.Empty(t, replayed(t, s, 1<<60))
	want := map[uuid.UUID]eventstore.Stream{}
	for _, length := range []int{1, 1500, 4000, 9001, 2, 3999, 1} {
		stream := fresh()
		var events []any
		for n := range length {
			events = append(events, eventstoretest.Noted{Text: fmt.Sprint(n)})
		}
		written, err := s.Append(t.Context(), eventstore.Metadata{Command: "x"}, eventstore.Write{Stream: stream, Events: events})
		require.NoError(t, err)
		want[stream.ID] = written[0]
	}
	require.Equal(t, want, replayed(t, s, 1<<60))

	// As it stood: some streams had not begun, one had only begun.
	var ids []uuid.UUID
	for id, stream := range want {
		ids = append(ids, id)
		if stream.Version() == 4000 {
			upto := stream.Events[9].Position
			then := replayed(t, s, upto)
			require.Len(t, then, 3)
			require.Equal(t, stream.Upto(10), then[id])
			loaded, err := replayOf(s).Load(t.Context(), []uuid.UUID{id}, upto)
			require.NoError(t, err)
			require.Equal(t, []eventstore.Stream{stream.Upto(10)}, loaded)
			changed, err := replayOf(s).Changed(t.Context(), []string{"note"}, upto-1, upto)
			require.NoError(t, err)
			require.Equal(t, []uuid.UUID{id}, changed)
		}
	}
	require.ElementsMatch(t, ids, idsOf(t, s, "note"))
	require.Empty(t, idsOf(t, s, "ticket"))
}

// idsOf lists the streams of a noun.
func idsOf(t *testing.T, s instance, noun string) []uuid.UUID {
	t.Helper()
	var all []uuid.UUID
	for ids, err := range replayOf(s).IDs(t.Context(), []string{noun}, 1<<60) {
		require.NoError(t, err)
		require.NotEmpty(t, ids)
		all = append(all, ids...)
	}
	return all
}

// Streams of a noun that is rare are found wherever they lie, and no statement looks at all of the log.
func TestAReplayOfARareNounGoesThroughTheLogInStretches(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	var rare []uuid.UUID
	for _, before := range []int{10, 24_000, 24_000} {
		fillFast(t, s, org, before)
		stream := fresh()
		_, err := s.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: stream, Events: []any{eventstoretest.Counted{}, eventstoretest.Counted{}}})
		require.NoError(t, err)
		rare = append(rare, stream.ID)
	}
	require.Equal(t, rare, idsOf(t, s, "number"))
	for range replayOf(s).IDs(t.Context(), []string{"number"}, 1<<60) {
		break // whoever has enough
	}
	replay, queries := replayOf(s), counting{Database: s.pool}
	replay.Pool = &queries
	var found []uuid.UUID
	var mu sync.Mutex
	require.NoError(t, replay.Streams(t.Context(), []string{"number"}, 1<<60, func(_ context.Context, some []eventstore.Stream) error {
		mu.Lock()
		defer mu.Unlock()
		for _, one := range some {
			require.Len(t, one.Events, 2)
			found = append(found, one.ID)
		}
		return nil
	}))
	require.ElementsMatch(t, rare, found)
	require.EqualValues(t, 6, queries.number.Load(), "three stretches, each measured and read")
	require.Len(t, replayed(t, s, 1<<60), 4801)
}

// counting counts the queries.
type counting struct {
	eventstore.Database
	number atomic.Int64
}

func (c *counting) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	c.number.Add(1)
	return c.Database.Query(ctx, sql, args...)
}

func TestAReplayEndsWithItsFirstError(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	for range 3 {
		mustAppend(t, s, fresh(), "text")
	}
	enough := errors.New("enough")
	ignore := func(context.Context, []eventstore.Stream) error { return nil }
	err := replayOf(s).Streams(t.Context(), []string{"note"}, 1<<60, func(context.Context, []eventstore.Stream) error { return enough })
	require.ErrorIs(t, err, enough)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, replayOf(s).Streams(ctx, []string{"note"}, 1<<60, ignore), context.Canceled)

	foreign(t, s.pool, "note.unheard_of", `{}`, `{"v":1}`, make([]byte, 32))
	_, ok := errors.AsType[*eventstore.PoisonError](replayOf(s).Streams(t.Context(), []string{"note"}, 1<<60, ignore))
	require.True(t, ok)
	s.pool.Close()
	require.Error(t, replayOf(s).Streams(t.Context(), []string{"note"}, 1<<60, ignore))
	_, err = replayOf(s).Load(t.Context(), nil, 1)
	require.Error(t, err)
	_, err = replayOf(s).Changed(t.Context(), nil, 0, 1)
	require.Error(t, err)
	for _, err := range replayOf(s).IDs(t.Context(), nil, 0) {
		require.Error(t, err)
	}
}
