package projections

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// indexTickets makes the words of some tickets anew from the rows that are committed with their events: of the tickets that
// are named, and of those that refer to the uploads that are. It is cut at what a tsvector surely holds, one MiB: a
// character takes eight bytes at the most, four of its own and, in a compound, four of the part. A text that did not fit
// would stop the index for everybody. A ticket that was deleted keeps no words, so that what is found can be counted without
// looking at the tickets.
const indexTickets = `
INSERT INTO ticket_search (org_id, ticket_id, created_at, words, internal)
SELECT t.org_id, t.id, t.created_at,
	CASE WHEN t.deleted THEN ''
		WHEN a.open_words IS NULL THEN setweight(to_tsvector('english', t.title), 'A')
			|| to_tsvector('english', left(concat_ws(' ', t.description, t.resolution_summary, c.open_words), 120000))
		ELSE ticket_words(t.title, concat_ws(' ', t.description, t.resolution_summary, c.open_words), a.open_words) END,
	CASE WHEN t.deleted THEN ''
		WHEN a.internal_words IS NULL THEN to_tsvector('english', left(coalesce(c.internal_words, ''), 120000))
		ELSE ticket_words('', coalesce(c.internal_words, ''), a.internal_words) END
FROM tickets t
LEFT JOIN LATERAL (
	SELECT string_agg(content, ' ' ORDER BY version) FILTER (WHERE NOT internal) AS open_words,
		string_agg(content, ' ' ORDER BY version) FILTER (WHERE internal) AS internal_words
	FROM comments WHERE ticket_id = t.id
) c ON true
LEFT JOIN LATERAL (
	SELECT string_agg(x.words, ' ' ORDER BY x.file_id) FILTER (WHERE NOT x.internal) AS open_words,
		string_agg(x.words, ' ' ORDER BY x.file_id) FILTER (WHERE x.internal) AS internal_words
	FROM (
		SELECT tf.file_id, tf.internal, left(concat_ws(' ', f.filename, string_agg(r.text, ' ' ORDER BY r.stage)), 400000 / (SELECT count(*)::int FROM ticket_files n WHERE n.ticket_id = t.id)) AS words
		FROM ticket_files tf JOIN files f ON f.org_id = tf.org_id AND f.id = tf.file_id AND NOT f.deleted
		LEFT JOIN LATERAL json_array_elements(f.stages) AS step (body) ON true
		LEFT JOIN readings r ON r.org_id = f.org_id AND r.id = (step.body->'reading'->>'id')::uuid
		WHERE tf.ticket_id = t.id GROUP BY tf.file_id, tf.internal, f.filename
	) x
) a ON true
WHERE t.id IN (SELECT unnest($1::uuid[]) UNION SELECT ticket_id FROM ticket_files WHERE file_id = ANY($1))
ON CONFLICT (org_id, ticket_id) DO UPDATE SET words = excluded.words, internal = excluded.internal
WHERE ticket_search.words <> excluded.words OR ticket_search.internal <> excluded.internal`

// TicketSearch tells how the full-text index is made.
func TicketSearch() Projection {
	return Projection{
		Name: "ticket_search", Key: "ticket_id", Nouns: []string{"ticket", "file"}, Code: 3, Handle: Search,
		Refresh: func(b *pgx.Batch, streams []uuid.UUID) { b.Queue(indexTickets, raw(streams)) },
	}
}

// Search keeps the full-text index. It is the Handle of the feed "ticket_search".
func Search(_ context.Context, w *pgx.Batch, events []eventstore.Recorded) error {
	seen := map[uuid.UUID]bool{}
	var changed []uuid.UUID
	for _, r := range events {
		if changesWords(r.Event) && !seen[r.Stream] {
			seen[r.Stream] = true
			changed = append(changed, r.Stream)
		}
	}
	if len(changed) > 0 {
		w.Queue(indexTickets, raw(changed))
	}
	return nil
}

// changesWords reports a fact about a ticket, or about an upload, after which other words lead to a ticket.
func changesWords(event any) bool {
	switch e := event.(type) {
	case ticket.Opened, ticket.Commented, ticket.Summarized, ticket.Attached, ticket.Detached, ticket.WordsErased, ticket.Deleted:
		return true
	case ticket.Edited:
		return e.Title != nil || e.Description != nil
	case ticket.StatusChanged:
		return e.ResolutionSummary != nil
	case file.StageCompleted: // a second reading may have lost the words of the first
		return e.Stage != file.Validation
	case file.Deleted, file.WordsErased:
		return true
	}
	return false
}
