package projections_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
	"ticketd/domain"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// accounts is an event store with the tables of people, on a database of its own.
type accounts struct {
	*testing.T
	pool   *pgxpool.Pool
	store  *eventstore.Postgres
	users  *projections.Users
	tokens *projections.APITokens
	people *projections.People
}

func newAccounts(t *testing.T) accounts {
	t.Helper()
	pool := postgrestest.Pool(t)
	a := accounts{
		T: t, pool: pool, users: projections.NewUsers(pool), tokens: projections.NewAPITokens(pool), people: projections.NewPeople(pool),
	}
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	a.store = eventstore.Open(t.Context(), pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{a.users, a.tokens}})
	t.Cleanup(a.store.Close)
	return a
}

// happen appends events to a person's stream and answers it.
func (a accounts) happen(org domain.OrgID, id domain.UserID, events ...any) eventstore.Stream {
	a.Helper()
	stream, err := a.store.Load(a.Context(), org.UUID, id.UUID)
	require.NoError(a, err)
	streams, err := a.store.Append(a.Context(), eventstore.Metadata{}, eventstore.Write{Stream: stream, Events: events})
	require.NoError(a, err)
	return streams[0]
}

func (a accounts) registered(org domain.OrgID, name string) domain.UserID {
	a.Helper()
	id := newUser()
	a.happen(org, id, user.Registered{UserID: id, Username: name, Email: name + "@example.org", PasswordHash: "h", Role: domain.Member})
	return id
}

func newOrg() domain.OrgID { return domain.OrgID{UUID: uuid.Must(uuid.NewV7())} }

func newUser() domain.UserID { return domain.UserID{UUID: uuid.Must(uuid.NewV7())} }

