package auth_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/adapters/auth"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/session"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

var (
	_ auth.Accounts  = (*projections.Users)(nil)
	_ auth.APITokens = (*projections.APITokens)(nil)
)

var (
	secret   = []byte("a secret of at least 32 characters")
	acme     = domain.OrgID{UUID: uuid.UUID{15: 1}}
	ann      = domain.UserID{UUID: uuid.UUID{15: 2}}
	bob      = domain.UserID{UUID: uuid.UUID{15: 3}}
	signedIn = uuid.UUID{15: 4}

	errDown = errors.New("the database is down")
)

// gate is an authenticator over tables that a test writes by hand.
type gate struct {
	*auth.Authenticator
	tokens *auth.Tokens
	clock  *atomic.Int64
	tables *tables
}

type tables struct {
	mu       sync.Mutex
	accounts map[domain.UserID]projections.Account
	tokens   map[string]projections.APITokenRow
	queries  int
	down     bool
	meantime func() // happens between a query and its answer
}

func newGate() gate {
	w := gate{clock: new(atomic.Int64), tables: &tables{
		accounts: map[domain.UserID]projections.Account{
			ann: {Role: domain.Support, Status: user.StatusActive},
			bob: {Role: domain.Member, Status: user.StatusInactive},
		},
		tokens: map[string]projections.APITokenRow{},
	}}
	w.clock.Store(time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC).UnixNano())
	w.tokens = auth.NewTokens(secret, auth.AccessLife, w.now)
	w.Authenticator = auth.NewAuthenticator(w.tokens, w.tables, w.tables, w.now)
	return w
}

func (w gate) now() time.Time { return time.Unix(0, w.clock.Load()).UTC() }

func (w gate) pass(d time.Duration) { w.clock.Add(int64(d)) }

func (w gate) issue(tb testing.TB, session uuid.UUID) string {
	tb.Helper()
	token, _, err := w.tokens.Issue(acme, ann, domain.Admin, session)
	require.NoError(tb, err)
	return token
}

// happened tells the gate of one event, as the log's tail does.
func (w gate) happened(t *testing.T, stream uuid.UUID, event any) {
	t.Helper()
	name, _, err := catalog.Codec.Name(event)
	require.NoError(t, err)
	w.Observe(t.Context(), []eventstore.Recorded{{Org: acme.UUID, Stream: stream, Type: name, At: w.now(), Event: event}})
}

func (s *tables) set(id domain.UserID, a projections.Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[id] = a
}

func (s *tables) setToken(token string, row projections.APITokenRow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[commands.HashToken(token)] = row
}

func (s *tables) answered() {
	s.mu.Lock()
	meantime := s.meantime
	s.meantime = nil
	s.mu.Unlock()
	if meantime != nil {
		meantime()
	}
}

func (s *tables) Account(_ context.Context, org domain.OrgID, id domain.UserID) (projections.Account, error) {
	defer s.answered()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries++
	if s.down {
		return projections.Account{}, errDown
	}
	if org != acme {
		return projections.Account{}, nil
	}
	return s.accounts[id], nil
}

func (s *tables) FindByHash(_ context.Context, hash string) (projections.APITokenRow, error) {
	defer s.answered()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries++
	row, ok := s.tokens[hash]
	switch {
	case s.down:
		return projections.APITokenRow{}, errDown
	case !ok:
		return projections.APITokenRow{}, projections.ErrNoAPIToken
	}
	return row, nil
}

func TestAnAccessToken(t *testing.T) {
	t.Parallel()
	w := newGate()
	token := w.issue(t, signedIn)
	caller, err := w.Authenticate(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, domain.Caller{
		Actor: domain.Actor{Type: domain.ByUser, ID: ann.UUID, User: ann, Role: domain.Support}, // not the role it was issued with
		Org:   acme, Session: signedIn, Expires: w.now().Add(time.Hour).Truncate(time.Second),
	}, caller)
	w.pass(time.Hour)
	_, err = w.Authenticate(t.Context(), token)
	require.ErrorIs(t, err, auth.ErrTokenExpired)
}

func TestAnAPIToken(t *testing.T) {
	t.Parallel()
	w := newGate()
	row := projections.APITokenRow{ID: uuid.UUID{15: 9}, Org: acme, User: ann, ExpiresAt: w.now().Add(24 * time.Hour)}
	w.tables.setToken("ai_dev_good", row)
	caller, err := w.Authenticate(t.Context(), "ai_dev_good")
	require.NoError(t, err)
	require.Equal(t, domain.Caller{
		Actor: domain.Actor{Type: domain.ByAPIToken, ID: row.ID, User: ann, Role: domain.Support}, Org: acme, Expires: row.ExpiresAt,
	}, caller)

	w.pass(24*time.Hour - 1)
	_, err = w.Authenticate(t.Context(), "ai_dev_good")
	require.NoError(t, err)
	w.pass(1)
	_, err = w.Authenticate(t.Context(), "ai_dev_good")
	require.ErrorIs(t, err, auth.ErrTokenExpired)

	for _, unknown := range []string{"ai_", "ai_dev_bad", "ai_dev_good "} {
		_, err = w.Authenticate(t.Context(), unknown)
		require.ErrorIs(t, err, auth.ErrTokenInvalid, unknown)
	}
	row.Revoked, row.ExpiresAt = true, w.now().Add(time.Hour)
	w.tables.setToken("ai_dev_revoked", row)
	_, err = w.Authenticate(t.Context(), "ai_dev_revoked")
	require.ErrorIs(t, err, auth.ErrTokenInvalid)
}

