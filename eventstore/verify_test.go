package eventstore

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// synthetic is a signed log that was never in a database: streams take turns, one head is over all of it.
func synthetic(t require.TestingT, streams, events int) (key HeadKey, head Head, leaves []Leaf, log []Raw) {
	signer, err := NewHeadSigner([32]byte{1})
	require.NoError(t, err)
	last := make([]Raw, streams)
	var whole tree
	for n := range events {
		prev := &last[n%streams]
		r := Raw{
			Position: int64(n + 1), Org: uuid.UUID{1}, Stream: uuid.UUID{2, byte(n % streams >> 8), byte(n % streams)}, Version: prev.Version + 1,
			Type: "note.noted", At: time.UnixMicro(int64(n)).UTC(), Data: []byte(strconv.Itoa(n)), Metadata: []byte("{}"), Prev: prev.Hash,
		}
		r.Hash = r.Link()
		*prev = r
		log, leaves = append(log, r), append(leaves, r.leaf())
		whole.add(r.leaf().node(), nil)
	}
	head, err = signer.sign(Head{Size: int64(events), Root: whole.root(), Position: int64(events), At: time.Unix(0, 0).UTC()})
	require.NoError(t, err)
	return signer.HeadKey, head, leaves, log
}

func judged(t require.TestingT, key HeadKey, head Head, leaves []Leaf, log []Raw) Report {
	return judgedBy(t, newVerifier(key, uuid.Nil, nil), head, leaves, log)
}

func judgedBy(t require.TestingT, v *verifier, head Head, leaves []Leaf, log []Raw) Report {
	_, _, err := v.Head(head.Note)
	require.NoError(t, err)
	require.NoError(t, v.Leaves(leaves))
	for _, r := range log {
		require.NoError(t, v.Event(r))
	}
	return v.finish()
}

// What is too much to be told apart is still counted, and the memory it takes is bounded.
func TestTamperingWithMuchIsTold(t *testing.T) {
	t.Parallel()
	const events = 3 * (maxAmiss + 2_000)
	key, head, leaves, log := synthetic(t, 3, events)
	require.True(t, judged(t, key, head, leaves, log).Valid)

	cut := judged(t, key, head, leaves, log[:maxAmiss])
	require.Len(t, cut.Findings, 1)
	require.Equal(t, LogCut, cut.FirstBad.Kind)
	require.EqualValues(t, maxAmiss+1, cut.FirstBad.Position)
	require.EqualValues(t, events, cut.FirstBad.Upto)
	require.EqualValues(t, events-maxAmiss, cut.FirstBad.Count)

	var without, scattered []Raw
	for n, r := range log {
		if n%3 != 1 {
			without = append(without, r)
		}
		if n%3 != 1 || n < 3 {
			scattered = append(scattered, r)
		}
	}
	dropped := judged(t, key, head, leaves, without)
	require.Len(t, dropped.Findings, 1)
	require.Equal(t, StreamDropped, dropped.FirstBad.Kind)
	require.EqualValues(t, events/3, dropped.FirstBad.Count)
	require.EqualValues(t, 2, dropped.FirstBad.Position)
	require.EqualValues(t, 2, dropped.Streams)
	ended := judged(t, key, head, leaves, scattered)
	require.Len(t, ended.Findings, 1)
	require.Equal(t, StreamCut, ended.FirstBad.Kind)
	require.EqualValues(t, events/3-1, ended.FirstBad.Count)
	scattered = append(scattered, log[events-2])
	holes := judged(t, key, head, leaves, scattered)
	require.Equal(t, EventRemoved, holes.FirstBad.Kind)
	require.Len(t, holes.Findings, maxFindings)
	require.EqualValues(t, maxAmiss+2, holes.Found, "one for each that is listed, one for the others, and one that came late")

	doubled := make([]Raw, 0, 2*events)
	for _, r := range log {
		doubled = append(doubled, r, r)
	}
	twice := judged(t, key, head, leaves, doubled)
	require.Equal(t, EventInserted, twice.FirstBad.Kind)
	require.EqualValues(t, maxAmiss+1, twice.Found)

	far := log[events-3]
	far.Position, far.Version = events+1, 1<<30
	far.Hash = far.Link()
	gap := judged(t, key, head, leaves, append(log[:events:events], far))
	require.Len(t, gap.Findings, 1)
	require.EqualValues(t, 1<<30-events/3-1, gap.FirstBad.Count)
}

