package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain/ticket"
	"ticketd/projections"
)

func TestAListOfATagFollowsTheTicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	tagged := func(tag string) []int64 {
		return d.list(projections.TicketPage{Filter: projections.TicketFilter{Tag: tag}})
	}
	id := newTicket()
	d.happen(id, ticket.Opened{Number: 1, Title: "t", Description: "d", CreatedBy: d.ann, Tags: []string{"a", "b", "b"}})
	d.happen(newTicket(), ticket.Opened{Number: 2, Title: "t", Description: "d", CreatedBy: d.ann, Tags: []string{"b"}})
	require.Equal(t, []int64{1}, tagged("a"))
	require.Equal(t, []int64{2, 1}, tagged("b"))
	page := d.list(projections.TicketPage{Filter: projections.TicketFilter{Tag: "b", OwnedBy: d.ann}, Limit: 1, Offset: 1})
	require.Equal(t, []int64{1}, page)
	d.happen(id, ticket.Edited{CreatedBy: d.ann, Tags: &[]string{"b", "c"}}, ticket.Edited{CreatedBy: d.ann, Title: new("x")})
	require.Empty(t, tagged("a"))
	require.Equal(t, []int64{1}, tagged("c"))
	require.Equal(t, []int64{2, 1}, tagged("b"))
	d.happen(id, ticket.Deleted{})
	require.Equal(t, []int64{2}, tagged("b"))
}
