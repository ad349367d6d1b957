package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/thread"
	"ticketd/eventstore"
)

// ReplyStatus is how far the reply to a message is.
type ReplyStatus string

// The reply statuses. A reply itself has none.
const (
	ReplyPending   ReplyStatus = "pending"
	ReplyCompleted ReplyStatus = "completed"
	ReplyFailed    ReplyStatus = "failed"
)

// MessageRow is a message in a thread, or the reply to one.
type MessageRow struct {
	ID          uuid.UUID
	Org         domain.OrgID
	Thread      uuid.UUID
	Version     int // of the thread when the message came; orders the thread's messages
	Role        thread.Role
	Author      domain.UserID // zero: the agent
	Content     string
	Attachments []thread.Attachment
	Metadata    map[string]any
	Run         uuid.UUID // that replied, or failed to; zero: none yet
	InReplyTo   uuid.UUID // zero: it is no reply
	ReplyStatus ReplyStatus
	ReplyError  string // the code of what went wrong
	CreatedAt   time.Time
}

// MessagesOf answers the messages and replies that the events of one thread tell of, in their order.
func MessagesOf(events []eventstore.Recorded) []MessageRow {
	var rows []MessageRow
	answered := func(message, run uuid.UUID, status ReplyStatus, code string) {
		for i := range slices.Backward(rows) { // it is nearly always the last one
			if rows[i].ID == message {
				rows[i].Run, rows[i].ReplyStatus, rows[i].ReplyError = run, status, code
				return
			}
		}
	}
	for _, r := range events {
		row := MessageRow{Org: domain.OrgID{UUID: r.Org}, Thread: r.Stream, Version: r.Version, CreatedAt: r.At}
		switch e := r.Event.(type) {
		case thread.MessageAdded:
			row.ID, row.Role, row.Author, row.Content = e.MessageID, e.Role, e.Author, e.Content
			row.Attachments, row.Metadata, row.ReplyStatus = e.Attachments, e.Metadata, ReplyPending
			rows = append(rows, row)
		case thread.Replied:
			answered(e.InReplyTo, e.Run, ReplyCompleted, "")
			row.ID, row.Role, row.Content, row.Run, row.InReplyTo = e.MessageID, thread.Assistant, e.Content, e.Run, e.InReplyTo
			rows = append(rows, row)
		case thread.ReplyFailed:
			answered(e.InReplyTo, e.Run, ReplyFailed, e.Code)
		}
	}
	return rows
}

// Messages is the messages table. It implements Table.
type Messages struct{ pool *pgxpool.Pool }

// NewMessages answers the table in this database.
func NewMessages(pool *pgxpool.Pool) *Messages { return &Messages{pool: pool} }

const messageColumns = `id, org_id, thread_id, version, role, author, content, attachments, metadata, run, in_reply_to, reply_status, reply_error, created_at`

const writeMessage = `
INSERT INTO messages (` + messageColumns + `)
SELECT $1::uuid, $2::uuid, $3::uuid, $4::int, $5::text, $6::uuid, $7::text, $8::json, $9::json, $10::uuid, $11::uuid, $12::text, $13::text, $14::timestamptz
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $3 AND e.version = $15 AND e.hash = $16)
ON CONFLICT (thread_id, version) DO UPDATE SET
	content = excluded.content, metadata = excluded.metadata, run = excluded.run, reply_status = excluded.reply_status, reply_error = excluded.reply_error`

// Queue implements eventstore.Inline.
func (*Messages) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		if s.Category() != thread.Decider.Category {
			continue
		}
		changed := changedMessages(s)
		if len(changed) == 0 {
			continue
		}
		last := s.Events[s.Version()-1]
		for _, row := range MessagesOf(s.Events) {
			if changed[row.ID] {
				b.Queue(writeMessage, append(row.columns(), last.Version, last.Hash[:])...)
			}
		}
	}
}

