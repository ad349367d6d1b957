package storage_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/storage"
	"ticketd/adapters/storage/storagetest"
	"ticketd/commands"
)

func TestAFolderKeepsThePromises(t *testing.T) {
	t.Parallel()
	contract(t, func(t *testing.T) (storage.Storage, string) {
		t.Helper()
		root := filepath.Join(t.TempDir(), "files")
		s, err := storage.OpenDir(root)
		require.NoError(t, err)
		return s, filepath.Join(root, storage.Incoming)
	})
}

func TestAFolderHoldsAFileForEachKey(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s, err := storage.OpenDir(root)
	require.NoError(t, err)
	keep(t, s, "org/aa", []byte("hello"))
	content, err := os.ReadFile(filepath.Join(root, "org", "aa"))
	require.NoError(t, err)
	require.Equal(t, "hello", string(content))
	info, err := os.Stat(filepath.Join(root, "org", "aa"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode(), "nobody else on the machine reads it")
	path, _, err := s.Fetch(t.Context(), "org/aa")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, "org", "aa"), path, "nothing is copied")
}

func TestAnUploadIsKeptOnce(t *testing.T) {
	t.Parallel()
	s, err := storage.OpenDir(t.TempDir())
	require.NoError(t, err)
	staged := stage(t, s, []byte("hello"))
	require.NoError(t, s.Keep(t.Context(), key, staged))
	require.ErrorContains(t, s.Keep(t.Context(), key+"b", staged), "not kept yet")
	require.ErrorContains(t, s.Keep(t.Context(), key, struct{ commands.Staged }{staged}), "staged here")
}

func TestAFolderThatIsInTheWayIsAnError(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s, err := storage.OpenDir(root)
	require.NoError(t, err)
	keep(t, s, "org", []byte("a file where a folder should be"))
	require.ErrorContains(t, s.Keep(t.Context(), "org/aa", stage(t, s, []byte("x"))), "keep org/aa")
	require.ErrorContains(t, s.Keep(t.Context(), "org/aa/bb", stage(t, s, []byte("x"))), "keep org/aa/bb")
	_, err = s.Open(t.Context(), "org/aa")
	require.ErrorContains(t, err, "open org/aa")
	require.ErrorContains(t, s.Remove(t.Context(), "org/aa"), "remove org/aa")
	keep(t, s, "other/aa", []byte("x"))
	require.ErrorContains(t, s.Keep(t.Context(), "other", stage(t, s, []byte("x"))), "keep other")
	require.ErrorContains(t, s.Remove(t.Context(), "other"), "remove other")
}

func TestAnUploadThatWasClosedCannotBeKept(t *testing.T) {
	t.Parallel()
	s, err := storage.OpenDir(t.TempDir())
	require.NoError(t, err)
	staged := stage(t, s, []byte("x"))
	require.NoError(t, staged.Close())
	require.ErrorIs(t, s.Keep(t.Context(), key, staged), os.ErrClosed)
}

func TestAStagingFileThatCannotBeRemovedIsAnError(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s, err := storage.OpenDir(root)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(root, storage.Incoming, "folder", "below"), 0o700))
	require.ErrorContains(t, s.Sweep(t.Context(), 0), "remove a staging file")
}

func TestADiskThatFillsUpRefusesAndTakesAgain(t *testing.T) {
	t.Parallel()
	storagetest.TinyDisk(t, 1<<20, func(t *testing.T, dir string) {
		t.Helper()
		s, err := storage.OpenDir(filepath.Join(dir, "files"))
		require.NoError(t, err)
		keep(t, s, key, random(600<<10))
		for range 3 {
			_, err = s.Stage(t.Context(), bytes.NewReader(random(900<<10)), most)
			require.ErrorIs(t, err, commands.ErrStorageFull)
			require.Empty(t, names(t, filepath.Join(dir, "files", storage.Incoming)))
		}
		keep(t, s, key+"b", random(200<<10))
		require.Equal(t, random(600<<10), read(t, s, key))
	})
}

func BenchmarkUpload(b *testing.B) {
	for name, durable := range map[string]bool{"staged": false, "kept": true} {
		b.Run(name, func(b *testing.B) {
			s, err := storage.OpenDir(b.TempDir())
			require.NoError(b, err)
			content := random(100 << 20)
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				staged, err := s.Stage(b.Context(), struct{ io.Reader }{bytes.NewReader(content)}, int64(len(content)))
				require.NoError(b, err)
				if durable {
					require.NoError(b, s.Keep(b.Context(), key, staged))
				}
				require.NoError(b, staged.Close())
			}
		})
	}
}
