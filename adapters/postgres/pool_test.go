//go:build linux

package postgres

import (
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	pool, err := Open(t.Context(), freshDatabase(t), MaxConns(3))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	require.EqualValues(t, 3, pool.Config().MaxConns)
	var name string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT current_setting('application_name')").Scan(&name))
	require.Equal(t, "ticketd", name)
}

func TestOpenDoesNotWaitForARefusal(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(freshDatabase(t))
	require.NoError(t, err)
	address.Path = "/no_such_database"
	before := time.Now()
	_, err = Open(t.Context(), address.String())
	require.ErrorContains(t, err, "no_such_database")
	require.Less(t, time.Since(before), serverPatience/2)
}

func TestOpenHidesThePassword(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), "postgres://u:secret@host:port/db")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
}

func TestOpenWaitsForAServerThatIsStarting(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(freshDatabase(t))
	require.NoError(t, err)
	host := address.Query().Get("host")
	if host == "" {
		t.Skip("needs a server on a unix socket")
	}
	proxy, refused := reluctantProxy(t, host+"/.s.PGSQL.5432", 2)
	address.Host, address.RawQuery = proxy, "sslmode=disable"
	pool, err := Open(t.Context(), address.String())
	require.NoError(t, err)
	pool.Close()
	require.EqualValues(t, 2, refused.Load())
}

func TestOpenGivesUpOnAServerThatNeverComes(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://u@localhost/db?host="+t.TempDir())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	require.ErrorContains(t, awaitServer(t.Context(), pool, 3*retryInterval), "reach the database")
}

func TestAnOldServerIsRefused(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, acceptVersion(140_011), ErrTooOld)
	require.False(t, isStarting(acceptVersion(90_624)))
	require.NoError(t, acceptVersion(150_000))
	require.NoError(t, acceptVersion(180_001))
}

// reluctantProxy hangs up on the first callers and then passes on to the socket.
func reluctantProxy(t *testing.T, socket string, hangUps int32) (address string, refused *atomic.Int32) {
	t.Helper()
	require.NotContains(t, strings.TrimPrefix(socket, "/"), "//")
	_, err := os.Stat(socket)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	refused = new(atomic.Int32)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			if refused.Load() < hangUps {
				refused.Add(1)
				_ = client.Close()
				continue
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				_ = client.Close()
				return
			}
			go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
			go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
		}
	}()
	return listener.Addr().String(), refused
}
