//go:build linux

package postgres

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneInstanceIsAlone(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	ran, err := Alone(t.Context(), pool, 42, func(ctx context.Context) error {
		again, err := Alone(ctx, pool, 42, func(context.Context) error { return errors.New("both at once") })
		require.NoError(t, err)
		require.False(t, again, "another is at it")
		other, err := Alone(ctx, pool, 43, func(context.Context) error { return nil })
		require.NoError(t, err)
		require.True(t, other, "another number is another's business")
		return nil
	})
	require.NoError(t, err)
	require.True(t, ran)
	trouble := errors.New("trouble")
	ran, err = Alone(t.Context(), pool, 42, func(context.Context) error { return trouble })
	require.True(t, ran, "the lock was given back")
	require.ErrorIs(t, err, trouble)
	pool.Close()
	_, err = Alone(t.Context(), pool, 42, func(context.Context) error { return nil })
	require.Error(t, err)
}

func TestSweepLeavesNothingOfARow(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	_, err := pool.Exec(t.Context(), `
		CREATE TABLE notes (note text);
		INSERT INTO notes SELECT 'secret' FROM generate_series(1, 100);
		ANALYZE notes`)
	require.NoError(t, err)
	known := func() (known bool) {
		t.Helper()
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stats WHERE tablename = 'notes' AND pg_stats::text LIKE '%secret%')`).Scan(&known))
		return known
	}
	require.True(t, known())
	_, err = pool.Exec(t.Context(), `UPDATE notes SET note = 'gone'`)
	require.NoError(t, err)
	require.NoError(t, Sweep(t.Context(), pool, "notes"))
	require.False(t, known(), "the planner's samples are made anew")
	require.Error(t, Sweep(t.Context(), pool, "no such table"))
}
