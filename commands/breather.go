package commands

import "time"

// How long a vendor is left alone that does not answer.
const (
	downAfter   = 5 // deliveries in a row
	firstRest   = 30 * time.Second
	longestRest = 5 * time.Minute
)

// breather is the circuit breaker of an account: a vendor that has not answered so many times in a row is left alone for a
// while, and then tried with one delivery. So is one that said itself how long it takes nothing.
type breather struct {
	clock  func() time.Time
	silent int // times in a row
	rest   time.Duration
	limits int       // how often in a row it put off what came after the time that it had said
	until  time.Time // nothing is sent before
}

// heard counts whether the vendor answered. A look that asked it nothing tells nothing.
func (b *breather) heard(n Next) {
	switch {
	case n.Limited:
		b.limited(n.At)
	case n.Down:
		b.silent++
		if b.open() {
			b.rest = min(max(2*b.rest, firstRest), longestRest)
			b.until = b.clock().Add(b.rest)
		}
	case n.Answered:
		b.silent, b.rest, b.limits = 0, 0, 0
	}
}

// limited leaves the account alone until the vendor takes something again by its own word, and ever longer where that proves wrong.
func (b *breather) limited(at time.Time) {
	if b.left() <= 0 { // else it was under way when the last one was put off
		b.limits++
	}
	longer := b.clock().Add(min(time.Second<<min(b.limits-1, 10), longestRest))
	for _, until := range []time.Time{at, longer} {
		if until.After(b.until) {
			b.until = until
		}
	}
}

// open reports a vendor that does not answer.
func (b *breather) open() bool { return b.silent >= downAfter }

// left answers how long the vendor is still left alone.
func (b *breather) left() time.Duration { return b.until.Sub(b.clock()) }

// calm reports that nothing is known of the account that matters.
func (b *breather) calm() bool { return b.silent == 0 && b.limits == 0 && b.left() <= 0 }

// atATime answers how many deliveries may be looked at.
func (b *breather) atATime(most int) int {
	if b.open() {
		return 1
	}
	return most
}
