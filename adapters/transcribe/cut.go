package transcribe

import (
	"math"
	"time"
)

const (
	// longestPiece and largestPiece are what is still heard in one piece.
	longestPiece = 10 * time.Minute
	largestPiece = 50 << 20

	// A piece is as long as pieceMost and pieceLeast say, give or take the reach of a cut.
	pieceMost  = 5 * time.Minute
	pieceLeast = 150 * time.Second

	// reach is how far from its mark a cut may be, and pause is how long it must be quiet around it, in frames.
	reach = 20 * framesPerSecond
	pause = 3 * framesPerSecond / 10
)

// piece is a part of the sound, in frames.
type piece struct{ from, to int }

func (p piece) start() float64   { return float64(p.from) / framesPerSecond }
func (p piece) seconds() float64 { return float64(p.to-p.from) / framesPerSecond }

// whole is the sound in one piece. Its last frame may be cut off.
func (s *sound) whole() []piece {
	return []piece{{to: int((s.bytes + frameBytes - 1) / frameBytes)}}
}

// cut makes pieces of like length, each at most five minutes, enough for so many to be heard at once: when the last round
// leaves processors without work, more and shorter pieces end sooner.
func (s *sound) cut(parallel int) []piece {
	whole := s.whole()[0]
	count := int(math.Ceil(whole.seconds() / pieceMost.Seconds()))
	even := (count + parallel - 1) / parallel * parallel
	count = max(count, min(even, int(whole.seconds()/pieceLeast.Seconds())))
	pieces := make([]piece, 0, count)
	from := 0
	for i := 1; i < count; i++ {
		at := quietest(s.levels, whole.to*i/count)
		pieces = append(pieces, piece{from, at})
		from = at
	}
	return append(pieces, piece{from, whole.to})
}

// quietest answers the middle of the quietest pause around the mark, the nearest if there are several: there is always one,
// whatever the noise in the background, so no word is cut where somebody draws breath within reach.
func quietest(levels []uint16, mark int) int {
	best, least := mark, math.MaxInt
	for distance := range reach {
		for _, at := range [2]int{mark - distance, mark + distance} {
			if at < pause || at+pause > len(levels) {
				continue
			}
			sum := 0
			for _, l := range levels[at-pause/2 : at+pause-pause/2] {
				sum += int(l)
			}
			if sum < least {
				best, least = at, sum
			}
		}
	}
	return best
}