// However much there is behind the last head: its chains judge it in a database, and nothing speaks for it in a file.
func TestMuchBehindTheLastHeadIsJudged(t *testing.T) {
	t.Parallel()
	const events = 3 * (maxAmiss + 2_000)
	_, _, _, log := synthetic(t, 3, events)
	key, head, leaves, _ := synthetic(t, 3, 6)
	report := judged(t, key, head, leaves, log)
	require.True(t, report.Valid)
	require.EqualValues(t, events-6, report.Unsigned)

	file := newVerifier(key, uuid.Nil, nil)
	file.lines = true
	report = judgedBy(t, file, head, leaves, log)
	require.EqualValues(t, events-6, report.Unsigned)
	require.EqualValues(t, 1, report.Found)
	report.FirstBad.Detail = ""
	require.Equal(t, Finding{Kind: EventUnsigned, Position: 7, Upto: events, Count: events - 6}, *report.FirstBad)

	file = newVerifier(key, uuid.Nil, nil)
	file.lines = true
	for _, r := range log {
		require.NoError(t, file.Event(r))
	}
	report = judgedBy(t, file, head, leaves, nil)
	require.EqualValues(t, 8, report.Found)
	require.Equal(t, EventMoved, report.Findings[5].Kind, "the six that were signed stand before their head")
	require.Equal(t, EventUnsigned, report.Findings[6].Kind)
	require.EqualValues(t, maxAmiss-6, report.Findings[6].Count)
	require.Equal(t, EventInserted, report.Findings[7].Kind)
	require.EqualValues(t, events-maxAmiss, report.Findings[7].Count)

	log[events-5].Data = []byte("other")
	log[events-2].Version++
	log[events-2].Hash = log[events-2].Link()
	report = judged(t, key, head, leaves, log)
	require.Equal(t, EventChanged, report.FirstBad.Kind)
	require.EqualValues(t, events-4, report.FirstBad.Position)
	require.EqualValues(t, 2, report.Found)
	require.Equal(t, EventRemoved, report.Findings[1].Kind, "%+v", report.Findings)
}

func TestWhatComesLateIsMeasuredToo(t *testing.T) {
	t.Parallel()
	key, head, leaves, log := synthetic(t, 2, 6)
	log[2].Data = []byte("other")
	log[2], log[4] = log[4], log[2]
	report := judged(t, key, head, leaves, log)
	require.Equal(t, []FindingKind{EventChanged, EventMoved}, []FindingKind{report.Findings[0].Kind, report.Findings[1].Kind})
	require.EqualValues(t, 3, report.FirstBad.Position)
}

func TestAChainThatWasBrokenBeforeItWasSignedIsNamed(t *testing.T) {
	t.Parallel()
	signer, err := NewHeadSigner([32]byte{1})
	require.NoError(t, err)
	_, _, _, log := synthetic(t, 1, 4)
	log[1].Data = []byte("other")
	log[1].Hash = log[1].Link()
	for _, tt := range []struct {
		log  []Raw
		kind FindingKind
	}{{log, EventChanged}, {append(log[:1:1], log[2:]...), EventRemoved}} {
		var whole tree
		var leaves []Leaf
		for _, r := range tt.log {
			leaves = append(leaves, r.leaf())
			whole.add(r.leaf().node(), nil)
		}
		head, err := signer.sign(Head{Size: whole.size, Root: whole.root(), Position: 4, At: time.Unix(0, 0).UTC()})
		require.NoError(t, err)
		report := judged(t, signer.HeadKey, head, leaves, tt.log)
		require.Len(t, report.Findings, 1)
		require.Equal(t, tt.kind, report.FirstBad.Kind)
		require.Equal(t, 2, report.FirstBad.Version)
		require.Contains(t, report.FirstBad.Detail, "before it was signed")
	}
}

