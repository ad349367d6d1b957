package commands_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/user"
)

func TestCreateToken(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann, id := w.register("ann", ""), commands.NewID()
	token, stream, err := w.CreateToken(t.Context(), ann.request(), id, " CI ", commands.DefaultTokenDays)
	require.NoError(t, err)
	require.Regexp(t, `^ai_dev_[A-Za-z0-9_-]{43}$`, token)
	require.Equal(t, 2, stream.Version())
	require.Equal(t, []user.Token{{
		ID: id, Name: "CI", Hash: commands.HashToken(token), ExpiresAt: w.now().Add(365 * 24 * time.Hour).UTC(),
	}}, w.user(ann).Tokens)

	other, _, err := w.CreateToken(t.Context(), ann.request(), commands.NewID(), "CI", 1)
	require.NoError(t, err)
	require.NotEqual(t, token, other)
}

// The first answer may have been lost with the token in it.
func TestARepeatedCreateTokenAnswersTheSameToken(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann, id := w.register("ann", ""), commands.NewID()
	token, _, err := w.CreateToken(t.Context(), ann.request(), id, "CI", 30)
	require.NoError(t, err)
	before := w.user(ann).Tokens
	w.pass(time.Hour)
	again, stream, err := w.CreateToken(t.Context(), ann.request(), id, "CI", 30)
	require.NoError(t, err)
	require.Equal(t, token, again)
	require.Equal(t, 2, stream.Version())
	require.Equal(t, before, w.user(ann).Tokens, "it lives as long as the first time said")

	_, _, err = w.CreateToken(t.Context(), ann.request(), id, "CD", 30)
	require.ErrorIs(t, err, user.ErrTokenExists)
	_, _, err = w.CreateToken(t.Context(), ann.request(), id, "CI", 31)
	require.ErrorIs(t, err, user.ErrTokenExists)
	bob := w.join(ann, "bob", domain.Member)
	his, _, err := w.CreateToken(t.Context(), bob.request(), id, "CI", 30)
	require.NoError(t, err)
	require.NotEqual(t, token, his)
}

func TestTheEnvironmentMarksTokens(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	for environment, mark := range map[string]string{"production": "ai_pro_", "QA": "ai_qa_", "s-1 taging": "ai_sta_", "": "ai__"} {
		accounts := commands.NewAccounts(w.log, w.hasher, plainLogins{}, plainSecrets{}, environment, w.now)
		token, _, err := accounts.CreateToken(t.Context(), ann.request(), commands.NewID(), "CI", 1)
		require.NoError(t, err)
		require.Regexp(t, "^"+mark+".{43}$", token)
	}
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann := w.register("ann", "")
	for _, days := range []int{-1, 0, 366, 1 << 40} {
		_, _, err := w.CreateToken(t.Context(), ann.request(), commands.NewID(), "CI", days)
		requireField(t, err, commands.ErrTokenLife, "expires_in_days")
	}
	_, _, err := w.CreateToken(t.Context(), ann.request(), commands.NewID(), " ", 1)
	requireField(t, err, user.ErrInvalid, "name")
	id := commands.NewID()
	for range user.MaxTokens {
		_, _, err = w.CreateToken(t.Context(), ann.request(), id, "CI", 1)
		require.NoError(t, err)
		id = commands.NewID()
	}
	_, _, err = w.CreateToken(t.Context(), ann.request(), id, "CI", 1)
	require.ErrorIs(t, err, user.ErrTooManyTokens)
	_, _, err = w.CreateToken(t.Context(), someone{id: newUserID(), org: ann.org, role: domain.Member}.request(), id, "CI", 1)
	require.ErrorIs(t, err, user.ErrNotFound)
}

func TestRenameAndRevokeToken(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ann, id := w.register("ann", ""), commands.NewID()
	bob := w.join(ann, "bob", domain.Member)
	_, _, err := w.CreateToken(t.Context(), ann.request(), id, "CI", 1)
	require.NoError(t, err)
	_, err = w.RenameToken(t.Context(), ann.request(), id, "nightly")
	require.NoError(t, err)
	require.Equal(t, "nightly", w.user(ann).Tokens[0].Name)

	_, err = w.RevokeToken(t.Context(), bob.request(), id)
	require.ErrorIs(t, err, user.ErrTokenNotFound, "somebody else's")
	_, err = w.RevokeToken(t.Context(), ann.request(), id)
	require.NoError(t, err)
	require.True(t, w.user(ann).Tokens[0].Revoked)
	_, err = w.RenameToken(t.Context(), ann.request(), id, "weekly")
	require.ErrorIs(t, err, user.ErrTokenNotFound)
}
