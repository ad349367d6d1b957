package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/article"
	"ticketd/eventstore"
)

// ArticleRow is an article of the knowledge base, with all its words.
type ArticleRow struct {
	ID        article.ID
	Org       domain.OrgID
	Version   int
	Title     string
	Body      string
	Tags      []string
	WrittenBy domain.UserID
	RevisedBy domain.UserID // who changed it last, or wrote it
	Deleted   bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Exists reports whether there is an article to show.
func (a ArticleRow) Exists() bool { return a.Version > 0 && !a.Deleted }

// ApplyArticle folds one event into the row.
func ApplyArticle(a ArticleRow, r eventstore.Recorded) ArticleRow {
	event, ok := r.Event.(article.Event)
	if !ok {
		return a
	}
	switch e := event.(type) {
	case article.Written:
		a = ArticleRow{
			ID: article.ID{UUID: r.Stream}, Org: domain.OrgID{UUID: r.Org}, Title: e.Title, Body: e.Body, Tags: e.Tags,
			WrittenBy: e.By, RevisedBy: e.By, CreatedAt: r.At,
		}
	case article.Revised:
		set(&a.Title, e.Title)
		set(&a.Body, e.Body)
		set(&a.Tags, e.Tags)
		a.RevisedBy = e.By
	case article.Deleted:
		a.Deleted = true
	}
	a.Version, a.UpdatedAt = r.Version, r.At
	return a
}

// Articles is the articles table. It implements Table.
type Articles struct{ pool *pgxpool.Pool }

// NewArticles answers the table in this database.
func NewArticles(pool *pgxpool.Pool) *Articles { return &Articles{pool: pool} }

const articleColumns = `id, org_id, version, title, body, tags, written_by, revised_by, deleted, created_at, updated_at`

const writeArticle = `
INSERT INTO articles (` + articleColumns + `)
SELECT $1::uuid, $2::uuid, $3::int, $4::text, $5::text, $6::json, $7::uuid, $8::uuid, $9::bool, $10::timestamptz, $11::timestamptz
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = $3 AND e.hash = $12)
ON CONFLICT (id) DO UPDATE SET
	version = excluded.version, title = excluded.title, body = excluded.body, tags = excluded.tags, revised_by = excluded.revised_by,
	deleted = excluded.deleted, updated_at = excluded.updated_at`

// Queue implements eventstore.Inline.
func (*Articles) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		if s.Category() == article.Decider.Category {
			b.Queue(writeArticle, append(Fold(ApplyArticle, s.Events).columns(), s.Events[s.Version()-1].Hash[:])...)
		}
	}
}

// Projection tells how the table is made.
func (a *Articles) Projection() Projection {
	return Projection{Name: "articles", Key: "id", Nouns: []string{article.Decider.Category}, Code: 1, Inline: a}
}

// Columns implements Table.
func (*Articles) Columns() string { return articleColumns }

// Rows implements Table.
func (*Articles) Rows(s eventstore.Stream) [][]any {
	if s.Category() != article.Decider.Category {
		return nil
	}
	return [][]any{Fold(ApplyArticle, s.Events).columns()}
}

// columns are the values of articleColumns.
func (a ArticleRow) columns() []any {
	return []any{
		[16]byte(a.ID.UUID), [16]byte(a.Org.UUID), a.Version, a.Title, a.Body, jsonText(a.Tags, "[]"), [16]byte(a.WrittenBy.UUID),
		[16]byte(a.RevisedBy.UUID), a.Deleted, a.CreatedAt, a.UpdatedAt,
	}
}

// Find answers one article. article.ErrNotFound when there is none in the organization.
func (a *Articles) Find(ctx context.Context, org domain.OrgID, id article.ID) (ArticleRow, error) {
	row, err := a.FindEver(ctx, org, id)
	if err == nil && row.Deleted {
		return ArticleRow{}, article.ErrNotFound
	}
	return row, err
}

// FindEver is Find for one that may have been deleted.
func (a *Articles) FindEver(ctx context.Context, org domain.OrgID, id article.ID) (ArticleRow, error) {
	rows, err := a.pool.Query(ctx, `SELECT `+articleColumns+` FROM articles WHERE org_id = $1 AND id = $2`, [16]byte(org.UUID), [16]byte(id.UUID))
	if err != nil {
		return ArticleRow{}, fmt.Errorf("find article: %w", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (a ArticleRow, err error) {
		var tags []byte
		err = row.Scan(
			(*[16]byte)(&a.ID.UUID), (*[16]byte)(&a.Org.UUID), &a.Version, &a.Title, &a.Body, &tags, (*[16]byte)(&a.WrittenBy.UUID),
			(*[16]byte)(&a.RevisedBy.UUID), &a.Deleted, &a.CreatedAt, &a.UpdatedAt,
		)
		if err != nil {
			return a, err
		}
		return a, unlessEmpty(tags, &a.Tags)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return ArticleRow{}, article.ErrNotFound
	}
	if err != nil {
		return ArticleRow{}, fmt.Errorf("find article: %w", err)
	}
	return row, nil
}

// ArticleEntry is an article as lists show it: with some of its words instead of its body, which may be long.
type ArticleEntry struct {
	ID        article.ID
	Version   int
	Title     string
	Tags      []string
	WrittenBy domain.UserID
	RevisedBy domain.UserID
	CreatedAt time.Time
	UpdatedAt time.Time
	Excerpt   string // on one line, with an ellipsis where it was cut
}

const entryColumns = `a.id, a.version, a.title, a.tags, a.written_by, a.revised_by, a.created_at, a.updated_at`

// scanEntry reads entryColumns, a window of the body, where it begins and how long the body is.
func scanEntry(row pgx.CollectableRow, more ...any) (e ArticleEntry, err error) {
	var tags []byte
	var window string
	var from, length int
	err = row.Scan(append([]any{
		(*[16]byte)(&e.ID.UUID), &e.Version, &e.Title, &tags, (*[16]byte)(&e.WrittenBy.UUID), (*[16]byte)(&e.RevisedBy.UUID), &e.CreatedAt, &e.UpdatedAt,
		&window, &from, &length,
	}, more...)...)
	if err != nil {
		return e, err
	}
	e.Excerpt = excerpt(window, from > 1, length >= from+excerptLength)
	return e, unlessEmpty(tags, &e.Tags)
}

// List answers a page of articles, the newest first, and how many there are in all.
func (a *Articles) List(ctx context.Context, org domain.OrgID, limit, offset int) (page []ArticleEntry, total int, err error) {
	b := &pgx.Batch{}
	b.Queue(`SELECT count(*) FROM articles WHERE org_id = $1 AND NOT deleted`, [16]byte(org.UUID)).QueryRow(func(row pgx.Row) error { return row.Scan(&total) })
	b.Queue(`
		SELECT `+entryColumns+`, left(a.body, $2), 1, char_length(a.body) FROM articles a WHERE a.org_id = $1 AND NOT a.deleted
		ORDER BY a.created_at DESC, a.id DESC LIMIT $3 OFFSET $4`, [16]byte(org.UUID), excerptLength, limit, offset).
		Query(func(rows pgx.Rows) error {
			page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (ArticleEntry, error) { return scanEntry(row) })
			return err
		})
	if err := a.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, 0, fmt.Errorf("list articles: %w", err)
	}
	return page, total, nil
}
