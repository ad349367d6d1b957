// Package wake wakes those who wait for something to happen to a thing.
//
// # Why
//
// Whoever waits for what somebody else does, maybe another instance, must not poll. It joins, looks, and looks again whenever
// it is woken by whoever follows the log. What a bell holds is bounded by those who wait, however much happens.
package wake

import (
	"sync"

	"github.com/google/uuid"
)

// Bell knows who waits for which things. The zero Bell is ready for use, by several goroutines at once.
type Bell struct {
	mu      sync.Mutex
	waiting map[uuid.UUID]map[chan struct{}]struct{} // by the thing
}

// Join answers a channel that holds something after anything has happened to the thing. Whoever joins before looking misses
// nothing. leave must be called.
func (b *Bell) Join(thing uuid.UUID) (woken <-chan struct{}, leave func()) {
	ch := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		b.waiting = map[uuid.UUID]map[chan struct{}]struct{}{}
	}
	if b.waiting[thing] == nil {
		b.waiting[thing] = map[chan struct{}]struct{}{}
	}
	b.waiting[thing][ch] = struct{}{}
	return ch, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.waiting[thing], ch)
		if len(b.waiting[thing]) == 0 {
			delete(b.waiting, thing)
		}
	}
}

// Wake wakes all who wait for the thing.
func (b *Bell) Wake(thing uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ch := range b.waiting[thing] {
		select {
		case ch <- struct{}{}:
		default: // it has not looked since it was woken last
		}
	}
}

// Awaited answers the things that somebody waits for, in no order.
func (b *Bell) Awaited() []uuid.UUID {
	b.mu.Lock()
	defer b.mu.Unlock()
	things := make([]uuid.UUID, 0, len(b.waiting))
	for thing := range b.waiting {
		things = append(things, thing)
	}
	return things
}
