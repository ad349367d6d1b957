package guard

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// unhide drops what nobody sees: characters without width, which split words or carry text of their own, and those that
// turn the direction of writing, which show another text than there is. Joiners stay where scripts and emoji need them.
func unhide(text string) (clean string, hidden bool) {
	first := strings.IndexFunc(text, isHidden)
	if first < 0 {
		return text, false
	}
	var w strings.Builder
	w.Grow(len(text))
	w.WriteString(text[:first])
	before, _ := utf8.DecodeLastRuneInString(text[:first])
	for i := first; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if !isHidden(r) {
			w.WriteString(text[i : i+size])
			before, i = r, i+size
			continue
		}
		end, joiner := i, rune(0)
		for end < len(text) && isHidden(r) { // a run of them
			if joiner == 0 && isJoiner(r) {
				joiner = r
			}
			end += size
			r, size = utf8.DecodeRuneInString(text[end:])
		}
		if joiner != 0 && end < len(text) && isJoined(before) && isJoined(r) {
			w.WriteRune(joiner)
			hidden = hidden || end-i > utf8.RuneLen(joiner)
		} else {
			hidden = true
		}
		i = end
	}
	return w.String(), hidden
}

func isHidden(r rune) bool {
	switch {
	case r < 0xAD:
		return false
	case r == 0xAD, r == 0x34F, r == 0x61C, r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0, r == 0x180E, r == 0xFEFF:
		return true
	case 0x200B <= r && r <= 0x200F, 0x202A <= r && r <= 0x202E, 0x2060 <= r && r <= 0x206F, 0xFFF9 <= r && r <= 0xFFFB:
		return true
	}
	return 0xE0000 <= r && r <= 0xE0FFF // tags, and more variants of a character than there are
}

func isJoiner(r rune) bool { return r == 0x200C || r == 0x200D }

// isJoined reports whether a joiner beside this may have a meaning.
func isJoined(r rune) bool {
	if r < 0x80 || unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek) {
		return false
	}
	return unicode.In(r, unicode.Letter, unicode.Mark, unicode.So, unicode.Sk)
}
