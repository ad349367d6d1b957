package eventstore

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// maxAmiss bounds how many missing, and how many unexpected, events are told apart; more are only counted.
const maxAmiss = 10_000

// amiss is what is not where it should be: leaves without their event, and events without a leaf. What happened to them
// is known at the end, because one that is missing here may stand there.
type amiss struct {
	missing []missed
	lost    map[uuid.UUID]int64 // how many are missing of each stream, those not listed included
	extras  []Leaf
	unknown int64 // extras that are not listed
	ahead   run   // extras that are not listed, behind all leaves that have come
	run     run
	remade  map[uuid.UUID]*Finding
	chains  []*Finding // those of remade, in the order of the log
}

// missed is a leaf without its event.
type missed struct {
	Leaf
	found  bool
	detail string
}

// run is a part of the log. That of leaves without events since the last that had its own is, at the end, what was cut off.
type run struct {
	first, last int64 // positions
	count       int64
	stream      uuid.UUID
	several     bool // streams
}

func (a *amiss) miss(l Leaf, detail string) {
	a.lost[l.Stream]++
	if len(a.missing) < maxAmiss {
		a.missing = append(a.missing, missed{Leaf: l, detail: detail})
	}
	if l.Position == 0 {
		return // nobody knows where it stood
	}
	a.run.add(l)
}

func (r *run) add(l Leaf) {
	if r.count == 0 {
		*r = run{first: l.Position, last: l.Position, stream: l.Stream}
	}
	r.first, r.last, r.several = min(r.first, l.Position), max(r.last, l.Position), r.several || l.Stream != r.stream
	r.count++
}

func (a *amiss) runEnds() { a.run = run{} }

func (a *amiss) extra(l Leaf, ahead bool) {
	switch {
	case len(a.extras) < maxAmiss:
		a.extras = append(a.extras, l)
	case ahead:
		a.ahead.add(l)
	default:
		a.unknown++
	}
}

// aheadEnds notes that leaves have come: what stood behind all of them does so no more.
func (a *amiss) aheadEnds() { a.unknown, a.ahead = a.unknown+a.ahead.count, run{} }

// gap notes the versions that are missing before an event.
func (a *amiss) gap(r Raw, st standing, when string, f *findings) {
	detail := spaced("it stood between positions %d and %d", when, st.position, r.Position)
	if n := r.Version - st.version - 1; n > maxFindings {
		f.add(Finding{Kind: EventRemoved, Stream: &r.Stream, Version: st.version + 1, Count: int64(n), Detail: detail})
		return
	}
	for version := st.version + 1; version < r.Version; version++ {
		a.miss(Leaf{Org: r.Org, Stream: r.Stream, Version: version}, detail)
	}
}

// remadeChain notes an event that is what it was, but for the hash of the one before it. One finding a stream says so.
func (a *amiss) remadeChain(r Raw) {
	found := a.remade[r.Stream]
	if found == nil {
		first := about(ChainRemade, r.Position, r.Stream, r.Version, "the hashes of these events were made anew, to follow from one that was changed")
		first.Count, found = 0, &first
		a.remade[r.Stream], a.chains = found, append(a.chains, found)
	}
	found.Count++
	found.Upto = r.Position
}

// settle tells what happened, and answers how many events stand behind the position up to which the log is signed.
func (a *amiss) settle(streams map[uuid.UUID]standing, signed int64, f *findings) (unsigned int64) {
	var s settlement
	for _, found := range a.chains {
		s.add(*found)
	}
	a.match(&s)
	a.cut(&s)
	a.removed(streams, &s)
	for _, x := range a.extras {
		if x.Position > signed {
			a.ahead.add(x)
			continue
		}
		s.add(about(EventInserted, x.Position, x.Stream, x.Version, "it was never signed, and is not chained to its stream"))
	}
	if a.unknown > 0 {
		s.add(Finding{Kind: EventInserted, Count: a.unknown, Detail: "and so many more, which are not listed"})
	}
	if a.ahead.count > 0 {
		s.add(Finding{Kind: EventUnsigned, Position: a.ahead.first, Upto: a.ahead.last, Count: a.ahead.count, Detail: "no signed head covers them: anybody may have written them"})
	}
	f.count += int64(len(s.list))
	f.list = append(f.list, s.list...)
	return a.ahead.count
}