func TestOnlyActiveMembersGetIn(t *testing.T) {
	t.Parallel()
	w := newGate()
	for name, c := range map[string]struct {
		org domain.OrgID
		id  domain.UserID
	}{
		"locked out":           {acme, bob},
		"unknown":              {acme, domain.UserID{UUID: uuid.UUID{15: 99}}},
		"another organization": {domain.OrgID{UUID: uuid.UUID{15: 98}}, ann},
	} {
		token, _, err := w.tokens.Issue(c.org, c.id, domain.Admin, signedIn)
		require.NoError(t, err)
		_, err = w.Authenticate(t.Context(), token)
		require.ErrorIs(t, err, user.ErrInactive, name)
	}
	w.tables.setToken("ai_dev_bob", projections.APITokenRow{Org: acme, User: bob, ExpiresAt: w.now().Add(time.Hour)})
	_, err := w.Authenticate(t.Context(), "ai_dev_bob")
	require.ErrorIs(t, err, user.ErrInactive)
}

func TestTheHotPathAsksNoDatabase(t *testing.T) {
	t.Parallel()
	w := newGate()
	w.tables.setToken("ai_dev_good", projections.APITokenRow{Org: acme, User: ann, ExpiresAt: w.now().Add(time.Hour)})
	token := w.issue(t, signedIn)
	for range 10 {
		for _, bearer := range []string{token, "ai_dev_good"} {
			_, err := w.Authenticate(t.Context(), bearer)
			require.NoError(t, err)
		}
	}
	require.Equal(t, 2, w.tables.queries)
	w.pass(time.Minute)
	_, err := w.Authenticate(t.Context(), "ai_dev_good")
	require.NoError(t, err)
	require.Equal(t, 4, w.tables.queries, "the safety net")
}

func TestEventsChangeWhatACallerMay(t *testing.T) {
	t.Parallel()
	w := newGate()
	token := w.issue(t, signedIn)
	role := func() domain.Role {
		t.Helper()
		caller, err := w.Authenticate(t.Context(), token)
		require.NoError(t, err)
		return caller.Role
	}
	require.Equal(t, domain.Support, role())
	w.tables.set(ann, projections.Account{Role: domain.Admin, Status: user.StatusActive})
	require.Equal(t, domain.Support, role(), "until the event comes")
	w.happened(t, bob.UUID, user.RoleChanged{})
	require.Equal(t, domain.Support, role(), "somebody else's")
	w.happened(t, ann.UUID, user.RoleChanged{From: domain.Support, To: domain.Admin})
	require.Equal(t, domain.Admin, role())

	w.tables.set(ann, projections.Account{Role: domain.Admin, Status: user.StatusInactive})
	w.happened(t, ann.UUID, user.Deactivated{})
	_, err := w.Authenticate(t.Context(), token)
	require.ErrorIs(t, err, user.ErrInactive)
}

func TestARevokedAPITokenIsForgotten(t *testing.T) {
	t.Parallel()
	for name, event := range map[string]any{"revoked": user.TokenRevoked{TokenID: uuid.UUID{15: 9}}, "owner removed": user.Removed{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newGate()
			row := projections.APITokenRow{ID: uuid.UUID{15: 9}, Org: acme, User: ann, ExpiresAt: w.now().Add(time.Hour)}
			w.tables.setToken("ai_dev_good", row)
			_, err := w.Authenticate(t.Context(), "ai_dev_good")
			require.NoError(t, err)
			row.Revoked = true
			w.tables.setToken("ai_dev_good", row)
			w.happened(t, ann.UUID, event)
			_, err = w.Authenticate(t.Context(), "ai_dev_good")
			require.ErrorIs(t, err, auth.ErrTokenInvalid)
		})
	}
}

