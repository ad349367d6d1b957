// Package eventstoretest says what every event store must do, as tests.
package eventstoretest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"ticketd/eventstore"
)

// Store is an event store on Codec, and a look behind it.
type Store interface {
	eventstore.Log
	eventstore.Reader

	// Rows answers what is stored, byte for byte, in position order.
	Rows(tb testing.TB) []Row

	// Plant stores an event as another program may have written it: byte for byte, as the stream's next.
	Plant(tb testing.TB, stream eventstore.Stream, name, data, metadata string)

	// Erase deletes the key of a person or of a stream.
	Erase(tb testing.TB, org, subject uuid.UUID)

	// EraseElsewhere is Erase by another instance, of which this one has not heard.
	EraseElsewhere(tb testing.TB, org, subject uuid.UUID)
}

// Row is an event as it is stored.
type Row struct {
	Position       int64
	Org, Stream    uuid.UUID
	Version        int
	Type           string
	At             time.Time
	Data, Metadata []byte
	Prev, Hash     eventstore.Hash
}

// Run runs the suite, each test on a store of its own.
func Run(t *testing.T, newStore func(t *testing.T) Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Store){
		"a stream counts its versions from one":                  versions,
		"an unwritten stream is empty":                           unwritten,
		"what is appended is what is loaded":                     appendedIsLoaded,
		"who expects too little gets a conflict":                 expectsTooLittle,
		"who expects too much gets a conflict":                   expectsTooMuch,
		"several streams are written together":                   severalStreams,
		"several streams are written all or none":                allOrNone,
		"a stream cannot stand twice in one append":              streamTwice,
		"an append of nothing writes nothing":                    emptyAppend,
		"an event nobody listed is refused":                      unlisted,
		"another organization reads nothing":                     anotherOrganizationReadsNothing,
		"another organization cannot append":                     anotherOrganizationCannotAppend,
		"positions rise in the order of the commits":             positions,
		"metadata comes back":                                    metadata,
		"times are in UTC and microseconds":                      times,
		"personal fields come back and are not stored":           sealed,
		"an erased person's words read as erased":                erased,
		"nobody writes for an erased person":                     erasedWriter,
		"words go with the key of their stream":                  ownKey,
		"nobody writes in a stream whose key is erased":          erasedStream,
		"a stream that lost its race leaves no key":              lostRace,
		"a fact erases words whatever keys there are":            eraser,
		"a fact takes the key of its stream with it":             takesKey,
		"words whose key is gone are not written again":          notAgain,
		"words of nobody are not sealed":                         nobody,
		"the chain can be computed from the stored bytes":        chain,
		"a query restricts by each of its fields":                queries,
		"what cannot be read ends a read or is shown as such":    unreadable,
		"the head is the last position":                          head,
		"a reader is woken by an append":                         woken,
		"one of many appenders to a stream wins each version":    contention,
		"any history holds together, whatever the order of work": anyHistory,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newStore(t))
		})
	}
}

