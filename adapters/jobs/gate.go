package jobs

import (
	"cmp"
	"slices"
	"sync"
)

// maxPassed is how many jobs may go before a less urgent one, which then goes first: else it might wait for ever.
const maxPassed = 4

// gate bounds how many uploads are read in a process at a time, of all queues together, for reading keeps a core busy. Whoever
// finds no place waits before it fetches a job, and not with the job: the row stays available to other processes meanwhile, and
// its try has not begun.
type gate struct {
	mu      sync.Mutex
	free    int
	closed  bool
	waiting []*turn // at most one of each queue, for River fetches once at a time
}

// turn is a queue's turn to fetch jobs.
type turn struct {
	urgency int // 0 is most
	wanted  int
	passed  int      // how many jobs of more urgent queues went first
	places  chan int // hears how many jobs it may fetch
}

// enter waits until a queue may fetch jobs, and answers how many: as many as wanted at most, and none when the gate is
// closed. The turn ends with settle.
func (g *gate) enter(queue string, wanted int) (t *turn, places int) {
	t = &turn{urgency: slices.Index(gated, queue), wanted: wanted, places: make(chan int, 1)}
	g.change(func() { g.waiting = append(g.waiting, t) })
	return t, <-t.places
}

// settle ends a turn that had places, and has found so many jobs for them. An empty queue has turns as well, so only
// jobs count as having gone first.
func (g *gate) settle(t *turn, places, jobs int) {
	g.change(func() {
		g.free += places - jobs
		for _, other := range g.waiting {
			if other.urgency > t.urgency {
				other.passed += jobs
			}
		}
	})
}

// leave gives the place of a job back that has ended.
func (g *gate) leave() { g.change(func() { g.free++ }) }

// close sends everybody away who waits or comes.
func (g *gate) close() { g.change(func() { g.closed = true }) }

// change does something to the gate, and then lets those in for whom there is room.
func (g *gate) change(do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	do()
	slices.SortFunc(g.waiting, func(a, b *turn) int { return cmp.Compare(a.rank(), b.rank()) })
	for len(g.waiting) > 0 && (g.closed || g.free > 0) {
		places := 0
		if !g.closed {
			places = min(g.free, g.waiting[0].wanted)
		}
		g.free -= places
		g.waiting[0].places <- places
		g.waiting = g.waiting[1:]
	}
}

// rank says who goes first: the least.
func (t *turn) rank() int {
	if t.passed >= maxPassed {
		return t.urgency - len(gated)
	}
	return t.urgency
}
