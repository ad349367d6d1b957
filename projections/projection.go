package projections

import (
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/eventstore"
)

// Projection is a table made from events: how it follows them, and how it is made anew.
type Projection struct {
	Name  string   // of the table, and of the checkpoint when there is one
	Key   string   // the column that holds the stream whose row it is
	Nouns []string // the streams it is made of

	// Code counts the ways in which events became rows. Raise it when the same events give other rows than before: the
	// program then makes the table anew when it starts.
	Code int

	// Inline is set for a table that is written with the events.
	Inline Table

	// Handle follows the log after the commit, and Refresh queues what writes the rows of some streams anew, whatever
	// happened to them. They are set for a table that is not Inline.
	Handle  eventstore.Handle
	Refresh func(b *pgx.Batch, streams []uuid.UUID)
}

// Table is a table whose rows are folded from one stream each.
type Table interface {
	eventstore.Inline

	// Columns lists the columns of a row, separated by commas.
	Columns() string

	// Rows answers the rows that a complete stream stands for, as values of the Columns. A stream of another noun has none.
	Rows(s eventstore.Stream) [][]any
}

// Inline answers the tables that are written with the events.
func Inline(list []Projection) []eventstore.Inline {
	var inline []eventstore.Inline
	for _, p := range list {
		if p.Inline != nil {
			inline = append(inline, p.Inline)
		}
	}
	return inline
}

// Named answers one projection of the list; false when there is none of that name.
func Named(list []Projection, name string) (Projection, bool) {
	i := slices.IndexFunc(list, func(p Projection) bool { return p.Name == name })
	if i < 0 {
		return Projection{}, false
	}
	return list[i], true
}

func columnNames(list string) []string {
	names := strings.Split(list, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	return names
}

// nounsOf lists the nouns of several projections.
func nounsOf(list []Projection) []string {
	var nouns []string
	for _, p := range list {
		nouns = append(nouns, p.Nouns...)
	}
	slices.Sort(nouns)
	return slices.Compact(nouns)
}
