// Package cache keeps values that were read from a table, in the memory of one instance.
//
// # Why
//
// Who somebody is gets asked with every request. A cache that only forgets after a while would let a locked-out person
// in for that while; this one is told by events. The one trap is a value that was read before an event, and arrives
// after the event has evicted its key: it would stay. So a value may only be kept if nothing was evicted since before
// it was read.
package cache

import (
	"sync"
	"time"
)

// Cache is bounded and safe for concurrent use.
type Cache[K comparable, V any] struct {
	limit int
	life  time.Duration // the safety net, should an event ever be missed
	now   func() time.Time

	mu         sync.RWMutex
	generation Generation
	entries    map[K]entry[V]
}

type entry[V any] struct {
	value V
	until time.Time
}

// Generation counts the evictions.
type Generation uint64

// New answers an empty cache of at most limit values, each kept for a life.
func New[K comparable, V any](limit int, life time.Duration, now func() time.Time) *Cache[K, V] {
	return &Cache[K, V]{limit: limit, life: life, now: now, entries: map[K]entry[V]{}}
}

// Get answers a kept value.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	c.mu.RLock()
	e, ok := c.entries[key]
	c.mu.RUnlock()
	if !ok || !c.now().Before(e.until) {
		var none V
		return none, false
	}
	return e.value, true
}

// Generation is what to ask for before reading a value that shall be Put.
func (c *Cache[K, V]) Generation() Generation {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.generation
}

// Put keeps a value that was read after asking for the generation, unless something was evicted since. When the cache
// is full, any other value goes.
func (c *Cache[K, V]) Put(readIn Generation, key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if readIn != c.generation {
		return
	}
	if _, replaces := c.entries[key]; !replaces && len(c.entries) >= c.limit {
		for other := range c.entries {
			delete(c.entries, other)
			break
		}
	}
	c.entries[key] = entry[V]{value: value, until: c.now().Add(c.life)}
}

// Evict forgets a key, and whatever is being read at the moment.
func (c *Cache[K, V]) Evict(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	delete(c.entries, key)
}

// EvictFunc forgets all values that match, and whatever is being read at the moment.
func (c *Cache[K, V]) EvictFunc(match func(K, V) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for key, e := range c.entries {
		if match(key, e.value) {
			delete(c.entries, key)
		}
	}
}
