package ocr

import (
	"strings"
	"unicode"
)

// shortLine is how many letters a line has, at most, of which one wrong letter makes another word.
const shortLine = 6

// lines are lines of text that were read before: exactly, or but for a few letters that were read otherwise this time.
type lines struct {
	exact map[string]bool
	long  [][]rune
}

// key is what counts in a line: its letters and digits.
func key(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, line)
}

// add remembers a line.
func (l *lines) add(line string) {
	if l.exact == nil {
		l.exact = make(map[string]bool)
	}
	k := key(line)
	l.exact[k] = true
	if letters := []rune(k); len(letters) > shortLine {
		l.long = append(l.long, letters)
	}
}

// known reports whether a line was there before, with one letter in eight wrong at most. One that has become longer was
// not: somebody types.
func (l *lines) known(line string) bool {
	k := key(line)
	if l.exact[k] {
		return true
	}
	letters := []rune(k)
	if len(letters) <= shortLine {
		return false
	}
	for _, other := range l.long {
		if len(letters) <= len(other) && within(letters, other, len(other)/8) {
			return true
		}
	}
	return false
}

// within reports whether so many letters changed, added or left out make b of a, which is no longer than b.
func within(a, b []rune, most int) bool {
	if len(b)-len(a) > most {
		return false
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal, least := row[0], i+1
		row[0] = i + 1
		for j, y := range b {
			change := diagonal
			if x != y {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
			least = min(least, row[j+1])
		}
		if least > most {
			return false
		}
	}
	return row[len(b)] <= most
}
