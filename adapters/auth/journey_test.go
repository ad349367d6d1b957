package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/adapters/auth"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/login"
	"ticketd/domain/session"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// instance is everything about accounts, wired as the program wires it, on a real database.
type instance struct {
	accounts      commands.Accounts
	tokens        *auth.Tokens
	authenticator *auth.Authenticator
}

func newInstance(t *testing.T) instance {
	t.Helper()
	pool := postgrestest.Pool(t)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	users, apiTokens := projections.NewUsers(pool), projections.NewAPITokens(pool)
	store := eventstore.Open(t.Context(), pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{users, apiTokens}})
	t.Cleanup(store.Close)
	logins, err := auth.NewLogins([32]byte{})
	require.NoError(t, err)
	secrets, err := auth.NewTokenSecrets([32]byte{})
	require.NoError(t, err)
	i := instance{
		accounts: commands.NewAccounts(store, auth.NewPasswords(cheap), logins, secrets, "development", time.Now),
		tokens:   auth.NewTokens(secret, auth.AccessLife, time.Now),
	}
	i.authenticator = auth.NewAuthenticator(i.tokens, users, apiTokens, time.Now)

	head, err := store.Head(t.Context())
	require.NoError(t, err)
	require.NoError(t, i.authenticator.LoadRevoked(t.Context(), store))
	ctx, stop := context.WithCancel(t.Context())
	var tail errgroup.Group
	tail.Go(func() error {
		return eventstore.Tail(ctx, store, head, slog.New(slog.DiscardHandler), func(ctx context.Context, events []eventstore.Recorded) error {
			i.authenticator.Observe(ctx, events)
			return nil
		})
	})
	t.Cleanup(func() {
		stop()
		require.NoError(t, tail.Wait())
	})
	return i
}

func (i instance) signIn(t *testing.T, name string) (commands.SignedIn, string) {
	t.Helper()
	in, err := i.accounts.SignIn(t.Context(), commands.Request{}, name, "correct horse")
	require.NoError(t, err)
	token, _, err := i.tokens.Issue(in.Org, in.User.UserID, in.User.Role, in.Session)
	require.NoError(t, err)
	return in, token
}

// refused waits until the event has come round, which takes milliseconds.
func (i instance) refused(t *testing.T, bearer string, refusal error) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, err := i.authenticator.Authenticate(t.Context(), bearer)
		require.ErrorIs(c, err, refusal)
	}, 10*time.Second, time.Millisecond)
}

func TestTheJourneyOfAMember(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	id := domain.UserID{UUID: commands.NewID()}
	_, err := i.accounts.Register(t.Context(), commands.Request{}, commands.Registration{UserID: id, Email: "ann@example.org", Password: "correct horse"})
	require.NoError(t, err)
	_, token := i.signIn(t, "ann@example.org")
	ann, err := i.authenticator.Authenticate(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, domain.Admin, ann.Role)
	byAnn := commands.Request{Org: ann.Org, By: ann.Actor}

	bobID := domain.UserID{UUID: commands.NewID()}
	invitation, _, err := i.accounts.Invite(t.Context(), byAnn, bobID, "bob@example.org", domain.Member)
	require.NoError(t, err)
	_, err = i.accounts.AcceptInvitation(t.Context(), commands.Request{}, invitation, commands.Joining{Username: "bob", Password: "correct horse"})
	require.NoError(t, err)
	in, bobsToken := i.signIn(t, "bob")
	bob, err := i.authenticator.Authenticate(t.Context(), bobsToken)
	require.NoError(t, err)
	byBob := commands.Request{Org: bob.Org, By: bob.Actor}
	apiToken, _, err := i.accounts.CreateToken(t.Context(), byBob, commands.NewID(), "CI", 1)
	require.NoError(t, err)
	byProgram, err := i.authenticator.Authenticate(t.Context(), apiToken)
	require.NoError(t, err)
	require.Equal(t, bobID, byProgram.User)

	require.NoError(t, i.accounts.SignOut(t.Context(), byBob, in.Session))
	i.refused(t, bobsToken, session.ErrRevoked)
	_, err = i.accounts.RevokeToken(t.Context(), byBob, byProgram.ID)
	require.NoError(t, err)
	i.refused(t, apiToken, auth.ErrTokenInvalid)
	_, bobsToken = i.signIn(t, "bob")
	_, err = i.authenticator.Authenticate(t.Context(), bobsToken)
	require.NoError(t, err)
	_, err = i.accounts.RemoveMember(t.Context(), byAnn, bobID)
	require.NoError(t, err)
	i.refused(t, bobsToken, user.ErrInactive)
}

func TestOneNameIsClaimedOnceInARealDatabaseToo(t *testing.T) {
	t.Parallel()
	i := newInstance(t)
	var won atomic.Int64
	var race errgroup.Group
	for range 16 {
		race.Go(func() error {
			_, err := i.accounts.Register(t.Context(), commands.Request{}, commands.Registration{
				UserID: domain.UserID{UUID: commands.NewID()}, Username: "ann", Email: "ann@example.org", Password: "correct horse",
			})
			if errors.Is(err, login.ErrTaken) {
				return nil
			}
			won.Add(1)
			return err
		})
	}
	require.NoError(t, race.Wait())
	require.EqualValues(t, 1, won.Load())
}
