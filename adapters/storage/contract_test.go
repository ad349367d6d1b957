package storage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/adapters/storage"
	"ticketd/commands"
)

const (
	key  = "0198c0de-0000-7000-8000-000000000001/aa"
	most = 64 << 20
)

// contract is what every storage promises. open answers an empty one and the folder where its uploads arrive.
func contract(t *testing.T, open func(t *testing.T) (s storage.Storage, incoming string)) {
	t.Helper()
	t.Run("what is staged is known before it is kept", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		content := random(3 << 20)
		staged := stage(t, s, content)
		require.Equal(t, int64(len(content)), staged.Size())
		require.Equal(t, sha256.Sum256(content), staged.SHA256())
		for range 2 { // as often as it is asked for
			all, err := io.ReadAll(staged.Reader())
			require.NoError(t, err)
			require.True(t, bytes.Equal(content, all))
		}
		middle := make([]byte, 1000)
		_, err := staged.ReadAt(middle, 1<<20)
		require.NoError(t, err)
		require.Equal(t, content[1<<20:1<<20+1000], middle)
		_, err = s.Open(t.Context(), key)
		require.ErrorIs(t, err, storage.ErrNotFound)
	})

	t.Run("what is kept can be read", func(t *testing.T) {
		t.Parallel()
		for _, size := range []int{0, 1, 1 << 20, 40 << 20} {
			s, incoming := open(t)
			content := random(size)
			keep(t, s, key, content)
			back := read(t, s, key)
			require.True(t, bytes.Equal(content, back), "%d and not %d bytes", len(back), size)
			require.Empty(t, names(t, incoming))
		}
	})

	t.Run("what is kept can be read from anywhere", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		content := random(1 << 20)
		keep(t, s, key, content)
		blob, err := s.Open(t.Context(), key)
		require.NoError(t, err)
		defer func() { require.NoError(t, blob.Close()) }()
		require.Equal(t, int64(len(content)), blob.Size())
		end, err := blob.Seek(0, io.SeekEnd) // as http.ServeContent asks for the size
		require.NoError(t, err)
		require.Equal(t, int64(len(content)), end)
		for _, from := range []int64{500_000, 0, 1<<20 - 10} {
			_, err = blob.Seek(from, io.SeekStart)
			require.NoError(t, err)
			part := make([]byte, 10)
			_, err = io.ReadFull(blob, part)
			require.NoError(t, err)
			require.Equal(t, content[from:from+10], part)
		}
		_, err = blob.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})

	t.Run("a staged upload can still be read when it is kept, and closed twice", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		staged := stage(t, s, []byte("hello"))
		require.NoError(t, s.Keep(t.Context(), key, staged))
		all, err := io.ReadAll(staged.Reader())
		require.NoError(t, err)
		require.Equal(t, "hello", string(all))
		require.NoError(t, staged.Close())
		require.NoError(t, staged.Close())
		require.Equal(t, "hello", string(read(t, s, key)))
	})

	t.Run("an upload that is let go leaves nothing", func(t *testing.T) {
		t.Parallel()
		s, incoming := open(t)
		staged := stage(t, s, []byte("hello"))
		require.Len(t, names(t, incoming), 1)
		require.NoError(t, staged.Close())
		require.Empty(t, names(t, incoming))
	})

	t.Run("the same bytes are kept again without harm", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		keep(t, s, key, []byte("hello"))
		before, err := s.Open(t.Context(), key)
		require.NoError(t, err)
		keep(t, s, key, []byte("hello"))
		all, err := io.ReadAll(before)
		require.NoError(t, err)
		require.Equal(t, "hello", string(all))
		require.NoError(t, before.Close())
		require.Equal(t, "hello", string(read(t, s, key)))
	})

	t.Run("many uploads at once are all kept", func(t *testing.T) {
		t.Parallel()
		s, incoming := open(t)
		var g errgroup.Group
		for i := range 20 {
			g.Go(func() error {
				staged, err := s.Stage(t.Context(), bytes.NewReader([]byte{byte(i % 4)}), most)
				if err != nil {
					return err
				}
				return errors.Join(s.Keep(t.Context(), "org"+string(rune('a'+i%4))+"/x", staged), staged.Close())
			})
		}
		require.NoError(t, g.Wait())
		for i := range 4 {
			require.Equal(t, []byte{byte(i)}, read(t, s, "org"+string(rune('a'+i))+"/x"))
		}
		require.Empty(t, names(t, incoming))
	})

	t.Run("an upload may be as large as is allowed and no larger", func(t *testing.T) {
		t.Parallel()
		s, incoming := open(t)
		staged, err := s.Stage(t.Context(), bytes.NewReader(make([]byte, 100_000)), 100_000)
		require.NoError(t, err)
		require.NoError(t, staged.Close())
		endless := &counted{}
		_, err = s.Stage(t.Context(), endless, 100_000)
		require.ErrorIs(t, err, commands.ErrTooLarge)
		require.Equal(t, 100_001, endless.given, "no more is read than is needed to know")
		require.Empty(t, names(t, incoming))
	})

	t.Run("an upload that breaks off is an error of its reader, and leaves nothing", func(t *testing.T) {
		t.Parallel()
		s, incoming := open(t)
		for _, broken := range []error{io.ErrUnexpectedEOF, errors.New("connection reset")} {
			_, err := s.Stage(t.Context(), io.MultiReader(bytes.NewReader(random(1<<20)), iotest.ErrReader(broken)), most)
			require.ErrorIs(t, err, broken)
			require.Empty(t, names(t, incoming))
		}
	})

	t.Run("an upload that is called off leaves nothing", func(t *testing.T) {
		t.Parallel()
		s, incoming := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.Stage(ctx, readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }), most)
		require.ErrorIs(t, err, context.Canceled)
		require.Empty(t, names(t, incoming))
	})

	t.Run("a full disk refuses an upload and leaves nothing", func(t *testing.T) {
		t.Parallel()
		s, incoming := open(t)
		storage.OnDisk(s, fullDisk)
		for _, size := range []int{10, 3 << 20} { // noticed at the end, and on the way
			_, err := s.Stage(t.Context(), bytes.NewReader(random(size)), most)
			require.ErrorIs(t, err, commands.ErrStorageFull)
			require.Empty(t, names(t, incoming))
		}
	})

	t.Run("a folder that cannot be written to is an error", func(t *testing.T) {
		t.Parallel()
		s, incoming := open(t)
		require.NoError(t, os.MkdirAll(filepath.Dir(incoming), 0o700))
		require.NoError(t, os.WriteFile(incoming, nil, 0o600))
		_, err := s.Stage(t.Context(), bytes.NewReader(nil), most)
		require.ErrorContains(t, err, "make the staging folder")
		require.ErrorContains(t, s.Sweep(t.Context(), 0), "look into the staging folder")
		require.NoError(t, os.Remove(incoming))
		storage.OnDisk(s, func(string) (*os.File, error) { return nil, os.ErrPermission })
		_, err = s.Stage(t.Context(), bytes.NewReader(nil), most)
		require.ErrorIs(t, err, os.ErrPermission)
		require.NotErrorIs(t, err, commands.ErrStorageFull)
	})

	t.Run("what is kept has a path on this machine until it is done with", func(t *testing.T) {
		t.Parallel()
		s, incoming := open(t)
		keep(t, s, key, []byte("hello"))
		path, done, err := s.Fetch(t.Context(), key)
		require.NoError(t, err)
		require.True(t, filepath.IsAbs(path))
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "hello", string(content))
		done()
		require.Empty(t, names(t, incoming))
		require.Equal(t, "hello", string(read(t, s, key)))
	})

	t.Run("what is removed is gone, and may be removed again", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		keep(t, s, key, []byte("hello"))
		keep(t, s, key+"b", []byte("stays"))
		require.NoError(t, s.Remove(t.Context(), key))
		require.NoError(t, s.Remove(t.Context(), key))
		_, err := s.Open(t.Context(), key)
		require.ErrorIs(t, err, storage.ErrNotFound)
		_, _, err = s.Fetch(t.Context(), key)
		require.ErrorIs(t, err, storage.ErrNotFound)
		require.Equal(t, "stays", string(read(t, s, key+"b")))
		keep(t, s, key, []byte("hello"))
		require.Equal(t, "hello", string(read(t, s, key)))
	})

	t.Run("part of a key is no key", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		keep(t, s, "quarantine/"+key, []byte("hello"))
		require.Equal(t, "hello", string(read(t, s, "quarantine/"+key)))
		_, err := s.Open(t.Context(), "quarantine")
		require.ErrorIs(t, err, storage.ErrNotFound)
	})

	t.Run("a key that leads elsewhere is an error", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		staged := stage(t, s, []byte("hello"))
		for _, bad := range []string{"", ".", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "a/", `a\..\x`, ".incoming/x", "a/.hidden", "a\x00b"} {
			require.ErrorContains(t, s.Keep(t.Context(), bad, staged), "is no key", "%q", bad)
			_, err := s.Open(t.Context(), bad)
			require.ErrorContains(t, err, "is no key", "%q", bad)
			_, _, err = s.Fetch(t.Context(), bad)
			require.ErrorContains(t, err, "is no key", "%q", bad)
			require.ErrorContains(t, s.Remove(t.Context(), bad), "is no key", "%q", bad)
		}
		require.NoError(t, s.Keep(t.Context(), key, staged), "nothing has happened to the upload")
	})

	t.Run("what a crash has left is swept away when it is old", func(t *testing.T) {
		t.Parallel()
		s, incoming := open(t)
		require.NoError(t, s.Sweep(t.Context(), time.Hour), "there may be nothing yet")
		keep(t, s, key, []byte("hello"))
		old, fresh := filepath.Join(incoming, "staged-old"), filepath.Join(incoming, "staged-new")
		require.NoError(t, os.WriteFile(old, []byte("half"), 0o600))
		require.NoError(t, os.WriteFile(fresh, []byte("half"), 0o600))
		past := time.Now().Add(-2 * time.Hour)
		require.NoError(t, os.Chtimes(old, past, past))
		require.NoError(t, s.Sweep(t.Context(), time.Hour))
		require.Equal(t, []string{"staged-new"}, names(t, incoming))
		require.Equal(t, "hello", string(read(t, s, key)))
	})
}

