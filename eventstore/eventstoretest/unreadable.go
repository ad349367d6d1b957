package eventstoretest

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
)

// unreadable reads a log in which every second event is one that this program cannot decode.
func unreadable(t *testing.T, s Store) {
	t.Helper()
	const metadata = `{"v":1,"actor":{"type":"system"},"command":"plant","correlation_id":"c"}`
	planted := []struct{ name, data, metadata, reason string }{
		{"note.hummed", `{"text":"hush"}`, metadata, `it knows no event named "note.hummed"`},
		{"note.noted", `{"text":"hush"}`, `{"v":9,"actor":{"type":"system"}}`, "version 9 of note.noted is newer than its own, 1"},
		{"note.noted", `{"text":{"hush":1}}`, metadata, "what is stored does not have the form of such an event"},
		{"note.noted", `["hush"]`, metadata, "what is stored does not have the form of such an event"},
		{"note.noted", `{"text":"hush"}`, `{"v":"hush"}`, "what is stored does not have the form of such an event"},
		{"note.noted", `{"text":"hush"}`, `"hush"`, "what is stored does not have the form of such an event"},
	}
	want := []string{}
	for _, p := range planted {
		appendTo(t, s, fresh(), Noted{Text: "readable"}, said(newID()))
		s.Plant(t, fresh(), p.name, p.data, p.metadata)
		want = append(want, "readable", "words", p.reason)
	}
	_, err := s.Read(t.Context(), eventstore.Query{})
	poison, ok := errors.AsType[*eventstore.PoisonError](err)
	require.True(t, ok, "%v", err)
	rows := s.Rows(t)
	require.Equal(t, rows[2].Position, poison.Position, "the first of them ends the read")

	got := []string{}
	events := read(t, s, eventstore.Query{Unreadable: true})
	for i, r := range events {
		require.Equal(t, rows[i].Position, r.Position)
		require.Equal(t, rows[i].Type, r.Type)
		require.Equal(t, rows[i].Hash, r.Hash)
		switch e := r.Event.(type) {
		case Noted:
			got = append(got, e.Text)
		case Said:
			require.NotEqual(t, eventstore.Erased, e.Text)
			got = append(got, "words")
		case eventstore.Unreadable:
			require.NotContains(t, e.Reason, "hush")
			got = append(got, e.Reason)
		}
	}
	require.Equal(t, want, got)
	require.Equal(t, "plant", events[2].Metadata.Command, "who and why can be read where only the event cannot")
	require.Len(t, read(t, s, eventstore.Query{Unreadable: true, Org: org, After: rows[2].Position, Limit: 4}), 4)
	require.Empty(t, read(t, s, eventstore.Query{Unreadable: true, Streams: []uuid.UUID{newID()}}))
	_, err = s.Load(t.Context(), org, events[2].Stream)
	require.Error(t, err, "nobody decides upon what they cannot read")
}
