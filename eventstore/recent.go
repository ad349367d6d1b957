package eventstore

import (
	"slices"
	"sync"
)

// kept is how many of the newest events stay in memory, at the least: a few megabytes, or some fifty should all of them
// be as long as they may.
const kept = 1024

// recent keeps the newest events that this instance has committed, for those who follow the log: they need not read back
// from the table, nor decrypt, what was just written here.
//
// # Why
//
// Every event that is kept lies directly behind the one before it: positions are whole numbers given out under the lock,
// so between two consecutive ones there is nothing. Where there is a gap, because another instance wrote or a
// transaction was rolled back, what was kept is dropped and the table answers. Memory only ever says "these come next",
// never "there is nothing more".
type recent struct {
	keys *Keyring // whoever it forgets must not stay here

	mu     sync.RWMutex
	era    int // of keys, when the events were added
	events []Recorded
}

// add takes events in position order.
func (r *recent) add(events []Recorded) {
	if len(events) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	era := r.keys.era()
	for _, e := range events {
		last := len(r.events) - 1
		switch {
		case last >= 0 && e.Position <= r.events[last].Position: // the other lane told first
			continue
		case last < 0 || era != r.era || e.Position != r.events[last].Position+1:
			r.events, r.era = nil, era
		}
		r.events = append(r.events, e)
	}
	if extra := len(r.events) - kept; extra >= kept/2 { // seldom, so that it costs little
		r.events = slices.Clone(r.events[extra:])
	}
}

// drop forgets everything.
func (r *recent) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

// after answers up to limit events that follow a position directly, and whether these are all that are kept. None means
// only that the table must be asked.
func (r *recent) after(position int64, limit int) (events []Recorded, all bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.events) == 0 || r.era != r.keys.era() {
		return nil, false
	}
	skip := position + 1 - r.events[0].Position
	if skip < 0 || skip >= int64(len(r.events)) {
		return nil, false
	}
	events = r.events[skip:]
	if len(events) > limit {
		return slices.Clip(events[:limit]), false
	}
	return slices.Clip(events), true
}
