package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// CommentRow is a comment on a ticket.
type CommentRow struct {
	ID          uuid.UUID
	Org         domain.OrgID
	Ticket      ticket.ID
	Version     int // of the ticket when the comment came; orders the ticket's comments
	Author      domain.UserID
	Content     string
	Internal    bool
	Attachments []ticket.Attachment
	CreatedAt   time.Time
}

// CommentsOf answers the comments that the events tell of.
func CommentsOf(events []eventstore.Recorded) []CommentRow {
	var rows []CommentRow
	for _, r := range events {
		if e, ok := r.Event.(ticket.Commented); ok {
			rows = append(rows, CommentRow{
				ID: e.CommentID, Org: domain.OrgID{UUID: r.Org}, Ticket: ticket.ID{UUID: r.Stream}, Version: r.Version, Author: e.Author,
				Content: e.Content, Internal: e.Internal, Attachments: e.Attachments, CreatedAt: r.At,
			})
		}
	}
	return rows
}

// Comments is the comments table. It implements eventstore.Inline.
type Comments struct{ pool *pgxpool.Pool }

// NewComments answers the table in this database.
func NewComments(pool *pgxpool.Pool) *Comments { return &Comments{pool: pool} }

const writeComments = `
INSERT INTO comments (id, org_id, ticket_id, version, author, content, internal, attachments, created_at)
SELECT r.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::uuid[], $6::text[], $7::bool[], $8::json[], $9::timestamptz[])
	AS r (id, org_id, ticket_id, version, author, content, internal, attachments, created_at)
JOIN unnest($10::uuid[], $11::int[], $12::bytea[]) AS p (stream, last_version, last_hash) ON p.stream = r.ticket_id
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = p.stream AND e.version = p.last_version AND e.hash = p.last_hash)
ON CONFLICT (ticket_id, version) DO NOTHING`

// Queue implements eventstore.Inline.
func (c *Comments) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	var p proof
	var ids, orgs, tickets, authors [][16]byte
	var versions []int32
	var contents, attachments []string
	var internal []bool
	var created []time.Time
	for _, s := range streams {
		if s.Category() != "ticket" {
			continue
		}
		rows := CommentsOf(added(s))
		if len(rows) > 0 {
			p.add(s)
		}
		for _, row := range rows {
			ids, orgs, tickets = append(ids, row.ID), append(orgs, row.Org.UUID), append(tickets, row.Ticket.UUID)
			versions, authors = append(versions, int32(row.Version)), append(authors, row.Author.UUID) //nolint:gosec // a stream never holds 2^31 events
			contents, internal = append(contents, row.Content), append(internal, row.Internal)
			attachments, created = append(attachments, jsonText(row.Attachments, "[]")), append(created, row.CreatedAt)
		}
	}
	if len(ids) > 0 {
		b.Queue(writeComments, ids, orgs, tickets, versions, authors, contents, internal, attachments, created, p.ids, p.versions, p.hashes)
	}
}

// added answers the events of a stream that are being written now: those without a position, and in a rebuild all.
func added(s eventstore.Stream) []eventstore.Recorded { return s.Events[settled(s):] }

// List answers a ticket's comments, oldest first, after a version; the internal ones only when asked for.
func (c *Comments) List(ctx context.Context, org domain.OrgID, id ticket.ID, internal bool, after, limit int) ([]CommentRow, error) {
	rows, err := c.pool.Query(ctx, `
		SELECT id, org_id, ticket_id, version, author, content, internal, attachments, created_at FROM comments
		WHERE org_id = $1 AND ticket_id = $2 AND version > $3 AND ($4 OR NOT internal) ORDER BY version LIMIT $5`,
		[16]byte(org.UUID), [16]byte(id.UUID), after, internal, limit)
	if err != nil {
		return nil, fmt.Errorf("list comments: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (CommentRow, error) {
		var r CommentRow
		var attachments []byte
		err := row.Scan((*[16]byte)(&r.ID), (*[16]byte)(&r.Org.UUID), (*[16]byte)(&r.Ticket.UUID), &r.Version, (*[16]byte)(&r.Author.UUID),
			&r.Content, &r.Internal, &attachments, &r.CreatedAt)
		if err != nil {
			return r, err
		}
		return r, unlessEmpty(attachments, &r.Attachments)
	})
	if err != nil {
		return nil, fmt.Errorf("list comments: %w", err)
	}
	return list, nil
}
