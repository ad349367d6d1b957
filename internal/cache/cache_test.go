package cache_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/internal/cache"
)

func newCache(limit int) (c *cache.Cache[string, int], pass func(time.Duration)) {
	var clock atomic.Int64
	c = cache.New[string, int](limit, time.Minute, func() time.Time { return time.Unix(0, clock.Load()) })
	return c, func(d time.Duration) { clock.Add(int64(d)) }
}

func TestAValueIsKeptForItsLife(t *testing.T) {
	t.Parallel()
	c, pass := newCache(10)
	_, ok := c.Get("a")
	require.False(t, ok)
	c.Put(c.Generation(), "a", 1)
	pass(time.Minute - 1)
	value, ok := c.Get("a")
	require.True(t, ok)
	require.Equal(t, 1, value)
	pass(1)
	_, ok = c.Get("a")
	require.False(t, ok)
}

func TestWhatIsEvictedIsGone(t *testing.T) {
	t.Parallel()
	c, _ := newCache(10)
	for i, key := range []string{"a", "b", "c"} {
		c.Put(c.Generation(), key, i)
	}
	c.Evict("a")
	c.EvictFunc(func(_ string, value int) bool { return value == 1 })
	for key, kept := range map[string]bool{"a": false, "b": false, "c": true} {
		_, ok := c.Get(key)
		require.Equal(t, kept, ok, key)
	}
}

func TestAValueReadBeforeAnEvictionIsNotKept(t *testing.T) {
	t.Parallel()
	for name, evict := range map[string]func(*cache.Cache[string, int]){
		"by key":  func(c *cache.Cache[string, int]) { c.Evict("a") },
		"by test": func(c *cache.Cache[string, int]) { c.EvictFunc(func(string, int) bool { return false }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := newCache(10)
			generation := c.Generation() // ... the old value is read from the table
			evict(c)                     // ... the event arrives
			c.Put(generation, "a", 1)    // ... and only then the old value
			_, ok := c.Get("a")
			require.False(t, ok)
			c.Put(c.Generation(), "a", 2)
			value, ok := c.Get("a")
			require.True(t, ok)
			require.Equal(t, 2, value)
		})
	}
}

func TestACacheIsBounded(t *testing.T) {
	t.Parallel()
	c, _ := newCache(2)
	kept := func() (count int) {
		for _, key := range []string{"a", "b", "c"} {
			if _, ok := c.Get(key); ok {
				count++
			}
		}
		return count
	}
	c.Put(c.Generation(), "a", 1)
	c.Put(c.Generation(), "b", 1)
	c.Put(c.Generation(), "b", 2)
	require.Equal(t, 2, kept(), "replacing pushes nothing out")
	c.Put(c.Generation(), "c", 1)
	require.Equal(t, 2, kept())
	_, ok := c.Get("c")
	require.True(t, ok)
}

// However reads and evictions fall together, a value older than the last eviction is never answered after it.
func TestNoStaleValueUnderLoad(t *testing.T) {
	t.Parallel()
	c, _ := newCache(10)
	var table atomic.Int64
	var all errgroup.Group
	done := make(chan struct{})
	for range 4 {
		all.Go(func() error {
			for {
				select {
				case <-done:
					return nil
				default:
				}
				if _, ok := c.Get("a"); !ok {
					generation := c.Generation()
					c.Put(generation, "a", int(table.Load()))
				}
			}
		})
	}
	stale := 0
	for i := range 2000 {
		table.Store(int64(i))
		c.Evict("a")
		if value, ok := c.Get("a"); ok && value < i {
			stale++
		}
	}
	close(done)
	require.NoError(t, all.Wait())
	require.Zero(t, stale)
}
