package eventstore_test

import (
	"strings"
	"testing"

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
	for _, sql := range []string{"SET plan_cache_mode = force_generic_plan", "PREPARE look (uuid, uuid) AS SELECT data FROM events" + eventstore.OfStream + " ORDER BY version"} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	rows, err := conn.Query(t.Context(), "EXPLAIN EXECUTE look ('"+newID().String()+"', '"+org.String()+"')")
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
