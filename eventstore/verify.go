package eventstore

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
)

// verifier judges a log that is pushed to it: each signed head, then the leaves it adds, then the events they stand for.
// Whether that comes from the database or from a file makes no difference to it.
//
// # Why
//
// The root of the leaves is compared with the head before the first event is looked at, so it is known which of the two
// to believe when a leaf and its event differ. When the head speaks for the leaves, each event is measured by its leaf,
// and what was done to it is known exactly, also when all hashes behind it were made anew. When it does not, the tree is
// made from the events themselves: if the head speaks for them, it was the leaves that were changed.
//
// It holds in memory the last event of every stream, the leaves under one head, and what is amiss.
type verifier struct {
	key     HeadKey
	org     uuid.UUID // whose events are given; uuid.Nil: everybody's
	seen    []*sighting
	streams map[uuid.UUID]standing
	amiss   amiss
	found   findings

	events    int64
	unsigned  int64
	lastEvent int64 // positions
	lastLeaf  int64

	leafTree  tree                                  // over the leaves
	eventTree tree                                  // over the leaves as far as a head spoke for them, and over the events from there on
	proved    Head                                  // the last head that spoke for the leaves, or for the events
	last      Head                                  // the last head that is signed with the key
	lost      bool                                  // a head spoke for neither: no later root can come out any more
	subtree   func(level int, n int64, h tlog.Hash) // hears of complete subtrees; nil once the leaves are in doubt
	lines     bool                                  // what comes is a file's: in any order, and only heads speak for it
	promised  *Exported                             // what the end of an export says of it

	span span
}

// standing is how far a stream has come.
type standing struct {
	hash     Hash
	position int64
	version  int
	present  int  // events that stand in the log
	changed  bool // its last event has another hash than the one that the next was chained to
	stands   Hash // what stands in the log as the hash of the last event, whatever was signed
	remade   bool // its last event was chained to a changed one
}

// span is what one head adds.
type span struct {
	head   *Head // nil when there is none
	leaves []Leaf
	came   []bool // the leaf's event
	next   int    // the leaf whose event should come next
	upto   int64  // the position of the last of them
	judged bool
	doubt  bool           // the head does not speak for the leaves
	byPos  map[int64]Leaf // in doubt: the leaves
	differ []Finding      // in doubt: where leaf and event are not the same
	held   *tree          // in doubt: the tree over the events, once the head speaks for it
}

func newVerifier(key HeadKey, org uuid.UUID, seen []Head) *verifier {
	v := &verifier{key: key, org: org, streams: map[uuid.UUID]standing{}, amiss: amiss{lost: map[uuid.UUID]int64{}, remade: map[uuid.UUID]*Finding{}}}
	for _, h := range seen {
		v.seen = append(v.seen, &sighting{Head: h})
	}
	return v
}

// Head begins what a head adds. It answers the head, unless nobody should believe it.
func (v *verifier) Head(signed string) (Head, bool, error) {
	v.close()
	h, err := v.key.Open(signed)
	if err != nil {
		v.found.add(Finding{Kind: HeadForged, Detail: fmt.Sprintf("a head between sizes %d and the next is not signed with the key, or was changed", v.last.Size)})
		return Head{}, false, nil //nolint:nilerr // what is wrong with a log is a finding
	}
	if h.Size <= v.last.Size {
		v.found.add(Finding{Kind: HeadMismatch, Position: h.Position, Detail: fmt.Sprintf("the head of size %d stands behind that of size %d", h.Size, v.last.Size)})
		return Head{}, false, nil
	}
	if h.Previous != v.last.Size {
		v.found.add(Finding{Kind: HeadRemoved, Position: h.Position, Detail: fmt.Sprintf("the head of size %d, signed before the one of size %d, is gone", h.Previous, h.Size)})
	}
	v.last, v.span.head = h, &h
	return h, true, nil
}

