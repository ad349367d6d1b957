package eventstore

import (
	"cmp"
	"slices"

	"github.com/google/uuid"
)

// FindingKind is what was done to the log.
type FindingKind string

// The kinds of findings. They stand in answers and exit messages: their names are for ever.
const (
	EventChanged   FindingKind = "event_changed"   // it is not what was signed, or its hash is not its own
	EventRemoved   FindingKind = "event_removed"   // it was there
	EventInserted  FindingKind = "event_inserted"  // it was never appended
	EventUnsigned  FindingKind = "event_unsigned"  // it stands in an export behind the last signed head, where none is ever written
	EventMoved     FindingKind = "event_moved"     // it stands at another position
	ChainRemade    FindingKind = "chain_remade"    // events behind a changed one hold, but for the hashes that follow from it
	StreamDropped  FindingKind = "stream_dropped"  // all events of a stream were removed
	StreamCut      FindingKind = "stream_cut"      // the last events of a stream were removed
	LogCut         FindingKind = "log_cut"         // the last events of the log were removed
	EntryChanged   FindingKind = "entry_changed"   // the signed log's own copy of an event was changed; the event holds
	HeadForged     FindingKind = "head_forged"     // a head that was not signed with the key, or is none
	HeadRemoved    FindingKind = "head_removed"    // a signed head is gone
	HeadMismatch   FindingKind = "head_mismatch"   // a signed head speaks of another log
	Unprovable     FindingKind = "unprovable"      // event and entry differ, and no signed head tells which of them was changed
	HashesChanged  FindingKind = "hashes_changed"  // the tree's stored hashes are not those of its entries
	FileCut        FindingKind = "file_cut"        // an export ends before its end
	FileUnreadable FindingKind = "file_unreadable" // a line of an export that nobody can read
)

// Finding is one thing that is wrong with a log.
type Finding struct {
	Kind     FindingKind `json:"kind"`
	Position int64       `json:"position,omitempty" doc:"Of the event, or of the first of several."`
	Upto     int64       `json:"upto,omitempty" doc:"The last position, when there are several."`
	Stream   *uuid.UUID  `json:"stream,omitempty" format:"uuid"`
	Version  int         `json:"version,omitempty" doc:"Of the event in its stream, or of the first of several."`
	Count    int64       `json:"count" doc:"How many events it concerns."`
	Detail   string      `json:"detail"`
}

// Report is what became of verifying a log.
type Report struct {
	Valid    bool      `json:"valid"`
	Events   int64     `json:"events"`
	Streams  int64     `json:"streams"`
	Size     int64     `json:"size" doc:"Events that the last signed head covers."`
	Unsigned int64     `json:"unsigned" doc:"Events since then: the chain of their streams alone speaks for them."`
	Head     string    `json:"head" doc:"The last signed head, as a signed note; empty before the first."`
	FirstBad *Finding  `json:"first_bad" doc:"The first finding; null when the log is valid."`
	Findings []Finding `json:"findings" doc:"At most a thousand, in the order of the log."`
	Found    int64     `json:"found" doc:"How many findings there are, those not listed included."`
}

// maxFindings bounds what a report lists.
const maxFindings = 1000

// findings collects them. Those that come while the log is read come in its order, so only the first are kept.
type findings struct {
	list  []Finding
	count int64
}

func (f *findings) add(found Finding) {
	f.count++
	if len(f.list) < maxFindings {
		f.list = append(f.list, found)
	}
}

// has reports whether something of a kind is listed for a position.
func (f *findings) has(kind FindingKind, position int64) bool {
	return slices.ContainsFunc(f.list, func(found Finding) bool { return found.Kind == kind && found.Position == position })
}

// into puts the findings into a report, those without a position last.
func (f *findings) into(r *Report) {
	slices.SortStableFunc(f.list, func(a, b Finding) int {
		if (a.Position == 0) != (b.Position == 0) {
			return cmp.Compare(b.Position, a.Position)
		}
		return cmp.Compare(a.Position, b.Position)
	})
	r.Valid, r.Found, r.Findings = f.count == 0, f.count, append([]Finding{}, f.list[:min(len(f.list), maxFindings)]...)
	if len(f.list) > 0 {
		r.FirstBad = &f.list[0]
	}
}

// about is a finding about one event.
func about(kind FindingKind, position int64, stream uuid.UUID, version int, detail string) Finding {
	return Finding{Kind: kind, Position: position, Stream: &stream, Version: version, Count: 1, Detail: detail}
}