var (
	org   = uuid.MustParse("0199aaaa-0000-7000-8000-000000000001")
	other = uuid.MustParse("0199aaaa-0000-7000-8000-000000000002")
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// fresh is a stream that was never written.
func fresh() eventstore.Stream { return eventstore.Stream{Org: org, ID: newID()} }

func note(texts ...string) []any {
	events := make([]any, len(texts))
	for i, text := range texts {
		events[i] = Noted{Text: text}
	}
	return events
}

func appendTo(t require.TestingT, s Store, stream eventstore.Stream, events ...any) eventstore.Stream {
	grown, err := s.Append(ctxOf(t), eventstore.Metadata{}, eventstore.Write{Stream: stream, Events: events})
	require.NoError(t, err)
	require.Len(t, grown, 1)
	return grown[0]
}

func load(t require.TestingT, s Store, org, id uuid.UUID) eventstore.Stream {
	stream, err := s.Load(ctxOf(t), org, id)
	require.NoError(t, err)
	return stream
}

func read(t require.TestingT, s Store, q eventstore.Query) []eventstore.Recorded {
	events, err := s.Read(ctxOf(t), q)
	require.NoError(t, err)
	return events
}

func texts(events []eventstore.Recorded) []string {
	var list []string
	for _, e := range events {
		switch e := e.Event.(type) {
		case Noted:
			list = append(list, e.Text)
		case Counted:
			list = append(list, strconv.FormatInt(e.Number, 10))
		}
	}
	return list
}

func versions(t *testing.T, s Store) {
	t.Helper()
	stream := appendTo(t, s, fresh(), note("a", "b")...)
	require.Equal(t, 2, stream.Version())
	stream = appendTo(t, s, stream, note("c")...)
	require.Equal(t, 3, stream.Version())
	loaded := load(t, s, org, stream.ID)
	require.Equal(t, []string{"a", "b", "c"}, texts(loaded.Events))
	for i, e := range loaded.Events {
		require.Equal(t, i+1, e.Version)
		require.Equal(t, stream.ID, e.Stream)
		require.Equal(t, org, e.Org)
		require.Equal(t, "note.noted", e.Type)
	}
}

func unwritten(t *testing.T, s Store) {
	t.Helper()
	id := newID()
	stream := load(t, s, org, id)
	require.Equal(t, eventstore.Stream{Org: org, ID: id}, stream)
	require.Zero(t, stream.Version())
}

func appendedIsLoaded(t *testing.T, s Store) {
	t.Helper()
	before := appendTo(t, s, fresh(), note("a")...)
	after := appendTo(t, s, before, Noted{Text: "b"}, Counted{Number: 1 << 60})
	require.Len(t, before.Events, 1, "the caller keeps its own view")
	require.Equal(t, after, load(t, s, org, after.ID))
	require.Equal(t, after.Events, read(t, s, eventstore.Query{}))
}

func expectsTooLittle(t *testing.T, s Store) {
	t.Helper()
	empty := fresh()
	first := appendTo(t, s, empty, note("a")...)
	for _, stale := range []eventstore.Stream{empty, {Org: org, ID: first.ID}} {
		_, err := s.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: stale, Events: note("late")})
		require.ErrorIs(t, err, eventstore.ErrConflict)
	}
	require.Equal(t, first, load(t, s, org, first.ID))
}

func expectsTooMuch(t *testing.T, s Store) {
	t.Helper()
	ahead := appendTo(t, s, fresh(), note("a", "b")...)
	ahead.ID = newID() // a stream that has none of these events
	_, err := s.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: ahead, Events: note("c")})
	require.ErrorIs(t, err, eventstore.ErrConflict)
	require.Empty(t, load(t, s, org, ahead.ID).Events)
}

func severalStreams(t *testing.T, s Store) {
	t.Helper()
	a, b, idle := fresh(), fresh(), fresh()
	grown, err := s.Append(t.Context(), eventstore.Metadata{},
		eventstore.Write{Stream: a, Events: note("a1", "a2")},
		eventstore.Write{Stream: idle},
		eventstore.Write{Stream: b, Events: note("b1")})
	require.NoError(t, err)
	require.Len(t, grown, 3)
	require.Equal(t, load(t, s, org, a.ID), grown[0])
	require.Equal(t, idle, grown[1])
	require.Equal(t, load(t, s, org, b.ID), grown[2])
	require.Equal(t, []string{"a1", "a2", "b1"}, texts(read(t, s, eventstore.Query{})))
}

func allOrNone(t *testing.T, s Store) {
	t.Helper()
	taken := appendTo(t, s, fresh(), note("first")...)
	a, stale := fresh(), eventstore.Stream{Org: org, ID: taken.ID}
	for _, writes := range [][]eventstore.Write{
		{{Stream: a, Events: note("a")}, {Stream: stale, Events: note("late")}},
		{{Stream: stale, Events: note("late")}, {Stream: a, Events: note("a")}},
	} {
		_, err := s.Append(t.Context(), eventstore.Metadata{}, writes...)
		require.ErrorIs(t, err, eventstore.ErrConflict)
	}
	require.Equal(t, []string{"first"}, texts(read(t, s, eventstore.Query{})))
}

