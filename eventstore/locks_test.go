package eventstore_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
)

// The migration cannot use the constant.
func TestTheTableItselfTakesTheLockOfEveryAppend(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	mustAppend(t, s, fresh(), "text")
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash)
		SELECT gen_random_uuid(), 1, org_id, type, data, metadata, recorded_at, prev_hash, hash FROM events`)
	require.NoError(t, err)
	rows, err := tx.Query(t.Context(), `SELECT (classid::bigint << 32) + objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`)
	require.NoError(t, err)
	held, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint([]int64{eventstore.AppendLock}), fmt.Sprint(held))
	require.NoError(t, tx.Rollback(t.Context()))
}
