package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/thread"
	"ticketd/eventstore"
)

// ThreadRow is a conversation with an agent as lists and details show it.
type ThreadRow struct {
	ID            uuid.UUID
	Org           domain.OrgID
	Version       int
	Agent         domain.Agent
	Title         string
	CreatedBy     domain.UserID
	Messages      int // replies included
	LastMessageAt *time.Time
	Deleted       bool
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// ApplyThread folds one event into the row.
func ApplyThread(t ThreadRow, r eventstore.Recorded) ThreadRow {
	event, ok := r.Event.(thread.Event)
	if !ok {
		return t
	}
	at := r.At
	switch e := event.(type) {
	case thread.Started:
		t = ThreadRow{Agent: e.Agent, Title: e.Title, CreatedBy: e.CreatedBy, CreatedAt: at}
	case thread.Renamed:
		t.Title = e.Title
	case thread.MessageAdded, thread.Replied:
		t.Messages, t.LastMessageAt = t.Messages+1, &at
	case thread.Deleted:
		t.Deleted = true
	case thread.ReplyFailed, thread.WordsErased: // of a message; the words before it read as erased already
	}
	t.ID, t.Org, t.Version, t.UpdatedAt = r.Stream, domain.OrgID{UUID: r.Org}, r.Version, at
	return t
}

// Threads is the threads table. It implements Table.
type Threads struct{ pool *pgxpool.Pool }

// NewThreads answers the table in this database.
func NewThreads(pool *pgxpool.Pool) *Threads { return &Threads{pool: pool} }

const threadColumns = `id, org_id, version, agent, title, created_by, message_count, last_message_at, deleted, created_at, updated_at`

const writeThread = `
INSERT INTO threads (` + threadColumns + `)
SELECT $1::uuid, $2::uuid, $3::int, $4::text, $5::text, $6::uuid, $7::int, $8::timestamptz, $9::bool, $10::timestamptz, $11::timestamptz
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = $3 AND e.hash = $12)
ON CONFLICT (id) DO UPDATE SET
	version = excluded.version, title = excluded.title, message_count = excluded.message_count, last_message_at = excluded.last_message_at,
	deleted = excluded.deleted, updated_at = excluded.updated_at`

// Queue implements eventstore.Inline.
func (*Threads) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		if s.Category() == thread.Decider.Category {
			b.Queue(writeThread, append(Fold(ApplyThread, s.Events).columns(), s.Events[s.Version()-1].Hash[:])...)
		}
	}
}

// Projection tells how the table is made.
func (t *Threads) Projection() Projection {
	return Projection{Name: "threads", Key: "id", Nouns: []string{thread.Decider.Category}, Code: 1, Inline: t}
}

// Columns implements Table.
func (*Threads) Columns() string { return threadColumns }

// Rows implements Table.
func (*Threads) Rows(s eventstore.Stream) [][]any {
	if s.Category() != thread.Decider.Category {
		return nil
	}
	return [][]any{Fold(ApplyThread, s.Events).columns()}
}

// columns are the values of threadColumns.
func (t ThreadRow) columns() []any {
	return []any{
		[16]byte(t.ID), [16]byte(t.Org.UUID), t.Version, string(t.Agent), t.Title, [16]byte(t.CreatedBy.UUID), t.Messages, t.LastMessageAt,
		t.Deleted, t.CreatedAt, t.UpdatedAt,
	}
}

func scanThread(row pgx.CollectableRow) (ThreadRow, error) {
	var t ThreadRow
	err := row.Scan(
		(*[16]byte)(&t.ID), (*[16]byte)(&t.Org.UUID), &t.Version, &t.Agent, &t.Title, (*[16]byte)(&t.CreatedBy.UUID), &t.Messages, &t.LastMessageAt,
		&t.Deleted, &t.CreatedAt, &t.UpdatedAt,
	)
	return t, err
}

// FindVisible answers one thread. thread.ErrNotFound when there is none that the caller may see.
func (t *Threads) FindVisible(ctx context.Context, caller domain.Caller, id uuid.UUID) (ThreadRow, error) {
	rows, err := t.pool.Query(ctx, `SELECT `+threadColumns+` FROM threads WHERE org_id = $1 AND id = $2 AND NOT deleted`,
		[16]byte(caller.Org.UUID), [16]byte(id))
	if err != nil {
		return ThreadRow{}, fmt.Errorf("find thread: %w", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, scanThread)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !caller.May(domain.ReadThreads, row.CreatedBy) {
		return ThreadRow{}, thread.ErrNotFound
	}
	if err != nil {
		return ThreadRow{}, fmt.Errorf("find thread: %w", err)
	}
	return row, nil
}

// ThreadsQuery selects threads with one agent.
type ThreadsQuery struct {
	Agent  domain.Agent
	Limit  int
	Offset int
}

// List answers threads that the caller may see, the newest first, and how many there are in all.
func (t *Threads) List(ctx context.Context, caller domain.Caller, q ThreadsQuery) (page []ThreadRow, total int, err error) {
	where, args := []string{`org_id = $1`, `agent = $2`, `NOT deleted`}, []any{[16]byte(caller.Org.UUID), string(q.Agent)}
	if !caller.May(domain.ReadThreads) {
		where, args = append(where, `created_by = $3`), append(args, [16]byte(caller.User.UUID))
	}
	condition := strings.Join(where, " AND ")
	b := &pgx.Batch{}
	b.Queue(`SELECT count(*) FROM threads WHERE `+condition, args...).QueryRow(func(row pgx.Row) error { return row.Scan(&total) })
	b.Queue(fmt.Sprintf(`SELECT %s FROM threads WHERE %s ORDER BY created_at DESC, id DESC LIMIT %d OFFSET %d`, threadColumns, condition, q.Limit, q.Offset), args...).
		Query(func(rows pgx.Rows) error {
			page, err = pgx.CollectRows(rows, scanThread)
			return err
		})
	if err := t.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, 0, fmt.Errorf("list threads: %w", err)
	}
	return page, total, nil
}

// owners answers whose own each thread is.
func (t *Threads) owners(ctx context.Context, orgs, ids []uuid.UUID) (map[uuid.UUID]domain.UserID, error) {
	rows, err := t.pool.Query(ctx, `
		SELECT t.id, t.created_by
		FROM unnest($1::uuid[], $2::uuid[]) AS about (org, id) JOIN threads t ON t.org_id = about.org AND t.id = about.id`, raw(orgs), raw(ids))
	if err != nil {
		return nil, fmt.Errorf("find owners of threads: %w", err)
	}
	owners := make(map[uuid.UUID]domain.UserID, len(ids))
	var id uuid.UUID
	var creator domain.UserID
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id), (*[16]byte)(&creator.UUID)}, func() error {
		owners[id] = creator
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find owners of threads: %w", err)
	}
	return owners, nil
}
