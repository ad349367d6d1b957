package projections

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// indexTickets makes the words of some tickets anew from the rows that are committed with their events. It is cut at
// what a tsvector surely holds, one MiB: a character takes eight bytes at the most, four of its own and, in a compound,
// four of the part. A text that did not fit would stop the index for everybody. A ticket that was deleted keeps no words, so
// that what is found can be counted without looking at the tickets.
const indexTickets = `
INSERT INTO ticket_search (org_id, ticket_id, created_at, words, internal)
SELECT t.org_id, t.id, t.created_at,
	CASE WHEN t.deleted THEN '' ELSE setweight(to_tsvector('english', t.title), 'A')
		|| to_tsvector('english', left(concat_ws(' ', t.description, t.resolution_summary, c.open_words), 120000)) END,
	CASE WHEN t.deleted THEN '' ELSE to_tsvector('english', left(coalesce(c.internal_words, ''), 120000)) END
FROM tickets t
LEFT JOIN LATERAL (
	SELECT string_agg(content, ' ' ORDER BY version) FILTER (WHERE NOT internal) AS open_words,
		string_agg(content, ' ' ORDER BY version) FILTER (WHERE internal) AS internal_words
	FROM comments WHERE ticket_id = t.id
) c ON true
WHERE t.id = ANY($1)
ON CONFLICT (org_id, ticket_id) DO UPDATE SET words = excluded.words, internal = excluded.internal
WHERE ticket_search.words <> excluded.words OR ticket_search.internal <> excluded.internal`

// TicketSearch tells how the full-text index is made.
func TicketSearch() Projection {
	return Projection{
		Name: "ticket_search", Key: "ticket_id", Nouns: []string{"ticket"}, Code: 2, Handle: Search,
		Refresh: func(b *pgx.Batch, tickets []uuid.UUID) { b.Queue(indexTickets, raw(tickets)) },
	}
}

// Search keeps the full-text index. It is the Handle of the feed "ticket_search".
func Search(_ context.Context, w *pgx.Batch, events []eventstore.Recorded) error {
	seen := map[uuid.UUID]bool{}
	var changed []uuid.UUID
	for _, r := range events {
		event, ok := r.Event.(ticket.Event)
		if ok && changesWords(event) && !seen[r.Stream] {
			seen[r.Stream] = true
			changed = append(changed, r.Stream)
		}
	}
	if len(changed) > 0 {
		w.Queue(indexTickets, raw(changed))
	}
	return nil
}

func changesWords(e ticket.Event) bool {
	switch e := e.(type) {
	case ticket.Opened, ticket.Commented, ticket.Summarized, ticket.WordsErased, ticket.Deleted:
		return true
	case ticket.Edited:
		return e.Title != nil || e.Description != nil
	case ticket.StatusChanged:
		return e.ResolutionSummary != nil
	case ticket.Assigned, ticket.Unassigned, ticket.Attached, ticket.Detached:
	}
	return false
}
