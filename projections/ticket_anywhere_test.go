package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain/ticket"
	"ticketd/projections"
)

func TestATicketIsFoundWhosesoeverItIs(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.opened(func(o *ticket.Opened) { o.Number = 7 })
	d.happen(id, ticket.Deleted{})
	org, number, err := d.tickets.FindAnywhere(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, d.org, org)
	require.EqualValues(t, 7, number)
	_, _, err = d.tickets.FindAnywhere(t.Context(), newTicket())
	require.ErrorIs(t, err, projections.ErrNoTicket)
}
