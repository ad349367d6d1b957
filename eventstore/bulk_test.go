package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
	"ticketd/eventstore/eventstoretest"
)

func noRows(context.Context, pgx.Tx, []eventstore.Stream) error { return nil }

// Two streams with keys grow in turn, over more events than a page holds, and are read as if they had just happened then.
func TestABulkIsReadAsIfItHadHappened(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	woken := s.Woken()
	var ended []eventstore.Stream
	bulk := s.Bulk(func(_ context.Context, _ pgx.Tx, streams []eventstore.Stream) error {
		ended = append(ended, streams...)
		return nil
	})
	at := time.Date(2024, 2, 29, 12, 0, 0, 123_456_789, time.UTC)
	person, streams := newID(), []eventstore.Stream{fresh(), fresh()}
	const rounds, each = 102, 50 // more events than a page
	for n := range rounds {
		bulk.At(at.Add(time.Duration(n) * time.Second))
		for i := range streams {
			var events []any
			for k := range each {
				events = append(events, eventstoretest.Written{Person: person, Text: fmt.Sprint("said ", n*each+k)})
			}
			grown, err := bulk.Append(t.Context(), eventstore.Metadata{Command: "test"}, eventstore.Write{Stream: streams[i], Events: events})
			require.NoError(t, err)
			streams[i] = grown[0]
		}
		if n == rounds/2 {
			bulk.End(streams[1].ID)
			streams = streams[:1:1]
		}
	}
	known, err := bulk.Load(t.Context(), org, streams[0].ID)
	require.NoError(t, err)
	require.Equal(t, rounds*each, known.Version())
	stranger, err := bulk.Load(t.Context(), newID(), streams[0].ID)
	require.NoError(t, err)
	require.Zero(t, stranger.Version())
	require.NoError(t, bulk.Flush(t.Context()))
	require.EqualValues(t, each*(rounds+rounds/2+1), bulk.Written())
	require.Len(t, ended, 2)
	<-woken

	for _, want := range ended {
		got, err := another(t, s.pool).Load(t.Context(), org, want.ID) // whose keys are those in the table
		require.NoError(t, err)
		require.Equal(t, want.Version(), got.Version())
		for i, e := range got.Events {
			require.Equal(t, at.Add(time.Duration(i/each)*time.Second).Truncate(time.Microsecond), e.At)
			require.Equal(t, eventstoretest.Written{Person: person, Text: fmt.Sprint("said ", i)}, e.Event)
			require.Equal(t, want.Events[i].Hash, e.Hash)
		}
	}
	mustAppend(t, s, eventstore.Stream{Org: org, ID: newID()}, "life goes on")
}

func TestABulkRefusesWhatTheLogWouldRefuse(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	bulk := s.Bulk(noRows)
	bulk.At(time.Now())
	first, err := appendNote(t.Context(), bulk, fresh(), "one")
	require.NoError(t, err)
	_, err = appendNote(t.Context(), bulk, first.Upto(0), "as if there were none")
	require.ErrorIs(t, err, eventstore.ErrConflict)
	bulk.At(time.Now().Add(-time.Hour))
	_, err = appendNote(t.Context(), bulk, first, "before that")
	require.ErrorIs(t, err, eventstore.ErrPast)
	_, err = bulk.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: fresh(), Events: []any{"no event"}})
	require.Error(t, err)
	require.NoError(t, bulk.Flush(t.Context()))
	stored, err := bulk.Load(t.Context(), org, first.ID)
	require.NoError(t, err)
	require.Equal(t, 1, stored.Version(), "what was ended is read from the table")
}

// An append that looked fine fails with its page, and everything after it.
func TestABulkThatCannotBeWrittenSaysSo(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	there := mustAppend(t, s, fresh(), "here first")
	bulk := s.Bulk(noRows)
	bulk.At(time.Now())
	_, err := appendNote(t.Context(), bulk, there.Upto(0), "me too")
	require.NoError(t, err)
	require.ErrorContains(t, bulk.Flush(t.Context()), "write 1 events")
	require.Error(t, bulk.Flush(t.Context()), "still")

	broken := errors.New("no rows today")
	bulk = s.Bulk(func(context.Context, pgx.Tx, []eventstore.Stream) error { return broken })
	bulk.At(time.Now())
	stream, err := appendNote(t.Context(), bulk, eventstore.Stream{Org: org, ID: uuid.New()}, "x")
	require.NoError(t, err)
	require.ErrorIs(t, bulk.Flush(t.Context()), broken)
	require.Zero(t, number(t, s.pool, `SELECT count(*) FROM events WHERE stream_id = $1`, stream.ID))

	s.pool.Close()
	_, err = s.Bulk(noRows).Append(t.Context(), eventstore.Metadata{}, eventstore.Write{
		Stream: fresh(), Events: []any{eventstoretest.Said{Person: newID(), Text: "x"}},
	})
	require.Error(t, err, "without keys nobody can say anything")
}
