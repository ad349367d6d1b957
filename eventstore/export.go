package eventstore

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
)

// exportFormat names the form of an export's lines. A file says in its first line which one it has.
const exportFormat = "ticketd-export/1"

// ExportHeader is the first line of an export.
type ExportHeader struct {
	Format     string `json:"format"`
	ExportedAt string `json:"exported_at"`
	PublicKey  string `json:"public_key"`
	Events     int64  `json:"events"` // that are signed, and will follow
}

// exportLine is one line of an export; one of its fields is set. A head comes before the entries it adds, and they come
// before their events: whoever reads the file knows whom to believe before there is anything to believe.
type exportLine struct {
	Head    string         `json:"head,omitempty"`
	Entries string         `json:"entries,omitempty"` // leaves, each with its line's end
	Event   *ExportedEvent `json:"event,omitempty"`
	End     *Exported      `json:"end,omitempty"`
}

// ExportedEvent is an event as an export holds it. Data and metadata are text, not JSON in JSON: they are hashed byte for
// byte, and what is personal in them is sealed.
type ExportedEvent struct {
	Position   int64     `json:"position"`
	Org        uuid.UUID `json:"org" format:"uuid"`
	Stream     uuid.UUID `json:"stream" format:"uuid"`
	Version    int       `json:"version"`
	Type       string    `json:"type"`
	RecordedAt string    `json:"recorded_at"` // with six digits of the second
	Data       string    `json:"data"`
	Metadata   string    `json:"metadata"`
	PrevHash   string    `json:"prev_hash"`
	Hash       string    `json:"hash"`
}

// Exported is what an export holds, and its last line: a file without one was cut off.
type Exported struct {
	Events int64 `json:"events"`
	Size   int64 `json:"size"` // events that are signed
}

const exportTime = "2006-01-02T15:04:05.000000Z07:00"

// Exported is the event as an export holds it.
func (r Raw) Exported() ExportedEvent {
	return ExportedEvent{
		Position: r.Position, Org: r.Org, Stream: r.Stream, Version: r.Version, Type: r.Type, RecordedAt: r.At.Format(exportTime),
		Data: string(r.Data), Metadata: string(r.Metadata), PrevHash: r.Prev.String(), Hash: r.Hash.String(),
	}
}

// raw answers the event as it was stored.
func (e ExportedEvent) raw() (r Raw, err error) {
	r = Raw{Position: e.Position, Org: e.Org, Stream: e.Stream, Version: e.Version, Type: e.Type, Data: []byte(e.Data), Metadata: []byte(e.Metadata)}
	if r.At, err = time.Parse(exportTime, e.RecordedAt); err != nil {
		return r, err
	}
	r.At = r.At.UTC()
	if r.Prev, err = parseHash(e.PrevHash); err == nil {
		r.Hash, err = parseHash(e.Hash)
	}
	return r, err
}

// Export signs the log, and writes it as far as it is signed to w as lines of JSON, a bounded number of them in memory.
// What is appended meanwhile is left out: a file has nothing but signed heads to speak for it. ErrSignedLog when the log
// is not what was signed last.
func (s *SignedLog) Export(ctx context.Context, w io.Writer, progress func(events, total int64)) (Exported, error) {
	head, _, err := s.Sign(ctx)
	if err != nil {
		return Exported{}, err
	}
	e := extent{heads: head.Size, leaves: head.Size, events: head.Size, upto: head.Position}
	buffered := bufio.NewWriterSize(w, 1<<20)
	lines := json.NewEncoder(buffered)
	lines.SetEscapeHTML(false)
	x := &exporter{key: s.Signer.HeadKey, lines: lines, progress: progress, total: e.events}
	header := ExportHeader{Format: exportFormat, ExportedAt: time.Now().UTC().Format(time.RFC3339), PublicKey: s.Signer.String(), Events: e.events}
	if err := lines.Encode(header); err != nil {
		return Exported{}, fmt.Errorf("write the export: %w", err)
	}
	if err := s.walk(ctx, e, uuid.Nil, x); err != nil {
		return Exported{}, fmt.Errorf("export: %w", err)
	}
	if err := errors.Join(lines.Encode(endLine{x.done}), buffered.Flush()); err != nil {
		return Exported{}, fmt.Errorf("write the export: %w", err)
	}
	return x.done, nil
}

