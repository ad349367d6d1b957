package postgrestest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/adapters/postgres"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/migrations"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestADatabaseIsMigratedAndOnesOwn(t *testing.T) {
	t.Parallel()
	first, second := postgrestest.Pool(t), postgrestest.Pool(t)
	steps, err := postgres.MigrateStatus(t.Context(), first, migrations.FS)
	require.NoError(t, err)
	require.NotEmpty(t, steps)
	for _, step := range steps {
		require.True(t, step.Applied, step.Name)
	}
	_, err = first.Exec(t.Context(), "CREATE TABLE mine (id int)")
	require.NoError(t, err)
	var exists bool
	require.NoError(t, second.QueryRow(t.Context(), "SELECT to_regclass('mine') IS NOT NULL").Scan(&exists))
	require.False(t, exists)
}

func TestADatabaseIsDroppedWithItsTest(t *testing.T) {
	t.Parallel()
	server := postgrestest.URL(t)
	var address string
	t.Run("uses a database and leaves a connection open", func(t *testing.T) {
		address = postgrestest.Database(t)
		_, err := pgx.Connect(t.Context(), address)
		require.NoError(t, err)
	})
	config, err := pgx.ParseConfig(address)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), server)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	var exists bool
	const query = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
	require.NoError(t, conn.QueryRow(t.Context(), query, config.Database).Scan(&exists))
	require.False(t, exists)
}

func TestManyTestsAtOnceEachGetADatabase(t *testing.T) {
	t.Parallel()
	postgrestest.URL(t) // skips in -short mode, which only the test's own goroutine may
	addresses := make([]string, 8)
	var tests errgroup.Group
	for i := range addresses {
		tests.Go(func() error {
			addresses[i] = postgrestest.Database(t)
			return nil
		})
	}
	require.NoError(t, tests.Wait())
	seen := map[string]bool{}
	for _, address := range addresses {
		seen[address] = true
	}
	require.Len(t, seen, len(addresses))
}

func BenchmarkDatabase(b *testing.B) {
	for b.Loop() {
		postgrestest.Database(b)
	}
}
