package projections_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

// What is filled is what would have been written with the events and followed from them.
func TestFilledTablesAreThoseOfTheEvents(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	bulk := o.store.Bulk(projections.Fill(o.list))
	bulk.At(time.Now().Add(-time.Hour))
	events := []any{
		ticket.Opened{Number: 1, Title: "Printer", Description: "on fire", CreatedBy: o.ann, Tags: []string{"b", "a", "b"}},
		ticket.Commented{CommentID: newUser().UUID, Author: o.bob, Content: "water"},
	}
	for _, id := range []ticket.ID{newTicket(), newTicket()} {
		_, err := bulk.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: eventstore.Stream{Org: o.org.UUID, ID: id.UUID}, Events: events})
		require.NoError(t, err)
		events = append(events, ticket.Deleted{})
	}
	require.NoError(t, bulk.Flush(t.Context()))
	for _, f := range []projections.TicketFilter{{}, {Text: "printer water"}, {Tag: "a"}, {Tag: "b", Text: "fire"}} {
		require.Len(t, o.desk.list(projections.TicketPage{Filter: f}), 1, "%+v", f)
	}
}