type settlement struct{ list []Finding }

func (s *settlement) add(f Finding) { s.list = append(s.list, f) }

// match pairs what is missing in one place with what stands in another, the surest pairs first.
func (a *amiss) match(s *settlement) {
	type version struct {
		stream  uuid.UUID
		version int
	}
	type same struct {
		version
		hash Hash
	}
	type place struct {
		stream   uuid.UUID
		position int64
	}
	a.pair(func(l Leaf) any { return same{version{l.Stream, l.Version}, l.Hash} }, func(m *missed, x Leaf) {
		s.add(about(EventMoved, m.Position, m.Stream, m.Version, fmt.Sprintf("it stands at position %d now", x.Position)))
	})
	a.pair(func(l Leaf) any { return place{l.Stream, l.Position} }, func(m *missed, x Leaf) {
		s.add(about(EventChanged, m.Position, m.Stream, m.Version, fmt.Sprintf("it is not what was signed, and says that it is version %d", x.Version)))
	})
	a.pair(func(l Leaf) any { return version{l.Stream, l.Version} }, func(m *missed, x Leaf) {
		if m.Position == 0 {
			s.add(about(EventMoved, x.Position, x.Stream, x.Version, "it stands behind later ones of its stream"))
			return
		}
		s.add(about(EventChanged, m.Position, m.Stream, m.Version, fmt.Sprintf("it is not what was signed, and stands at position %d now", x.Position)))
	})
}

// pair tells of each missing leaf and each unexpected event with the same key, and takes both off the lists.
func (a *amiss) pair(key func(Leaf) any, tell func(*missed, Leaf)) {
	if len(a.missing) == 0 || len(a.extras) == 0 {
		return
	}
	unpaired := make(map[any]int, len(a.missing))
	for i, m := range a.missing {
		if !m.found {
			unpaired[key(m.Leaf)] = i
		}
	}
	a.extras = slices.DeleteFunc(a.extras, func(x Leaf) bool {
		i, known := unpaired[key(x)]
		if !known {
			return false
		}
		delete(unpaired, key(x))
		m := &a.missing[i]
		m.found = true
		a.lost[m.Stream]--
		if a.run.count > 0 && m.Position >= a.run.first {
			a.run.count--
		}
		tell(m, x)
		return true
	})
}

// cut tells of the end of the log. What all belonged to one stream is told of as that stream's.
func (a *amiss) cut(s *settlement) {
	if a.run.count == 0 || !a.run.several {
		return
	}
	first := a.run.last
	for i := range a.missing {
		if m := &a.missing[i]; !m.found && m.Position >= a.run.first {
			m.found, first = true, min(first, m.Position)
			a.lost[m.Stream]--
		}
	}
	s.add(Finding{Kind: LogCut, Position: first, Upto: a.run.last, Count: a.run.count, Detail: "the last events of the log are gone"})
}

// removed tells of streams that are gone, streams whose end is gone, and single events.
func (a *amiss) removed(streams map[uuid.UUID]standing, s *settlement) {
	left := map[uuid.UUID][]missed{}
	var order []uuid.UUID
	for _, m := range a.missing {
		if !m.found {
			if left[m.Stream] == nil {
				order = append(order, m.Stream)
			}
			left[m.Stream] = append(left[m.Stream], m)
		}
	}
	for _, stream := range order {
		gone := left[stream]
		first, count, st := gone[0], a.lost[stream], streams[stream]
		switch {
		case st.present == 0:
			s.add(Finding{Kind: StreamDropped, Position: first.Position, Upto: st.position, Stream: &first.Stream, Version: first.Version, Count: count, Detail: "all events of the stream are gone"})
		case first.Position > 0 && int64(first.Version)+count-1 == int64(st.version):
			s.add(Finding{Kind: StreamCut, Position: first.Position, Upto: st.position, Stream: &first.Stream, Version: first.Version, Count: count, Detail: "the last events of the stream are gone"})
		default:
			for _, m := range gone {
				s.add(about(EventRemoved, m.Position, m.Stream, m.Version, cmp.Or(m.detail, "it was signed, and is gone")))
			}
			if rest := count - int64(len(gone)); rest > 0 {
				s.add(Finding{Kind: EventRemoved, Stream: &first.Stream, Count: rest, Detail: "and so many more of this stream, which are not listed"})
			}
		}
	}
}
