package eventstore_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
)

// A database is young when its first organization fills it: PostgreSQL has counted nothing yet, and may take one index to be as
// good as another.
func TestAStreamIsLookedUpByItselfBeforeAnythingWasCounted(t *testing.T) {
	t.Parallel()
	s := open(t, database(t), eventstore.Options{})
	for range 20 {
		writes := make([]eventstore.Write, 100)
		for i := range writes {
			writes[i] = eventstore.Write{Stream: fresh(), Events: note("x")}
		}
		_, err := s.Append(t.Context(), eventstore.Metadata{}, writes...)
		require.NoError(t, err)
	}
	conn, err := s.pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), "SET plan_cache_mode = force_generic_plan")
	require.NoError(t, err)
	for name, order := range map[string]string{"whole": " ORDER BY version", "last": " ORDER BY version DESC LIMIT 1"} {
		_, err := conn.Exec(t.Context(), "PREPARE "+name+" (uuid, uuid) AS SELECT data FROM events"+eventstore.OfStream+order)
		require.NoError(t, err)
		requirePlan(t, conn, name)
	}
}

// requirePlan fails unless a prepared statement goes by the index of streams, and by no other.
func requirePlan(t *testing.T, conn *pgxpool.Conn, name string) {
	t.Helper()
	rows, err := conn.Query(t.Context(), "EXPLAIN EXECUTE "+name+" ('"+newID().String()+"', '"+org.String()+"')")
	require.NoError(t, err)
	var plan strings.Builder
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		plan.WriteString(line + "\n")
	}
	require.NoError(t, rows.Err())
	require.Contains(t, plan.String(), "events_stream_id_version_key")
	require.NotContains(t, plan.String(), "events_org")
	require.NotContains(t, plan.String(), "events_correlation")
}
