package projections

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/internal/cache"
)

const (
	// CountLimit is how far tickets are counted: beyond it a list is just long.
	CountLimit = 10_000
	// countAhead is how much further we look, to know how long the answer will stay "beyond".
	countAhead = 1000
	// dearCount is from how many tickets on a count that reads the table, or a text index, is worth remembering.
	dearCount = 1000
	// dearFor is how long.
	dearFor = 5 * time.Second

	rememberedCounts = 10_000
	rememberedFor    = time.Minute
	rememberedStats  = 1000
)

// counts remembers how many tickets long lists have.
//
// # Why
//
// Every list says its length. Up to the limit it is counted in an index each time, so it is exact, one's own writes
// included. Beyond the limit nobody sees the number, only that it is beyond, and every event changes it by one at most:
// an organization that was a thousand beyond stays beyond for as many events, however busy it is. What no index can
// count is remembered for a moment: tags while nothing is written, and words in any case, because their index follows
// the commit anyway.
type counts struct {
	known  *cache.Cache[string, counted]
	now    func() time.Time
	events [1024]atomic.Uint64 // about tickets, by organization; two that share a place only forget sooner
}

type counted struct {
	tickets int
	at      time.Time
	events  uint64
}

func newStats() *cache.Cache[statsKey, TicketStats] {
	return cache.New[statsKey, TicketStats](rememberedStats, dearFor, time.Now)
}

func newCounts(now func() time.Time) *counts {
	return &counts{known: cache.New[string, counted](rememberedCounts, rememberedFor, now), now: now}
}

func (c *counts) place(org domain.OrgID) *atomic.Uint64 {
	return &c.events[(int(org.UUID[14])<<8|int(org.UUID[15]))%len(c.events)]
}

// get answers a number that still holds, as far as anybody may notice.
func (c *counts) get(org domain.OrgID, key string, f TicketFilter) (int, bool) {
	known, ok := c.known.Get(key)
	if !ok {
		return 0, false
	}
	since := c.place(org).Load() - known.events
	if known.tickets > CountLimit {
		// Half, because those that were on their way when we counted are counted twice.
		return known.tickets, 2*since < uint64(known.tickets-CountLimit)
	}
	fresh := c.now().Sub(known.at) < dearFor
	return known.tickets, fresh && known.tickets >= dearCount && (f.Text != "" || f.readsTable() && since == 0)
}

// readsTable reports a filter that no index answers alone.
func (f TicketFilter) readsTable() bool {
	return f.Department != "" || f.HasAttachment != nil || !f.UpdatedAfter.IsZero()
}

// Count answers how many tickets the filter selects, exactly up to CountLimit: anything above it tells that there are
// more.
func (t *Tickets) Count(ctx context.Context, org domain.OrgID, f TicketFilter) (int, error) {
	q := newTicketQuery(org, f)
	key := fmt.Sprint(q.args, q.parts, f.OwnedBy)
	if known, ok := t.counts.get(org, key, f); ok {
		return known, nil
	}
	generation := t.counts.known.Generation()
	found := counted{at: t.counts.now(), events: t.counts.place(org).Load()}
	filtered := !q.unrestricted() || q.found != nil
	if err := t.pool.QueryRow(ctx, q.countSQL(CountLimit+countAhead), append([]any{planning(filtered)}, q.args...)...).Scan(&found.tickets); err != nil {
		return 0, fmt.Errorf("count tickets: %w", err)
	}
	t.counts.known.Put(generation, key, found)
	return found.tickets, nil
}

// Observe learns from committed events that lists have changed.
func (t *Tickets) Observe(_ context.Context, events []eventstore.Recorded) {
	for _, r := range events {
		if r.Category() == ticket.Decider.Category {
			t.counts.place(domain.OrgID{UUID: r.Org}).Add(1)
		}
	}
}
