package eventstore

import (
	"context"
	"fmt"
	"reflect"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Eraser is a fact that makes words in its stream unreadable, whatever keys somebody may still hold.
//
// # Why
//
// One that erases everybody's words, or those of the person whose stream it is, deletes the key of the stream in the
// transaction that records it, so there is no moment with the one and without the other. And the rows of an append are
// made from words that were read before it: so an append in which somebody's words can be read is refused as a conflict
// when their key is gone by then, however long ago they were read. What comes after an erasure never brings words back.
type Eraser interface {
	// Erases answers whose words; the zero id is everybody's.
	Erases() uuid.UUID
}

// eraseWords answers the stream as it reads once the new events are written, and whether its own key goes with them.
func (c *Codec) eraseWords(s Stream, added []any) (_ Stream, ownKey bool) {
	for _, event := range added {
		e, ok := event.(Eraser)
		if !ok {
			continue
		}
		of := e.Erases()
		ownKey = ownKey || of == uuid.Nil || of == s.ID
		for i := range s.Events {
			s.Events[i].Event = c.without(s.Events[i].Event, of)
		}
	}
	return s, ownKey
}

// without answers a copy of the event in which a person's words, or with the zero id everybody's, read as Erased.
func (c *Codec) without(event any, of uuid.UUID) any {
	e := c.byType[reflect.TypeOf(event)]
	if len(e.personal) == 0 {
		return event
	}
	blank := reflect.New(e.typ).Elem()
	blank.Set(reflect.ValueOf(event))
	for _, f := range e.personal {
		field, subject := blank.Field(f.index), f.subjectOf(blank)
		if field.IsZero() || subject == uuid.Nil || of != uuid.Nil && subject != of {
			continue
		}
		if field.Kind() == reflect.Pointer {
			field.Set(reflect.New(field.Type().Elem()))
			field = field.Elem()
		}
		if field.Kind() == reflect.String {
			field.SetString(Erased)
		} else {
			field.Set(reflect.ValueOf(map[string]any{Erased: true}))
		}
	}
	return blank.Interface()
}

// readable adds the subjects to the list without whose keys the event's words could not be read.
func (c *Codec) readable(list [][16]byte, r Recorded) [][16]byte {
	e := c.byType[reflect.TypeOf(r.Event)]
	if len(e.personal) == 0 {
		return list
	}
	event := reflect.ValueOf(r.Event)
	for _, f := range e.personal {
		field, subject := event.Field(f.index), f.subjectOf(event)
		if field.IsZero() || subject == uuid.Nil || isErased(field) {
			continue
		}
		list = addOnce(list, subject)
		if e.ownKey {
			list = addOnce(list, r.Stream)
		}
	}
	return list
}

func isErased(field reflect.Value) bool {
	if field.Kind() == reflect.Pointer {
		field = field.Elem()
	}
	if field.Kind() == reflect.String {
		return field.String() == Erased
	}
	return field.Len() == 1 && field.MapIndex(reflect.ValueOf(Erased)).IsValid()
}

func addOnce(list [][16]byte, id uuid.UUID) [][16]byte {
	for _, known := range list {
		if known == id {
			return list
		}
	}
	return append(list, id)
}

// forgetErased drops the keys among those of a conflict that were erased: perhaps that is why.
func (s *Postgres) forgetErased(ctx context.Context, batch []pending) error {
	var subjects [][16]byte
	for _, p := range batch {
		subjects = append(subjects, p.words...)
	}
	if len(subjects) == 0 {
		return nil
	}
	rows, err := s.pool.Query(ctx, `SELECT subject_id FROM subject_keys WHERE subject_id = ANY($1) AND erased_at IS NOT NULL`, subjects)
	if err != nil {
		return fmt.Errorf("look for erased keys: %w", err)
	}
	erased, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
	if err != nil {
		return fmt.Errorf("look for erased keys: %w", err)
	}
	for _, subject := range erased {
		s.keys.Forget(subject)
	}
	return nil
}