// The lines as they are written. exportLine is all of them as they are read.
type (
	headLine struct {
		Head string `json:"head"`
	}
	entriesLine struct {
		Entries string `json:"entries"`
	}
	eventLine struct {
		Event ExportedEvent `json:"event"`
	}
	endLine struct {
		End Exported `json:"end"`
	}
)

// exporter writes what it visits.
type exporter struct {
	key      HeadKey
	lines    *json.Encoder
	progress func(events, total int64)
	total    int64
	done     Exported
}

// Head implements visitor.
func (x *exporter) Head(signed string) (Head, bool, error) {
	h, err := x.key.Open(signed)
	ours := err == nil && h.Size > x.done.Size
	if ours {
		x.done.Size = h.Size
	}
	return h, ours, x.lines.Encode(headLine{signed})
}

// Leaves implements visitor.
func (x *exporter) Leaves(leaves []Leaf) error {
	text := make([]byte, 0, len(leaves)*160)
	for _, l := range leaves {
		text = l.appendLine(text)
	}
	return x.lines.Encode(entriesLine{string(text)})
}

// Event implements visitor.
func (x *exporter) Event(r Raw) error {
	if x.done.Events++; x.done.Events%rawPage == 0 && x.progress != nil {
		x.progress(x.done.Events, x.total)
	}
	return x.lines.Encode(eventLine{r.Exported()})
}

// maxLine bounds a line of an export. No event is as long: a request has at most a megabyte.
const maxLine = 64 << 20

// Export is an export that is about to be read.
type Export struct {
	ExportHeader
	lines *bufio.Scanner
}

// OpenExport reads the first line of an export. An error when the file is none.
func OpenExport(r io.Reader) (*Export, error) {
	x := &Export{lines: bufio.NewScanner(r)}
	x.lines.Buffer(make([]byte, 1<<20), maxLine)
	if !x.lines.Scan() || json.Unmarshal(x.lines.Bytes(), &x.ExportHeader) != nil || x.Format != exportFormat {
		return nil, errors.Join(fmt.Errorf("the file is no export: its first line does not say %q", exportFormat), x.lines.Err())
	}
	return x, nil
}

// Verify verifies the log that the export holds, without the database it came from. The key should be one that the
// verifier brings, and not the file's own: that one only proves that nobody changed the file who has not the key it
// names. What it finds is no error.
func (e *Export) Verify(key HeadKey, seen []Head, progress func(events, total int64)) (Report, error) {
	v := newVerifier(key, uuid.Nil, seen)
	v.lines = true
	x := exportReader{verifier: v, visitor: watched(v, progress, e.Events), number: 1}
	for e.lines.Scan() {
		x.number++
		x.read(e.lines.Bytes())
	}
	if err := e.lines.Err(); err != nil {
		return Report{}, fmt.Errorf("read the export after line %d: %w", x.number, err)
	}
	if x.end == nil {
		v.found.add(Finding{Kind: FileCut, Detail: fmt.Sprintf("the file has no last line: it was cut off after line %d", x.number)})
	}
	v.promised = x.end
	return v.finish(), nil
}

// exportReader shows the lines of an export to a verifier.
type exportReader struct {
	verifier *verifier
	visitor  visitor
	number   int64 // of the line
	end      *Exported
}

func (x *exportReader) read(text []byte) {
	var line exportLine
	var err error
	if event, usual := eventOf(text); usual {
		line.Event = &event
	} else {
		err = json.Unmarshal(text, &line)
	}
	switch {
	case err != nil:
	case x.end != nil:
		err = errors.New("it stands behind the end")
	case line.Event != nil:
		var r Raw
		if r, err = line.Event.raw(); err == nil {
			err = x.visitor.Event(r)
		}
	case line.Entries != "":
		var leaves []Leaf
		if leaves, err = parseLeaves(line.Entries); err == nil {
			err = x.visitor.Leaves(leaves)
		}
	case line.Head != "":
		_, _, err = x.visitor.Head(line.Head)
	case line.End != nil:
		x.end = line.End
	default:
		err = errors.New("it holds nothing that an export holds")
	}
	if err != nil {
		x.verifier.found.add(Finding{Kind: FileUnreadable, Detail: fmt.Sprintf("line %d: %v", x.number, err)})
	}
}

func parseLeaves(text string) ([]Leaf, error) {
	var leaves []Leaf
	for line := range strings.Lines(text) {
		l, err := parseLeaf(line)
		if err != nil {
			return nil, err
		}
		leaves = append(leaves, l)
	}
	return leaves, nil
}
