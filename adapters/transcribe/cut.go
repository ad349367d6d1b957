package transcribe

import (
	"math"
	"time"
)

const (
	// largestPiece is the size of a recording that is still heard in one piece.
	largestPiece = 50 << 20
	// pause is how long it must be quiet around a cut, in frames.
	pause = 3 * framesPerSecond / 10
)

// lengths say when a sound is cut, and where.
type lengths struct {
	whole       time.Duration // what is still heard in one piece
	most, least time.Duration // of a piece, give or take the reach of a cut
	reach       time.Duration // how far from its mark a cut may be
}

var usual = lengths{whole: 10 * time.Minute, most: 5 * time.Minute, least: 150 * time.Second, reach: 20 * time.Second}

// piece is a part of the sound, in frames.
type piece struct{ from, to int }

func (p piece) start() float64   { return float64(p.from) / framesPerSecond }
func (p piece) seconds() float64 { return float64(p.to-p.from) / framesPerSecond }

// whole is the sound in one piece. Its last frame may be cut off.
func (s *sound) whole() []piece {
	return []piece{{to: int((s.bytes + frameBytes - 1) / frameBytes)}}
}

// pieces cuts the sound of a recording of so many bytes, unless it is short and light.
func (s *sound) pieces(l lengths, size int64, parallel int) []piece {
	if s.seconds() <= l.whole.Seconds() && size <= largestPiece {
		return s.whole()
	}
	return s.cut(l, parallel)
}

// cut makes pieces of like length, none longer than the most, enough for so many to be heard at once: when the last round
// leaves processors without work, more and shorter pieces end sooner.
func (s *sound) cut(l lengths, parallel int) []piece {
	whole := s.whole()[0]
	count := int(math.Ceil(whole.seconds() / l.most.Seconds()))
	even := (count + parallel - 1) / parallel * parallel
	count = max(count, min(even, int(whole.seconds()/l.least.Seconds())))
	pieces := make([]piece, 0, count)
	from := 0
	for i := 1; i < count; i++ {
		at := quietest(s.levels, whole.to*i/count, int(l.reach.Seconds()*framesPerSecond))
		pieces = append(pieces, piece{from, at})
		from = at
	}
	return append(pieces, piece{from, whole.to})
}

// quietest answers the middle of the quietest pause around the mark, the nearest if there are several: there is always one,
// whatever the noise in the background, so no word is cut where somebody draws breath within reach.
func quietest(levels []uint16, mark, reach int) int {
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
