package projections

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// TicketTags is the ticket_tags table: which tickets have a tag, newest first. It implements Table.
//
// # Why
//
// In a big organization a list of one tag would look at every ticket, because no index on the tickets holds both the tags
// and the order. A ticket without tags, as most are, costs nothing here.
type TicketTags struct{ pool *pgxpool.Pool }

// NewTicketTags answers the table in this database.
func NewTicketTags(pool *pgxpool.Pool) *TicketTags { return &TicketTags{pool: pool} }

const ticketTagColumns = `org_id, tag, created_at, ticket_id`

// writeTicketTags brings the tags of tickets to what they are: those that are gone are deleted first.
const writeTicketTags = `
WITH committed AS MATERIALIZED (
	SELECT p.stream FROM unnest($5::uuid[], $6::int[], $7::bytea[]) AS p (stream, last_version, last_hash)
	WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = p.stream AND e.version = p.last_version AND e.hash = p.last_hash)
), has AS MATERIALIZED (
	SELECT r.* FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::uuid[]) AS r (` + ticketTagColumns + `)
	JOIN committed ON committed.stream = r.ticket_id
), gone AS (
	DELETE FROM ticket_tags t USING committed WHERE t.ticket_id = committed.stream
		AND NOT EXISTS (SELECT FROM has WHERE has.ticket_id = t.ticket_id AND has.tag = t.tag)
)
INSERT INTO ticket_tags (` + ticketTagColumns + `) SELECT * FROM has ON CONFLICT DO NOTHING`

// Queue implements eventstore.Inline.
func (*TicketTags) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	var p proof
	var orgs, tickets [][16]byte
	var tags []string
	var created []time.Time
	for _, s := range streams {
		if s.Category() != ticket.Decider.Category || !slices.ContainsFunc(added(s), changesTags) {
			continue
		}
		p.add(s)
		row := Fold(ApplyTicket, s.Events)
		for _, tag := range row.shownTags() {
			orgs, tickets = append(orgs, row.Org.UUID), append(tickets, row.ID.UUID)
			tags, created = append(tags, tag), append(created, row.CreatedAt)
		}
	}
	if len(p.ids) > 0 {
		b.Queue(writeTicketTags, orgs, tags, created, tickets, p.ids, p.versions, p.hashes)
	}
}

// changesTags reports an event after which a list of a tag is another one.
func changesTags(r eventstore.Recorded) bool {
	switch e := r.Event.(type) {
	case ticket.Opened:
		return len(e.Tags) > 0
	case ticket.Edited:
		return e.Tags != nil
	case ticket.Deleted:
		return true
	}
	return false
}

// shownTags answers the tags under which lists show the ticket, each once.
func (t TicketRow) shownTags() []string {
	if t.Deleted {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(t.Tags)))
}

// Projection tells how the table is made.
func (t *TicketTags) Projection() Projection {
	return Projection{Name: "ticket_tags", Key: "ticket_id", Nouns: []string{"ticket"}, Code: 1, Inline: t}
}

// Columns implements Table.
func (*TicketTags) Columns() string { return ticketTagColumns }

// Rows implements Table.
func (*TicketTags) Rows(s eventstore.Stream) [][]any {
	if s.Category() != ticket.Decider.Category {
		return nil
	}
	t := Fold(ApplyTicket, s.Events)
	var rows [][]any
	for _, tag := range t.shownTags() {
		rows = append(rows, []any{[16]byte(t.Org.UUID), tag, t.CreatedAt, [16]byte(t.ID.UUID)})
	}
	return rows
}
