package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
)

func TestReplayIsMeasured(t *testing.T) {
	t.Parallel()
	pool := openPool(t, postgrestest.Database(t))
	require.NoError(t, fillLog(t.Context(), pool, 50))
	lines, err := logLines(pool)
	require.NoError(t, err)
	require.NoError(t, logRounds(t.Context(), pool, lines, 1))
	for _, line := range lines {
		require.Positive(t, line.rate(), line.what)
		require.Equal(t, 50*replayEvents, line.samples[0].done, line.what)
	}
	pool.Close()
	require.Error(t, fillLog(t.Context(), pool, 1))
	require.Error(t, logRounds(t.Context(), pool, lines, 1))
}
