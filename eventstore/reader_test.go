package eventstore

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

type personID struct{ uuid.UUID }

type level string

type inner struct {
	Kind string   `json:"kind"`
	ID   personID `json:"id,omitzero"`
}

// everyKind is an event with a field of every kind.
type everyKind struct {
	Count   int             `json:"count"`
	Big     int64           `json:"big"`
	Text    string          `json:"text"`
	Level   level           `json:"level"`
	Open    bool            `json:"open"`
	ID      uuid.UUID       `json:"id"`
	Person  personID        `json:"person"`
	Inner   inner           `json:"inner"`
	Title   *string         `json:"title,omitempty"`
	Flag    *bool           `json:"flag,omitempty"`
	Tags    []string        `json:"tags,omitempty"`
	Fields  *map[string]any `json:"fields,omitempty"`
	At      time.Time       `json:"at,omitzero"`
	Share   float64         `json:"share,omitempty"`
	Skipped string          `json:"-"`
	hidden  string
}

func filled() everyKind {
	return everyKind{
		Count: -12, Big: 999_999_999_999_999_999, Text: "plain é", Level: "high", Open: true, ID: uuid.New(), Person: personID{uuid.New()},
		Inner: inner{Kind: "user", ID: personID{uuid.New()}}, Title: new(`"quoted" <b>` + "\n"), Flag: new(false), Tags: []string{"a", `"]}`},
		Fields: &map[string]any{"n": 1.5, "list": []any{true, nil}}, At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Share: 1e-9,
	}
}

// requireSame reads a text both ways and answers whether the fast one knew it.
func requireSame(tb testing.TB, typ reflect.Type, text []byte) bool {
	tb.Helper()
	want, got := reflect.New(typ), reflect.New(typ)
	wanted := json.Unmarshal(text, want.Interface())
	err := readJSON(readerOf(typ), text, got.Elem())
	require.Equal(tb, wanted == nil, err == nil, "%s: %v, not %v", text, err, wanted)
	require.Equal(tb, want.Interface(), got.Interface(), "%s", text)
	rest, ok := readerOf(typ)(text, reflect.New(typ).Elem())
	return ok && len(rest) == 0
}

func TestWhatWeWriteIsReadTheFastWay(t *testing.T) {
	t.Parallel()
	for _, value := range []any{
		everyKind{},
		filled(),
		inner{},
		struct{}{},
		storedMetadata{EventVersion: 3, Metadata: Metadata{Actor: Actor{Type: "user", ID: uuid.New()}, Command: "x", CorrelationID: "c"}},
		struct { // what the fast way leaves out
			Untagged int
			Quoted   int `json:"quoted,string"`
		}{1, 2},
		struct {
			inner
			Kind string
		}{},
	} {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		require.True(t, requireSame(t, reflect.TypeOf(value), text), "%s", text)
	}
	require.Empty(t, everyKind{}.hidden)
}

// strange are texts that we never write, and some that nobody should.
var strange = []string{
	``, `null`, `{`, `{}`, ` {} `, `{"count":1}x`, `{"count":1,}`, `{"count":01}`, `{"count":1.5}`, `{"count":1e2}`, `{"count":-}`, `{"count":}`,
	`{"count":9999999999999999999}`, `{"count":"1"}`, `{"COUNT":7}`, `{"unknown":{"a":[1]},"count":7}`, `{"text":"a","count":7}`,
	`{"count":1,"count":2}`, `{"text":"\ud800"}`, "{\"text\":\"\xff\"}", "{\"text\":\"\n\"}", `{"text":"a\"b"}`, `{"text":"a`, `{"text":null}`,
	`{"open":tru}`, `{"open":truefalse}`, `{"open":false}`, `{"id":"x"}`, `{"id":"urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8"}`, `{"id":null}`,
	`{"id":"6ba7b810-9dad-11d1-80b4-00c04fd430cg"}`, `{"id":"{6ba7b8109dad11d180b400c04fd430c8}  "}`, `{"title":null}`, `{"tags":null}`, `{"tags":[}`,
	`{"tags":["a","]"]}`, `{"fields":{"a":{"b":"}"}}}`, `{"fields":{"a"`, `{"share":1.5}`, `{"share":x}`, `{"at":"never"}`, `{"inner":{"kind":"a"}}`,
	`{"inner":{"kind":"a"}`, `{"inner":{"x":1}}`, `{"inner":[]}`, `[]`, `"x"`, `{"count":1 }`, `{"count" :1}`, `{"title":"\`,
}

func TestStrangeTextsReadAsEncodingJSONReadsThem(t *testing.T) {
	t.Parallel()
	for _, text := range strange {
		for _, typ := range []reflect.Type{
			reflect.TypeFor[everyKind](), reflect.TypeFor[storedMetadata](), reflect.StructOf([]reflect.StructField{ // encoding/json reads neither
				{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"count"`},
				{Name: "B", Type: reflect.TypeFor[int](), Tag: `json:"count"`},
			}),
		} {
			requireSame(t, typ, []byte(text))
		}
	}
}

func FuzzReader(f *testing.F) {
	text, err := json.Marshal(filled())
	require.NoError(f, err)
	f.Add(text)
	for _, text := range strange {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { requireSame(t, reflect.TypeFor[everyKind](), text) })
}
