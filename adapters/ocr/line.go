package ocr

import (
	"cmp"
	"image"
	"slices"
	"strings"
	"unicode"
)

// piece is words that stand in one row without a wide gap: a line of a paragraph, a cell of a table, a button.
type piece struct {
	words []word
	box   image.Rectangle
}

// text answers the words of the piece.
func (p piece) text() string {
	all := make([]string, len(p.words))
	for i, w := range p.words {
		all[i] = w.text
	}
	return strings.Join(all, " ")
}

// characters answers how many characters the piece has, and the sum of how sure the engine is of each.
func (p piece) characters() (count int, sure float64) {
	for _, w := range p.words {
		n := len([]rune(w.text))
		count += n
		sure += float64(n) * w.confidence
	}
	return count, sure
}

// pieces cuts the engine's lines where a gap is wider than one and a half times their height: the engine
// joins the cells of a table and neighbouring buttons in one pass and not in the next, and then the passes could not be compared.
func pieces(all []word) []piece {
	var cut []piece
	for i, w := range all {
		if i > 0 && all[i-1].line == w.line {
			last := &cut[len(cut)-1]
			before := last.words[len(last.words)-1].box
			if gap := w.box.Min.X - before.Max.X; 2*gap <= 3*max(before.Dy(), w.box.Dy()) {
				last.words, last.box = append(last.words, w), last.box.Union(w.box)
				continue
			}
		}
		cut = append(cut, piece{words: []word{w}, box: w.box})
	}
	return slices.DeleteFunc(cut, piece.scribble)
}

// surest is how sure the engine is, at least, of what is writing. Of borders, icons and photographs it reads letters too.
const surest = 0.30

// scribble reports what is no writing: borders and icons, read as strokes, or guessed at.
func (p piece) scribble() bool {
	count, sure := p.characters()
	return sure < surest*float64(count) || !strings.ContainsFunc(p.text(), func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// merged takes of two passes, where both saw something, what the engine is surer of, character by character; and of the
// second what the first did not see.
func merged(first, second []piece) []piece {
	all := slices.Concat(first, second)
	// group[i] is the first of the pieces that all[i] overlaps, directly or through others.
	group := make([]int, len(all))
	for i := range all {
		group[i] = i
	}
	find := func(i int) int {
		for group[i] != i {
			i = group[i]
		}
		return i
	}
	for i := range first {
		for j := len(first); j < len(all); j++ {
			if overlap(all[i].box, all[j].box) {
				a, b := find(i), find(j)
				group[max(a, b)] = min(a, b)
			}
		}
	}
	type side struct{ first, second float64 }
	sums := make(map[int]side)
	for i, p := range all {
		s := sums[find(i)]
		if _, sure := p.characters(); i < len(first) {
			s.first += sure
		} else {
			s.second += sure
		}
		sums[find(i)] = s
	}
	var kept []piece
	for i, p := range all {
		// The first pass reads what is usual, so the second must be plainly better.
		if s := sums[find(i)]; (s.second > 1.02*s.first) == (i >= len(first)) {
			kept = append(kept, p)
		}
	}
	return kept
}

// overlap reports whether two boxes share more than half of the smaller one.
func overlap(a, b image.Rectangle) bool {
	area := func(r image.Rectangle) int { return r.Dx() * r.Dy() }
	return 2*area(a.Intersect(b)) > min(area(a), area(b))
}

// sums adds up the characters of pieces, and how sure the engine is of each.
func sums(all []piece) (characters int, sure float64) {
	for _, p := range all {
		n, s := p.characters()
		characters, sure = characters+n, sure+s
	}
	return characters, sure
}

// standing reports whether most of the writing runs up or down the page, which the engine reads without a word.
func standing(all []piece) bool {
	up, total := 0, 0
	for _, p := range all {
		if n, _ := p.characters(); n > 3 {
			total += n
			if p.box.Dy() > p.box.Dx() {
				up += n
			}
		}
	}
	return 2*up > total
}

// heightOf answers the median height of the words, 0 without any.
func heightOf(all []piece) int {
	var heights []int
	for _, p := range all {
		for _, w := range p.words {
			heights = append(heights, w.box.Dy())
		}
	}
	if len(heights) == 0 {
		return 0
	}
	slices.SortFunc(heights, cmp.Compare[int])
	return heights[len(heights)/2]
}
