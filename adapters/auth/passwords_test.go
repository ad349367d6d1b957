package auth_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/adapters/auth"
	"ticketd/commands"
)

var (
	_ commands.Passwords = (*auth.Passwords)(nil)
	_ commands.Logins    = auth.Logins{}
)

var cheap = auth.Cost{MemoryKiB: 8, Passes: 1, Threads: 1}

func TestAPasswordVerifies(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(cheap)
	hash, err := p.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=8,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, hash)
	again, err := p.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.NotEqual(t, hash, again, "salted")

	stronger := auth.NewPasswords(auth.Cost{MemoryKiB: 16, Passes: 2, Threads: 1})
	for password, fits := range map[string]bool{"correct horse": true, "correct horse ": false, "": false} {
		ok, err := stronger.Verify(t.Context(), hash, password)
		require.NoError(t, err)
		require.Equal(t, fits, ok, "%q, at the cost the hash was made at", password)
	}
}

func TestTheRecommendedCost(t *testing.T) {
	t.Parallel()
	hash, err := auth.NewPasswords(auth.OWASP).Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
}

func TestNobodyHasTheEmptyHash(t *testing.T) {
	t.Parallel()
	ok, err := auth.NewPasswords(cheap).Verify(t.Context(), "", "")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestAMalformedHashIsAnError(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(cheap)
	good, err := p.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
	for name, hash := range map[string]string{
		"erased":         "[erased]",
		"bcrypt":         "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"another kind":   strings.Replace(good, "argon2id", "argon2i", 1),
		"version":        strings.Replace(good, "v=19", "v=16", 1),
		"no numbers":     strings.Replace(good, "m=8", "m=x", 1),
		"no passes":      strings.Replace(good, "t=1", "t=0", 1),
		"no threads":     strings.Replace(good, "p=1", "p=0", 1),
		"all the memory": strings.Replace(good, "m=8", "m=4294967295", 1),
		"all the time":   strings.Replace(good, "t=1", "t=4294967295", 1),
		"overflow":       strings.Replace(good, "p=1", "p=300", 1),
		"no key":         good[:strings.LastIndex(good, "$")+1],
		"no base64":      good[:len(good)-1] + "!",
		"too long a key": good + strings.Repeat("A", 64),
	} {
		ok, err := p.Verify(t.Context(), hash, "correct horse")
		require.Error(t, err, name)
		require.False(t, ok, name)
	}
}

func TestALoginStormWaitsItsTurn(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(cheap)
	var storm errgroup.Group
	for range 200 {
		storm.Go(func() error {
			_, err := p.Hash(t.Context(), "correct horse")
			return err
		})
	}
	require.NoError(t, storm.Wait())
}

func TestWhoGoesAwayIsNotHashedFor(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(cheap)
	release := auth.TakeAllSlots(p)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hash, err := p.Hash(ctx, "correct horse")
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, hash)
	_, err = p.Verify(ctx, "", "correct horse")
	require.ErrorIs(t, err, context.Canceled)
	_, err = p.Verify(ctx, "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x")
	require.ErrorIs(t, err, context.Canceled)
	release()
	_, err = p.Hash(t.Context(), "correct horse")
	require.NoError(t, err)
}

func BenchmarkHash(b *testing.B) {
	p := auth.NewPasswords(auth.OWASP)
	for b.Loop() {
		_, _ = p.Hash(b.Context(), "correct horse")
	}
}