// Leaves adds those under the head.
func (v *verifier) Leaves(leaves []Leaf) error {
	if v.span.judged {
		v.close()
	}
	v.amiss.aheadEnds()
	v.span.leaves = append(v.span.leaves, leaves...)
	return nil
}

// judge finds out whether the head speaks for the leaves.
func (v *verifier) judge() {
	s := &v.span
	s.judged = true
	for _, l := range s.leaves {
		v.leafTree.add(l.node(), v.subtree)
		v.lastLeaf = l.Position
		v.sight(&v.leafTree)
	}
	s.upto = v.lastLeaf
	if s.head != nil {
		s.upto = s.head.Position
		switch {
		case v.lost:
		case v.leafTree.size == s.head.Size && v.leafTree.root() == s.head.Root:
			v.proved, v.eventTree = *s.head, v.leafTree.clone()
		case v.org != uuid.Nil: // without everybody's events there is no other tree
			v.mismatch()
		default:
			s.doubt, v.subtree, s.byPos = true, nil, map[int64]Leaf{}
			for _, l := range s.leaves {
				s.byPos[l.Position] = l
			}
			s.leaves = nil
		}
	}
	if v.org != uuid.Nil {
		own := s.leaves[:0]
		for _, l := range s.leaves {
			if l.Org == v.org {
				own = append(own, l)
			}
		}
		s.leaves = own
	}
	s.came = make([]bool, len(s.leaves))
}

func (v *verifier) mismatch() {
	h := v.span.head
	v.lost = true
	v.found.add(Finding{
		Kind: HeadMismatch, Position: v.proved.Position + 1, Upto: h.Position, Count: h.Size - v.proved.Size,
		Detail: fmt.Sprintf("the heads of size %d and later are not those of this log; the one of size %d is the last that is", h.Size, v.proved.Size),
	})
}

// Event judges the next event.
func (v *verifier) Event(r Raw) error {
	if !v.span.judged {
		v.judge()
	}
	s, own := &v.span, r.leaf()
	v.events++
	v.lastEvent = r.Position
	covered := r.Position <= s.upto
	if v.org == uuid.Nil && !v.lost && (s.head == nil || s.doubt || !covered) {
		v.eventTree.add(own.node(), nil)
		v.sight(&v.eventTree)
		if s.doubt && v.eventTree.size == s.head.Size && v.eventTree.root() == s.head.Root {
			held := v.eventTree.clone()
			s.held = &held
		}
	}
	if s.doubt && covered {
		v.amiss.runEnds()
		v.compareInDoubt(r, own)
		v.chain(r, own)
		return nil
	}
	switch at, known := s.find(r); {
	case known && at >= s.next:
		v.passTo(at)
		s.next, s.came[at] = at+1, true
		v.compare(r, own, s.leaves[at])
	case known && !s.came[at]:
		s.came[at] = true
		v.late(r, own, s.leaves[at])
	case covered || v.lines: // anybody can make a chain, so it does not speak for what a file holds behind its head
		v.extra(own, !covered)
	default:
		v.passTo(len(s.leaves))
		v.unsigned++
		v.chain(r, own)
	}
	return nil
}

// find answers which leaf is that of an event.
func (s *span) find(r Raw) (at int, known bool) {
	at = s.next
	if at == len(s.leaves) || s.leaves[at].Position != r.Position {
		at, known = slices.BinarySearchFunc(s.leaves, r.Position, func(l Leaf, position int64) int { return cmp.Compare(l.Position, position) })
		if !known {
			return 0, false
		}
	}
	return at, s.leaves[at].Stream == r.Stream && s.leaves[at].Version == r.Version
}

// passTo goes on to a leaf, past those whose events have not come.
func (v *verifier) passTo(at int) {
	for s := &v.span; s.next < at; s.next++ {
		l := s.leaves[s.next]
		st := v.streams[l.Stream]
		st.hash, st.position, st.version, st.changed = l.Hash, l.Position, l.Version, false
		v.streams[l.Stream] = st
	}
}