// The event arrives between the query and its answer: the old answer may be used this once, but never again.
func TestAnAnswerOvertakenByItsEventIsNotKept(t *testing.T) {
	t.Parallel()
	w := newGate()
	token := w.issue(t, signedIn)
	w.tables.meantime = func() {
		w.tables.set(ann, projections.Account{Role: domain.Support, Status: user.StatusInactive})
		w.happened(t, ann.UUID, user.Deactivated{})
	}
	_, err := w.Authenticate(t.Context(), token)
	require.NoError(t, err)
	_, err = w.Authenticate(t.Context(), token)
	require.ErrorIs(t, err, user.ErrInactive)

	row := projections.APITokenRow{ID: uuid.UUID{15: 9}, Org: acme, User: ann, ExpiresAt: w.now().Add(time.Hour)}
	w.tables.set(ann, projections.Account{Role: domain.Support, Status: user.StatusActive})
	w.happened(t, ann.UUID, user.Reactivated{})
	w.tables.setToken("ai_dev_good", row)
	w.tables.meantime = func() {
		row.Revoked = true
		w.tables.setToken("ai_dev_good", row)
		w.happened(t, ann.UUID, user.TokenRevoked{TokenID: row.ID})
	}
	_, err = w.Authenticate(t.Context(), "ai_dev_good")
	require.NoError(t, err)
	_, err = w.Authenticate(t.Context(), "ai_dev_good")
	require.ErrorIs(t, err, auth.ErrTokenInvalid)
}

func TestARevokedSessionIsOverAtOnce(t *testing.T) {
	t.Parallel()
	w := newGate()
	ended, other := w.issue(t, signedIn), w.issue(t, uuid.UUID{15: 5})
	w.happened(t, signedIn, session.Revoked{Reason: "signed out"})
	_, err := w.Authenticate(t.Context(), ended)
	require.ErrorIs(t, err, session.ErrRevoked)
	_, err = w.Authenticate(t.Context(), other)
	require.NoError(t, err)

	require.Equal(t, 1, auth.RevokedSessions(w.Authenticator))
	w.pass(time.Hour)
	w.happened(t, uuid.UUID{15: 6}, session.Revoked{})
	require.Equal(t, 2, auth.RevokedSessions(w.Authenticator), "a token of that age may still be around, by another clock")
	w.pass(2 * time.Minute)
	w.happened(t, uuid.UUID{15: 7}, session.Revoked{})
	require.Equal(t, 2, auth.RevokedSessions(w.Authenticator), "the first can have no token any more")
}

func TestAnInstanceThatStartsLearnsWhichSessionsEnded(t *testing.T) {
	t.Parallel()
	w, log := newGate(), eventstore.NewMemory(catalog.Codec)
	w.clock.Store(time.Now().UnixNano()) // the log has a clock of its own
	_, err := log.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{
		Stream: eventstore.Stream{Org: acme.UUID, ID: signedIn}, Events: []any{session.Started{UserID: ann}, session.Revoked{}},
	})
	require.NoError(t, err)
	require.NoError(t, w.LoadRevoked(t.Context(), log))
	_, err = w.Authenticate(t.Context(), w.issue(t, signedIn))
	require.ErrorIs(t, err, session.ErrRevoked)

	later := newGate()
	later.clock.Store(time.Now().Add(2 * time.Hour).UnixNano())
	require.NoError(t, later.LoadRevoked(t.Context(), log))
	require.Zero(t, auth.RevokedSessions(later.Authenticator), "their tokens have expired")
	require.ErrorIs(t, w.LoadRevoked(t.Context(), unreadable{log}), errDown)
}

type unreadable struct{ eventstore.Reader }

func (unreadable) Read(context.Context, eventstore.Query) ([]eventstore.Recorded, error) {
	return nil, errDown
}

func TestADatabaseThatIsDownIsNoRefusal(t *testing.T) {
	t.Parallel()
	w := newGate()
	w.tables.down = true
	for _, bearer := range []string{w.issue(t, signedIn), "ai_dev_good"} {
		_, err := w.Authenticate(t.Context(), bearer)
		require.ErrorIs(t, err, errDown)
		require.Equal(t, domain.Internal, domain.KindOf(err))
	}
}

func TestManyCallersAndEventsAtOnce(t *testing.T) {
	t.Parallel()
	w := newGate()
	w.tables.setToken("ai_dev_good", projections.APITokenRow{Org: acme, User: ann, ExpiresAt: w.now().Add(time.Hour)})
	token := w.issue(t, signedIn)
	var all errgroup.Group
	for range 8 {
		all.Go(func() error {
			for range 200 {
				_, first := w.Authenticate(t.Context(), token)
				_, second := w.Authenticate(t.Context(), "ai_dev_good")
				w.Observe(t.Context(), []eventstore.Recorded{
					{Org: acme.UUID, Stream: ann.UUID, Type: "user.token_revoked", Event: user.TokenRevoked{}},
					{Stream: uuid.New(), Type: "session.revoked", At: w.now(), Event: session.Revoked{}},
				})
				if err := errors.Join(first, second); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, all.Wait())
}

func BenchmarkAuthenticate(b *testing.B) {
	w := newGate()
	token := w.issue(b, signedIn)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.Authenticate(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
}
