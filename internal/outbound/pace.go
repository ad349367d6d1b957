package outbound

import (
	"context"
	"net/http"
	"sync"
	"time"

	"ticketd/commands"
)

const (
	// longestWait is how long a request waits for its turn. Whoever has it wait longer does something else meanwhile.
	longestWait = time.Minute
	// longestRun is how long requests may follow each other to tell the length of a window by them.
	longestRun = time.Minute
	// idle is how long nobody must have asked for a run to begin anew.
	idle = 10 * time.Second
	// scouting is how long the first request of a window may take before others follow it.
	scouting = 250 * time.Millisecond
	// keep is how long it is kept what was learned from a refusal alone. The vendor may have become more generous.
	keep = time.Hour
)

// pace is how fast an account may ask.
//
// An answer tells how many requests were left when the vendor counted it. Of those still under way nobody knows whether they
// were counted before or after. So those left are the fewest that any answer of this window told, less those under way: never
// too many, and exact as soon as they are answered.
//
// Some vendors do not say when a window ends, or to the minute only. There a new one has begun when more is left than before;
// and the first refusal tells how long they are, by its Retry-After and how long the run was that led to it. From then on the first
// request of a window goes alone: its answer is soon back, and tells nearly to the moment when the window began.
type pace struct {
	now func() time.Time

	mu       sync.Mutex
	changed  chan struct{} // closed with every answer
	underway int
	used     time.Time // when somebody asked for a turn
	probing  bool      // the one under way finds out whether a new window has begun
	quiet    time.Time // nobody asks before

	number   int  // of the window
	told     bool // that there is a limit
	limit    int
	left     int
	reset    time.Time // when the window ends; zero: not known
	began    time.Time // when the window's first answer came; zero: none has
	accepted int       // since then
	scout    time.Time // when its first request was sent; zero: none has been
	last     time.Time // when an answer came
	answers  int       // that came ever

	period  time.Duration // of a window, learned from a refusal; 0: nothing was learned
	learned time.Time
	teacher int // the number of the window that was refused
}

func newPace(now func() time.Time) *pace {
	return &pace{now: now, changed: make(chan struct{}), used: now()}
}

// entry is what was known when a request was sent.
type entry struct {
	window  int  // its number
	told    bool // that there is a limit
	left    int
	answers int
}

// enter waits until a request may be sent. Errors: a *commands.VendorError of the kind Limited when that is too late; an
// *endedError.
func (p *pace) enter(ctx context.Context) (entry, error) {
	for {
		p.mu.Lock()
		now := p.now()
		p.used = now
		turn := p.turn(now)
		if turn.now {
			p.underway++
			if p.scout.IsZero() {
				p.scout = now
			}
		}
		e, changed := entry{p.number, p.told, p.left, p.answers}, p.changed
		p.mu.Unlock()

		if turn.now {
			return e, nil
		}
		if turn.sure {
			if deadline, ok := ctx.Deadline(); ok && turn.at.After(deadline) || turn.at.Sub(now) > longestWait {
				return entry{}, &commands.VendorError{Kind: commands.Limited, Message: "The vendor allows no more requests for a while.", RetryAt: turn.at}
			}
		}
		if err := wait(ctx, turn.at, now, changed); err != nil {
			return entry{}, &endedError{err}
		}
	}
}

// wait waits until then, or until something has changed. Errors: the context's.
func wait(ctx context.Context, at, now time.Time, changed <-chan struct{}) error {
	var due <-chan time.Time
	if !at.IsZero() {
		timer := time.NewTimer(at.Sub(now))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
		return nil
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// turn is when a request may be sent.
type turn struct {
	now  bool
	at   time.Time // zero: when something has changed
	sure bool      // not before at
}

func (p *pace) turn(now time.Time) turn {
	if p.quiet.After(now) {
		return turn{at: p.quiet, sure: true}
	}
	switch {
	case p.period > 0 && now.Sub(p.learned) > keep:
		p.told, p.period = false, 0
		p.roll()
	case p.told && !p.reset.IsZero() && !p.reset.After(now):
		p.roll()
	case !p.told && p.underway == 0 && now.Sub(p.last) > idle:
		p.roll()
	}
	scouted := p.scout.Add(scouting)
	switch {
	case p.period > 0 && p.began.IsZero() && !p.scout.IsZero() && scouted.After(now):
		return turn{at: scouted}
	case !p.told || p.left > p.underway:
		return turn{now: true}
	case p.left > 0: // those under way may be counted already
		return turn{at: p.reset}
	case p.reset.IsZero():
		p.probing = p.underway == 0
		return turn{now: p.probing}
	}
	return turn{at: p.reset, sure: true}
}

// roll begins a new window.
func (p *pace) roll() {
	p.number++
	p.left, p.reset, p.began, p.accepted, p.scout = p.limit, time.Time{}, time.Time{}, 0, time.Time{}
}

// leave takes note of the answer to a request.
func (p *pace) leave(e entry, status int, h http.Header) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.underway--
	p.note(e, status, h, p.now())
	p.probing = false
	p.wake()
}

// lose takes note of a request without an answer. It may have been counted.
func (p *pace) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.underway--
	p.left, p.probing = max(p.left-1, 0), false
	p.wake()
}