// late judges an event that comes behind later ones, as lines of a file may.
func (v *verifier) late(r Raw, own, l Leaf) {
	if own == l && r.Hash == l.Hash {
		v.found.add(about(EventMoved, r.Position, r.Stream, r.Version, "its line stands behind those of later events"))
	} else {
		v.found.add(about(EventChanged, r.Position, r.Stream, r.Version, "it is not what was signed, and its line stands behind those of later events"))
	}
	st := v.streams[r.Stream]
	st.present++
	v.streams[r.Stream] = st
}

// extra notes an event without a leaf; ahead when it stands behind all leaves that have come.
func (v *verifier) extra(own Leaf, ahead bool) {
	v.amiss.extra(own, ahead)
	st := v.streams[own.Stream]
	st.present++
	v.streams[own.Stream] = st
}

// compare measures an event by its leaf.
func (v *verifier) compare(r Raw, own, l Leaf) {
	st := v.streams[l.Stream]
	switch rechained := r; {
	case own == l && r.Hash == l.Hash:
		v.chained(r, st, "before it was signed")
	case own == l:
		v.found.add(about(EventChanged, r.Position, r.Stream, r.Version, "the hash that stands beside it is not its own"))
	case own.Hash != r.Hash:
		v.found.add(about(EventChanged, r.Position, r.Stream, r.Version, "what it says does not give its hash"))
	default:
		rechained.Prev = st.hash
		if r.Prev != st.hash && rechained.Link() == l.Hash && r.Org == l.Org {
			v.amiss.remadeChain(r)
		} else {
			v.found.add(about(EventChanged, r.Position, r.Stream, r.Version, "it is not what was signed, although its hash was made anew"))
		}
	}
	v.streams[l.Stream] = standing{hash: l.Hash, stands: r.Hash, position: l.Position, version: l.Version, present: st.present + 1}
}

// chain judges an event by nothing but the chain of its stream.
func (v *verifier) chain(r Raw, own Leaf) {
	st := v.streams[r.Stream]
	if r.Version <= st.version {
		v.extra(own, false)
		return
	}
	next := standing{hash: r.Hash, stands: r.Hash, position: r.Position, version: r.Version, present: st.present + 1}
	switch {
	case own.Hash != r.Hash:
		next.changed = true
		v.found.add(about(EventChanged, r.Position, r.Stream, r.Version, "what it says does not give its hash"))
	case r.Version == st.version+1 && r.Prev == st.stands && (st.remade || st.stands != st.hash):
		next.remade = true
		v.amiss.remadeChain(r)
	default:
		v.chained(r, st, "")
	}
	v.streams[r.Stream] = next
}

// chained looks whether an event that is itself in order follows the one before it in its stream.
func (v *verifier) chained(r Raw, st standing, when string) {
	switch {
	case r.Version != st.version+1:
		v.amiss.gap(r, st, when, &v.found)
	case r.Prev == st.hash || st.changed:
	case st.version > 0 && (when != "" || st.position > v.proved.Position):
		v.found.add(about(EventChanged, st.position, r.Stream, st.version,
			spaced("its hash was made anew, but the event behind it, at position %d, was chained to another one", when, r.Position)))
	default:
		v.found.add(about(EventInserted, r.Position, r.Stream, r.Version, "it is not chained to the event before it in its stream"))
	}
}

func spaced(format, when string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	if when != "" {
		text += "; that was " + when
	}
	return text
}

// compareInDoubt notes where leaf and event differ. Which of them was changed is known when the span is closed.
func (v *verifier) compareInDoubt(r Raw, own Leaf) {
	l, known := v.span.byPos[r.Position]
	delete(v.span.byPos, r.Position)
	if !known || l != own {
		v.span.differ = append(v.span.differ, about("", r.Position, r.Stream, r.Version, ""))
	}
}

