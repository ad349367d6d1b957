package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a PostgreSQL, which -short leaves out")
	}
	said := filepath.Join(t.TempDir(), "said")
	for _, test := range []struct {
		name, script string
		code         int
	}{
		{"tells the command where the database is", `echo "$TEST_DATABASE_URL" > "$0"`, 0},
		{"ends with the command's code", "exit 7", 7},
		{"says like a shell which signal ended the command", "kill -TERM $$", 143},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			code, err := run(t.Context(), "sh", "-c", test.script, said)
			require.NoError(t, err)
			require.Equal(t, test.code, code)
		})
	}
	t.Cleanup(func() {
		text, err := os.ReadFile(said)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(text), "postgres://"))
	})
}

func TestRunNamesACommandThatIsNotThere(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a PostgreSQL, which -short leaves out")
	}
	code, err := run(t.Context(), "no-such-command")
	require.ErrorContains(t, err, "no-such-command")
	require.Equal(t, 127, code)
}
