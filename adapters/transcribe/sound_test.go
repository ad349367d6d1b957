package transcribe

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain/file"
)

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestAFullDiskIsNoFaultOfTheRecording(t *testing.T) {
	t.Parallel()
	s := &sound{out: bufio.NewWriterSize(fullDisk{}, 16), progress: func(float64) {}}
	_, err := s.Write(make([]byte, 100))
	require.ErrorContains(t, err, "no space left")
	require.ErrorIs(t, s.err, err)
	require.Zero(t, s.bytes)
}

func TestAFolderThatIsGoneIsNoFaultOfTheRecording(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone")
	_, err := new(Reader).decode(t.Context(), "any", gone, 1, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	s := &sound{folder: gone}
	_, err = s.write(piece{0, 1}, 0)
	require.ErrorIs(t, err, os.ErrNotExist)
	deaf := New(nil, nil)
	_, err = deaf.hear(t.Context(), nil, s, []piece{{0, 1}}, func(int, string) {})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// The engines are busy with other recordings for as long as the slots are taken.
func TestWhoCallsOffWhileAllSlotsAreTakenWaitsNoLonger(t *testing.T) {
	t.Parallel()
	r := &Reader{slots: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.hear(ctx, nil, loud(0.1), []piece{{0, 1}}, func(int, string) {})
	require.ErrorIs(t, err, context.Canceled)
}

func TestALoudSoundIsLouderThanAQuietOne(t *testing.T) {
	t.Parallel()
	require.Equal(t, uint16(0), level(make([]byte, frameBytes)))
	require.Equal(t, uint16(32768), level([]byte(strings.Repeat("\x00\x80", 320))), "the loudest sample there is")
	require.Equal(t, uint16(1), level([]byte(strings.Repeat("\xff\xff\x01\x00", 160))))
}

func TestTheLastPieceEndsWithTheSound(t *testing.T) {
	t.Parallel()
	s := &sound{folder: t.TempDir(), bytes: frameBytes + 10}
	require.NoError(t, os.WriteFile(s.path(), make([]byte, s.bytes), 0o600))
	path, err := s.write(s.whole()[0], 7)
	require.NoError(t, err)
	require.Equal(t, "chunk_0007.wav", filepath.Base(path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, s.bytes+headerBytes, info.Size())
}

func TestANoteIsSaidOnce(t *testing.T) {
	t.Parallel()
	one := file.Reading{Text: "a", Notes: []string{"note"}, Segments: []file.Segment{{Start: 1, End: 2, Text: "a b c", Confidence: new(0.2)}}}
	two := file.Reading{Text: "b", Notes: []string{"note", "other"}, Language: "en", Segments: []file.Segment{{Start: 0.5, End: 3, Text: "d", Confidence: new(1.0)}}}
	all := merge([]piece{{0, 500}, {500, 600}}, []file.Reading{one, two})
	require.Equal(t, "a b", all.Text)
	require.Equal(t, []string{"note", "other"}, all.Notes)
	require.Equal(t, "en", all.Language)
	require.InDelta(t, 0.4, *all.Confidence, 1e-9, "the mean of four words")
	require.InDelta(t, 10.5, all.Segments[1].Start, 0)
	require.InDelta(t, 12, all.Segments[1].End, 0, "a segment ends with its piece")
}

func TestAResultThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	_, err := wordsOf("nothing")
	require.ErrorContains(t, err, "read the result")
}