// close ends what a head adds.
func (v *verifier) close() {
	if !v.span.judged {
		v.judge()
	}
	v.passTo(len(v.span.leaves))
	for i, l := range v.span.leaves {
		if v.span.came[i] {
			v.amiss.runEnds()
		} else {
			v.amiss.miss(l, "")
		}
	}
	if v.span.doubt {
		v.resolve()
	}
	v.span = span{}
}

// resolve tells what was changed where the head did not speak for the leaves.
func (v *verifier) resolve() {
	s := &v.span
	for _, l := range s.byPos {
		if l.Position > 0 {
			s.differ = append(s.differ, about("", l.Position, l.Stream, l.Version, ""))
		}
	}
	kind, detail := EntryChanged, "the signed log's entry is not that of the event, and the event is what was signed"
	if s.held == nil {
		v.mismatch()
		kind, detail = Unprovable, "the event and its entry differ, and no signed head tells which of them was changed"
	} else {
		v.leafTree, v.proved = *s.held, *s.head
	}
	for _, differs := range s.differ {
		if v.found.has(EventChanged, differs.Position) {
			continue
		}
		differs.Kind, differs.Detail = kind, detail
		v.found.add(differs)
	}
}

// finish answers the report.
func (v *verifier) finish() Report {
	v.close()
	if n := v.leafTree.size - v.last.Size; n > 0 {
		v.found.add(Finding{Kind: HeadRemoved, Position: v.last.Position + 1, Upto: v.lastLeaf, Count: n, Detail: fmt.Sprintf("%d entries behind the last signed head were signed once: there were later heads", n)})
	}
	for _, s := range v.seen {
		v.holdAgainst(s)
	}
	signed := int64(math.MaxInt64) // the chain has judged what the database holds behind its last head
	if v.lines {
		signed = v.last.Position
	}
	v.unsigned += v.amiss.settle(v.streams, signed, &v.found)
	if p := v.promised; v.found.count == 0 && p != nil && *p != (Exported{Events: v.events, Size: v.last.Size}) {
		v.found.add(Finding{
			Kind: FileCut, Count: p.Events - v.events,
			Detail: fmt.Sprintf("the last line speaks of %d events, %d of them signed, and there are %d and %d", p.Events, p.Size, v.events, v.last.Size),
		})
	}
	r := Report{Events: v.events, Size: v.last.Size, Unsigned: v.unsigned, Head: v.last.Note}
	for _, st := range v.streams {
		if st.present > 0 {
			r.Streams++
		}
	}
	v.found.into(&r)
	return r
}

// sighting is a head that somebody kept outside the log.
type sighting struct {
	Head
	byLeaves bool // the leaves, or the events, are what it signed
	byEvents bool
}

// sight compares a tree that has just grown with the heads that were kept.
func (v *verifier) sight(t *tree) {
	for _, s := range v.seen {
		if s.Size == t.size && s.Root == t.root() {
			s.byLeaves = s.byLeaves || t == &v.leafTree
			s.byEvents = s.byEvents || t == &v.eventTree
		}
	}
}

// holdAgainst tells what a head that was kept says of the log.
func (v *verifier) holdAgainst(s *sighting) {
	switch {
	case s.byLeaves || s.byEvents && s.Size <= v.last.Size || v.lost:
	case s.byEvents:
		v.found.add(Finding{
			Kind: HeadRemoved, Position: s.Position, Count: s.Size - v.last.Size,
			Detail: fmt.Sprintf("a head of size %d was seen, and the last one here has size %d; the events it signed are all there", s.Size, v.last.Size),
		})
	case v.org == uuid.Nil && s.Size > v.events:
		v.found.add(Finding{
			Kind: LogCut, Position: v.lastEvent + 1, Upto: s.Position, Count: s.Size - v.events,
			Detail: fmt.Sprintf("a head over %d events, up to position %d, was seen; the log has %d", s.Size, s.Position, v.events),
		})
	default:
		v.found.add(Finding{
			Kind: HeadMismatch, Upto: s.Position, Count: s.Size,
			Detail: fmt.Sprintf("the first %d events are not those of a head that was seen", s.Size),
		})
	}
}
