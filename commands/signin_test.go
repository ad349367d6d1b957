package commands_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/session"
	"ticketd/domain/user"
	"ticketd/eventstore"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("Ann", "ann@example.org")
	for _, name := range []string{"ann", " ANN ", "Ann@example.org"} {
		in, err := w.SignIn(t.Context(), commands.Request{}, name, password)
		require.NoError(t, err, name)
		require.Equal(t, ann.org, in.Org)
		require.Equal(t, ann.id, in.User.UserID)
		require.Equal(t, ann.id.UUID, in.Stream.ID)
		require.Equal(t, w.now().Add(commands.SessionLife).UTC(), in.ExpiresAt)

		started := stateOf(w, commands.NewHandler(w.log, session.Decider), ann.org, in.Session)
		require.Equal(t, commands.HashToken(in.RefreshToken), started.TokenHash)
		require.NotContains(t, started.TokenHash, in.RefreshToken)
	}
}

func TestSignInTellsNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	locked, gone := w.join(ann, "bob", domain.Member), w.join(ann, "cid", domain.Member)
	_, err := w.ChangeMember(t.Context(), ann.request(), locked.id, commands.MemberChange{Active: new(false)})
	require.NoError(t, err)
	_, err = w.RemoveMember(t.Context(), ann.request(), gone.id)
	require.NoError(t, err)
	_, _, err = w.Invite(t.Context(), ann.request(), newUserID(), "dan@example.org", domain.Member)
	require.NoError(t, err)
	before := w.head()
	for name, c := range map[string]struct{ name, password string }{
		"wrong password": {"ann", "wrong password"},
		"unknown name":   {"nobody", password},
		"locked out":     {"bob", password},
		"removed":        {"cid", password},
		"only invited":   {"dan@example.org", ""},
		"no name":        {"", ""},
	} {
		verified := w.hasher.verified.Load()
		_, err := w.SignIn(t.Context(), commands.Request{}, c.name, c.password)
		require.Equal(t, commands.ErrBadCredentials, err, name)
		require.Equal(t, verified+1, w.hasher.verified.Load(), "%s: the time must not tell", name)
	}
	require.Equal(t, before, w.head())
}

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	first, err := w.SignIn(t.Context(), commands.Request{}, "ann", password)
	require.NoError(t, err)
	second, err := w.Refresh(t.Context(), commands.Request{}, first.RefreshToken)
	require.NoError(t, err)
	require.NotEqual(t, first.RefreshToken, second.RefreshToken)
	require.Equal(t, first.Session, second.Session)
	require.Equal(t, first.ExpiresAt, second.ExpiresAt.UTC(), "a session does not grow")
	require.Equal(t, ann.id, second.User.UserID)
	third, err := w.Refresh(t.Context(), commands.Request{}, second.RefreshToken)
	require.NoError(t, err)

	_, err = w.Refresh(t.Context(), commands.Request{}, first.RefreshToken)
	require.ErrorIs(t, err, session.ErrRevoked, "a token was used twice")
	_, err = w.Refresh(t.Context(), commands.Request{}, third.RefreshToken)
	require.ErrorIs(t, err, session.ErrRevoked, "the family is revoked")

	events, err := w.log.Read(t.Context(), eventstore.Query{Types: []string{"session.revoked"}})
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, session.Revoked{Reason: session.Reuse}, events[0].Event)
	require.Equal(t, eventstore.Actor{Type: "user", ID: ann.id.UUID}, events[0].Metadata.Actor)
}

func TestRefreshRefusals(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	bob := w.join(ann, "bob", domain.Member)
	in, err := w.SignIn(t.Context(), commands.Request{}, "ann", password)
	require.NoError(t, err)
	other := strings.Map(func(r rune) rune { // another secret, the same stream
		if r == 'A' {
			return 'B'
		}
		return 'A'
	}, in.RefreshToken[44:])
	for name, token := range map[string]string{
		"nothing":        "",
		"garbage":        "not a token",
		"too long":       in.RefreshToken + "AAAA",
		"another secret": in.RefreshToken[:44] + other,
		"no session":     strings.Repeat("A", len(in.RefreshToken)),
	} {
		_, err := w.Refresh(t.Context(), commands.Request{}, token)
		require.ErrorIs(t, err, session.ErrUnknown, name)
	}

	lockedOut, err := w.SignIn(t.Context(), commands.Request{}, "bob", password)
	require.NoError(t, err)
	_, err = w.ChangeMember(t.Context(), ann.request(), bob.id, commands.MemberChange{Active: new(false)})
	require.NoError(t, err)
	_, err = w.Refresh(t.Context(), commands.Request{}, lockedOut.RefreshToken)
	require.ErrorIs(t, err, user.ErrInactive)

	w.pass(commands.SessionLife + time.Second)
	_, err = w.Refresh(t.Context(), commands.Request{}, in.RefreshToken)
	require.ErrorIs(t, err, session.ErrUnknown, "expired")
}

func TestOneRefreshTokenTradedTwiceAtOnceIsReuse(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.register("ann", "")
	in, err := w.SignIn(t.Context(), commands.Request{}, "ann", password)
	require.NoError(t, err)
	racing := w.over(meet(w.log, 2))
	var won atomic.Int64
	var race errgroup.Group
	for range 2 {
		race.Go(func() error {
			_, err := racing.Refresh(t.Context(), commands.Request{}, in.RefreshToken)
			if errors.Is(err, session.ErrRevoked) {
				return nil
			}
			won.Add(1)
			return err
		})
	}
	require.NoError(t, race.Wait())
	require.EqualValues(t, 1, won.Load())
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	bob := w.join(ann, "bob", domain.Member)
	in, err := w.SignIn(t.Context(), commands.Request{}, "ann", password)
	require.NoError(t, err)

	require.ErrorIs(t, w.SignOut(t.Context(), bob.request(), in.Session), session.ErrUnknown, "somebody else's")
	require.NoError(t, w.SignOut(t.Context(), ann.request(), uuid.Nil), "an API token has no session")
	require.NoError(t, w.SignOut(t.Context(), ann.request(), in.Session))
	before := w.head()
	require.NoError(t, w.SignOut(t.Context(), ann.request(), in.Session), "a repeat causes nothing")
	require.Equal(t, before, w.head())
	_, err = w.Refresh(t.Context(), commands.Request{}, in.RefreshToken)
	require.ErrorIs(t, err, session.ErrRevoked)
}

// Signing in does not know which of the two a name is.
func TestUsernamesAndEmailAddressesNormalizeAlike(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ann", " Ann@Example.org ", "ÄNNCHEN", ""} {
		require.Equal(t, user.NormalizeUsername(name), user.NormalizeEmail(name))
	}
}
