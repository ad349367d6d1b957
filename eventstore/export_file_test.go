package eventstore_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/eventstore"
)

// exported is an export that somebody may edit, line by line.
type exported struct {
	key     eventstore.HeadKey
	lines   []string
	streams []uuid.UUID
}

// export answers an export of the log that tamperedWith makes; all of it is signed then.
func export(t *testing.T) exported {
	t.Helper()
	x := tamperedWith(t)
	var file bytes.Buffer
	var told int64
	done, err := x.log.Export(t.Context(), &file, func(events, _ int64) { told = events })
	require.NoError(t, err)
	require.Equal(t, eventstore.Exported{Events: 24, Size: 24}, done)
	require.Zero(t, told, "so few events are no progress")
	return exported{key: x.log.Signer.HeadKey, lines: slices.Collect(strings.Lines(file.String())), streams: x.streams}
}

func (x *exported) verify(t require.TestingT, key eventstore.HeadKey, seen ...eventstore.Head) eventstore.Report {
	file, err := eventstore.OpenExport(strings.NewReader(strings.Join(x.lines, "")))
	require.NoError(t, err)
	report, err := file.Verify(key, seen, nil)
	require.NoError(t, err)
	require.Equal(t, report.Found == 0, report.Valid)
	return report
}

func (x *exported) found(t require.TestingT, seen ...eventstore.Head) (texts []string) {
	for _, f := range x.verify(t, x.key, seen...).Findings {
		require.NotEmpty(t, f.Detail)
		texts = append(texts, named(f, x.streams))
	}
	return texts
}

// line answers the number of the line with the event at a position.
func (x *exported) line(position int64) int {
	return slices.IndexFunc(x.lines, func(line string) bool {
		var l struct{ Event *eventstore.ExportedEvent }
		return json.Unmarshal([]byte(line), &l) == nil && l.Event != nil && l.Event.Position == position
	})
}

// edit changes the event at a position.
func (x *exported) edit(position int64, change func(*eventstore.ExportedEvent)) {
	n := x.line(position)
	var l struct {
		Event eventstore.ExportedEvent `json:"event"`
	}
	if err := json.Unmarshal([]byte(x.lines[n]), &l); err != nil {
		panic(err)
	}
	change(&l.Event)
	text, err := json.Marshal(l)
	if err != nil {
		panic(err)
	}
	x.lines[n] = string(text) + "\n"
}

// forge adds so many events of a new stream, from a position on, in a chain that holds.
func (x *exported) forge(position int64, count int) {
	r := eventstore.Raw{Position: position, Org: org, Stream: uuid.UUID{9}, Type: "note.noted", At: time.Unix(0, 0).UTC(), Data: []byte("{}"), Metadata: []byte("{}")}
	for range count {
		r.Version, r.Prev = r.Version+1, r.Hash
		r.Hash = r.Link()
		text, err := json.Marshal(map[string]any{"event": r.Exported()})
		if err != nil {
			panic(err)
		}
		x.lines = append(x.lines, string(text)+"\n")
		r.Position++
	}
}

// end adds a last line.
func (x *exported) end(events, size int) {
	x.lines = append(x.lines, fmt.Sprintf("{\"end\":{\"events\":%d,\"size\":%d}}\n", events, size))
}

func (x *exported) drop(position int64) {
	n := x.line(position)
	x.lines = slices.Delete(x.lines, n, n+1)
}

// lineOf answers the number of the nth line that begins so.
func (x *exported) lineOf(start string, nth int) int {
	for n, line := range x.lines {
		if strings.HasPrefix(line, start) {
			if nth == 0 {
				return n
			}
			nth--
		}
	}
	return -1
}

func TestAnExportVerifiesAnywhere(t *testing.T) {
	t.Parallel()
	x := export(t)
	report := x.verify(t, x.key)
	require.True(t, report.Valid, "%+v", report.Findings)
	require.EqualValues(t, 24, report.Events)
	require.EqualValues(t, 3, report.Streams)
	require.EqualValues(t, 24, report.Size)
	require.Zero(t, report.Unsigned)
	head, err := x.key.Open(report.Head)
	require.NoError(t, err)
	require.Empty(t, x.found(t, head))

	other, err := eventstore.NewHeadSigner([32]byte{7})
	require.NoError(t, err)
	forged := x.verify(t, other.HeadKey)
	require.Equal(t, eventstore.HeadForged, forged.Findings[len(forged.Findings)-1].Kind, "signed with another key than the trusted one")
	require.NotContains(t, strings.Join(x.lines, ""), `\u003c`)
}

