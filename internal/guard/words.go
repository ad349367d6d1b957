package guard

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// longestWord is how long a word of a phrase may be, in letters.
	longestWord = 24
	// widestGap is how many characters may lie between two words of a phrase.
	widestGap = 6
)

// readWord reads the letters and digits at the beginning of a text, into a buffer, as plain small letters. A longer word
// than phrases have is read no further, and is none of theirs; neither is no word at all.
func readWord(text string, buffer []byte) (word []byte, length int) {
	for length < len(text) {
		r, size := rune(text[length]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[length:])
		}
		if !isWord(r) {
			break
		}
		if len(buffer) == cap(buffer) || length > utf8.UTFMax*longestWord {
			return nil, length
		}
		if c := plain(r); c != 0 {
			buffer = append(buffer, c)
		}
		length += size
	}
	return buffer, length
}

// isWord reports a character that words consist of.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.In(r, unicode.Letter, unicode.Digit, unicode.Mn)
}

// lookalikes are letters of other alphabets that pass for ours.
var lookalikes = map[rune]byte{
	'а': 'a', 'е': 'e', 'о': 'o', 'р': 'p', 'с': 'c', 'у': 'y', 'х': 'x', 'ѕ': 's', 'і': 'i', 'ј': 'j', 'ԁ': 'd', 'һ': 'h', 'ո': 'n',
	'А': 'a', 'В': 'b', 'Е': 'e', 'К': 'k', 'М': 'm', 'Н': 'h', 'О': 'o', 'Р': 'p', 'С': 'c', 'Т': 't', 'У': 'y', 'Х': 'x', 'Ѕ': 's', 'І': 'i',
	'ο': 'o', 'α': 'a', 'ν': 'v', 'ρ': 'p', 'Ι': 'i', 'Ο': 'o', 'Α': 'a', 'Ε': 'e', 'ı': 'i', 'ɡ': 'g',
	'á': 'a', 'à': 'a', 'â': 'a', 'ä': 'a', 'é': 'e', 'è': 'e', 'ê': 'e', 'ë': 'e', 'í': 'i', 'ì': 'i', 'ï': 'i', 'ó': 'o', 'ò': 'o', 'ö': 'o', 'ú': 'u', 'ù': 'u', 'ü': 'u',
}

// plain answers the small ASCII letter or digit that a character is read as. A mark on the letter before is read over (0);
// any other letter is one that no phrase has.
func plain(r rune) byte {
	switch {
	case 'A' <= r && r <= 'Z':
		return byte(r) + 'a' - 'A'
	case 0 <= r && r < utf8.RuneSelf:
		return byte(r)
	case 0xFF01 <= r && r <= 0xFF5E: // as wide as a Chinese character
		return plain(r - 0xFF01 + '!')
	case unicode.Is(unicode.Mn, r):
		return 0
	}
	if c, ok := lookalikes[r]; ok {
		return c
	}
	return '?'
}

// readGap answers the length of what may lie between two words of a phrase: space, and signs that set words off.
func readGap(text string) (length int) {
	for range widestGap {
		if length == len(text) {
			return length
		}
		r, size := utf8.DecodeRuneInString(text[length:])
		if !unicode.IsSpace(r) && !strings.ContainsRune(".,;:-_*\"'`~/\\!+=’–—·", r) {
			return length
		}
		length += size
	}
	return length
}
