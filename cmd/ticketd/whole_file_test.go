package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFileIsWrittenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	says := func(text string, then error) func(*os.File) error {
		return func(draft *os.File) error {
			_, err := draft.WriteString(text)
			return errors.Join(err, then)
		}
	}
	require.NoError(t, writeWhole(path, says("yesterday", nil)))
	require.ErrorIs(t, writeWhole(path, says("tod", fs.ErrInvalid)), fs.ErrInvalid)
	holds := func(want string) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(text))
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, left, 1, "no draft is left")
	}
	holds("yesterday")
	require.NoError(t, writeWhole(path, says("today", nil)))
	holds("today")
	require.ErrorIs(t, writeWhole(filepath.Join(dir, "no", "where"), says("", nil)), fs.ErrNotExist)
	require.ErrorContains(t, writeWhole(dir, says("", nil)), "is no file")
	require.ErrorIs(t, writeWhole(path, func(*os.File) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }), fs.ErrExist)
}
