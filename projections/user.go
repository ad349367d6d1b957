package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/user"
	"ticketd/eventstore"
)

// UserRow is a person as profiles and lists of members show them.
type UserRow struct {
	ID          domain.UserID
	Org         domain.OrgID
	Version     int
	Username    string // empty while only invited
	Email       string
	FullName    string
	Role        domain.Role
	Status      user.Status
	Preferences map[string]any
	InvitedBy   domain.UserID // zero: came alone
	Erasure     user.Erasure
	CreatedAt   time.Time
	UpdatedAt   time.Time // of the profile or membership; API tokens do not count
}

// ApplyUser folds one event into the row.
func ApplyUser(u UserRow, r eventstore.Recorded) UserRow {
	event, ok := r.Event.(user.Event)
	if !ok {
		return u
	}
	u.Version = r.Version
	switch e := event.(type) {
	case user.Registered:
		u.Username, u.Email, u.FullName = e.Username, e.Email, e.FullName
		u = u.begun(r, e.UserID, user.StatusActive, e.Role)
	case user.Invited:
		u.Email, u.InvitedBy = e.Email, e.InvitedBy
		u = u.begun(r, e.UserID, user.StatusInvited, e.Role)
	case user.Joined:
		u.Username, u.FullName, u.Status = e.Username, e.FullName, user.StatusActive
	case user.ProfileChanged:
		set(&u.Username, e.Username)
		set(&u.Email, e.Email)
		set(&u.FullName, e.FullName)
		set(&u.Preferences, e.Preferences)
	case user.RoleChanged:
		u.Role = e.To
	case user.Deactivated:
		u.Status = user.StatusInactive
	case user.Reactivated:
		u.Status = user.StatusActive
	case user.Removed:
		u.Status = user.StatusRemoved
	case user.ErasureRequested: // the words before it read as erased already
		u.Erasure = user.ErasurePending
	case user.Erased:
		u.Erasure = user.ErasureComplete
	case user.PasswordChanged: // shows only as a time
	case user.TokenCreated, user.TokenRenamed, user.TokenRevoked:
		return u
	}
	u.UpdatedAt = r.At
	return u
}

func (u UserRow) begun(r eventstore.Recorded, id domain.UserID, status user.Status, role domain.Role) UserRow {
	u.ID, u.Org, u.Status, u.Role, u.CreatedAt = id, domain.OrgID{UUID: r.Org}, status, role, r.At
	return u
}

// Users is the users table. It implements eventstore.Inline.
type Users struct{ pool *pgxpool.Pool }

// NewUsers answers the table in this database.
func NewUsers(pool *pgxpool.Pool) *Users { return &Users{pool: pool} }

const userColumns = `id, org_id, version, username, email, full_name, role, status, preferences, invited_by, created_at, updated_at, erasure`

const writeUsers = `
INSERT INTO users (` + userColumns + `)
SELECT r.* FROM unnest(
	$1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::json[], $10::uuid[],
	$11::timestamptz[], $12::timestamptz[], $14::text[]
) AS r (` + userColumns + `)
JOIN unnest($1::uuid[], $3::int[], $13::bytea[]) AS p (stream, last_version, last_hash) ON p.stream = r.id
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = p.stream AND e.version = p.last_version AND e.hash = p.last_hash)
ON CONFLICT (id) DO UPDATE SET
	version = excluded.version, username = excluded.username, email = excluded.email, full_name = excluded.full_name,
	role = excluded.role, status = excluded.status, preferences = excluded.preferences, updated_at = excluded.updated_at,
	erasure = excluded.erasure`

// Queue implements eventstore.Inline.
func (*Users) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	var c userArrays
	for _, s := range streams {
		if s.Category() == user.Decider.Category {
			c.add(Fold(ApplyUser, s.Events), s)
		}
	}
	if len(c.ids) > 0 {
		b.Queue(writeUsers, c.ids, c.orgs, c.versions, c.username, c.email, c.fullName, c.role, c.status, c.preferences, c.invitedBy,
			c.created, c.updated, c.hashes, c.erasure)
	}
}

// Projection tells how the table is made.
func (t *Users) Projection() Projection {
	return Projection{Name: "users", Key: "id", Nouns: []string{user.Decider.Category}, Code: 1, Inline: t}
}

// Columns implements Table.
func (*Users) Columns() string { return userColumns }

// Rows implements Table.
func (*Users) Rows(s eventstore.Stream) [][]any {
	if s.Category() != user.Decider.Category {
		return nil
	}
	return [][]any{Fold(ApplyUser, s.Events).columns()}
}

// columns are the values of userColumns.
func (u UserRow) columns() []any {
	return []any{
		[16]byte(u.ID.UUID), [16]byte(u.Org.UUID), u.Version, u.Username, u.Email, u.FullName, string(u.Role), string(u.Status),
		jsonText(u.Preferences, "{}"), optional(u.InvitedBy), u.CreatedAt, u.UpdatedAt, string(u.Erasure),
	}
}

// userArrays are the columns that writeUsers unnests.
type userArrays struct {
	proof
	orgs                                    [][16]byte
	username, email, fullName, role, status []string
	preferences                             []string
	invitedBy                               []*[16]byte
	created, updated                        []time.Time
	erasure                                 []string
}