func createdToken(owner domain.UserID, name, hash string) user.TokenCreated {
	return user.TokenCreated{
		UserID: owner, TokenID: uuid.Must(uuid.NewV7()), Name: name, Hash: hash,
		ExpiresAt: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func inUTC(u projections.UserRow) projections.UserRow {
	u.CreatedAt, u.UpdatedAt = u.CreatedAt.UTC(), u.UpdatedAt.UTC()
	return u
}

func TestAUsersRowFollowsTheirEvents(t *testing.T) {
	t.Parallel()
	a, org, id, admin := newAccounts(t), newOrg(), newUser(), newUser()
	name, email := "robert", "robert@example.org"
	preferences := map[string]any{"theme": "dark"}
	token := createdToken(id, "CI", "hash")
	for _, step := range []struct {
		event any
		then  func(*projections.UserRow)
	}{
		{user.Invited{UserID: id, Email: "bob@example.org", Role: domain.Support, TokenHash: "t", InvitedBy: admin}, func(u *projections.UserRow) {
			u.ID, u.Org, u.Email, u.Role, u.Status, u.InvitedBy = id, org, "bob@example.org", domain.Support, user.StatusInvited, admin
		}},
		{user.Joined{UserID: id, Username: "bob", FullName: "Bob", PasswordHash: "h"}, func(u *projections.UserRow) {
			u.Username, u.FullName, u.Status = "bob", "Bob", user.StatusActive
		}},
		{user.ProfileChanged{UserID: id, Username: &name, Email: &email, Preferences: &preferences}, func(u *projections.UserRow) {
			u.Username, u.Email, u.Preferences = name, email, preferences
		}},
		{user.ProfileChanged{UserID: id, FullName: new(string), Preferences: &map[string]any{}}, func(u *projections.UserRow) {
			u.FullName, u.Preferences = "", nil
		}},
		{user.PasswordChanged{UserID: id, PasswordHash: "h2"}, func(*projections.UserRow) {}},
		{user.RoleChanged{From: domain.Support, To: domain.Auditor}, func(u *projections.UserRow) { u.Role = domain.Auditor }},
		{user.Deactivated{}, func(u *projections.UserRow) { u.Status = user.StatusInactive }},
		{user.Reactivated{}, func(u *projections.UserRow) { u.Status = user.StatusActive }},
		{token, nil},
		{user.TokenRenamed{UserID: id, TokenID: token.TokenID, Name: "nightly"}, nil},
		{user.TokenRevoked{TokenID: token.TokenID}, nil},
	} {
		before, _ := a.users.Find(t.Context(), org, id)
		stream := a.happen(org, id, step.event)
		then, last := inUTC(before), stream.Events[len(stream.Events)-1]
		then.Version = last.Version
		if step.then != nil {
			step.then(&then)
			then.UpdatedAt = last.At
		}
		if then.CreatedAt.IsZero() {
			then.CreatedAt = last.At
		}
		now, err := a.users.Find(t.Context(), org, id)
		require.NoError(t, err)
		require.Equal(t, then, inUTC(now), "%T", step.event)
	}
	_, err := a.users.Find(t.Context(), newOrg(), id)
	require.ErrorIs(t, err, projections.ErrNoUser, "another organization's")
	a.happen(org, id, user.Removed{})
	_, err = a.users.Find(t.Context(), org, id)
	require.ErrorIs(t, err, projections.ErrNoUser)
}

func TestWhatIsNoUserEventChangesNoRow(t *testing.T) {
	t.Parallel()
	require.Zero(t, projections.ApplyUser(projections.UserRow{}, eventstore.Recorded{Version: 1, Event: "other"}))
}

func TestAccount(t *testing.T) {
	t.Parallel()
	a, org := newAccounts(t), newOrg()
	id := a.registered(org, "ann")
	for _, step := range []struct {
		event  any
		then   projections.Account
		active bool
	}{
		{user.RoleChanged{To: domain.Admin}, projections.Account{Role: domain.Admin, Status: user.StatusActive}, true},
		{user.Deactivated{}, projections.Account{Role: domain.Admin, Status: user.StatusInactive}, false},
		{user.Removed{}, projections.Account{Role: domain.Admin, Status: user.StatusRemoved}, false},
	} {
		a.happen(org, id, step.event)
		account, err := a.users.Account(t.Context(), org, id)
		require.NoError(t, err)
		require.Equal(t, step.then, account)
		active, err := a.users.Active(t.Context(), org, id)
		require.NoError(t, err)
		require.Equal(t, step.active, active)
	}
	account, err := a.users.Account(t.Context(), newOrg(), id)
	require.NoError(t, err)
	require.Zero(t, account, "another organization's")
}

func TestListPagesThroughTheMembers(t *testing.T) {
	t.Parallel()
	a, org := newAccounts(t), newOrg()
	a.registered(newOrg(), "stranger")
	var all []domain.UserID
	for i := range 5 {
		all = append(all, a.registered(org, fmt.Sprint("user", i)))
	}
	ids := func(after domain.UserID, limit int) []domain.UserID {
		t.Helper()
		page, err := a.users.List(t.Context(), org, after, limit)
		require.NoError(t, err)
		list := []domain.UserID{}
		for _, u := range page {
			list = append(list, u.ID)
		}
		return list
	}
	require.Equal(t, all, ids(domain.UserID{}, 100))
	require.Equal(t, all[:2], ids(domain.UserID{}, 2))
	require.Equal(t, all[2:4], ids(all[1], 2))
	require.Empty(t, ids(all[4], 2))
	require.Empty(t, ids(newUser(), 2), "a stranger's id")
	a.happen(org, all[1], user.Removed{})
	require.Equal(t, []domain.UserID{all[0], all[2], all[3], all[4]}, ids(domain.UserID{}, 100))
	require.Equal(t, all[2:], ids(all[1], 100), "a member who was removed between two pages still divides them")
}

func TestTokensFollowTheirUsersEvents(t *testing.T) {
	t.Parallel()
	a, org := newAccounts(t), newOrg()
	id, other := a.registered(org, "ann"), a.registered(org, "bob")
	first, second := createdToken(id, "CI", "hash 1"), createdToken(id, "nightly", "hash 2")
	stream := a.happen(org, id, first)
	a.happen(org, id, second)
	a.happen(org, other, createdToken(other, "bob's", "hash 3"))

	row, err := a.tokens.FindByHash(t.Context(), "hash 1")
	require.NoError(t, err)
	row.ExpiresAt, row.CreatedAt = row.ExpiresAt.UTC(), row.CreatedAt.UTC()
	require.Equal(t, projections.APITokenRow{
		ID: first.TokenID, Org: org, User: id, Name: "CI", Hash: "hash 1", ExpiresAt: first.ExpiresAt, CreatedAt: stream.Events[1].At,
	}, row)
	a.happen(org, id, user.TokenRenamed{UserID: id, TokenID: first.TokenID, Name: "weekly"})
	require.Equal(t, []string{"weekly", "nightly"}, a.tokenNames(org, id))
	a.happen(org, id, user.TokenRevoked{TokenID: first.TokenID})
	require.Equal(t, []string{"nightly"}, a.tokenNames(org, id))
	row, err = a.tokens.FindByHash(t.Context(), "hash 1")
	require.NoError(t, err, "who presents it learns that it was revoked")
	require.True(t, row.Revoked)

	found, err := a.tokens.Find(t.Context(), org, id, second.TokenID)
	require.NoError(t, err)
	require.Equal(t, "nightly", found.Name)
	for name, find := range map[string]func() error{
		"revoked":              func() error { _, err := a.tokens.Find(t.Context(), org, id, first.TokenID); return err },
		"somebody else's":      func() error { _, err := a.tokens.Find(t.Context(), org, other, second.TokenID); return err },
		"another organization": func() error { _, err := a.tokens.Find(t.Context(), newOrg(), id, second.TokenID); return err },
		"unknown hash":         func() error { _, err := a.tokens.FindByHash(t.Context(), "hash"); return err },
	} {
		require.ErrorIs(t, find(), projections.ErrNoAPIToken, name)
	}

	a.happen(org, id, user.Removed{})
	require.Empty(t, a.tokenNames(org, id))
	row, err = a.tokens.FindByHash(t.Context(), "hash 2")
	require.NoError(t, err)
	require.True(t, row.Revoked, "tokens leave with their owner")
	require.Equal(t, []string{"bob's"}, a.tokenNames(org, other))
}

func (a accounts) tokenNames(org domain.OrgID, id domain.UserID) []string {
	a.Helper()
	list, err := a.tokens.List(a.Context(), org, id)
	require.NoError(a, err)
	names := []string{}
	for _, token := range list {
		names = append(names, token.Name)
	}
	return names
}

// An append writes the tokens that its events touch, and no others.
func TestOnlyTouchedTokensAreWritten(t *testing.T) {
	t.Parallel()
	id := newUser()
	first, second := createdToken(id, "1", "1"), createdToken(id, "2", "2")
	history := []any{user.Registered{UserID: id}, first, second, user.TokenRenamed{UserID: id, TokenID: first.TokenID, Name: "one"}, user.Deactivated{}}
	written := func(committed int) int {
		s := eventstore.Stream{ID: id.UUID}
		for i, event := range history {
			r := eventstore.Recorded{Stream: id.UUID, Version: i + 1, Type: "user.x", Event: event}
			if i < committed {
				r.Position = int64(i + 1)
			}
			s.Events = append(s.Events, r)
		}
		b := &pgx.Batch{}
		projections.NewAPITokens(nil).Queue(b, []eventstore.Stream{s, {Events: []eventstore.Recorded{{Type: "ticket.opened"}}}})
		if b.Len() == 0 {
			return 0
		}
		tokens, _ := b.QueuedQueries[0].Arguments[0].([][16]byte)
		return len(tokens)
	}
	require.Equal(t, 2, written(0))
	require.Equal(t, 2, written(2))
	require.Equal(t, 1, written(3), "the renamed one")
	require.Equal(t, 0, written(4))
	require.Equal(t, 2, written(5), "a rebuild writes all")
}

func TestARowIsWrittenOnlyWithItsEvents(t *testing.T) {
	t.Parallel()
	a, org := newAccounts(t), newOrg()
	id := a.registered(org, "ann")
	stream, err := a.store.Load(t.Context(), org.UUID, id.UUID)
	require.NoError(t, err)
	stream.Events = append(stream.Events,
		eventstore.Recorded{Org: org.UUID, Stream: id.UUID, Version: 2, Type: "user.removed", Event: user.Removed{}, Hash: eventstore.Hash{1}},
		eventstore.Recorded{Org: org.UUID, Stream: id.UUID, Version: 3, Type: "user.token_created", Event: createdToken(id, "x", "x"), Hash: eventstore.Hash{2}})
	a.queue(stream) // as an append does that turns out to conflict
	_, err = a.users.Find(t.Context(), org, id)
	require.NoError(t, err)
	_, err = a.tokens.FindByHash(t.Context(), "x")
	require.ErrorIs(t, err, projections.ErrNoAPIToken)
}

func (a accounts) queue(streams ...eventstore.Stream) {
	a.Helper()
	b := &pgx.Batch{}
	a.users.Queue(b, streams)
	a.tokens.Queue(b, streams)
	require.NoError(a, a.pool.SendBatch(a.Context(), b).Close())
}

// Folding all streams again gives the rows that are there.
func TestReplayEqualsTheLiveRows(t *testing.T) {
	t.Parallel()
	a, org := newAccounts(t), newOrg()
	for i := range 6 {
		id := a.registered(org, fmt.Sprint("user", i))
		name := fmt.Sprint("name", i)
		token := createdToken(id, "CI", name)
		a.happen(org, id, user.ProfileChanged{UserID: id, FullName: &name, Preferences: &map[string]any{"n": float64(i)}}, token)
		switch i {
		case 0:
			a.happen(org, id, user.Removed{})
		case 1:
			a.happen(org, id, user.TokenRevoked{TokenID: token.TokenID}, createdToken(id, "CI", "other"))
		case 2:
			a.happen(org, id, user.TokenRenamed{UserID: id, TokenID: token.TokenID, Name: "nightly"}, user.Deactivated{})
		}
	}
	live := a.dump()
	require.Len(t, live, 6+7)
	_, err := a.pool.Exec(t.Context(), `TRUNCATE users, api_tokens`)
	require.NoError(t, err)
	require.Empty(t, a.dump())

	events, err := a.store.Read(t.Context(), eventstore.Query{})
	require.NoError(t, err)
	streams := map[uuid.UUID]eventstore.Stream{}
	for _, r := range events {
		s := streams[r.Stream]
		s.Org, s.ID, s.Events = r.Org, r.Stream, append(s.Events, r)
		streams[r.Stream] = s
	}
	var all []eventstore.Stream
	for _, s := range streams {
		all = append(all, s)
	}
	a.queue(all...)
	require.Equal(t, live, a.dump())
	a.queue(all...)
	require.Equal(t, live, a.dump(), "writing a row again changes nothing")
}

func (a accounts) dump() []string {
	a.Helper()
	rows, err := a.pool.Query(a.Context(), `SELECT u::text FROM users u UNION ALL SELECT t::text FROM api_tokens t`)
	require.NoError(a, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(a, err)
	slices.Sort(list)
	return list
}

func TestNames(t *testing.T) {
	t.Parallel()
	a, org := newAccounts(t), newOrg()
	ann, gone, stranger := a.registered(org, "ann"), a.registered(org, "bob"), a.registered(newOrg(), "eve")
	a.happen(org, gone, user.Removed{})
	ask := func() map[domain.UserID]projections.Person {
		t.Helper()
		names, err := a.people.Names(t.Context(), org, []domain.UserID{ann, gone, stranger, ann, {}, newUser()})
		require.NoError(t, err)
		return names
	}
	require.Equal(t, map[domain.UserID]projections.Person{ann: {Username: "ann"}, gone: {Username: "bob"}}, ask())

	name := "Ann Example"
	stream := a.happen(org, ann, user.ProfileChanged{UserID: ann, FullName: &name})
	require.Empty(t, ask()[ann].FullName, "remembered")
	a.people.Observe(t.Context(), append(stream.Events, eventstore.Recorded{Type: "ticket.opened"}))
	require.Equal(t, name, ask()[ann].FullName)
}

func TestKnownNamesAskNoDatabase(t *testing.T) {
	t.Parallel()
	a, org := newAccounts(t), newOrg()
	ann := a.registered(org, "ann")
	_, err := a.people.Names(t.Context(), org, []domain.UserID{ann})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no query would succeed
	names, err := a.people.Names(ctx, org, []domain.UserID{ann})
	require.NoError(t, err)
	require.Equal(t, "ann", names[ann].Username)
}

func TestADatabaseThatIsGone(t *testing.T) {
	t.Parallel()
	a, org, id := newAccounts(t), newOrg(), newUser()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ask := range map[string]func() error{
		"find":    func() error { _, err := a.users.Find(ctx, org, id); return err },
		"list":    func() error { _, err := a.users.List(ctx, org, id, 1); return err },
		"active":  func() error { _, err := a.users.Active(ctx, org, id); return err },
		"account": func() error { _, err := a.users.Account(ctx, org, id); return err },
		"hash":    func() error { _, err := a.tokens.FindByHash(ctx, "x"); return err },
		"tokens":  func() error { _, err := a.tokens.List(ctx, org, id); return err },
		"names":   func() error { _, err := a.people.Names(ctx, org, []domain.UserID{id}); return err },
	} {
		err := ask()
		require.ErrorIs(t, err, context.Canceled, name)
		require.Equal(t, domain.Internal, domain.KindOf(err), name)
	}
}