func streamTwice(t *testing.T, s Store) {
	t.Helper()
	a := fresh()
	_, err := s.Append(t.Context(), eventstore.Metadata{},
		eventstore.Write{Stream: a, Events: note("one")}, eventstore.Write{Stream: a, Events: note("two")})
	require.ErrorContains(t, err, "twice")
	require.NotErrorIs(t, err, eventstore.ErrConflict, "trying again would not help")
	require.Empty(t, read(t, s, eventstore.Query{}))
}

func emptyAppend(t *testing.T, s Store) {
	t.Helper()
	grown, err := s.Append(t.Context(), eventstore.Metadata{})
	require.NoError(t, err)
	require.Empty(t, grown)
	stream := appendTo(t, s, fresh(), note("a")...)
	require.Equal(t, stream, appendTo(t, s, stream))
	require.Len(t, read(t, s, eventstore.Query{}), 1)
}

func unlisted(t *testing.T, s Store) {
	t.Helper()
	for _, event := range []any{Unlisted{}, &Noted{}, nil} {
		_, err := s.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: fresh(), Events: []any{Noted{}, event}})
		require.ErrorContains(t, err, "not in the catalog")
	}
	require.Empty(t, read(t, s, eventstore.Query{}))
}

func anotherOrganizationReadsNothing(t *testing.T, s Store) {
	t.Helper()
	stream := appendTo(t, s, fresh(), note("secret")...)
	require.Empty(t, load(t, s, other, stream.ID).Events)
	require.Empty(t, read(t, s, eventstore.Query{Org: other}))
	require.Empty(t, read(t, s, eventstore.Query{Org: other, Streams: []uuid.UUID{stream.ID}}))
}

func anotherOrganizationCannotAppend(t *testing.T, s Store) {
	t.Helper()
	stream := appendTo(t, s, fresh(), note("ours")...)
	forged := stream
	forged.Org = other
	for _, theirs := range []eventstore.Stream{load(t, s, other, stream.ID), forged} {
		_, err := s.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: theirs, Events: note("theirs")})
		require.ErrorIs(t, err, eventstore.ErrConflict)
	}
	require.Equal(t, stream, load(t, s, org, stream.ID))
}

func positions(t *testing.T, s Store) {
	t.Helper()
	a, b := fresh(), fresh()
	a = appendTo(t, s, a, note("1", "2")...)
	b = appendTo(t, s, b, note("3")...)
	appendTo(t, s, a, note("4")...)
	appendTo(t, s, b, note("5")...)
	all := read(t, s, eventstore.Query{})
	require.Equal(t, []string{"1", "2", "3", "4", "5"}, texts(all))
	require.Positive(t, all[0].Position)
	for i := range all[1:] {
		require.Greater(t, all[i+1].Position, all[i].Position)
	}
}

func metadata(t *testing.T, s Store) {
	t.Helper()
	want := eventstore.Metadata{
		Actor:         eventstore.Actor{Type: "agent", ID: newID(), User: newID()},
		Command:       "note.Note",
		CorrelationID: "request <1> & \"more\"",
		CausationID:   "42",
	}
	grown, err := s.Append(t.Context(), want, eventstore.Write{Stream: fresh(), Events: note("a", "b")})
	require.NoError(t, err)
	for _, e := range slices.Concat(grown[0].Events, read(t, s, eventstore.Query{})) {
		require.Equal(t, want, e.Metadata)
	}
	for _, row := range s.Rows(t) {
		require.Contains(t, string(row.Metadata), `"v":1`, "the event's version is stored with it")
	}
}

