package vendorfake

import "strings"

// Fault is something that goes wrong.
type Fault struct {
	Times  int // how often; 0 is once
	Status int // instead of doing the work, with Header and Body
	Header map[string]string
	Body   string

	Silence    bool // no word until the caller gives up
	DropBefore bool // the connection is gone before the work is done
	DropAfter  bool // and after it
	Garbage    bool // the work is done, and the answer is no JSON
}

// planned is a fault that waits for its request.
type planned struct {
	match string
	fault Fault
	left  int
}

// Next plans what goes wrong with the next requests that match, which is "METHOD /path", by the description or as it comes,
// and may end in "*"; empty: any. Faults that were planned earlier come first.
func (b *Base) Next(match string, f Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, &planned{match: match, fault: f, left: max(f.Times, 1)})
}

// Heal forgets what was planned to go wrong.
func (b *Base) Heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = nil
}

// Planned is how often something that was planned has yet to go wrong.
func (b *Base) Planned() (times int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.faults {
		times += p.left
	}
	return times
}

// take answers what goes wrong with a request. The zero value: nothing.
func (b *Base) take(r *Request) Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.faults {
		if p.left == 0 || !matches(p.match, r.Operation) && !matches(p.match, r.Method+" "+r.URL.Path) {
			continue
		}
		p.left--
		return p.fault
	}
	return Fault{}
}

func matches(match, text string) bool {
	if beginning, open := strings.CutSuffix(match, "*"); open {
		return strings.HasPrefix(text, beginning)
	}
	return match == "" || match == text
}
