package auth_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/auth"
)

func TestAnIDOfALogin(t *testing.T) {
	t.Parallel()
	mine, err := auth.NewLogins([32]byte{1})
	require.NoError(t, err)
	other, err := auth.NewLogins([32]byte{2})
	require.NoError(t, err)
	id := mine.StreamID("ann@example.org")
	require.Equal(t, id, mine.StreamID("ann@example.org"))
	require.NotEqual(t, id, mine.StreamID("ann@example.com"))
	require.NotEqual(t, id, other.StreamID("ann@example.org"), "who lacks the key cannot guess names")
	require.Equal(t, uuid.Version(8), id.Version())
	require.Equal(t, uuid.RFC4122, id.Variant())
}

// Stored streams have these ids: a change would lock everybody out.
func TestIDsOfLoginsNeverChange(t *testing.T) {
	t.Parallel()
	logins, err := auth.NewLogins([32]byte{})
	require.NoError(t, err)
	require.Equal(t, "a17c3231-a045-8079-b18b-3e97b49ec9f5", logins.StreamID("ann").String())
}
