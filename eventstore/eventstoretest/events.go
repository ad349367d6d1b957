package eventstoretest

import (
	"github.com/google/uuid"

	"ticketd/eventstore"
)

// Noted is an event without secrets.
type Noted struct {
	Text string `json:"text"`
}

// Counted is an event without secrets, of another category.
type Counted struct {
	Number int64 `json:"number"`
}

// Said is an event with a personal field of every kind.
type Said struct {
	Person      uuid.UUID       `json:"person"`
	Text        string          `json:"text" personal:"person"`
	Maybe       *string         `json:"maybe,omitempty" personal:"person"`
	Fields      map[string]any  `json:"fields,omitempty" personal:"person"`
	MaybeFields *map[string]any `json:"maybe_fields,omitempty" personal:"person"`
}

// Written is an event of a noun whose streams have keys of their own.
type Written struct {
	Person uuid.UUID `json:"person"`
	Text   string    `json:"text" personal:"person"`
}

// Burnt erases what a person wrote in its stream; the zero Person is everybody.
type Burnt struct {
	Person uuid.UUID `json:"person,omitzero"`
}

// Erases implements eventstore.Eraser.
func (b Burnt) Erases() uuid.UUID { return b.Person }

// Unlisted is an event that the codec does not know.
type Unlisted struct{}

// Codec knows the events of the suite.
var Codec = eventstore.NewCodec(append(
	eventstore.WithOwnKeys(
		eventstore.Type[Written]("letter.written"),
		eventstore.Type[Burnt]("letter.burnt"),
	),
	eventstore.Type[Noted]("note.noted"),
	eventstore.Type[Counted]("number.counted"),
	eventstore.Type[Said]("note.said"),
)...)