func TestEachTamperingWithAnExportIsNamed(t *testing.T) {
	t.Parallel()
	whole := export(t)
	for _, tt := range []struct {
		name   string
		tamper func(*exported)
		want   []string
	}{
		{"an event", func(x *exported) {
			x.edit(8, func(e *eventstore.ExportedEvent) { e.Data = `{"text":"other"}` })
		}, []string{"event_changed @8 b3"}},
		{"an event's time", func(x *exported) {
			x.edit(8, func(e *eventstore.ExportedEvent) { e.RecordedAt = "2020-01-01T00:00:00.000000Z" })
		}, []string{"event_changed @8 b3"}},
		{"an event's number", func(x *exported) {
			x.edit(8, func(e *eventstore.ExportedEvent) { e.Version = 4 })
		}, []string{"event_changed @8 b3"}},
		{"an event's position", func(x *exported) {
			x.edit(8, func(e *eventstore.ExportedEvent) { e.Position = 9 })
		}, []string{"event_moved @8 b3"}},
		{"an event's line", func(x *exported) { x.drop(8) }, []string{"event_removed @8 b3"}},
		{"all lines of a stream", func(x *exported) {
			for p := int64(2); p <= 24; p += 3 {
				x.drop(p)
			}
		}, []string{"stream_dropped @2-23 b1 x8"}},
		{"the last lines of a stream", func(x *exported) { x.drop(20); x.drop(23) }, []string{"stream_cut @20-23 b7 x2"}},
		{"the last events", func(x *exported) {
			for p := int64(21); p <= 24; p++ {
				x.drop(p)
			}
		}, []string{"log_cut @21-24 x4"}},
		{"a line twice", func(x *exported) {
			n := x.line(8)
			x.lines = slices.Insert(x.lines, n, x.lines[n])
		}, []string{"event_inserted @8 b3"}},
		{"two lines swapped", func(x *exported) {
			a, b := x.line(8), x.line(9)
			x.lines[a], x.lines[b] = x.lines[b], x.lines[a]
		}, []string{"event_moved @8 b3"}},
		{"a line put under a later head", func(x *exported) {
			line := x.lines[x.line(8)]
			x.drop(8)
			n := x.line(17)
			x.lines = slices.Insert(x.lines, n, line)
		}, []string{"event_moved @8 b3"}},
		{"an entry", func(x *exported) {
			n := x.lineOf(`{"entries"`, 0)
			x.lines[n] = strings.Replace(x.lines[n], "\\n7 ", "\\n70 ", 1)
		}, []string{"entry_changed @7 a3", "entry_changed @70 a3"}},
		{"entries nobody can read", func(x *exported) {
			n := x.lineOf(`{"entries"`, 0)
			x.lines[n] = strings.Replace(x.lines[n], "\\n7 ", "\\n07 ", 1)
		}, []string{
			"entry_changed @1 a1", "entry_changed @2 b1", "entry_changed @3 c1", "entry_changed @4 a2", "entry_changed @5 b2", "entry_changed @6 c2",
			"entry_changed @7 a3", "entry_changed @8 b3", "entry_changed @9 c3", "entry_changed @10 a4", "entry_changed @11 b4", "entry_changed @12 c4", "file_unreadable x0",
		}},
		{"no head", func(x *exported) {
			n := x.lineOf(`{"head"`, 1)
			x.lines = slices.Delete(x.lines, n, n+1)
		}, []string{"head_removed @24 x0"}},
		{"heads in another order", func(x *exported) {
			a, b := x.lineOf(`{"head"`, 0), x.lineOf(`{"head"`, 1)
			x.lines[a], x.lines[b] = x.lines[b], x.lines[a]
		}, []string{"head_mismatch @1-18 x18", "head_mismatch @12 x0", "head_removed @18 x0"}},
		{"a head that nobody signed", func(x *exported) {
			n := x.lineOf(`{"head"`, 1)
			x.lines[n] = strings.Replace(x.lines[n], "position 18", "position 17", 1)
		}, []string{"head_removed @24 x0", "head_forged x0"}},
		{"the end", func(x *exported) { x.lines = x.lines[:len(x.lines)-1] }, []string{"file_cut x0"}},
		{"half a line", func(x *exported) {
			x.lines = x.lines[:len(x.lines)-1]
			last := len(x.lines) - 1
			x.lines[last] = x.lines[last][:50]
		}, []string{"stream_cut @24 c8", "file_unreadable x0", "file_cut x0"}},
		{"more behind the end", func(x *exported) { x.lines = append(x.lines, x.lines[x.line(8)]) }, []string{"file_unreadable x0"}},
		{"a line of nothing", func(x *exported) { x.lines = slices.Insert(x.lines, 5, "{}\n") }, []string{"file_unreadable x0"}},
		{"a time of nothing", func(x *exported) {
			x.edit(8, func(e *eventstore.ExportedEvent) { e.RecordedAt = "yesterday" })
		}, []string{"event_removed @8 b3", "file_unreadable x0"}},
		{"a hash too short", func(x *exported) {
			x.edit(8, func(e *eventstore.ExportedEvent) { e.Hash = e.Hash[2:] })
		}, []string{"event_removed @8 b3", "file_unreadable x0"}},
		{"a hash too long", func(x *exported) {
			x.edit(8, func(e *eventstore.ExportedEvent) { e.Hash += "00" })
		}, []string{"event_removed @8 b3", "file_unreadable x0"}},
		{"everything behind a head, with an end made anew", func(x *exported) {
			x.lines = x.lines[:x.lineOf(`{"head"`, 2)]
			x.end(24, 24)
		}, []string{"file_cut x6"}},
		{"everything behind a head", func(x *exported) {
			x.lines = x.lines[:x.lineOf(`{"head"`, 2)]
			x.end(18, 18)
		}, nil}, // it is an older export then; only a head that was kept tells
		{"everything, for events with a chain of their own", func(x *exported) {
			x.lines = x.lines[:1]
			x.forge(1, 3)
			x.end(3, 0)
		}, []string{"event_unsigned @1-3 x3"}},
		{"everything, for one event", func(x *exported) {
			x.lines = x.lines[:1]
			x.forge(1, 1)
			x.end(1, 0)
		}, []string{"event_unsigned @1"}},
		{"the heads and the entries", func(x *exported) {
			x.lines = slices.DeleteFunc(x.lines, func(line string) bool {
				return strings.HasPrefix(line, `{"head"`) || strings.HasPrefix(line, `{"entries"`) || strings.HasPrefix(line, `{"end"`)
			})
			x.end(24, 0)
		}, []string{"event_unsigned @1-24 x24"}},
		{"the heads", func(x *exported) {
			x.lines = slices.DeleteFunc(x.lines, func(line string) bool {
				return strings.HasPrefix(line, `{"head"`) || strings.HasPrefix(line, `{"end"`)
			})
			x.end(24, 0)
		}, []string{"head_removed @1-24 x24"}},
		{"everything behind a head, for other events", func(x *exported) {
			x.lines = x.lines[:x.lineOf(`{"head"`, 2)]
			x.forge(19, 4)
			x.end(22, 18)
		}, []string{"event_unsigned @19-22 x4"}},
		{"nothing, with an event behind the last head", func(x *exported) {
			x.lines = x.lines[:len(x.lines)-1]
			x.forge(25, 1)
			x.end(25, 24)
		}, []string{"event_unsigned @25"}},
		{"nothing, with an event before its head", func(x *exported) {
			line := x.lines[x.line(20)]
			x.drop(20)
			x.lines = slices.Insert(x.lines, x.lineOf(`{"head"`, 2), line)
		}, []string{"event_moved @20 b7"}},
		{"everything", func(x *exported) {
			x.lines = x.lines[:1]
			x.end(0, 0)
		}, nil}, // it says nothing, and nothing of it is false
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := whole
			x.lines = slices.Clone(whole.lines)
			tt.tamper(&x)
			require.Equal(t, tt.want, x.found(t))
		})
	}
	last, err := whole.key.Open(whole.verify(t, whole.key).Head)
	require.NoError(t, err)
	x := whole
	x.lines = slices.Clone(whole.lines[:whole.lineOf(`{"head"`, 2)])
	x.end(18, 18)
	require.Equal(t, []string{"log_cut @19-24 x6"}, x.found(t, last))
	x.lines = append(slices.Clone(whole.lines[:whole.lineOf(`{"entries"`, 2)]), whole.lines[whole.line(19):]...)
	require.Contains(t, x.found(t, last), "entry_changed @24 c8")
	n := whole.lineOf(`{"head"`, 2)
	x.lines = slices.Delete(slices.Clone(whole.lines), n, n+2)
	require.Equal(t, []string{"event_unsigned @19-24 x6", "head_removed @24 x6"}, x.found(t, last), "the events are still what was signed")
	x.edit(20, func(e *eventstore.ExportedEvent) { e.Metadata = "{}" })
	require.Equal(t, []string{"event_unsigned @19-24 x6", "head_mismatch-24 x24"}, x.found(t, last))
	require.EqualValues(t, 6, x.verify(t, x.key).Unsigned)
}