func times(t *testing.T, s Store) {
	t.Helper()
	begin := time.Now().Truncate(time.Microsecond)
	stream := appendTo(t, s, fresh(), note("a")...)
	at := stream.Events[0].At
	require.Equal(t, time.UTC, at.Location())
	require.Equal(t, at.Truncate(time.Microsecond), at)
	require.WithinRange(t, at, begin, time.Now())
}

func said(person uuid.UUID) Said {
	maybe, fields := "secret-maybe", map[string]any{"secret-key": "secret-more", "nested": map[string]any{"n": 1.5}}
	return Said{
		Person: person, Text: "secret-text", Maybe: &maybe,
		Fields: map[string]any{"secret-key": "secret-value", "list": []any{"x", true, nil}}, MaybeFields: &fields,
	}
}

func sealed(t *testing.T, s Store) {
	t.Helper()
	anna, ben := newID(), newID()
	empty := ""
	stream := fresh()
	events := []any{said(anna), said(ben), Said{Person: anna, Maybe: &empty, Fields: map[string]any{}}, Said{Person: newID()}}
	grown := appendTo(t, s, stream, events...)
	loaded := load(t, s, org, stream.ID)
	for i := range events[:2] {
		require.Equal(t, events[i], loaded.Events[i].Event)
		require.Equal(t, events[i], grown.Events[i].Event)
	}
	require.Equal(t, Said{Person: anna, Maybe: &empty}, loaded.Events[2].Event)
	require.Equal(t, events[3], loaded.Events[3].Event)
	require.Equal(t, said(anna), events[0], "the caller's event is left as it was")
	for _, row := range s.Rows(t) {
		require.NotContains(t, string(row.Data), "secret")
		require.NotContains(t, string(row.Metadata), "secret")
	}
	require.Contains(t, string(s.Rows(t)[0].Data), anna.String(), "only the words are sealed")
}

func erased(t *testing.T, s Store) {
	t.Helper()
	anna, ben := newID(), newID()
	stream := appendTo(t, s, fresh(), said(anna), said(ben), said(anna))
	before := s.Rows(t)
	load(t, s, org, stream.ID) // the keys are cached now
	s.Erase(t, org, anna)
	gone, goneFields := eventstore.Erased, map[string]any{eventstore.Erased: true}
	want := Said{Person: anna, Text: gone, Maybe: &gone, Fields: goneFields, MaybeFields: &goneFields}
	for range 2 {
		loaded := load(t, s, org, stream.ID)
		require.Equal(t, want, loaded.Events[0].Event)
		require.Equal(t, said(ben), loaded.Events[1].Event)
		require.Equal(t, want, loaded.Events[2].Event)
		require.Equal(t, stream.Events[2].Hash, loaded.Events[2].Hash)
	}
	require.Equal(t, before, s.Rows(t), "erasing changes no event")
}

func nobody(t *testing.T, s Store) {
	t.Helper()
	event := Said{Text: "the system's words"}
	stream := appendTo(t, s, fresh(), event)
	require.Equal(t, event, load(t, s, org, stream.ID).Events[0].Event)
	require.Contains(t, string(s.Rows(t)[0].Data), event.Text)
}

// Link computes an event's hash as the format was written down, apart from the store's own code: whoever changes
// either invalidates every chain that was ever stored.
func Link(r Row) eventstore.Hash {
	h := sha256.New()
	number := func(n uint64) { h.Write(binary.BigEndian.AppendUint64(nil, n)) }
	h.Write(r.Prev[:])
	h.Write(r.Org[:])
	h.Write(r.Stream[:])
	number(uint64(r.Version)) //nolint:gosec // versions count from 1
	number(uint64(r.At.UnixMicro()))
	for _, part := range [][]byte{[]byte(r.Type), r.Data, r.Metadata} {
		number(uint64(len(part)))
		h.Write(part)
	}
	return eventstore.Hash(h.Sum(nil))
}

