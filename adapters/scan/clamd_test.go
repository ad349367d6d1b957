package scan_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"ticketd/adapters/scan"
	"ticketd/adapters/scan/scantest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestARealScanner(t *testing.T) {
	t.Parallel()
	addr := scantest.Start(t)
	c := scan.New(addr)

	t.Run("finds what is bad", func(t *testing.T) {
		t.Parallel()
		found, err := c.Scan(t.Context(), bytes.NewReader(scantest.EICAR()))
		require.NoError(t, err)
		require.Equal(t, scantest.Signature, found)
	})
	t.Run("finds it in an archive", func(t *testing.T) {
		t.Parallel()
		var archive bytes.Buffer
		w := zip.NewWriter(&archive)
		entry, err := w.Create("harmless.txt")
		require.NoError(t, err)
		_, err = entry.Write(scantest.EICAR())
		require.NoError(t, err)
		require.NoError(t, w.Close())
		found, err := c.Scan(t.Context(), &archive)
		require.NoError(t, err)
		require.Equal(t, scantest.Signature, found)
	})
	t.Run("finds it behind a megabyte of something else", func(t *testing.T) {
		t.Parallel()
		found, err := c.Scan(t.Context(), io.MultiReader(noise(1<<20), bytes.NewReader(scantest.EICAR())))
		require.NoError(t, err)
		require.Equal(t, scantest.Signature, found)
	})
	t.Run("finds nothing in what is clean", func(t *testing.T) {
		t.Parallel()
		for _, clean := range []io.Reader{strings.NewReader("hello"), strings.NewReader(""), noise(1 << 20), iotest.OneByteReader(strings.NewReader("slow"))} {
			found, err := c.Scan(t.Context(), clean)
			require.NoError(t, err)
			require.Empty(t, found)
		}
	})
	t.Run("looks at many at once", func(t *testing.T) {
		t.Parallel()
		var g errgroup.Group
		for range 20 {
			g.Go(func() error {
				found, err := c.Scan(t.Context(), bytes.NewReader(scantest.EICAR()))
				if err == nil && found != scantest.Signature {
					err = errors.New("not found")
				}
				return err
			})
		}
		require.NoError(t, g.Wait())
	})
	t.Run("does not look at what is too long", func(t *testing.T) {
		t.Parallel()
		for _, over := range []int64{1, 20 << 20} { // noticed at the end, and long before
			_, err := c.Scan(t.Context(), noise(scantest.StreamMost+over))
			require.ErrorIs(t, err, scan.ErrUnavailable)
		}
		_, err := c.Scan(t.Context(), noise(scantest.StreamMost+1))
		require.ErrorContains(t, err, "size limit exceeded")
	})
	t.Run("has not looked when the file cannot be read", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("disk on fire")
		_, err := c.Scan(t.Context(), io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, scan.ErrUnavailable)
		require.ErrorIs(t, err, broken)
	})
	t.Run("says that it is there", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, c.Ping(t.Context()))
		require.NoError(t, scan.New("unix:"+addr).Ping(t.Context()))
	})
	t.Run("answers over TCP", func(t *testing.T) {
		t.Parallel()
		remote := scan.New(listen(t, func(conn net.Conn) { forward(conn, addr) }))
		require.NoError(t, remote.Ping(t.Context()))
		found, err := remote.Scan(t.Context(), bytes.NewReader(scantest.EICAR()))
		require.NoError(t, err)
		require.Equal(t, scantest.Signature, found)
	})
}

func TestAScannerThatIsDownHasNotLooked(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	for _, addr := range []string{listener.Addr().String(), filepath.Join(t.TempDir(), "socket"), "nonsense"} {
		_, err := scan.New(addr).Scan(t.Context(), strings.NewReader("hello"))
		require.ErrorIs(t, err, scan.ErrUnavailable)
		require.ErrorIs(t, scan.New(addr).Ping(t.Context()), scan.ErrUnavailable)
	}
}

func TestAScannerThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	deaf := listen(t, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)); <-t.Context().Done() })
	mute := listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	for _, addr := range []string{deaf, mute} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := scan.New(addr).Scan(ctx, noise(20<<20))
		cancel()
		require.ErrorIs(t, err, scan.ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		_, err = scan.New(addr).Hurry(50*time.Millisecond).Scan(t.Context(), noise(20<<20))
		require.ErrorIs(t, err, scan.ErrUnavailable, "even when nobody calls it off")
	}
}

func TestAnAnswerThatIsNoneIsNotClean(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "\x00", "stream: ERROR\x00", "stream: OKAY\x00", "Access denied. ERROR\x00", strings.Repeat("x", 10_000)} {
		addr := listen(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1000))
			_, _ = io.WriteString(conn, answer)
		})
		_, err := scan.New(addr).Scan(t.Context(), strings.NewReader(""))
		require.ErrorIs(t, err, scan.ErrUnavailable, "%.20q", answer)
		require.ErrorIs(t, scan.New(addr).Ping(t.Context()), scan.ErrUnavailable, "%.20q", answer)
	}
}

func TestAScannerThatIsCalledOffHasNotLooked(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := scan.New("127.0.0.1:1").Scan(ctx, strings.NewReader(""))
	require.ErrorIs(t, err, scan.ErrUnavailable)
	require.ErrorIs(t, err, context.Canceled)
}

// listen takes connections until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var g errgroup.Group
	g.Go(func() error {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return err
			}
			g.Go(func() error {
				defer func() { _ = conn.Close() }()
				serve(conn)
				return nil
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		require.ErrorIs(t, g.Wait(), net.ErrClosed)
	})
	return listener.Addr().String()
}

func forward(conn net.Conn, socket string) {
	clamd, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer func() { _ = clamd.Close() }()
	go func() { _, _ = io.Copy(clamd, conn) }()
	_, _ = io.Copy(conn, clamd)
}

// noise gives bytes that are nothing.
func noise(size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{}), size)
}
