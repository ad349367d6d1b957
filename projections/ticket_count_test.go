package projections

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

func TestWhatIsKnownOfALongListHoldsAsLongAsItMust(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tickets := &Tickets{counts: newCounts(func() time.Time { return now })}
	org := domain.OrgID{UUID: uuid.New()}
	know := func(n int) {
		c := tickets.counts
		c.known.Put(c.known.Generation(), "list", counted{tickets: n, at: now, events: c.place(org).Load()})
	}
	holds := func(f TicketFilter) bool { _, ok := tickets.counts.get(org, "list", f); return ok }
	happen := func(times int) {
		for range times {
			tickets.Observe(t.Context(), []eventstore.Recorded{{Org: org.UUID, Type: "ticket.edited"}, {Org: org.UUID, Type: "user.joined"}})
		}
	}
	require.False(t, holds(TicketFilter{}), "nothing is known")
	know(CountLimit)
	require.False(t, holds(TicketFilter{}), "up to the limit it is counted each time")
	know(CountLimit + 100)
	happen(49)
	require.True(t, holds(TicketFilter{}), "still beyond")
	happen(1)
	require.False(t, holds(TicketFilter{}), "perhaps no longer")
	know(CountLimit + countAhead)
	now = now.Add(2 * rememberedFor)
	require.False(t, holds(TicketFilter{}), "events may have been missed")

	text, attached := TicketFilter{Text: "printer"}, TicketFilter{HasAttachment: new(true)}
	know(dearCount - 1)
	require.False(t, holds(text))
	know(dearCount)
	require.True(t, holds(text))
	require.True(t, holds(attached))
	require.False(t, holds(TicketFilter{Status: []string{string(ticket.Open)}}))
	happen(1)
	require.True(t, holds(text), "the index of words follows the commit anyway")
	require.False(t, holds(attached))
	now = now.Add(dearFor)
	require.False(t, holds(text))
}
