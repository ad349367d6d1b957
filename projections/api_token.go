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
	"ticketd/domain/user"
	"ticketd/eventstore"
)

// APITokenRow is an API token as its owner sees it, and as it is looked up when somebody presents one.
type APITokenRow struct {
	ID        uuid.UUID
	Org       domain.OrgID
	User      domain.UserID
	Name      string
	Hash      string
	ExpiresAt time.Time
	Revoked   bool // also when the owner was removed
	CreatedAt time.Time

	changed int // the version of the owner's stream that changed it last; not stored
}

// ApplyAPITokens folds one event into the tokens of its user, in the order they were made.
func ApplyAPITokens(tokens []APITokenRow, r eventstore.Recorded) []APITokenRow {
	change := func(which func(APITokenRow) bool, how func(*APITokenRow)) []APITokenRow {
		changed := slices.Clone(tokens)
		for i := range changed {
			if which(changed[i]) {
				how(&changed[i])
				changed[i].changed = r.Version
			}
		}
		return changed
	}
	named := func(id uuid.UUID) func(APITokenRow) bool { return func(t APITokenRow) bool { return t.ID == id } }
	revoke := func(t *APITokenRow) { t.Revoked = true }
	switch e := r.Event.(type) {
	case user.TokenCreated:
		return append(slices.Clip(tokens), APITokenRow{
			ID: e.TokenID, Org: domain.OrgID{UUID: r.Org}, User: e.UserID, Name: e.Name, Hash: e.Hash, ExpiresAt: e.ExpiresAt,
			CreatedAt: r.At, changed: r.Version,
		})
	case user.TokenRenamed:
		return change(named(e.TokenID), func(t *APITokenRow) { t.Name = e.Name })
	case user.TokenRevoked:
		return change(named(e.TokenID), revoke)
	case user.Removed:
		return change(func(t APITokenRow) bool { return !t.Revoked }, revoke)
	case user.ErasureRequested: // their names read otherwise now
		return change(func(APITokenRow) bool { return true }, func(*APITokenRow) {})
	}
	return tokens
}

// APITokens is the api_tokens table. It implements eventstore.Inline.
type APITokens struct{ pool *pgxpool.Pool }

// NewAPITokens answers the table in this database.
func NewAPITokens(pool *pgxpool.Pool) *APITokens { return &APITokens{pool: pool} }

const apiTokenColumns = `id, org_id, user_id, name, hash, expires_at, revoked, created_at` //nolint:gosec // names of columns are no credentials

const writeAPITokens = `
INSERT INTO api_tokens (` + apiTokenColumns + `)
SELECT r.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::bool[], $8::timestamptz[])
	AS r (` + apiTokenColumns + `)
JOIN unnest($9::uuid[], $10::int[], $11::bytea[]) AS p (stream, last_version, last_hash) ON p.stream = r.user_id
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = p.stream AND e.version = p.last_version AND e.hash = p.last_hash)
ON CONFLICT (user_id, id) DO UPDATE SET name = excluded.name, revoked = excluded.revoked`

// Queue implements eventstore.Inline. It leaves out the tokens that the new events do not touch: a program that makes
// and revokes tokens all day must not pay for all of them every time.
func (*APITokens) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	var c apiTokenArrays
	for _, s := range streams {
		if s.Category() != user.Decider.Category {
			continue
		}
		tokens, written := Fold(ApplyAPITokens, s.Events), settled(s)
		tokens = slices.DeleteFunc(tokens, func(t APITokenRow) bool { return t.changed <= written })
		if len(tokens) > 0 {
			c.add(tokens, s)
		}
	}
	if len(c.ids) > 0 {
		b.Queue(writeAPITokens, c.tokens, c.orgs, c.users, c.name, c.tokenHash, c.expires, c.revoked, c.created, c.ids, c.versions, c.hashes)
	}
}

// Projection tells how the table is made.
func (t *APITokens) Projection() Projection {
	return Projection{Name: "api_tokens", Key: "user_id", Nouns: []string{user.Decider.Category}, Code: 1, Inline: t}
}

// Columns implements Table.
func (*APITokens) Columns() string { return apiTokenColumns }

// Rows implements Table.
func (*APITokens) Rows(s eventstore.Stream) [][]any {
	if s.Category() != user.Decider.Category {
		return nil
	}
	var rows [][]any
	for _, t := range Fold(ApplyAPITokens, s.Events) {
		rows = append(rows, t.columns())
	}
	return rows
}