func (c *userArrays) add(u UserRow, s eventstore.Stream) {
	c.proof.add(s)
	c.orgs = append(c.orgs, u.Org.UUID)
	c.username, c.email, c.fullName = append(c.username, u.Username), append(c.email, u.Email), append(c.fullName, u.FullName)
	c.role, c.status = append(c.role, string(u.Role)), append(c.status, string(u.Status))
	c.preferences = append(c.preferences, jsonText(u.Preferences, "{}"))
	c.invitedBy = append(c.invitedBy, optional(u.InvitedBy))
	c.created, c.updated = append(c.created, u.CreatedAt), append(c.updated, u.UpdatedAt)
	c.erasure = append(c.erasure, string(u.Erasure))
}

// ErrNoUser reports that the organization has no such user.
var ErrNoUser = user.ErrNotFound

// Find answers one person. ErrNoUser when there is none in the organization, or no longer.
func (t *Users) Find(ctx context.Context, org domain.OrgID, id domain.UserID) (UserRow, error) {
	rows, err := t.pool.Query(ctx, `SELECT `+userColumns+` FROM users WHERE org_id = $1 AND id = $2 AND status <> 'removed'`,
		[16]byte(org.UUID), [16]byte(id.UUID))
	if err != nil {
		return UserRow{}, fmt.Errorf("find user: %w", err)
	}
	row, err := pgx.CollectOneRow(rows, scanUser)
	if errors.Is(err, pgx.ErrNoRows) {
		return UserRow{}, ErrNoUser
	}
	if err != nil {
		return UserRow{}, fmt.Errorf("find user: %w", err)
	}
	return row, nil
}

const listUsers = `
SELECT ` + userColumns + ` FROM users
WHERE org_id = $1 AND status <> 'removed'
	AND ($2::uuid IS NULL OR (created_at, id) > (SELECT a.created_at, a.id FROM users a WHERE a.org_id = $1 AND a.id = $2))
ORDER BY created_at, id LIMIT $3`

// List answers the members of the organization and whoever is invited, the oldest first: at most limit of those who
// come after the given one. The zero id begins the list; the id of a stranger ends it.
func (t *Users) List(ctx context.Context, org domain.OrgID, after domain.UserID, limit int) ([]UserRow, error) {
	rows, err := t.pool.Query(ctx, listUsers, [16]byte(org.UUID), optional(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanUser)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return list, nil
}

// Active reports whether the user is an active member of the organization.
func (t *Users) Active(ctx context.Context, org domain.OrgID, id domain.UserID) (bool, error) {
	account, err := t.Account(ctx, org, id)
	return account.Status == user.StatusActive, err
}

// Erasing answers the people whose erasure was asked for and is not complete. It asks for no organization: the program
// itself works them off, for nobody who asks, and each row tells its own.
func (t *Users) Erasing(ctx context.Context) ([]UserRow, error) {
	rows, err := t.pool.Query(ctx, `SELECT `+userColumns+` FROM users WHERE erasure = 'requested' ORDER BY updated_at`)
	if err != nil {
		return nil, fmt.Errorf("find erasures: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanUser)
	if err != nil {
		return nil, fmt.Errorf("find erasures: %w", err)
	}
	return list, nil
}

// Alone reports whether nobody else is, or is asked to be, in the organization.
func (t *Users) Alone(ctx context.Context, org domain.OrgID, id domain.UserID) (bool, error) {
	var others bool
	err := t.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM users WHERE org_id = $1 AND id <> $2 AND status <> 'removed')`,
		[16]byte(org.UUID), [16]byte(id.UUID)).Scan(&others)
	if err != nil {
		return false, fmt.Errorf("find others: %w", err)
	}
	return !others, nil
}

// Account is what a request's caller must be allowed by.
type Account struct {
	Role   domain.Role
	Status user.Status
}

// Account answers how a person stands; the zero Account for whom the organization never had.
func (t *Users) Account(ctx context.Context, org domain.OrgID, id domain.UserID) (Account, error) {
	var a Account
	err := t.pool.QueryRow(ctx, `SELECT role, status FROM users WHERE org_id = $1 AND id = $2`, [16]byte(org.UUID), [16]byte(id.UUID)).
		Scan(&a.Role, &a.Status)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Account{}, fmt.Errorf("find account: %w", err)
	}
	return a, nil
}

func scanUser(row pgx.CollectableRow) (UserRow, error) {
	var u UserRow
	var preferences []byte
	var invitedBy *uuid.UUID
	err := row.Scan((*[16]byte)(&u.ID.UUID), (*[16]byte)(&u.Org.UUID), &u.Version, &u.Username, &u.Email, &u.FullName, &u.Role, &u.Status,
		&preferences, &invitedBy, &u.CreatedAt, &u.UpdatedAt, &u.Erasure)
	if err != nil {
		return u, err
	}
	if invitedBy != nil {
		u.InvitedBy.UUID = *invitedBy
	}
	return u, unlessEmpty(preferences, &u.Preferences)
}
