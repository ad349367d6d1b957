package projections_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/projections"
)

// What is known of a person is read from where it stands, however much there is of others.
func TestWhatIsKnownOfAPersonIsFoundByIndexes(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	for _, sql := range []string{
		`INSERT INTO threads SELECT md5('thread' || n)::uuid, $1, 6, 'customer_support_agent', '', CASE n % 100 WHEN 0 THEN $2 ELSE md5('user' || n % 100)::uuid END,
			5, NULL, n % 7 = 0, now() - n * interval '1 minute', now() FROM generate_series(1, 2000) n`,
		`INSERT INTO messages SELECT gen_random_uuid(), $1, t.id, v, 'user', $2::uuid, '', '[]', '{}', NULL, NULL, 'completed', '', now()
			FROM threads t, generate_series(2, 6) v`,
		`INSERT INTO agent_runs SELECT gen_random_uuid(), $1, 2, 'customer_support_agent', 1, 'reply', CASE n % 100 WHEN 0 THEN $2 ELSE gen_random_uuid() END,
			NULL, NULL, NULL, 'completed', '', '', '', NULL, 0, 0, 0, 0, now() - n * interval '1 minute', now() FROM generate_series(1, 2000) n`,
	} {
		_, err := p.pool.Exec(t.Context(), sql, p.org.UUID, p.ann.UUID)
		require.NoError(t, err)
	}
	for _, sql := range []string{`ANALYZE threads`, `ANALYZE messages`, `ANALYZE agent_runs`, `SELECT pg_stat_force_next_flush()`} {
		_, err := p.pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	looked := func(table, column string) (n int64) {
		_, err := p.pool.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`)
		require.NoError(t, err)
		require.NoError(t, p.pool.QueryRow(t.Context(), `SELECT `+column+` FROM pg_stat_user_tables WHERE relname = $1`, table).Scan(&n))
		return n
	}
	const read = "seq_tup_read + coalesce(idx_tup_fetch, 0)"
	threads, messages, runs := looked("threads", read), looked("messages", read), looked("agent_runs", read)

	own, err := p.threads.OfPerson(t.Context(), p.org, p.ann, nil, 5)
	require.NoError(t, err)
	require.Len(t, own, 5)
	rows, err := projections.NewAgentRuns(p.pool).OfPerson(t.Context(), p.org, p.ann, &projections.StartedCursor{At: time.Now().Add(-time.Hour), ID: uuid.Max}, 5)
	require.NoError(t, err)
	require.Len(t, rows, 5)
	mine, err := p.threads.OfPerson(t.Context(), p.org, p.ann, nil, 100)
	require.NoError(t, err)
	require.Len(t, mine, 20)
	is := map[uuid.UUID]bool{}
	for _, row := range mine {
		is[row.ID] = true
	}
	var said []projections.MessageRow
	after, version := uuid.Nil, 0
	for {
		page, err := p.messages.OfPerson(t.Context(), p.org, p.ann, after, version, 7)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			require.True(t, is[m.Thread])
			require.Positive(t, compareIDs(m.Thread, m.Version, after, version), "in order")
			after, version = m.Thread, m.Version
		}
		said = append(said, page...)
	}
	require.Len(t, said, 100, "each once")
	foreign, err := p.messages.OfPerson(t.Context(), domain.OrgID{UUID: uuid.New()}, p.ann, uuid.Nil, 0, 7)
	require.NoError(t, err)
	require.Empty(t, foreign)

	require.Less(t, looked("threads", read)-threads, int64(500), "of 2000, in all pages")
	require.Less(t, looked("messages", read)-messages, int64(500), "of 10000")
	require.Less(t, looked("agent_runs", read)-runs, int64(50), "of 2000")
}

func compareIDs(a uuid.UUID, v int, b uuid.UUID, w int) int {
	for i := range a {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return v - w
}
