package eventstore_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
	"ticketd/eventstore/eventstoretest"
)

// grown has had three shapes: {"amount"}, then {"amount", "unit"}, and now {"sum", "unit"}.
type grown struct {
	Sum  int64  `json:"sum"`
	Unit string `json:"unit"`
}

var grownCodec = eventstore.NewCodec(
	eventstore.Type[grown]("thing.grown",
		func(fields map[string]any) { fields["unit"] = "cm" },
		func(fields map[string]any) {
			fields["sum"] = fields["amount"]
			delete(fields, "amount")
		}),
	eventstore.Type[eventstoretest.Noted]("note.noted"),
)

func TestOlderVersionsReadAsTodays(t *testing.T) {
	t.Parallel()
	const big = math.MaxInt64 // which a float64 would round
	for version, data := range map[int]string{
		1: `{"amount":9223372036854775807}`,
		2: `{"amount":9223372036854775807,"unit":"cm"}`,
		3: ` {"sum":9223372036854775807,"unit":"cm"}`,
	} {
		event, err := grownCodec.Decode("thing.grown", version, []byte(data))
		require.NoError(t, err)
		require.Equal(t, grown{Sum: big, Unit: "cm"}, event, "version %d", version)
	}
	name, version, data, err := grownCodec.Encode(grown{Sum: big, Unit: "mm"}, nil)
	require.NoError(t, err)
	require.Equal(t, "thing.grown", name)
	require.Equal(t, 3, version)
	require.Equal(t, `{"sum":9223372036854775807,"unit":"mm"}`, string(data))
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		version int
		data    string
	}{
		{"nobody.knows", 1, `{}`},
		{"", 1, `{}`},
		{"thing.grown", 0, `{}`},
		{"thing.grown", -1, `{}`},
		{"thing.grown", 4, `{}`},
		{"thing.grown", 1, `null`},
		{"thing.grown", 3, `null`},
		{"thing.grown", 3, " null\n"},
		{"thing.grown", 1, `[]`},
		{"thing.grown", 3, `[]`},
		{"thing.grown", 3, ``},
		{"thing.grown", 1, ``},
		{"thing.grown", 1, `{`},
		{"thing.grown", 3, `{`},
		{"thing.grown", 3, `{"sum":"many"}`},
		{"thing.grown", 3, `{"sum":9223372036854775808}`},
	} {
		event, err := grownCodec.Decode(tt.name, tt.version, []byte(tt.data))
		require.Error(t, err, "%+v", tt)
		require.Nil(t, event)
	}
}

func TestWhatIsNotListedIsAnError(t *testing.T) {
	t.Parallel()
	for _, event := range []any{nil, 1, &grown{}, eventstoretest.Said{}} {
		_, _, _, err := grownCodec.Encode(event, nil)
		require.ErrorContains(t, err, "not in the catalog")
		_, _, err = grownCodec.Name(event)
		require.ErrorContains(t, err, "not in the catalog")
	}
}

func TestTheCodecListsItsEvents(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"note.noted", "thing.grown"}, grownCodec.Names())
	require.Len(t, grownCodec.Types(), 2)
	name, version, err := grownCodec.Name(grown{})
	require.NoError(t, err)
	require.Equal(t, "thing.grown", name)
	require.Equal(t, 3, version)
}

func TestWhatCannotBeEncodedIsAnError(t *testing.T) {
	t.Parallel()
	keys := keyring(t, &keyStore{})
	unsealable := eventstoretest.Said{Person: newID(), Fields: map[string]any{"f": func() {}}}
	_, _, _, err := eventstoretest.Codec.Encode(unsealable, nil)
	require.Error(t, err)
	_, _, _, err = eventstoretest.Codec.Encode(unsealable, keys.ForWriting(t.Context(), org, nil))
	require.Error(t, err)
}

func TestWordsForAnErasedPersonAreRefused(t *testing.T) {
	t.Parallel()
	erased, err := keyring(t, &keyStore{}).Keys(t.Context(), nil)
	require.NoError(t, err)
	_, _, _, err = eventstoretest.Codec.Encode(eventstoretest.Said{Person: newID(), Text: "x"}, erased)
	require.ErrorIs(t, err, eventstore.ErrErased)
}