func (p *pace) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pace) note(e entry, status int, h http.Header, now time.Time) {
	refused := kindOf(status, h) == commands.Limited
	late := e.window != p.number
	beside := p.answers - e.answers // came while this one was under way
	p.last = now
	p.answers++
	if !late && !refused {
		p.accepted++
		if p.began.IsZero() {
			p.began = now
		}
	}
	said := limits(h, now)
	switch {
	case said.isExact():
		p.count(said, now)
	case late && !refused && e.window == p.teacher && said.limit < 0: // more were taken than had been answered
		p.limit++
		p.left++
	case late && !refused:
		p.left = max(p.left-1, 0) // in which window it was counted is not known
	case late:
	case said.remaining >= 0:
		if e.told && !p.probing && !refused && said.remaining >= e.left { // more than it found: a new window has begun meanwhile
			p.roll()
			p.began, p.accepted = now, 1
			said.remaining = max(0, said.remaining-beside) // who may have been counted behind it
		}
		p.estimate(said)
	case p.period > 0 && !refused:
		p.left = max(p.left-1, 0)
		p.reset = p.began.Add(p.period)
	}
	if !refused {
		return
	}
	p.quietUntil(retryAt(h, now))
	if at, told := retryAfter(h, now); told && !late && !said.isExact() {
		p.learn(said, at, now)
	}
}

// count goes by an answer that says when its window ends.
func (p *pace) count(s said, now time.Time) {
	switch {
	case !s.reset.After(now): // it is over
		return
	case !p.told || p.reset.IsZero() || s.reset.After(p.reset.Add(s.about)):
		p.left, p.reset = s.remaining, s.reset
	case s.reset.Before(p.reset.Add(-s.about)): // of a window that is over
		return
	default:
		p.left = min(p.left, s.remaining)
	}
	p.tell(s)
}

// estimate goes by an answer that does not say when its window ends.
func (p *pace) estimate(s said) {
	if p.told && !p.probing {
		p.left = min(p.left, s.remaining)
	} else {
		p.left = s.remaining
	}
	if p.period > 0 && !p.began.IsZero() {
		p.reset = p.began.Add(p.period)
	}
	p.tell(s)
}

func (p *pace) tell(s said) {
	p.told = true
	if s.limit > 0 {
		p.limit = s.limit
	} else {
		p.limit = max(p.limit, s.remaining+1)
	}
}

// learn goes by a refusal: from the first answer of the window until the vendor takes requests again, the window has ended. Vendors
// round up to whole seconds, and their windows are whole seconds long.
func (p *pace) learn(s said, at, now time.Time) {
	if p.accepted == 0 {
		return
	}
	length, accepted := at.Sub(p.began), p.accepted
	if length > longestRun { // over several windows: what was accepted on average is surely taken
		pause := max(at.Sub(now), time.Second)
		length, accepted = pause, max(1, int(float64(accepted)*pause.Seconds()/length.Seconds()))
	}
	p.period = max(p.period, length.Truncate(time.Second), time.Second)
	p.told, p.learned, p.teacher, p.limit = true, now, p.number, accepted
	if s.limit > 0 {
		p.limit = s.limit
	}
	p.roll()
}

// isForgotten reports whether nobody has asked for so long that nothing is left of what was learned.
func (p *pace) isForgotten(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.underway == 0 && now.Sub(p.used) > keep && !p.quiet.After(now) && !p.reset.After(now)
}

// hold lets nobody ask before a time.
func (p *pace) hold(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quietUntil(until)
}

func (p *pace) quietUntil(until time.Time) {
	if until.After(p.quiet) {
		p.quiet = until
	}
}
