//go:build linux

package postgres

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseMajor(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]int{
		"postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)": 15,
		"postgres (PostgreSQL) 18beta1":                        18,
		"postgres (PostgreSQL) 17":                             17,
		"postgres":                                             0,
		"postgres (PostgreSQL) devel":                          0,
	} {
		got, ok := parseMajor(answer)
		require.Equal(t, want, got, answer)
		require.Equal(t, want > 0, ok, answer)
	}
}

func TestParsePidFile(t *testing.T) {
	t.Parallel()
	require.Equal(t, postmaster{42, "ready"}, parsePidFile("42\n/data\n1700000000\n5432\n/tmp\n\n  123 456\nready   \n"))
	require.Equal(t, postmaster{42, ""}, parsePidFile("42\n/data\n"))
	for _, text := range []string{"", "nonsense", "-1\n", "0"} {
		require.Zero(t, parsePidFile(text), text)
	}
}

func TestTheLogIsCapped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "postgresql.log")
	l, err := openCappedLog(path, 10)
	require.NoError(t, err)
	for _, text := range []string{"one\n", "two\n", "three\n"} {
		n, err := l.Write([]byte(text))
		require.NoError(t, err)
		require.Equal(t, len(text), n)
	}
	require.NoError(t, l.Close())
	require.Equal(t, "one\ntwo\nthree", l.tail())
	requireText(t, "one\ntwo\n", path+".1")
	requireText(t, "three\n", path)

	again, err := openCappedLog(path, 10)
	require.NoError(t, err)
	_, err = again.Write([]byte("4\n"))
	require.NoError(t, err)
	requireText(t, "three\n4\n", path)
	require.NoError(t, again.Close())
	_, err = again.Write([]byte("late"))
	require.Error(t, err)
}

func TestTheTailIsShort(t *testing.T) {
	t.Parallel()
	l, err := openCappedLog(filepath.Join(t.TempDir(), "log"), maxLogSize)
	require.NoError(t, err)
	_, err = l.Write([]byte(strings.Repeat("x", 3*tailSize) + "end"))
	require.NoError(t, err)
	require.Len(t, l.tail(), tailSize)
	require.True(t, strings.HasSuffix(l.tail(), "end"))
	require.NoError(t, l.Close())
}

func requireText(t *testing.T, want, path string) {
	t.Helper()
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}

func TestWhatStandsInTheWayIsNamed(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"postgres.lock":     "lock the data directory",
		"postgres.password": "read the cluster's password",
		"postgres.socket":   "find the socket",
	} {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		_, err := Start(t.Context(), dir, slog.New(slog.DiscardHandler))
		if name == "postgres.socket" && errors.Is(err, ErrNotInstalled) {
			continue // as on a machine with nothing but Go
		}
		require.ErrorContains(t, err, want)
	}
}

func TestProgramsThatAreNotPostgreSQLAreIgnored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, ok := majorVersion(t.Context(), dir)
	require.False(t, ok, "no initdb")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "initdb"), nil, 0o600))
	_, ok = majorVersion(t.Context(), dir)
	require.False(t, ok, "no server")
}

func TestAUserWithoutANameIsANumber(t *testing.T) {
	t.Parallel()
	require.Equal(t, "4211000", userName(4_211_000))
}

func TestSpaceIsAskedForWhereThereIsADirectory(t *testing.T) {
	t.Parallel()
	require.Positive(t, freeBytes(t.TempDir()))
	require.Zero(t, freeBytes("/no/such/directory"))
}
