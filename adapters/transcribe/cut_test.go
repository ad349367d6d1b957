package transcribe

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// loud is a sound of so many minutes in which nobody ever pauses.
func loud(minutes float64) *sound {
	s := &sound{levels: make([]uint16, int(minutes*60*framesPerSecond))}
	for i := range s.levels {
		s.levels[i] = 1000
	}
	s.bytes = int64(len(s.levels)) * frameBytes
	return s
}

func TestASoundIsCutInTheMiddleOfThePauseNearestToTheMark(t *testing.T) {
	t.Parallel()
	s := loud(12)
	pauses := []int{200 * framesPerSecond, 232 * framesPerSecond, 245 * framesPerSecond, 490 * framesPerSecond}
	for _, at := range pauses {
		for i := at; i < at+framesPerSecond; i++ { // a second of quiet
			s.levels[i] = 10
		}
	}
	pieces := s.cut(usual, 3)
	require.Len(t, pieces, 3)
	require.InDelta(t, 245, pieces[0].seconds(), 1)
	require.GreaterOrEqual(t, pieces[1].from, 245*framesPerSecond+pause/2, "no part of the quiet that a cut needs is loud")
	require.InDelta(t, 490.8, pieces[2].start(), 0.8)
}

func TestASoundWithoutPausesIsCutAtItsMarks(t *testing.T) {
	t.Parallel()
	require.Equal(t, []piece{{0, 12_000}, {12_000, 24_000}, {24_000, 36_000}}, loud(12).cut(usual, 1))
}

func TestNoProcessorIsLeftWithoutWorkInTheLastRound(t *testing.T) {
	t.Parallel()
	require.Len(t, loud(30).cut(usual, 2), 6)
	require.Len(t, loud(30).cut(usual, 4), 8)
	require.Len(t, loud(12).cut(usual, 2), 4)
	require.Len(t, loud(12).cut(usual, 64), 4, "a piece is not made shorter than half of the usual")
	require.Len(t, loud(3).cut(usual, 2), 1, "a heavy recording may be short")
	require.Len(t, loud(0.001).cut(usual, 2), 1)
}

func TestOnlyALongOrHeavyRecordingIsCut(t *testing.T) {
	t.Parallel()
	require.Len(t, loud(10).pieces(usual, largestPiece, 2), 1)
	require.Len(t, loud(10.1).pieces(usual, largestPiece, 2), 4)
	require.Len(t, loud(10).pieces(usual, largestPiece+1, 2), 2)
}

func TestPiecesMakeTheWholeWhateverIsHeard(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := loud(rapid.Float64Range(0.01, 100).Draw(t, "minutes"))
		quiet := rapid.SliceOfN(rapid.IntRange(0, len(s.levels)-1), 0, 50).Draw(t, "quiet")
		for _, at := range quiet {
			s.levels[at] = 0
		}
		end := 0
		pieces := s.cut(usual, rapid.IntRange(1, 64).Draw(t, "parallel"))
		for _, p := range pieces {
			if p.from != end || p.to <= p.from || p.seconds() > (usual.most+2*usual.reach).Seconds() {
				t.Fatalf("piece %v after %d", p, end)
			}
			end = p.to
		}
		if end != s.whole()[0].to {
			t.Fatalf("ends at %d", end)
		}
	})
}
