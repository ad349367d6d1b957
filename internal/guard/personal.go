package guard

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a part of a text.
type span struct {
	kind       Personal
	start, end int
}

// personalSpans answers what is personal in a text, in order, none over another: first come, first served.
func personalSpans(text string) (spans []span) {
	addresses := emails(text)
	for i := 0; i < len(text); {
		found := span{}
		switch c := text[i]; {
		case len(addresses) > 0 && addresses[0].start == i:
			found, addresses = addresses[0], addresses[1:]
		case c == '[':
			if n := placeholderAt(text[i:]); n > 0 {
				found = span{kind: typed, start: i, end: i + n}
			}
		case isDigit(c), c == '+', c == '(':
			limit := len(text)
			if len(addresses) > 0 {
				limit = addresses[0].start
			}
			found = numberAt(text, i, limit)
			if found.end == 0 && isDigit(c) {
				i += leadingDigits(text[i:limit])
				continue
			}
		}
		if found.end == 0 {
			i++
			continue
		}
		spans = append(spans, found)
		i = found.end
	}
	return spans
}

const (
	// longestLocal and longestDomain are how much of an address we look at, in bytes.
	longestLocal  = 64
	longestDomain = 253
)

// emails answers the addresses in a text, in order.
func emails(text string) (spans []span) {
	floor := 0
	for at := strings.IndexByte(text, '@'); at >= 0; {
		start := localStart(text, floor, at)
		if n := domainLength(text[at+1 : min(len(text), at+1+longestDomain)]); start < at && n > 0 {
			floor = at + 1 + n
			spans = append(spans, span{Email, start, floor})
		}
		next := strings.IndexByte(text[at+1:], '@')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return spans
}

// localStart answers where the part of an address begins that is before the sign; there, when there is none.
func localStart(text string, floor, at int) int {
	start := at
	for start > floor && at-start < longestLocal {
		r, size := utf8.DecodeLastRuneInString(text[floor:start])
		if !isAddress(r) && !strings.ContainsRune("._%+'-", r) {
			break
		}
		start -= size
	}
	for start < at && strings.IndexByte(".'%-", text[start]) >= 0 {
		start++
	}
	if start < at && text[at-1] == '.' {
		return at
	}
	return start
}

// domainLength answers the length of the name of a host at the beginning of a text, which ends with a name and not with a
// number; 0 when there is none.
func domainLength(text string) int {
	length := strings.IndexFunc(text, func(r rune) bool { return !isAddress(r) && r != '.' && r != '-' })
	if length < 0 {
		length = len(text)
	}
	name, _, _ := strings.Cut(text[:length], "..")
	for {
		name = strings.TrimRight(name, ".-")
		dot := strings.LastIndexByte(name, '.')
		if dot <= 0 || name[0] == '.' || isRelease(name) {
			return 0
		}
		if isTopLevel(name[dot+1:]) {
			return len(name)
		}
		name = name[:dot]
	}
}

func isAddress(r rune) bool { return isWord(r) && !unicode.Is(unicode.Mn, r) }

func isTopLevel(label string) bool {
	return utf8.RuneCountInString(label) >= 2 && !strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsLetter(r) })
}

// isRelease reports what follows an @ and is no host: 4.17.21-beta.rc of a package, 2x.png of a picture.
func isRelease(name string) bool {
	first, rest, _ := strings.Cut(name, ".")
	if !isDigit(first[0]) {
		return false
	}
	return rest != "" && isDigit(rest[0]) ||
		len(first) == 2 && first[1] == 'x' && slices.Contains([]string{"png", "jpg", "jpeg", "gif", "webp", "svg"}, rest)
}
