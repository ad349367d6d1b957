package migrations_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/migrations"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// Who takes the table of spending back and makes it again does not give organizations their month's budget a second time.
func TestSpendingIsCountedAgainFromTheRuns(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	for taken := ""; taken != "0015_ai_spending.sql"; {
		reverted, err := postgres.MigrateDown(t.Context(), pool, migrations.FS)
		require.NoError(t, err)
		require.Len(t, reverted, 1)
		taken = reverted[0].Name
	}
	org := uuid.New()
	for at, cost := range map[string]int{"2026-10-31T23:59:59Z": 1, "2026-11-01T00:00:00Z": 20, "2026-11-30T23:00:00Z": 300, "2026-11-02T00:00:00Z": 0} {
		_, err := pool.Exec(t.Context(), `INSERT INTO agent_runs VALUES (gen_random_uuid(), $1, 2, 'a', 1, 'reply', gen_random_uuid(), NULL, NULL, NULL, 'completed', '', '', '', NULL, 1, 1, 1, $2, $3, now())`, org, cost, at)
		require.NoError(t, err)
	}
	_, err := postgres.MigrateUp(t.Context(), pool, migrations.FS)
	require.NoError(t, err)
	for month, want := range map[time.Month]int64{time.October: 1, time.November: 320} {
		var cost int64
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT cost FROM ai_spending WHERE org_id = $1 AND month = $2`, org, time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC)).Scan(&cost))
		require.Equal(t, want, cost)
	}
}