// Ours and the library's tree are one.
func TestTheTreeIsTheLibrarys(t *testing.T) {
	t.Parallel()
	_, _, leaves, _ := synthetic(t, 3, 700)
	var ours tree
	require.Equal(t, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", ours.root().String())
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (hashes []tlog.Hash, err error) {
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for n, l := range leaves {
		require.Equal(t, tlog.RecordHash([]byte(l.Line())), l.node())
		more, err := tlog.StoredHashes(int64(n), []byte(l.Line()), reader)
		require.NoError(t, err)
		stored = append(stored, more...)
		ours.add(l.node(), func(level int, n int64, h tlog.Hash) {
			require.Equal(t, stored[tlog.StoredHashIndex(level, n)], h)
		})
		root, err := tlog.TreeHash(ours.size, reader)
		require.NoError(t, err)
		require.Equal(t, root, ours.root())
	}
}

func TestALeafIsOneLineAndOneRow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var l Leaf
		l.Position, l.Version = rapid.Int64Min(0).Draw(t, "position"), rapid.IntRange(0, 1<<31).Draw(t, "version")
		copy(l.Org[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "org"))
		copy(l.Stream[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "stream"))
		copy(l.Hash[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		read, err := parseLeaf(l.Line())
		require.NoError(t, err)
		require.Equal(t, l, read)
		require.Equal(t, l, leafOf(l.appendBinary(nil)))
		require.Len(t, l.appendBinary(nil), leafSize)
		for _, other := range []string{" " + l.Line(), strings.ToUpper(l.Line()) + "x", strings.TrimSuffix(l.Line(), "\n"), "0" + l.Line(), "", "\n"} {
			_, err := parseLeaf(other)
			require.Error(t, err, "%q", other)
		}
	})
}

func TestAHeadIsReadOnlyAsItWasSigned(t *testing.T) {
	t.Parallel()
	signer, err := NewHeadSigner([32]byte{1})
	require.NoError(t, err)
	again, err := NewHeadSigner([32]byte{1})
	require.NoError(t, err)
	require.Equal(t, signer.String(), again.String(), "the key follows from the encryption key")
	key, err := ParseHeadKey(" " + signer.String() + "\n")
	require.NoError(t, err)
	require.Equal(t, signer.PEM(), key.PEM())
	want := Head{Size: 7, Position: 9, Previous: 3, At: time.Unix(1_700_000_000, 0).UTC()}
	head, err := signer.sign(want)
	require.NoError(t, err)
	read, err := key.Open(head.Note)
	require.NoError(t, err)
	require.Equal(t, head, read)
	for i := range len(head.Note) {
		changed := []byte(head.Note)
		changed[i] ^= 1
		_, err := key.Open(string(changed))
		require.Error(t, err, "byte %d", i)
	}
	for _, text := range []string{"", "ticketd-log", signer.String() + "x", "ticketd-log+00000000+AAAA"} {
		_, err := ParseHeadKey(text)
		require.ErrorContains(t, err, "no public key")
	}
	// Signed by us, and yet no head.
	for _, text := range []string{"x\n", strings.Repeat("x\n", 6)} {
		_, err := key.Open(signed(t, signer, text))
		require.ErrorIs(t, err, errNoHead)
	}
}

func signed(t *testing.T, s HeadSigner, text string) string {
	t.Helper()
	written, err := note.Sign(&note.Note{Text: text}, s.signer)
	require.NoError(t, err)
	return string(written)
}

// The quick way of reading an event gives what JSON gives, or nothing.
func TestAnEventIsReadAsJSONReadsIt(t *testing.T) {
	t.Parallel()
	_, _, _, log := synthetic(t, 1, 1)
	quick := 0
	rapid.Check(t, func(t *rapid.T) {
		log[0].Data = []byte(rapid.OneOf(rapid.String(), rapid.StringMatching(`\{"a":"[a-zé "\\\\]*"\}`)).Draw(t, "data"))
		var line bytes.Buffer
		lines := json.NewEncoder(&line)
		lines.SetEscapeHTML(false)
		require.NoError(t, lines.Encode(eventLine{log[0].Exported()}))
		text := bytes.TrimSuffix(line.Bytes(), []byte("\n"))
		if rapid.Bool().Draw(t, "damaged") {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			text[at] = rapid.Byte().Draw(t, "byte")
		}
		event, ok := eventOf(text)
		if !ok {
			return
		}
		quick++
		var slow exportLine
		require.NoError(t, json.Unmarshal(text, &slow))
		require.Equal(t, *slow.Event, event)
	})
	require.Positive(t, quick)
	whole, err := json.Marshal(eventLine{log[0].Exported()})
	require.NoError(t, err)
	for n := range whole {
		_, ok := eventOf(whole[:n])
		require.False(t, ok)
	}
}
