package eventstore_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ticketd/adapters/postgres"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/eventstore"
	"ticketd/eventstore/eventstoretest"
)

func TestMain(m *testing.M) {
	if os.Getenv(helperDatabase) != "" {
		os.Exit(helper(context.Background()))
	}
	goleak.VerifyTestMain(withServer{m})
}

// withServer stops the server before anybody looks for goroutines that leaked; postgrestest.Main would do it too late.
type withServer struct{ *testing.M }

func (m withServer) Run() int {
	flag.Parse()
	if testing.Short() || os.Getenv("TEST_DATABASE_URL") != "" {
		return m.M.Run()
	}
	dir, err := postgres.TempDir()
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	server, err := postgres.Start(context.Background(), dir, slog.New(slog.DiscardHandler), postgres.Volatile(), postgres.MaxConnections(300))
	if err != nil {
		return failed(err)
	}
	if err := os.Setenv("TEST_DATABASE_URL", server.URL()); err != nil {
		return failed(err)
	}
	code := m.M.Run()
	if err := server.Stop(context.Background()); err != nil {
		return failed(err)
	}
	return code
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "the tests' PostgreSQL:", err)
	return 1
}

func needsPostgres(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
}

var (
	org       = uuid.MustParse("0199bbbb-0000-7000-8000-000000000001")
	masterKey = make([]byte, 32)
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// instance is one process' view of a database: a store with a pool and keys of its own.
type instance struct {
	*eventstore.Postgres
	pool *pgxpool.Pool
	keys *eventstore.Keyring
}

// database answers the pool of a fresh database.
func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	needsPostgres(t)
	return postgrestest.Pool(t)
}

// open opens a store on the pool, until the test ends.
func open(t *testing.T, pool *pgxpool.Pool, o eventstore.Options) instance {
	t.Helper()
	keys, err := eventstore.NewKeyring(masterKey, eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	s := eventstore.Open(t.Context(), pool, eventstoretest.Codec, keys, o)
	t.Cleanup(s.Close)
	return instance{Postgres: s, pool: pool, keys: keys}
}

// another opens a second instance on the same database, with a pool of its own.
func another(t *testing.T, first *pgxpool.Pool) instance {
	t.Helper()
	config := first.Config()
	config.ConnConfig.RuntimeParams["application_name"] = "another"
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return open(t, pool, eventstore.Options{})
}

// fresh is a stream that was never written.
func fresh() eventstore.Stream { return eventstore.Stream{Org: org, ID: newID()} }

func note(text string) []any { return []any{eventstoretest.Noted{Text: text}} }

// appendNote appends one event and answers the stream with it.
func appendNote(ctx context.Context, s eventstore.Log, stream eventstore.Stream, text string) (eventstore.Stream, error) {
	grown, err := s.Append(ctx, eventstore.Metadata{}, eventstore.Write{Stream: stream, Events: note(text)})
	if err != nil {
		return stream, err
	}
	return grown[0], nil
}

func mustAppend(t *testing.T, s eventstore.Log, stream eventstore.Stream, text string) eventstore.Stream {
	t.Helper()
	stream, err := appendNote(t.Context(), s, stream, text)
	require.NoError(t, err)
	return stream
}

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	_, err := pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func number(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, pool.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}
