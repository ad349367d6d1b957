package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
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
			require.NotContains(t, streams, one.ID, "a stream is given once")
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
	all, err := replayOf(s).IDs(t.Context(), []string{"note"}, uuid.Nil, 1<<60, 100)
	require.NoError(t, err)
	require.ElementsMatch(t, ids, all)
	some, err := replayOf(s).IDs(t.Context(), []string{"note"}, all[1], 1<<60, 2)
	require.NoError(t, err)
	require.Equal(t, all[2:4], some)
	none, err := replayOf(s).IDs(t.Context(), []string{"ticket"}, uuid.Nil, 1<<60, 2)
	require.NoError(t, err)
	require.Empty(t, none)
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
	_, err = replayOf(s).IDs(t.Context(), nil, uuid.Nil, 0, 1)
	require.Error(t, err)
}
