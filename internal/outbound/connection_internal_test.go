package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
)

// A vendor takes the connection, and says nothing of TLS.
func TestAConnectionThatNeverComesAboutIsClosed(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			closed <- err
			return
		}
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
		_, err = io.Copy(io.Discard, conn)
		closed <- err
	}()
	c := New(Options{Allow: prefixes("127.0.0.0/8"), Silence: 200 * time.Millisecond})
	_, err = c.Do(t.Context(), uuid.New(), Request{Method: http.MethodGet, URL: "https://" + l.Addr().String()}, nil)
	require.Equal(t, commands.Down, refusal(t, err).Kind)
	require.NoError(t, <-closed, "nobody holds it any more")
	require.NoError(t, l.Close())
}

func TestANameIsNotLookedUpForLongerThanTheSilence(t *testing.T) {
	t.Parallel()
	names := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	began := time.Now()
	_, err := dialer(Options{Silence: 200 * time.Millisecond}, names).DialContext(t.Context(), "tcp", "vendor.example:443")
	require.Error(t, err)
	require.Less(t, time.Since(began), 2*time.Second)
}

// mortal is a connection that can die without anybody being told.
type mortal struct {
	net.Conn

	dead *atomic.Bool
}

func (m mortal) Write(p []byte) (int, error) {
	if m.dead.Load() {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

func TestADeadConnectionIsFoundBeforeARequestIsLostToIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		versions := make(chan string, 2)
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { versions <- r.Proto }))
		require.NoError(t, server.Listener.Close())
		server.Listener, server.EnableHTTP2 = l, true
		server.StartTLS()
		first := &atomic.Bool{}
		dead := first
		c := newClient(Options{Silence: 30 * time.Second, Clock: time.Now}, func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			l.conns <- far
			conn := mortal{near, dead}
			dead = &atomic.Bool{}
			return conn, nil
		})
		trusted := x509.NewCertPool()
		trusted.AddCert(server.Certificate())
		c.transport.TLSClientConfig = &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS13}
		ask := func() error {
			_, err := c.Do(t.Context(), uuid.New(), Request{Method: http.MethodGet, URL: "https://example.com/"}, nil)
			return err
		}
		require.NoError(t, ask())
		first.Store(true)
		time.Sleep(pingAfter + pingTimeout + time.Second)
		require.NoError(t, ask())
		for range 2 {
			require.Equal(t, "HTTP/2.0", <-versions)
		}
		c.Close()
		server.Close()
	})
}
