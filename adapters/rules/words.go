package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is one word of a text as the lexicon compares it: in small letters, with its place in the text.
type word struct {
	text       string
	start, end int
}

// The words that are no words.
const (
	stop     = "."    // the end of a sentence or of a line
	asks     = "?"    // the end of a question
	anything = "\x00" // an address, a name of a file or of a function: somebody's own, and no English
)

// wordMost is the length in bytes of the longest word that is compared. What is longer is no word of a language here.
const wordMost = 32

// contractions are written out, so that a rule needs to be written once: "can't log in" is "can not log in".
var contractions = map[string][]string{
	"cannot": {"can", "not"}, "can't": {"can", "not"}, "won't": {"will", "not"}, "shan't": {"shall", "not"},
	"dont": {"do", "not"}, "doesnt": {"does", "not"}, "didnt": {"did", "not"}, "cant": {"can", "not"},
	"isnt": {"is", "not"}, "wont": {"will", "not"}, "couldnt": {"could", "not"}, "wouldnt": {"would", "not"},
	"havent": {"have", "not"}, "hasnt": {"has", "not"},
	"i'm": {"i", "am"}, "im": {"i", "am"}, "let's": {"let", "us"},
}

// endings of what is contracted. A genitive looks like "is", which harms nobody.
var endings = []struct{ short, long string }{
	{"n't", "not"}, {"'d", "would"}, {"'ll", "will"}, {"'ve", "have"}, {"'re", "are"}, {"'s", "is"},
}

// split appends the words of a text, and where its sentences end. It goes through the text once.
func split(words []word, text string) []word {
	words = append(words, word{text: stop})
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if unicode.IsSpace(r) {
			at += size
			continue
		}
		end := chunkEnd(text, at)
		words = chunk(words, text, at, end)
		at = end
	}
	return append(words, word{text: stop, start: len(text), end: len(text)})
}

// chunkEnd answers where the next space is. What stands between a pair of backquotes is one chunk, if it ends soon.
func chunkEnd(text string, at int) int {
	if text[at] == '`' {
		if length := strings.IndexByte(text[at+1:min(len(text), at+200)], '`'); length > 0 {
			return at + length + 2
		}
	}
	if length := strings.IndexFunc(text[at+1:], unicode.IsSpace); length >= 0 {
		return at + 1 + length
	}
	return len(text)
}

// chunk appends the words between two spaces.
func chunk(words []word, text string, start, end int) []word {
	piece := text[start:end]
	if somebodysOwn(strings.TrimRight(piece, ".,;:!?\"'")) {
		return ended(append(words, word{anything, start, end}), piece, end)
	}
	from := -1
	for at := start; at < end; {
		r, size := utf8.DecodeRuneInString(text[at:end])
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || from >= 0 && (r == '\'' || r == '’'):
			if from < 0 {
				from = at
			}
		default:
			words = single(words, text, from, at)
			from = -1
			if r == ':' || r == ';' || r == '(' || r == '[' || r == ']' || r == ',' {
				words = append(words, word{stop, at, at + size})
			}
		}
		at += size
	}
	return ended(single(words, text, from, end), piece, end)
}

// ended appends the end of a sentence, when that is how a piece of text ends. at is where the piece ends.
func ended(words []word, piece string, at int) []word {
	start := at - len(piece)
	piece = strings.TrimRight(piece, "\"')*`_")
	if mark := strings.TrimRight(piece, "!"); strings.HasSuffix(mark, "?") {
		return append(words, word{asks, start + len(mark) - 1, start + len(mark)}, word{text: stop, start: at, end: at})
	}
	if strings.HasSuffix(piece, ".") || strings.HasSuffix(piece, "!") {
		return append(words, word{stop, at, at})
	}
	return words
}

// single appends one word, written out when it is a contraction.
func single(words []word, text string, start, end int) []word {
	if start < 0 {
		return words
	}
	for end > start && text[end-1] == '\'' {
		end--
	}
	if end-start > wordMost {
		return append(words, word{anything, start, end})
	}
	lower := strings.ReplaceAll(strings.ToLower(text[start:end]), "’", "'")
	if long, known := contractions[lower]; known {
		for _, part := range long {
			words = append(words, word{part, start, end})
		}
		return words
	}
	for _, e := range endings {
		if stem, found := strings.CutSuffix(lower, e.short); found && stem != "" {
			return append(words, word{stem, start, end}, word{e.long, start, end})
		}
	}
	return append(words, word{lower, start, end})
}

// somebodysOwn reports an address, a path or a piece of code between words.
func somebodysOwn(piece string) bool {
	if len(piece) > 2*wordMost || strings.Contains(piece, "://") || strings.HasPrefix(piece, "www.") || strings.HasPrefix(piece, "`") {
		return true
	}
	if strings.HasSuffix(piece, "()") {
		return true
	}
	piece = strings.TrimRight(piece, ".,;:!?)\"'")
	for at := 1; at+1 < len(piece); at++ {
		switch piece[at] {
		case '_', '\\', '=', '@':
			return true
		case '.', ':':
			if isWordByte(piece[at-1]) && isWordByte(piece[at+1]) || piece[at+1] == ':' {
				return true
			}
		}
	}
	return false
}

func isWordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b >= utf8.RuneSelf
}