// Whatever is done to one or two events, it is found, and told of where it was done.
func TestAnyTamperingIsFound(t *testing.T) {
	t.Parallel()
	whole := export(t)
	rapid.Check(t, func(t *rapid.T) {
		x := whole
		x.lines = slices.Clone(whole.lines)
		position := rapid.Int64Range(1, 24).Draw(t, "position")
		other := rapid.Int64Range(1, 24).Filter(func(p int64) bool { return p != position }).Draw(t, "other")
		touched := []int64{position}
		switch rapid.SampledFrom([]string{"change", "renumber", "rename", "remove", "copy", "swap lines", "swap positions", "swap texts"}).Draw(t, "what") {
		case "change":
			text := rapid.StringMatching(`\{"text":"[a-z]{3,9}"\}`).Draw(t, "text")
			x.edit(position, func(e *eventstore.ExportedEvent) { e.Data = text })
		case "renumber":
			by := rapid.SampledFrom([]int{-1, 1, 9}).Draw(t, "by")
			x.edit(position, func(e *eventstore.ExportedEvent) { e.Version += by })
		case "rename":
			x.edit(position, func(e *eventstore.ExportedEvent) { e.Type += "x" })
		case "remove":
			x.drop(position)
		case "copy":
			line := x.lines[x.line(position)]
			x.lines = slices.Insert(x.lines, x.line(other), line)
		case "swap lines":
			a, b := x.line(position), x.line(other)
			x.lines[a], x.lines[b] = x.lines[b], x.lines[a]
			touched = append(touched, other)
		case "swap positions":
			x.edit(position, func(e *eventstore.ExportedEvent) { e.Position = -1 })
			x.edit(other, func(e *eventstore.ExportedEvent) { e.Position = position })
			x.edit(-1, func(e *eventstore.ExportedEvent) { e.Position = other })
			touched = append(touched, other)
		case "swap texts":
			x.edit(position, func(e *eventstore.ExportedEvent) { e.Data, e.Metadata = e.Metadata, e.Data })
		}
		report := x.verify(t, x.key)
		require.False(t, report.Valid)
		require.True(t, slices.ContainsFunc(report.Findings, func(f eventstore.Finding) bool { return slices.Contains(touched, f.Position) }), "%v %+v", touched, report.Findings)
		require.LessOrEqual(t, len(report.Findings), 24)
	})
}

func TestWhatIsNoExportIsAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}\n", "no", `{"format":"ticketd-export/2"}`} {
		_, err := eventstore.OpenExport(strings.NewReader(text))
		require.ErrorContains(t, err, "no export", text)
	}
	_, err := eventstore.OpenExport(brokenReader{})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	x, err := eventstore.OpenExport(io.MultiReader(strings.NewReader("{\"format\":\"ticketd-export/1\"}\n"), brokenReader{}))
	require.NoError(t, err)
	_, err = x.Verify(signer(t).HeadKey, nil, nil)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// fullDisk takes so many bytes.
type fullDisk int

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	if *d -= fullDisk(len(p)); *d < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAnExportThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	pool := database(t)
	fillFast(t, open(t, pool, eventstore.Options{}), org, 4100)
	log := signedLog(t, pool)
	for _, room := range []fullDisk{0, 1 << 20} {
		_, err := log.Export(t.Context(), &room, nil)
		require.ErrorIs(t, err, errFull)
	}
	var told []int64
	_, err := log.Export(t.Context(), io.Discard, func(events, total int64) {
		require.EqualValues(t, 4100, total)
		told = append(told, events)
	})
	require.NoError(t, err)
	require.Equal(t, []int64{2000, 4000}, told)
	told = nil
	mustVerify(t, log, eventstore.Verifying{Progress: func(events, _ int64) { told = append(told, events) }})
	require.Equal(t, []int64{2000, 4000}, told)
}
