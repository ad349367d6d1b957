package projections

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// TicketFiles is the ticket_files table: which tickets refer to an upload, and which uploads a ticket refers to. It
// implements Table.
type TicketFiles struct{ pool *pgxpool.Pool }

// NewTicketFiles answers the table in this database.
func NewTicketFiles(pool *pgxpool.Pool) *TicketFiles { return &TicketFiles{pool: pool} }

const ticketFileColumns = `org_id, file_id, ticket_id, internal, created_at`

// writeTicketFiles brings the references of tickets to what they are.
const writeTicketFiles = `
WITH committed AS MATERIALIZED (
	SELECT p.stream FROM unnest($6::uuid[], $7::int[], $8::bytea[]) AS p (stream, last_version, last_hash)
	WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = p.stream AND e.version = p.last_version AND e.hash = p.last_hash)
), has AS MATERIALIZED (
	SELECT r.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bool[], $5::timestamptz[]) AS r (` + ticketFileColumns + `)
	JOIN committed ON committed.stream = r.ticket_id
), gone AS (
	DELETE FROM ticket_files t USING committed WHERE t.ticket_id = committed.stream
		AND NOT EXISTS (SELECT FROM has WHERE has.ticket_id = t.ticket_id AND has.file_id = t.file_id)
)
INSERT INTO ticket_files (` + ticketFileColumns + `) SELECT * FROM has
ON CONFLICT (org_id, file_id, ticket_id) DO UPDATE SET internal = excluded.internal`

// Queue implements eventstore.Inline.
func (*TicketFiles) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	var p proof
	var orgs, files, tickets [][16]byte
	var internal []bool
	var created []time.Time
	for _, s := range streams {
		if s.Category() != ticket.Decider.Category || !slices.ContainsFunc(added(s), changesFiles) {
			continue
		}
		p.add(s)
		for _, row := range filesOf(s) {
			orgs, files, tickets = append(orgs, s.Org), append(files, row.file.UUID), append(tickets, s.ID)
			internal, created = append(internal, row.internal), append(created, s.Events[0].At)
		}
	}
	if len(p.ids) > 0 {
		b.Queue(writeTicketFiles, orgs, files, tickets, internal, created, p.ids, p.versions, p.hashes)
	}
}

// changesFiles reports an event after which the ticket refers to other uploads.
func changesFiles(r eventstore.Recorded) bool {
	switch e := r.Event.(type) {
	case ticket.Commented:
		return len(e.Attachments) > 0
	case ticket.Attached, ticket.Detached, ticket.Deleted:
		return true
	}
	return false
}

type fileOfTicket struct {
	file     domain.FileID
	internal bool
}

// filesOf answers the uploads that a ticket and its comments refer to, each once: in public if anything public does.
func filesOf(s eventstore.Stream) []fileOfTicket {
	row := Fold(ApplyTicket, s.Events)
	if row.Deleted {
		return nil
	}
	var list []fileOfTicket
	refer := func(attachments []ticket.Attachment, internal bool) {
		for _, a := range attachments {
			i := slices.IndexFunc(list, func(known fileOfTicket) bool { return known.file == a.FileID })
			if i < 0 {
				list = append(list, fileOfTicket{a.FileID, internal})
			} else {
				list[i].internal = list[i].internal && internal
			}
		}
	}
	refer(row.Attachments, false)
	for _, c := range CommentsOf(s.Events) {
		refer(c.Attachments, c.Internal)
	}
	return list
}

// Projection tells how the table is made.
func (t *TicketFiles) Projection() Projection {
	return Projection{Name: "ticket_files", Key: "ticket_id", Nouns: []string{"ticket"}, Code: 1, Inline: t}
}

// Columns implements Table.
func (*TicketFiles) Columns() string { return ticketFileColumns }

// Rows implements Table.
func (*TicketFiles) Rows(s eventstore.Stream) [][]any {
	if s.Category() != ticket.Decider.Category {
		return nil
	}
	var rows [][]any
	for _, row := range filesOf(s) {
		rows = append(rows, []any{[16]byte(s.Org), [16]byte(row.file.UUID), [16]byte(s.ID), row.internal, s.Events[0].At})
	}
	return rows
}

// Of answers the tickets that refer to an upload and still have their words, the newest first.
func (t *TicketFiles) Of(ctx context.Context, org domain.OrgID, id domain.FileID) ([]uuid.UUID, error) {
	return t.find(ctx, `
		SELECT a.ticket_id FROM ticket_files a JOIN tickets t ON t.id = a.ticket_id AND NOT t.words_erased
		WHERE a.org_id = $1 AND a.file_id = $2 ORDER BY a.created_at DESC, a.ticket_id DESC`,
		[16]byte(org.UUID), [16]byte(id.UUID))
}

// VisibleOf answers those of the tickets that the caller may see, and of which they may know that they refer to it.
func (t *TicketFiles) VisibleOf(ctx context.Context, caller domain.Caller, id domain.FileID) ([]uuid.UUID, error) {
	return t.find(ctx, `
		SELECT a.ticket_id FROM ticket_files a JOIN tickets t ON t.id = a.ticket_id
		WHERE a.org_id = $1 AND a.file_id = $3 AND ($2::uuid IS NULL OR NOT a.internal AND (t.created_by = $2 OR t.assignee = $2))
		ORDER BY a.created_at DESC, a.ticket_id DESC`, [16]byte(caller.Org.UUID), onlyOwn(caller.Actor), [16]byte(id.UUID))
}

func (t *TicketFiles) find(ctx context.Context, sql string, args ...any) ([]uuid.UUID, error) {
	rows, err := t.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("find a file's tickets: %w", err)
	}
	ids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id uuid.UUID, err error) { return id, row.Scan((*[16]byte)(&id)) })
	if err != nil {
		return nil, fmt.Errorf("find a file's tickets: %w", err)
	}
	return ids, nil
}