// RequireChains checks every stream's chain of hashes, and that versions follow each other, in position order.
func RequireChains(t require.TestingT, rows []Row) {
	last := map[uuid.UUID]Row{}
	for _, row := range rows {
		before := last[row.Stream]
		require.Equal(t, before.Version+1, row.Version, "position order is version order")
		require.Equal(t, before.Hash, row.Prev)
		require.Equal(t, Link(row), row.Hash)
		last[row.Stream] = row
	}
}

func chain(t *testing.T, s Store) {
	t.Helper()
	person := newID()
	a := appendTo(t, s, fresh(), said(person), Noted{Text: "two"})
	b := appendTo(t, s, fresh(), Counted{Number: 1})
	a = appendTo(t, s, a, Noted{Text: "three"})
	rows := s.Rows(t)
	require.Len(t, rows, 4)
	RequireChains(t, rows)
	for i, e := range read(t, s, eventstore.Query{}) {
		require.Equal(t, Link(rows[i]), e.Hash)
		require.Equal(t, rows[i].Position, e.Position)
	}
	require.Equal(t, rows[2].Hash, b.Events[0].Hash)
	require.Equal(t, rows[3].Hash, a.Events[2].Hash)
	require.Len(t, a.Events[2].Hash.String(), 64)
	rows[1].Data[0] ^= 1
	require.NotEqual(t, Link(rows[1]), rows[1].Hash, "a changed byte shows")
	require.True(t, json.Valid(rows[2].Data))
}

func queries(t *testing.T, s Store) {
	t.Helper()
	a, b, c := fresh(), fresh(), eventstore.Stream{Org: other, ID: newID()}
	a = appendTo(t, s, a, Noted{Text: "a1"}, Counted{Number: 2})
	b = appendTo(t, s, b, Noted{Text: "b1"})
	c = appendTo(t, s, c, Noted{Text: "c1"})
	a = appendTo(t, s, a, Noted{Text: "a3"})
	at := func(stream eventstore.Stream, version int) eventstore.Recorded { return stream.Events[version-1] }
	for name, tt := range map[string]struct {
		query eventstore.Query
		want  []string
	}{
		"all":               {eventstore.Query{}, []string{"a1", "2", "b1", "c1", "a3"}},
		"after":             {eventstore.Query{After: at(a, 2).Position}, []string{"b1", "c1", "a3"}},
		"after the last":    {eventstore.Query{After: at(a, 3).Position}, nil},
		"up to":             {eventstore.Query{Upto: at(b, 1).Position}, []string{"a1", "2", "b1"}},
		"between":           {eventstore.Query{After: at(a, 1).Position, Upto: at(b, 1).Position}, []string{"2", "b1"}},
		"organization":      {eventstore.Query{Org: other}, []string{"c1"}},
		"stream":            {eventstore.Query{Streams: []uuid.UUID{a.ID}}, []string{"a1", "2", "a3"}},
		"streams":           {eventstore.Query{Streams: []uuid.UUID{b.ID, c.ID}}, []string{"b1", "c1"}},
		"no streams":        {eventstore.Query{Streams: []uuid.UUID{}}, nil},
		"type":              {eventstore.Query{Types: []string{"number.counted"}}, []string{"2"}},
		"types":             {eventstore.Query{Types: []string{"number.counted", "note.noted"}}, []string{"a1", "2", "b1", "c1", "a3"}},
		"no types":          {eventstore.Query{Types: []string{}}, nil},
		"since the first":   {eventstore.Query{Since: at(a, 1).At}, []string{"a1", "2", "b1", "c1", "a3"}},
		"since the future":  {eventstore.Query{Since: time.Now().Add(time.Hour)}, nil},
		"limit":             {eventstore.Query{Limit: 2}, []string{"a1", "2"}},
		"limit after":       {eventstore.Query{Limit: 2, After: at(a, 2).Position}, []string{"b1", "c1"}},
		"limit of a stream": {eventstore.Query{Limit: 2, Streams: []uuid.UUID{a.ID}}, []string{"a1", "2"}},
		"everything at once": {eventstore.Query{
			After: at(a, 1).Position, Upto: at(a, 3).Position, Org: org, Streams: []uuid.UUID{a.ID, c.ID},
			Types: []string{"note.noted"}, Since: at(a, 1).At, Limit: 5,
		}, []string{"a3"}},
	} {
		require.Equal(t, tt.want, texts(read(t, s, tt.query)), name)
	}
}

