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
	Integration uuid.UUID // where it was said; zero: here
	SaidBy      string    // whoever said it there
	CreatedAt   time.Time
}

// CommentsOf answers the comments that the events tell of.
func CommentsOf(events []eventstore.Recorded) []CommentRow {
	var rows []CommentRow
	for _, r := range events {
		if e, ok := r.Event.(ticket.Commented); ok {
			rows = append(rows, CommentRow{
				ID: e.CommentID, Org: domain.OrgID{UUID: r.Org}, Ticket: ticket.ID{UUID: r.Stream}, Version: r.Version, Author: e.Author,
				Content: e.Content, Internal: e.Internal, Attachments: e.Attachments, Integration: e.Integration, SaidBy: e.SaidBy, CreatedAt: r.At,
			})
		}
	}
	return rows
}

// Comments is the comments table. It implements eventstore.Inline.
type Comments struct{ pool *pgxpool.Pool }

// NewComments answers the table in this database.
func NewComments(pool *pgxpool.Pool) *Comments { return &Comments{pool: pool} }

const commentColumns = `id, org_id, ticket_id, version, author, content, internal, attachments, integration, said_by, created_at`

const writeComments = `
INSERT INTO comments (` + commentColumns + `)
SELECT r.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::uuid[], $6::text[], $7::bool[], $8::json[], $9::uuid[], $10::text[], $11::timestamptz[])
	AS r (` + commentColumns + `)
JOIN unnest($12::uuid[], $13::int[], $14::bytea[]) AS p (stream, last_version, last_hash) ON p.stream = r.ticket_id
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = p.stream AND e.version = p.last_version AND e.hash = p.last_hash)
ON CONFLICT (ticket_id, version) DO UPDATE SET content = excluded.content, said_by = excluded.said_by`

// Queue implements eventstore.Inline.
func (c *Comments) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	var p proof
	var ids, orgs, tickets, authors [][16]byte
	var integrations []*[16]byte
	var versions []int32
	var contents, attachments, saidBy []string
	var internal []bool
	var created []time.Time
	for _, s := range streams {
		if s.Category() != "ticket" {
			continue
		}
		rows := CommentsOf(changedComments(s))
		if len(rows) > 0 {
			p.add(s)
		}
		for _, row := range rows {
			ids, orgs, tickets = append(ids, row.ID), append(orgs, row.Org.UUID), append(tickets, row.Ticket.UUID)
			versions, authors = append(versions, int32(row.Version)), append(authors, row.Author.UUID) //nolint:gosec // a stream never holds 2^31 events
			contents, internal = append(contents, row.Content), append(internal, row.Internal)
			attachments, created = append(attachments, jsonText(row.Attachments, "[]")), append(created, row.CreatedAt)
			integrations, saidBy = append(integrations, unlessNil(row.Integration)), append(saidBy, row.SaidBy)
		}
	}
	if len(ids) > 0 {
		b.Queue(writeComments, ids, orgs, tickets, versions, authors, contents, internal, attachments, integrations, saidBy, created, p.ids, p.versions, p.hashes)
	}
}

// Projection tells how the table is made.
func (c *Comments) Projection() Projection {
	return Projection{Name: "comments", Key: "ticket_id", Nouns: []string{"ticket"}, Code: 2, Inline: c}
}

// Columns implements Table.
func (*Comments) Columns() string { return commentColumns }

// Rows implements Table.
func (*Comments) Rows(s eventstore.Stream) [][]any {
	var rows [][]any
	for _, row := range CommentsOf(s.Events) {
		rows = append(rows, row.columns())
	}
	return rows
}

// columns are the values of commentColumns.
func (c CommentRow) columns() []any {
	return []any{
		[16]byte(c.ID), [16]byte(c.Org.UUID), [16]byte(c.Ticket.UUID), c.Version, [16]byte(c.Author.UUID), c.Content, c.Internal,
		jsonText(c.Attachments, "[]"), unlessNil(c.Integration), c.SaidBy, c.CreatedAt,
	}
}

// changedComments answers the events whose comments are written now: the new ones, and after words were erased all, for
// they read otherwise.
func changedComments(s eventstore.Stream) []eventstore.Recorded {
	for _, r := range added(s) {
		if _, erased := r.Event.(ticket.WordsErased); erased {
			return s.Events
		}
	}
	return added(s)
}

// added answers the events of a stream that are being written now: those without a position, and in a rebuild all.
func added(s eventstore.Stream) []eventstore.Recorded { return s.Events[settled(s):] }

// List answers a ticket's comments, oldest first, after a version; the internal ones only when asked for.
func (c *Comments) List(ctx context.Context, org domain.OrgID, id ticket.ID, internal bool, after, limit int) ([]CommentRow, error) {
	return c.list(ctx, `WHERE org_id = $1 AND ticket_id = $2 AND version > $3 AND ($4 OR NOT internal) ORDER BY version LIMIT $5`,
		[16]byte(org.UUID), [16]byte(id.UUID), after, internal, limit)
}

// By answers what somebody wrote, internal comments too, by ticket: those after a ticket and version.
func (c *Comments) By(ctx context.Context, org domain.OrgID, author domain.UserID, after ticket.ID, version, limit int) ([]CommentRow, error) {
	return c.list(ctx, `WHERE org_id = $1 AND author = $2 AND (ticket_id, version) > ($3, $4) ORDER BY ticket_id, version LIMIT $5`,
		[16]byte(org.UUID), [16]byte(author.UUID), [16]byte(after.UUID), version, limit)
}

func (c *Comments) list(ctx context.Context, which string, args ...any) ([]CommentRow, error) {
	rows, err := c.pool.Query(ctx, `SELECT `+commentColumns+` FROM comments `+which, args...)
	if err != nil {
		return nil, fmt.Errorf("list comments: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (CommentRow, error) {
		var r CommentRow
		var attachments []byte
		var integration *uuid.UUID
		err := row.Scan((*[16]byte)(&r.ID), (*[16]byte)(&r.Org.UUID), (*[16]byte)(&r.Ticket.UUID), &r.Version, (*[16]byte)(&r.Author.UUID),
			&r.Content, &r.Internal, &attachments, &integration, &r.SaidBy, &r.CreatedAt)
		if err != nil {
			return r, err
		}
		if integration != nil {
			r.Integration = *integration
		}
		return r, unlessEmpty(attachments, &r.Attachments)
	})
	if err != nil {
		return nil, fmt.Errorf("list comments: %w", err)
	}
	return list, nil
}