// Sealed words open only where they were sealed, and what was stored before its field was sealed stays readable.
func TestSealedWordsOpenNowhereElse(t *testing.T) {
	t.Parallel()
	keys := &keyStore{}
	anna, ben := newID(), newID()
	ring := keyring(t, keys)
	_, _, data, err := eventstoretest.Codec.Encode(eventstoretest.Said{Person: anna, Text: "hers"}, ring.ForWriting(t.Context(), org, nil))
	require.NoError(t, err)
	_, err = ring.Key(t.Context(), org, ben)
	require.NoError(t, err)
	_, sealed, _ := strings.Cut(string(data), `"text":"`)
	sealed, _, _ = strings.Cut(sealed, `"`)

	as := func(person uuid.UUID, fields string) any {
		return readStored(t, keys, "note.said", `{"person":"`+person.String()+`",`+fields+`}`)
	}
	gone := eventstore.Erased
	require.Equal(t, eventstoretest.Said{Person: anna, Text: "hers"}, as(anna, `"text":"`+sealed+`"`))
	require.Equal(t, eventstoretest.Said{Person: ben, Text: gone}, as(ben, `"text":"`+sealed+`"`))
	require.Equal(t, eventstoretest.Said{Person: anna, Maybe: &gone}, as(anna, `"maybe":"`+sealed+`"`))
	require.Equal(t, eventstoretest.Said{Person: anna, Text: gone}, as(anna, `"text":"sealed:not base64!"`))
	require.Equal(t, eventstoretest.Said{Person: anna, Text: gone}, as(anna, `"text":"sealed:AAAA"`))
	require.Equal(t, eventstoretest.Said{Person: anna, Text: "plain"}, as(anna, `"text":"plain"`))
	plain := map[string]any{"sealed": "yes", "more": 1.0}
	require.Equal(t, eventstoretest.Said{Person: anna, Fields: plain}, as(anna, `"fields":{"sealed":"yes","more":1}`))
}

// readStored reads one event through a store whose table holds exactly these bytes.
func readStored(t *testing.T, keys *keyStore, name, data string) any {
	t.Helper()
	event, err := eventstore.OpenStored(t.Context(), eventstoretest.Codec, keyring(t, keys), name, []byte(data), []byte(`{"v":1}`))
	require.NoError(t, err)
	return event
}

func TestAStoreWithoutKeysReadsNothing(t *testing.T) {
	t.Parallel()
	anna := newID()
	down := &keyStore{err: errors.New("down")}
	stored := []byte(`{"person":"` + anna.String() + `","text":"sealed:AAAA"}`)
	_, err := eventstore.OpenStored(t.Context(), eventstoretest.Codec, keyring(t, down), "note.said", stored, []byte(`{"v":1}`))
	require.ErrorIs(t, err, down.err)
	_, _, _, err = eventstoretest.Codec.Encode(eventstoretest.Said{Person: anna, Text: "x"}, keyring(t, down).ForWriting(t.Context(), org, nil))
	require.ErrorIs(t, err, down.err)
}

func TestImpossibleCatalogsPanic(t *testing.T) {
	t.Parallel()
	type twin struct{}
	type number struct {
		By uuid.UUID `json:"by"`
		N  int       `json:"n" personal:"by"`
	}
	type list struct {
		By uuid.UUID `json:"by"`
		L  []string  `json:"l" personal:"by"`
	}
	type stranger struct {
		Text string `json:"text" personal:"by"`
	}
	type name struct {
		By   string `json:"by"`
		Text string `json:"text" personal:"by"`
	}
	type optional struct {
		By   *uuid.UUID `json:"by"`
		Text string     `json:"text" personal:"by"`
	}
	type untagged struct {
		By   uuid.UUID
		Text string `json:"text" personal:""`
	}
	for what, make := range map[string]func(){
		"a name twice":             func() { eventstore.NewCodec(eventstore.Type[twin]("a"), eventstore.Type[grown]("a")) },
		"a type twice":             func() { eventstore.NewCodec(eventstore.Type[twin]("a"), eventstore.Type[twin]("b")) },
		"a personal number":        func() { eventstore.Type[number]("a") },
		"a personal list":          func() { eventstore.Type[list]("a") },
		"an owner who is missing":  func() { eventstore.Type[stranger]("a") },
		"an owner who is no id":    func() { eventstore.Type[name]("a") },
		"an owner who is optional": func() { eventstore.Type[optional]("a") },
		"an owner without a name":  func() { eventstore.Type[untagged]("a") },
		"a pointer":                func() { eventstore.Type[*twin]("a") },
	} {
		require.Panics(t, make, what)
	}
}

func TestAStreamKnowsItsPlaces(t *testing.T) {
	t.Parallel()
	s := eventstore.NewMemory(eventstoretest.Codec)
	stream := fresh()
	require.Zero(t, stream.Version())
	require.Zero(t, stream.Position())
	require.Empty(t, stream.Category())
	for _, text := range []string{"a", "b", "c"} {
		stream = mustAppend(t, s, stream, text)
	}
	require.Equal(t, "note", stream.Category())
	require.Equal(t, int64(3), stream.Position())
	require.Equal(t, "3", stream.Events[2].Cause())
	require.Equal(t, 2, stream.Upto(2).Version())
	require.Equal(t, 3, stream.Upto(9).Version())
	require.Zero(t, stream.Upto(-1).Version())
	require.Equal(t, 3, stream.Version())
}

func TestThePersonIsWhoseRightsWereUsed(t *testing.T) {
	t.Parallel()
	user, token := newID(), newID()
	require.Equal(t, user, eventstore.Actor{ID: user}.Person())
	require.Equal(t, user, eventstore.Actor{ID: token, User: user}.Person())
}
