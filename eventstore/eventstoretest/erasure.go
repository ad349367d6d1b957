package eventstoretest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
)

func erasedWriter(t *testing.T, s Store) {
	t.Helper()
	anna, ben := newID(), newID()
	stream := appendTo(t, s, fresh(), said(anna))
	s.Erase(t, org, anna)
	_, err := s.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: stream, Events: []any{said(anna)}})
	require.ErrorIs(t, err, eventstore.ErrErased)
	appendTo(t, s, load(t, s, org, stream.ID), said(ben))
	require.Len(t, load(t, s, org, stream.ID).Events, 2)
}

func ownKey(t *testing.T, s Store) {
	t.Helper()
	anna, ben := newID(), newID()
	here := appendTo(t, s, fresh(), Written{Person: anna, Text: "hers"})
	here = appendTo(t, s, here, Written{Person: ben, Text: "his"})
	there := appendTo(t, s, fresh(), Written{Person: anna, Text: "elsewhere"})
	require.Equal(t, Written{Person: ben, Text: "his"}, load(t, s, org, here.ID).Events[1].Event)
	require.NotContains(t, string(s.Rows(t)[0].Data), "hers")

	s.Erase(t, org, here.ID)
	require.Equal(t, []string{eventstore.Erased, eventstore.Erased}, letters(load(t, s, org, here.ID)))
	require.Equal(t, []string{"elsewhere"}, letters(load(t, s, org, there.ID)), "the person is still there")

	s.Erase(t, org, anna)
	require.Equal(t, []string{eventstore.Erased}, letters(load(t, s, org, there.ID)), "both keys are needed")
}

func erasedStream(t *testing.T, s Store) {
	t.Helper()
	anna := newID()
	stream := appendTo(t, s, fresh(), Written{Person: anna, Text: "hers"})
	s.Erase(t, org, stream.ID)
	_, err := s.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: stream, Events: []any{Written{Person: anna, Text: "more"}}})
	require.ErrorIs(t, err, eventstore.ErrErased)
	appendTo(t, s, stream, Burnt{})
	require.Len(t, load(t, s, org, stream.ID).Events, 2, "what holds no words is written")
}

func lostRace(t *testing.T, s Store) {
	t.Helper()
	id, anna := newID(), newID()
	winner := eventstore.Stream{Org: org, ID: id}
	appendTo(t, s, winner, Written{Person: anna, Text: "first"})
	_, err := s.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: winner, Events: []any{Written{Person: anna, Text: "second"}}})
	require.ErrorIs(t, err, eventstore.ErrConflict)
	require.Equal(t, []string{"first"}, letters(load(t, s, org, id)), "its key is the winner's")
}

// The store that reads still has every key, as an instance has that has not heard of the erasure.
func eraser(t *testing.T, s Store) {
	t.Helper()
	anna, ben := newID(), newID()
	stream := appendTo(t, s, fresh(), Written{Person: anna, Text: "hers"}, Written{Person: ben, Text: "his"})
	before := stream
	stream = appendTo(t, s, stream, Burnt{Person: anna})
	require.Equal(t, []string{"hers", "his"}, letters(before), "who read it before keeps what they read")
	require.Equal(t, []string{eventstore.Erased, "his"}, letters(stream), "whoever erases reads no more than others")
	require.Equal(t, []string{eventstore.Erased, "his"}, letters(load(t, s, org, stream.ID)))
	stream = appendTo(t, s, stream, Burnt{})
	require.Equal(t, []string{eventstore.Erased, eventstore.Erased}, letters(load(t, s, org, stream.ID)))
}

func takesKey(t *testing.T, s Store) {
	t.Helper()
	anna := newID()
	stream := appendTo(t, s, fresh(), Written{Person: anna, Text: "hers"})
	kept := appendTo(t, s, fresh(), Written{Person: anna, Text: "kept"})
	stream = appendTo(t, s, stream, Burnt{Person: anna})
	appendTo(t, s, stream, Written{Person: newID(), Text: "the stream's key is there"})
	gone := load(t, s, org, stream.ID)
	gone = appendTo(t, s, gone, Burnt{})
	require.Equal(t, []string{eventstore.Erased, eventstore.Erased}, letters(gone))
	_, err := s.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: gone, Events: []any{Written{Person: newID(), Text: "more"}}})
	require.ErrorIs(t, err, eventstore.ErrErased)
	require.Equal(t, []string{"kept"}, letters(load(t, s, org, kept.ID)), "and no other")

	// In the stream that is a person's own, the person's key goes.
	own := eventstore.Stream{Org: org, ID: anna}
	own = appendTo(t, s, own, Said{Person: anna, Text: "me"})
	appendTo(t, s, own, Burnt{Person: anna})
	require.Equal(t, []string{eventstore.Erased}, letters(load(t, s, org, kept.ID)))
}

// An instance that read words while there was a key, and comes to write late, would put them into its rows again.
func notAgain(t *testing.T, s Store) {
	t.Helper()
	anna, ben := newID(), newID()
	stream := appendTo(t, s, fresh(), Written{Person: anna, Text: "hers"})
	read := load(t, s, org, stream.ID)
	other := fresh()
	s.EraseElsewhere(t, org, anna)
	late := eventstore.Write{Stream: read, Events: []any{Written{Person: ben, Text: "his"}}}
	_, err := s.Append(t.Context(), eventstore.Metadata{}, late)
	require.ErrorIs(t, err, eventstore.ErrConflict)
	_, err = s.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: other, Events: []any{Noted{Text: "together"}}}, late)
	require.ErrorIs(t, err, eventstore.ErrConflict, "nor with others")
	require.Empty(t, load(t, s, org, other.ID).Events)

	again := load(t, s, org, stream.ID)
	require.Equal(t, []string{eventstore.Erased}, letters(again), "the conflict made it look")
	again = appendTo(t, s, again, Written{Person: ben, Text: "his"})
	require.Equal(t, []string{eventstore.Erased, "his"}, letters(again))
}

func letters(s eventstore.Stream) []string {
	var texts []string
	for _, r := range s.Events {
		if w, ok := r.Event.(Written); ok {
			texts = append(texts, w.Text)
		}
	}
	return texts
}

var _ eventstore.Eraser = Burnt{Person: uuid.Nil}
