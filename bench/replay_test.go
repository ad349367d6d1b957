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
	limit, replay, rebuild, err := replayRounds(t.Context(), pool, 1)
	require.NoError(t, err)
	for _, s := range []*series{limit, replay, rebuild} {
		require.Positive(t, s.rate())
		require.Equal(t, 50*replayEvents, s.samples[0].done)
	}
	pool.Close()
	require.Error(t, fillLog(t.Context(), pool, 1))
	_, _, _, err = replayRounds(t.Context(), pool, 1)
	require.Error(t, err)
}
