// Package projections is the read side: tables made from events, and the queries on them.
//
// # Why
//
// The row of one aggregate is written in the transaction of its events (eventstore.Inline), by the same pure Apply that
// a rebuild and time travel use: the answer to a command, the next GET and the notice always agree. Views over many
// streams are made afterwards, by a Feed. cmd/ticketd/wire.go lists which is which.
package projections

import (
	"github.com/google/uuid"

	"ticketd/eventstore"
)

// Fold applies a stream's events to a row, oldest first.
func Fold[Row any](apply func(Row, eventstore.Recorded) Row, events []eventstore.Recorded) Row {
	var row Row
	for _, e := range events {
		row = apply(row, e)
	}
	return row
}

// proof is what a statement joins on to write a row only if its stream's last event was committed: see eventstore.Inline.
type proof struct {
	ids      [][16]byte
	versions []int32
	hashes   [][]byte
}

func (p *proof) add(s eventstore.Stream) {
	last := s.Events[len(s.Events)-1]
	p.ids = append(p.ids, s.ID)
	p.versions = append(p.versions, int32(last.Version)) //nolint:gosec // a stream never holds 2^31 events
	p.hashes = append(p.hashes, last.Hash[:])
}

func raw(ids []uuid.UUID) [][16]byte {
	out := make([][16]byte, len(ids))
	for i, id := range ids {
		out[i] = id
	}
	return out
}
