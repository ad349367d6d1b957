package wake_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/internal/wake"
)

func TestOnlyThoseWhoWaitForAThingAreWoken(t *testing.T) {
	t.Parallel()
	var b wake.Bell
	mine, other := uuid.New(), uuid.New()
	b.Wake(mine) // nobody waits
	first, leave := b.Join(mine)
	second, end := b.Join(mine)
	b.Wake(other)
	require.Empty(t, first)
	for range 3 {
		b.Wake(mine)
	}
	require.Len(t, first, 1, "once is enough")
	require.Len(t, second, 1)
	<-first
	b.Wake(mine)
	require.Len(t, first, 1, "it has looked since")
	leave()
	leave()
	require.Equal(t, []uuid.UUID{mine}, b.Awaited())
	end()
	require.Empty(t, b.Awaited(), "nothing is kept of those who left")
}

// Whoever joins before looking sees what happened before, or is woken by what happens after.
func TestNobodyMissesWhatHappens(t *testing.T) {
	t.Parallel()
	var b wake.Bell
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 50 {
		thing, happened := uuid.New(), false
		look := func() bool {
			mu.Lock()
			defer mu.Unlock()
			return happened
		}
		all.Go(func() {
			woken, leave := b.Join(thing)
			defer leave()
			for !look() {
				<-woken
			}
		})
		all.Go(func() {
			mu.Lock()
			happened = true
			mu.Unlock()
			b.Wake(thing)
		})
	}
	all.Wait()
	require.Empty(t, b.Awaited())
}
