package auth_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/auth"
)

func TestTokenSecrets(t *testing.T) {
	t.Parallel()
	one, err := auth.NewTokenSecrets([32]byte{1})
	require.NoError(t, err)
	two, err := auth.NewTokenSecrets([32]byte{2})
	require.NoError(t, err)
	require.Equal(t, one.Secret("a", "b"), one.Secret("a", "b"))
	seen := map[[32]byte]bool{}
	for _, secret := range [][32]byte{one.Secret(), one.Secret("a", "b"), one.Secret("ab"), one.Secret("ab", ""), one.Secret("b", "a"), two.Secret("a", "b")} {
		require.False(t, seen[secret])
		seen[secret] = true
	}
}
