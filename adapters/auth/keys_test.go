package auth_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/adapters/auth"
)

func TestSecretsOfTheEnvironment(t *testing.T) {
	t.Parallel()
	key := [32]byte(bytes.Repeat([]byte{0xfb}, 32))
	secret := strings.Repeat("s", 32)
	dir := t.TempDir()
	for name, encoded := range map[string]string{
		"hex":        hex.EncodeToString(key[:]),
		"base64":     base64.StdEncoding.EncodeToString(key[:]),
		"raw base64": base64.RawStdEncoding.EncodeToString(key[:]),
		"url base64": base64.URLEncoding.EncodeToString(key[:]),
		"raw url":    base64.RawURLEncoding.EncodeToString(key[:]),
	} {
		jwt, encryption, err := auth.Secrets(dir, "production", secret, encoded)
		require.NoError(t, err, name)
		require.Equal(t, secret, string(jwt))
		require.Equal(t, key, encryption, name)
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files, "nothing that is set is written")
}

func TestSecretsAreMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	type pair struct {
		jwt        string
		encryption [32]byte
	}
	pairs := make([]pair, 8)
	var starts errgroup.Group // processes that start together agree
	for i := range pairs {
		starts.Go(func() error {
			jwt, encryption, err := auth.Secrets(dir, "development", "", "")
			pairs[i] = pair{string(jwt), encryption}
			return err
		})
	}
	require.NoError(t, starts.Wait())
	for _, p := range pairs {
		require.Equal(t, pairs[0], p)
	}
	require.GreaterOrEqual(t, len(pairs[0].jwt), 32)
	require.NotZero(t, pairs[0].encryption)

	files, err := os.ReadDir(filepath.Join(dir, "secrets"))
	require.NoError(t, err)
	require.Len(t, files, 2, "drafts are removed")
	for _, file := range files {
		info, err := file.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

func TestSecretsRefusals(t *testing.T) {
	t.Parallel()
	secret, key := strings.Repeat("s", 32), strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		environment, jwt, encryption string
		then                         error
	}{
		"none in production":       {"production", "", "", auth.ErrNoSecret},
		"one in production":        {"Production", secret, "", auth.ErrNoSecret},
		"other one in production":  {"production", "", key, auth.ErrNoSecret},
		"short secret":             {"development", secret[1:], key, auth.ErrJWTSecret},
		"short key":                {"development", secret, key[2:], auth.ErrEncryptionKey},
		"neither hex nor base64":   {"development", secret, strings.Repeat("?", 64), auth.ErrEncryptionKey},
		"a password is not a key ": {"production", secret, "hunter2", auth.ErrEncryptionKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := auth.Secrets(t.TempDir(), c.environment, c.jwt, c.encryption)
			require.ErrorIs(t, err, c.then)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestSecretsNeedADirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, _, err := auth.Secrets(file, "development", "", "")
	require.Error(t, err)
	_, _, err = auth.Secrets(file, "development", strings.Repeat("s", 32), "")
	require.Error(t, err)

	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "secrets", "jwt_secret"), 0o700))
	_, _, err = auth.Secrets(dir, "development", "", "")
	require.Error(t, err, "what is kept cannot be read")
}
