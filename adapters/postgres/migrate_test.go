//go:build linux

package postgres

import (
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func steps() fstest.MapFS {
	return fstest.MapFS{
		"0001_first.sql": {Data: []byte("-- +goose Up\nCREATE TABLE first (id int);\nINSERT INTO first VALUES (1);\n" +
			"-- +goose Down\nDROP TABLE first;\n")},
		"0002_second.sql": {Data: []byte("-- +goose Up\nCREATE TABLE second (id int);\n-- +goose Down\nDROP TABLE second;\n")},
	}
}

func openFresh(t *testing.T, opts ...PoolOption) *pgxpool.Pool {
	t.Helper()
	pool, err := Open(t.Context(), freshDatabase(t), opts...)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	pool := openFresh(t, MaxConns(1))
	ctx := t.Context()

	status, err := MigrateStatus(ctx, pool, steps())
	require.NoError(t, err)
	require.Equal(t, []Migration{{1, "0001_first.sql", false}, {2, "0002_second.sql", false}}, status)

	applied, err := MigrateUp(ctx, pool, steps())
	require.NoError(t, err)
	require.Equal(t, []Migration{{1, "0001_first.sql", true}, {2, "0002_second.sql", true}}, applied)
	applied, err = MigrateUp(ctx, pool, steps())
	require.NoError(t, err)
	require.Empty(t, applied, "up to date")

	reverted, err := MigrateDown(ctx, pool, steps())
	require.NoError(t, err)
	require.Equal(t, []Migration{{2, "0002_second.sql", false}}, reverted)
	status, err = MigrateStatus(ctx, pool, steps())
	require.NoError(t, err)
	require.Equal(t, []Migration{{1, "0001_first.sql", true}, {2, "0002_second.sql", false}}, status)

	_, err = MigrateDown(ctx, pool, steps())
	require.NoError(t, err)
	reverted, err = MigrateDown(ctx, pool, steps())
	require.NoError(t, err)
	require.Empty(t, reverted, "nothing is left to take back")
}

func TestInstancesThatMigrateTogetherTakeTurns(t *testing.T) {
	t.Parallel()
	pool := openFresh(t)
	applied := make([][]Migration, 3)
	var instances errgroup.Group
	for i := range applied {
		instances.Go(func() (err error) {
			applied[i], err = MigrateUp(t.Context(), pool, steps())
			return err
		})
	}
	require.NoError(t, instances.Wait())
	require.Len(t, append(append(applied[0], applied[1]...), applied[2]...), 2, "each step once")
}

func TestAMigrationThatIsWrongIsTakenBackAndNamed(t *testing.T) {
	t.Parallel()
	pool := openFresh(t)
	files := steps()
	files["0003_third.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE third (id int);\nSELECT nonsense;\n")}
	_, err := MigrateUp(t.Context(), pool, files)
	require.ErrorContains(t, err, "version:3")
	var exists bool
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT to_regclass('third') IS NOT NULL").Scan(&exists))
	require.False(t, exists)
}

func TestMigratingLeavesACalmLog(t *testing.T) {
	t.Parallel()
	needsServer(t)
	dir := t.TempDir()
	c := startCluster(t, dir, Volatile())
	pool, err := Open(t.Context(), c.URL())
	require.NoError(t, err)
	_, err = MigrateUp(t.Context(), pool, steps())
	require.NoError(t, err)
	_, err = MigrateDown(t.Context(), pool, steps())
	require.NoError(t, err)
	pool.Close()
	require.NoError(t, c.Stop(t.Context()))
	requireCalmLog(t, dir)
}

func TestNothingToMigrateWithIsAMistake(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://u@localhost/db?host="+t.TempDir())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = MigrateUp(t.Context(), pool, fstest.MapFS{})
	require.ErrorContains(t, err, "migrate up: read the migrations")
	_, err = MigrateDown(t.Context(), pool, steps())
	require.ErrorContains(t, err, "migrate down")
	_, err = MigrateStatus(t.Context(), pool, steps())
	require.ErrorContains(t, err, "migration status")
}
