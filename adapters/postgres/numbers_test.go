//go:build linux

package postgres

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

func TestNumbersOfTwoInstances(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	org, other := domain.OrgID{UUID: uuid.New()}, domain.OrgID{UUID: uuid.New()}
	const each = 300
	var mu sync.Mutex
	seen := map[int64]bool{}
	var work sync.WaitGroup
	for range 2 {
		instance := NewNumbers(pool)
		for range 4 {
			work.Go(func() {
				var last int64
				for range each / 4 {
					n, err := instance.Next(t.Context(), org)
					if err != nil || n <= last {
						t.Errorf("%d after %d: %v", n, last, err)
						return
					}
					last = n
					mu.Lock()
					seen[n] = true
					mu.Unlock()
				}
			})
		}
	}
	work.Wait()
	require.Len(t, seen, 2*each, "none was given out twice")
	n, err := NewNumbers(pool).Next(t.Context(), other)
	require.NoError(t, err)
	require.EqualValues(t, 1, n, "every organization counts for itself")
}

func TestNumbersHaveSmallGaps(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	org := domain.OrgID{UUID: uuid.New()}
	numbers := NewNumbers(pool)
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	numbers.now = func() time.Time { return now }
	next := func() int64 {
		t.Helper()
		n, err := numbers.Next(t.Context(), org)
		require.NoError(t, err)
		return n
	}
	for want := range int64(5) { // a quiet organization takes one at a time
		require.Equal(t, want+1, next())
		now = now.Add(time.Minute)
	}
	numbers = NewNumbers(pool) // and a restart loses none
	numbers.now = func() time.Time { return now }
	require.EqualValues(t, 6, next())
	for want := range int64(2000) { // a busy one takes more and more, and still gives out each
		require.Equal(t, want+7, next())
	}
	b := numbers.block(org)
	require.EqualValues(t, largestBlock, b.size)
	for b.next < b.last {
		next()
	}
	now = now.Add(time.Minute)
	next()
	require.EqualValues(t, 1, b.size, "quiet again")

	for range manyOrgs {
		numbers.orgs[domain.OrgID{UUID: uuid.New()}] = &block{}
	}
	numbers.block(domain.OrgID{UUID: uuid.New()})
	require.Len(t, numbers.orgs, 1, "what is remembered is bounded")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := numbers.Next(ctx, domain.OrgID{UUID: uuid.New()})
	require.ErrorIs(t, err, context.Canceled)
}

func TestAFailedTakeGivesNoNumberTwice(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	numbers := NewNumbers(pool)
	org := domain.OrgID{UUID: uuid.New()}
	gone, leave := context.WithCancel(t.Context())
	leave()
	seen := map[int64]bool{}
	for range 20 {
		_, err := numbers.Next(gone, org) // fails whenever a block is used up
		if err == nil {
			continue
		}
		n, err := numbers.Next(t.Context(), org)
		require.NoError(t, err)
		require.Positive(t, n)
		require.False(t, seen[n], "number %d again", n)
		seen[n] = true
	}
	require.NotEmpty(t, seen)
}