func head(t *testing.T, s Store) {
	t.Helper()
	position, err := s.Head(t.Context())
	require.NoError(t, err)
	require.Zero(t, position)
	stream := appendTo(t, s, fresh(), note("a", "b")...)
	position, err = s.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, stream.Position(), position)
}

func woken(t *testing.T, s Store) {
	t.Helper()
	stream := fresh()
	for range 3 {
		wake := s.Woken()
		stream = appendTo(t, s, stream, note("a")...)
		<-wake
	}
}

// contention lets many append to one stream, each trying until it wins: no version is lost or given twice.
func contention(t *testing.T, s Store) {
	t.Helper()
	const writers, each = 8, 5
	id := newID()
	var mu sync.Mutex
	var accepted []string
	var work errgroup.Group
	for w := range writers {
		work.Go(func() error {
			for n := range each {
				text := strconv.Itoa(w*each + n)
				if err := insist(t, s, id, text); err != nil {
					return err
				}
				mu.Lock()
				accepted = append(accepted, text)
				mu.Unlock()
			}
			return nil
		})
	}
	require.NoError(t, work.Wait())
	require.ElementsMatch(t, accepted, texts(load(t, s, org, id).Events))
	require.Len(t, accepted, writers*each)
	RequireChains(t, s.Rows(t))
}

func insist(t *testing.T, s Store, id uuid.UUID, text string) error {
	t.Helper()
	for {
		stream, err := s.Load(t.Context(), org, id)
		if err != nil {
			return err
		}
		_, err = s.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: stream, Events: note(text)})
		if !errors.Is(err, eventstore.ErrConflict) {
			return err
		}
	}
}

// anyHistory makes appends from views that may be stale, over several streams at once, and compares the store with the
// plainest of models: a list of texts for each stream.
func anyHistory(t *testing.T, s Store) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		ids := []uuid.UUID{newID(), newID(), newID()}
		model := map[uuid.UUID][]string{}
		views := map[uuid.UUID][]eventstore.Stream{}
		for _, id := range ids {
			views[id] = []eventstore.Stream{{Org: org, ID: id}}
		}
		for range rapid.IntRange(1, 12).Draw(t, "appends") {
			var writes []eventstore.Write
			holds := true
			for _, id := range ids {
				if !rapid.Bool().Draw(t, "written") {
					continue
				}
				view := rapid.SampledFrom(views[id]).Draw(t, "view")
				w := eventstore.Write{Stream: view, Events: note(rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "texts")...)}
				holds = holds && (len(w.Events) == 0 || view.Version() == len(model[id]))
				writes = append(writes, w)
			}
			grown, err := s.Append(t.Context(), eventstore.Metadata{}, writes...)
			if !holds {
				require.ErrorIs(t, err, eventstore.ErrConflict)
				continue
			}
			require.NoError(t, err)
			for i, w := range writes {
				id := w.Stream.ID
				for _, event := range w.Events {
					model[id] = append(model[id], event.(Noted).Text) //nolint:errcheck // note makes no other
				}
				if len(w.Events) > 0 {
					views[id] = append(views[id], grown[i])
				}
			}
		}
		for _, id := range ids {
			loaded := load(t, s, org, id)
			require.Equal(t, model[id], texts(loaded.Events))
			require.Equal(t, views[id][len(views[id])-1].Events, loaded.Events)
		}
	})
	RequireChains(t, s.Rows(t))
}

// ctxOf answers the context of a *testing.T or a *rapid.T.
func ctxOf(t require.TestingT) context.Context {
	return t.(interface{ Context() context.Context }).Context() //nolint:errcheck // both have it
}
