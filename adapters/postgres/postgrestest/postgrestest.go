// Package postgrestest gives each test a database of its own on a real PostgreSQL.
//
// # Why
//
// Commits matter to an event store: a rolled-back transaction would hide what is tested. Cloning a migrated template
// takes some milliseconds, and a database of its own makes every test parallel.
//
// The server is the one in TEST_DATABASE_URL, which cmd/testdb sets for all packages at once. Without it a process
// starts a cluster for itself, so that `go test ./some/package` works alone; with Main it is also removed at the end.
package postgrestest

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/adapters/postgres"
)

// cluster is this process' own, started by the first test that needs one.
var cluster struct {
	sync.Mutex
	running *postgres.Cluster
	dir     string
	err     error
}

// further is what this process' databases are given beyond the migrations.
var further []func(context.Context, *pgxpool.Pool) error

// Main runs the tests and then stops the cluster this process may have started:
//
//	func TestMain(m *testing.M) { postgrestest.Main(m) }
//
// What every test would do first to its Database can be done once instead, to the template.
func Main(m *testing.M, prepare ...func(context.Context, *pgxpool.Pool) error) {
	further = prepare
	code := m.Run()
	if err := stop(context.Background()); err != nil { //nolint:forbidigo // a process of tests begins and ends here
		fmt.Fprintln(os.Stderr, "stop the tests' PostgreSQL:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// URL returns the address of a server's maintenance database, for a test that makes its own databases. A test that
// needs a server is skipped in -short mode.
func URL(tb testing.TB) string {
	tb.Helper()
	if testing.Short() {
		tb.Skip("needs a PostgreSQL server, which -short leaves out")
	}
	if address := os.Getenv("TEST_DATABASE_URL"); address != "" {
		return address
	}
	address, err := start(context.WithoutCancel(tb.Context()))
	if err != nil {
		tb.Fatalf("start a PostgreSQL for the tests: %v", err)
	}
	return address
}

// Database returns the URL of a fresh database with every migration applied, dropped when the test ends.
func Database(tb testing.TB) string {
	tb.Helper()
	server := URL(tb)
	ctx := context.WithoutCancel(tb.Context()) // cleaning up comes after the test's context has ended
	name, err := clone(ctx, server)
	if err != nil {
		tb.Fatalf("make a database for the test: %v", err)
	}
	tb.Cleanup(func() {
		if err := drop(ctx, server, name); err != nil {
			tb.Errorf("drop the test's database: %v", err)
		}
	})
	return withDatabase(tb, server, name)
}

// Pool connects to a fresh Database; it is closed when the test ends.
func Pool(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool, err := postgres.Open(context.WithoutCancel(tb.Context()), Database(tb), postgres.MaxConns(10))
	if err != nil {
		tb.Fatalf("connect to the test's database: %v", err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

func start(ctx context.Context) (string, error) {
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.running == nil && cluster.err == nil {
		cluster.dir, cluster.err = postgres.TempDir()
		if cluster.err == nil {
			cluster.running, cluster.err = postgres.Start(ctx, cluster.dir, slog.New(slog.DiscardHandler),
				postgres.Volatile(), postgres.MaxConnections(800))
		}
	}
	if cluster.err != nil {
		return "", cluster.err
	}
	return cluster.running.URL(), nil
}

func stop(ctx context.Context) error {
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.running != nil {
		if err := cluster.running.Stop(ctx); err != nil {
			return fmt.Errorf("stop the cluster: %w", err)
		}
	}
	if err := os.RemoveAll(cluster.dir); err != nil {
		return fmt.Errorf("remove the cluster: %w", err)
	}
	return nil
}

func withDatabase(tb testing.TB, server, name string) string {
	tb.Helper()
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("TEST_DATABASE_URL must be a URL: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}