// columns are the values of apiTokenColumns.
func (t APITokenRow) columns() []any {
	return []any{[16]byte(t.ID), [16]byte(t.Org.UUID), [16]byte(t.User.UUID), t.Name, t.Hash, t.ExpiresAt, t.Revoked, t.CreatedAt}
}

// settled answers the version up to which a stream's rows were written by earlier appends: those events have a
// position. In a rebuild all have one, and all must be written again.
func settled(s eventstore.Stream) int {
	if s.Position() > 0 {
		return 0
	}
	return slices.IndexFunc(s.Events, func(r eventstore.Recorded) bool { return r.Position == 0 })
}

// apiTokenArrays are the columns that writeAPITokens unnests; the proof has one element a user.
type apiTokenArrays struct {
	proof
	tokens, orgs, users [][16]byte
	name, tokenHash     []string
	expires, created    []time.Time
	revoked             []bool
}

func (c *apiTokenArrays) add(tokens []APITokenRow, s eventstore.Stream) {
	c.proof.add(s)
	for _, t := range tokens {
		c.tokens, c.orgs, c.users = append(c.tokens, t.ID), append(c.orgs, t.Org.UUID), append(c.users, t.User.UUID)
		c.name, c.tokenHash = append(c.name, t.Name), append(c.tokenHash, t.Hash)
		c.expires, c.created = append(c.expires, t.ExpiresAt), append(c.created, t.CreatedAt)
		c.revoked = append(c.revoked, t.Revoked)
	}
}

// ErrNoAPIToken reports that the user has no such token.
var ErrNoAPIToken = user.ErrTokenNotFound

// FindByHash answers a token, revoked and expired ones too. It asks for no organization, because the token is what
// tells which. ErrNoAPIToken when there is none.
func (t *APITokens) FindByHash(ctx context.Context, hash string) (APITokenRow, error) {
	return t.one(ctx, `SELECT `+apiTokenColumns+` FROM api_tokens WHERE hash = $1 LIMIT 1`, hash)
}

// Find answers one token of a user. ErrNoAPIToken when there is none, or no longer.
func (t *APITokens) Find(ctx context.Context, org domain.OrgID, owner domain.UserID, id uuid.UUID) (APITokenRow, error) {
	return t.one(ctx, `SELECT `+apiTokenColumns+` FROM api_tokens WHERE org_id = $1 AND user_id = $2 AND id = $3 AND NOT revoked`,
		[16]byte(org.UUID), [16]byte(owner.UUID), [16]byte(id))
}

func (t *APITokens) one(ctx context.Context, sql string, args ...any) (APITokenRow, error) {
	rows, err := t.pool.Query(ctx, sql, args...)
	if err != nil {
		return APITokenRow{}, fmt.Errorf("find API token: %w", err)
	}
	row, err := pgx.CollectOneRow(rows, scanAPIToken)
	if errors.Is(err, pgx.ErrNoRows) {
		return APITokenRow{}, ErrNoAPIToken
	}
	if err != nil {
		return APITokenRow{}, fmt.Errorf("find API token: %w", err)
	}
	return row, nil
}

// List answers a user's tokens, the oldest first, without those that were revoked.
func (t *APITokens) List(ctx context.Context, org domain.OrgID, owner domain.UserID) ([]APITokenRow, error) {
	rows, err := t.pool.Query(ctx,
		`SELECT `+apiTokenColumns+` FROM api_tokens WHERE org_id = $1 AND user_id = $2 AND NOT revoked ORDER BY created_at, id`,
		[16]byte(org.UUID), [16]byte(owner.UUID))
	if err != nil {
		return nil, fmt.Errorf("list API tokens: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanAPIToken)
	if err != nil {
		return nil, fmt.Errorf("list API tokens: %w", err)
	}
	return list, nil
}

func scanAPIToken(row pgx.CollectableRow) (APITokenRow, error) {
	var t APITokenRow
	err := row.Scan((*[16]byte)(&t.ID), (*[16]byte)(&t.Org.UUID), (*[16]byte)(&t.User.UUID), &t.Name, &t.Hash, &t.ExpiresAt, &t.Revoked, &t.CreatedAt)
	return t, err
}
