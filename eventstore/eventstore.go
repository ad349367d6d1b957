// Package eventstore keeps streams of events in PostgreSQL, in one total order, and tells whoever follows. It knows no
// domain.
//
// # Why
//
// All writes go through one commit lane (lane.go), so position order is commit order is version order. A reader that
// remembers the last position it saw can therefore never skip an event: no gap detection, no snapshot horizon, no
// waiting for somebody else's open transaction. Folding concurrent appends into one transaction pays for the lock.
//
// data and metadata are json, not jsonb, because the exact bytes are hashed (chain.go). Fields that identify a person
// are encrypted before that (seal.go), so deleting one key erases a person while the chain still verifies.
package eventstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ErrConflict reports that the stream is not where the caller saw it: somebody else appended first.
var ErrConflict = errors.New("eventstore: stream has moved on")

// Actor is who caused an event.
type Actor struct {
	Type string    `json:"type"`
	ID   uuid.UUID `json:"id,omitzero"`   // the user's own id, or the token's, agent's or integration's
	User uuid.UUID `json:"user,omitzero"` // the person whose rights were used, when that is somebody else than ID
}

// Metadata is who and why; it is stored with every event.
type Metadata struct {
	Actor         Actor  `json:"actor"`
	Command       string `json:"command"`                  // what was asked for, e.g. "ticket.Assign"
	CorrelationID string `json:"correlation_id,omitempty"` // the request that everything started with
	CausationID   string `json:"causation_id,omitempty"`   // the request itself, or the position of the event reacted to
}

// Recorded is an event as it was stored.
type Recorded struct {
	Position int64 // in the whole log, from 1, with gaps
	Org      uuid.UUID
	Stream   uuid.UUID
	Version  int       // in its stream, from 1, without gaps
	Type     string    // the stored name, e.g. "ticket.opened"
	At       time.Time // UTC, in microseconds
	Metadata Metadata
	Event    any // a value of the type that the catalog lists, as today's code knows it
	Hash     Hash
}

// Category is the noun the event belongs to: "ticket" of "ticket.opened".
func (r Recorded) Category() string { return category(r.Type) }

// Cause names this event as the cause of another.
func (r Recorded) Cause() string { return strconv.FormatInt(r.Position, 10) }

func category(storedName string) string {
	noun, _, _ := strings.Cut(storedName, ".")
	return noun
}

// Stream is the history of one aggregate, as far as its reader has seen it. One that was never written has no events.
type Stream struct {
	Org    uuid.UUID
	ID     uuid.UUID
	Events []Recorded
}

// Version is the number of the last event; 0 when there is none.
func (s Stream) Version() int { return len(s.Events) }

// Position is that of the last event; 0 when there is none.
func (s Stream) Position() int64 {
	if len(s.Events) == 0 {
		return 0
	}
	return s.Events[len(s.Events)-1].Position
}

// Category is the noun whose history this is; "" when there are no events.
func (s Stream) Category() string {
	if len(s.Events) == 0 {
		return ""
	}
	return s.Events[0].Category()
}

// Upto gives the stream as it stood at a version.
func (s Stream) Upto(version int) Stream {
	s.Events = s.Events[:max(0, min(version, len(s.Events)))]
	return s
}

func (s Stream) head() Hash {
	if len(s.Events) == 0 {
		return Hash{}
	}
	return s.Events[len(s.Events)-1].Hash
}

// Write is what to append to one stream. It holds only while the stream is as Stream says.
type Write struct {
	Stream Stream
	Events []any
}

// Log is the event store as commands see it.
type Log interface {
	// Load reads a stream. One that does not exist in this organization has no events, which is no error.
	Load(ctx context.Context, org, stream uuid.UUID) (Stream, error)

	// Append writes to one or several streams, all or nothing, and answers them with the new events added.
	// ErrConflict when any of them has moved on; nothing is written then.
	Append(ctx context.Context, m Metadata, writes ...Write) ([]Stream, error)
}

// Query selects a part of the log. Zero fields do not restrict.
type Query struct {
	After       int64 // positions above this one
	Upto        int64 // and not above this one
	Org         uuid.UUID
	Streams     []uuid.UUID
	Types       []string
	Since       time.Time // recorded then or later
	Until       time.Time // recorded then or earlier
	Actor       uuid.UUID // the one who acted, or on whose behalf
	Correlation string
	Limit       int

	// Unreadable asks for the events that cannot be decoded, too: their Event is an Unreadable. Without it the first of
	// them ends the read with a *PoisonError.
	Unreadable bool
}

func (q Query) matches(r Recorded) bool {
	return r.Position > q.After &&
		(q.Upto == 0 || r.Position <= q.Upto) &&
		(q.Org == uuid.Nil || r.Org == q.Org) &&
		(q.Streams == nil || slices.Contains(q.Streams, r.Stream)) &&
		(q.Types == nil || slices.Contains(q.Types, r.Type)) &&
		(q.Since.IsZero() || !r.At.Before(q.Since)) &&
		(q.Until.IsZero() || !r.At.After(q.Until)) &&
		(q.Actor == uuid.Nil || r.Metadata.Actor.ID == q.Actor || r.Metadata.Actor.User == q.Actor) &&
		(q.Correlation == "" || r.Metadata.CorrelationID == q.Correlation)
}

// Reader is the event store as those see it who follow the log.
type Reader interface {
	// Read answers the events that q selects, in position order, at most q.Limit (0: all).
	Read(ctx context.Context, q Query) ([]Recorded, error)

	// Next answers some of the events after a position, in order, and whether that was all there are for now. They
	// may be shared with other readers, and must not be changed.
	Next(ctx context.Context, after int64) (events []Recorded, all bool, err error)

	// Head is the position of the last committed event; 0 when there is none.
	Head(ctx context.Context) (int64, error)

	// Woken answers a channel that is closed when events may have been added since the call.
	Woken() <-chan struct{}
}

// Person is whose hand it was: the user, or the one on whose behalf a token or agent acted.
func (a Actor) Person() uuid.UUID {
	if a.User != uuid.Nil {
		return a.User
	}
	return a.ID
}