// changedMessages answers the messages that read otherwise after the new events: the new ones, those that they answer,
// and after words were erased all.
func changedMessages(s eventstore.Stream) map[uuid.UUID]bool {
	changed := map[uuid.UUID]bool{}
	for _, r := range added(s) {
		switch e := r.Event.(type) {
		case thread.MessageAdded:
			changed[e.MessageID] = true
		case thread.Replied:
			changed[e.MessageID], changed[e.InReplyTo] = true, true
		case thread.ReplyFailed:
			changed[e.InReplyTo] = true
		case thread.WordsErased:
			for _, row := range MessagesOf(s.Events) {
				changed[row.ID] = true
			}
		}
	}
	return changed
}

// Projection tells how the table is made.
func (m *Messages) Projection() Projection {
	return Projection{Name: "messages", Key: "thread_id", Nouns: []string{thread.Decider.Category}, Code: 1, Inline: m}
}

// Columns implements Table.
func (*Messages) Columns() string { return messageColumns }

// Rows implements Table.
func (*Messages) Rows(s eventstore.Stream) [][]any {
	if s.Category() != thread.Decider.Category {
		return nil
	}
	var rows [][]any
	for _, row := range MessagesOf(s.Events) {
		rows = append(rows, row.columns())
	}
	return rows
}

// columns are the values of messageColumns.
func (m MessageRow) columns() []any {
	return []any{
		[16]byte(m.ID), [16]byte(m.Org.UUID), [16]byte(m.Thread), m.Version, string(m.Role), optional(m.Author), m.Content,
		jsonText(m.Attachments, "[]"), jsonText(m.Metadata, "{}"), optional(domain.UserID{UUID: m.Run}), optional(domain.UserID{UUID: m.InReplyTo}),
		string(m.ReplyStatus), m.ReplyError, m.CreatedAt,
	}
}

// List answers a thread's messages and replies, oldest first, after a version.
func (m *Messages) List(ctx context.Context, org domain.OrgID, id uuid.UUID, after, limit int) ([]MessageRow, error) {
	return m.list(ctx, `WHERE org_id = $1 AND thread_id = $2 AND version > $3 ORDER BY version LIMIT $4`, [16]byte(org.UUID), [16]byte(id), after, limit)
}

// WithReply answers a message of a thread, and behind it the reply to it if there is one; nothing when the thread was
// deleted.
func (m *Messages) WithReply(ctx context.Context, org domain.OrgID, id, message uuid.UUID) ([]MessageRow, error) {
	return m.list(ctx, `
		WHERE org_id = $1 AND thread_id = $2 AND (id = $3 OR in_reply_to = $3) AND EXISTS (SELECT FROM threads t WHERE t.org_id = $1 AND t.id = $2 AND NOT t.deleted)
		ORDER BY version`, [16]byte(org.UUID), [16]byte(id), [16]byte(message))
}

func (m *Messages) list(ctx context.Context, which string, args ...any) ([]MessageRow, error) {
	return m.collect(ctx, `SELECT `+messageColumns+` FROM messages `+which, args...)
}

func (m *Messages) collect(ctx context.Context, query string, args ...any) ([]MessageRow, error) {
	rows, err := m.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	return list, nil
}

func scanMessage(row pgx.CollectableRow) (MessageRow, error) {
	var m MessageRow
	var author, run, inReplyTo *uuid.UUID
	var attachments, metadata []byte
	err := row.Scan(
		(*[16]byte)(&m.ID), (*[16]byte)(&m.Org.UUID), (*[16]byte)(&m.Thread), &m.Version, &m.Role, &author, &m.Content, &attachments, &metadata,
		&run, &inReplyTo, &m.ReplyStatus, &m.ReplyError, &m.CreatedAt,
	)
	if err != nil {
		return m, err
	}
	for into, id := range map[*uuid.UUID]*uuid.UUID{&m.Author.UUID: author, &m.Run: run, &m.InReplyTo: inReplyTo} {
		if id != nil {
			*into = *id
		}
	}
	return m, errors.Join(unlessEmpty(attachments, &m.Attachments), unlessEmpty(metadata, &m.Metadata))
}