func stage(t *testing.T, s storage.Storage, content []byte) commands.Staged {
	t.Helper()
	staged, err := s.Stage(t.Context(), bytes.NewReader(content), most)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, staged.Close()) })
	return staged
}

func keep(t *testing.T, s storage.Storage, key string, content []byte) {
	t.Helper()
	staged := stage(t, s, content)
	require.NoError(t, s.Keep(t.Context(), key, staged))
	require.NoError(t, staged.Close())
}

func read(t *testing.T, s storage.Storage, key string) []byte {
	t.Helper()
	blob, err := s.Open(t.Context(), key)
	require.NoError(t, err)
	content, err := io.ReadAll(blob)
	require.NoError(t, err)
	require.NoError(t, blob.Close())
	return content
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

func random(size int) []byte {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(content)
	return content
}

// fullDisk makes a file that the kernel lets nobody write to, for want of room.
func fullDisk(dir string) (*os.File, error) {
	name := filepath.Join(dir, "staged-full")
	if err := os.Symlink("/dev/full", name); err != nil {
		return nil, err
	}
	return os.OpenFile(name, os.O_RDWR, 0)
}

// counted gives bytes without end, and counts them.
type counted struct{ given int }

func (c *counted) Read(p []byte) (int, error) {
	c.given += len(p)
	return len(p), nil
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
