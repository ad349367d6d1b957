package projections_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/ticket"
)

func TestTicketsThatACallerMaySee(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	anns, bobs := w.opened(), w.opened(func(o *ticket.Opened) { o.Number, o.CreatedBy = 2, w.bob })
	given := w.opened(func(o *ticket.Opened) { o.Number, o.CreatedBy = 3, w.bob })
	w.happen(given, ticket.Assigned{Assignee: w.ann})
	rival := w
	rival.org = newOrg()
	foreign := rival.opened()
	as := func(role domain.Role) domain.Caller {
		return domain.Caller{Org: w.org, Actor: domain.Actor{Type: domain.ByUser, User: w.ann, Role: role}}
	}
	ids := []uuid.UUID{anns.UUID, bobs.UUID, given.UUID, foreign.UUID}
	see := func(caller domain.Caller, ids ...uuid.UUID) (list []uuid.UUID) {
		visible, err := w.tickets.Visible(t.Context(), caller, ids)
		require.NoError(t, err)
		for _, id := range ids {
			if visible[id] {
				list = append(list, id)
			}
		}
		return list
	}
	require.Equal(t, []uuid.UUID{anns.UUID, given.UUID}, see(as(domain.Member), ids...))
	require.Empty(t, see(as(domain.Member)))
	for _, role := range []domain.Role{domain.Admin, domain.Support, domain.Auditor} {
		require.Equal(t, ids, see(as(role), ids...))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.tickets.Visible(ctx, as(domain.Member), ids)
	require.ErrorIs(t, err, context.Canceled)
}
