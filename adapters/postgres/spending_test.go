//go:build linux

package postgres

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSpendingIsCountedByOrganizationAndMonth(t *testing.T) {
	t.Parallel()
	s := Spending{Pool: migrated(t)}
	ada, bob := somebody().Org, somebody().Org
	may, june := time.Date(2026, 5, 31, 23, 59, 0, 0, time.UTC), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	total, err := s.Of(t.Context(), ada, may)
	require.NoError(t, err)
	require.Zero(t, total)
	for _, step := range []struct {
		of         time.Time
		cost, want int64
	}{{may, 3, 3}, {may, 4, 7}, {june, 5, 5}, {may.AddDate(0, 0, -30), 1, 8}} {
		total, err = s.Add(t.Context(), ada, step.of, step.cost)
		require.NoError(t, err)
		require.Equal(t, step.want, total)
	}
	total, err = s.Of(t.Context(), ada, may)
	require.NoError(t, err)
	require.EqualValues(t, 8, total)
	total, err = s.Of(t.Context(), bob, may)
	require.NoError(t, err)
	require.Zero(t, total, "nobody pays for another organization")
}

func TestSpendingCountsWhatComesAtTheSameTime(t *testing.T) {
	t.Parallel()
	s, org := Spending{Pool: migrated(t)}, somebody().Org
	month := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	var all sync.WaitGroup
	totals := make(chan int64, 50)
	for range cap(totals) {
		all.Go(func() {
			total, err := s.Add(t.Context(), org, month, 2)
			if err == nil {
				totals <- total
			}
		})
	}
	all.Wait()
	close(totals)
	seen := map[int64]bool{}
	for total := range totals {
		seen[total] = true
	}
	require.Len(t, seen, 50, "each gets another answer, so that one of them crosses a limit")
	total, err := s.Of(t.Context(), org, month)
	require.NoError(t, err)
	require.EqualValues(t, 100, total)
}

func TestSpendingSaysThatTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	s, org := Spending{Pool: migrated(t)}, somebody().Org
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Add(ctx, org, time.Now(), 1)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Of(ctx, org, time.Now())
	require.ErrorIs(t, err, context.Canceled)
}
