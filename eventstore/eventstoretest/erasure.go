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
	appendTo(t, s, stream, said(ben))
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
	stream = appendTo(t, s, stream, Burnt{Person: anna})
	require.Equal(t, []string{eventstore.Erased, "his"}, letters(load(t, s, org, stream.ID)))
	stream = appendTo(t, s, stream, Burnt{})
	require.Equal(t, []string{eventstore.Erased, eventstore.Erased}, letters(load(t, s, org, stream.ID)))
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
