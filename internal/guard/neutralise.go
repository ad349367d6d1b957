package guard

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Trick is a way in which data poses as something else.
type Trick string

// The tricks.
const (
	Override   Trick = "instruction_override" // "ignore all previous instructions"
	RoleChange Trick = "role_change"          // "you are now", "act as"
	Disclosure Trick = "prompt_disclosure"    // "reveal your prompt"
	Unlock     Trick = "unlocked_mode"        // "developer mode"
	RolePrefix Trick = "role_prefix"          // "System:" at the beginning of a line
	Template   Trick = "chat_template"        // "<|im_start|>", "[INST]"
	ToolMarkup Trick = "tool_markup"          // "<tool_call>"
	Hidden     Trick = "hidden_characters"    // characters without width, or that turn the direction of writing
)

// What is found is set between these. A phrase keeps its words, for a person may report it; a token loses what makes it one.
const (
	quotedMark = "⟦quoted: "
	tokenMark  = "⟦token: "
	markEnd    = "⟧"
	// longestMark is that of what may stand in a mark, in bytes.
	longestMark = 2000
)

// Neutralise marks in the copy for a prompt what poses as an instruction or as control text, takes hidden characters out,
// and reports what it found, each once. Where nothing is found, the copy is the text, but for what is no UTF-8. To neutralise
// a copy again changes nothing.
func Neutralise(text string) (marked string, found []Trick) {
	n := neutraliser{tricks: map[Trick]bool{}}
	text, hidden := unhide(strings.ToValidUTF8(text, "\uFFFD")) // or bytes around a hidden character might become another one
	if hidden {
		n.tricks[Hidden] = true
	}
	n.copy.Grow(len(text) + len(text)/16)
	n.scan(text)
	for trick := range n.tricks {
		found = append(found, trick)
	}
	slices.Sort(found)
	return n.copy.String(), found
}

type neutraliser struct {
	copy   strings.Builder
	tricks map[Trick]bool
}

func (n *neutraliser) scan(text string) {
	lineStart := true
	for i := 0; i < len(text); {
		if lineStart {
			if length := rolePrefix(text[i:]); length > 0 {
				n.tricks[RolePrefix] = true
				n.copy.WriteString(quotedMark + text[i:i+length] + markEnd)
				lineStart, i = false, i+length
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		lineStart = isLineEnd(r) || lineStart && unicode.IsSpace(r)
		switch {
		case isWord(r):
			i += n.words(text[i:])
		case r == '⟦' || r == '⟧':
			i += n.bracket(text[i:])
		case r == '<' || r == '[' || r == '"' || r == '`':
			i += n.token(text[i:])
		default:
			n.copy.WriteString(text[i : i+size])
			i += size
		}
	}
}

func isLineEnd(r rune) bool {
	switch r {
	case '\n', '\r', '\v', '\f', '\u0085', '\u2028', '\u2029':
		return true
	}
	return false
}

// words copies the word that a text begins with, or the phrase, and answers the length of it.
func (n *neutraliser) words(text string) int {
	if trick, length := phraseAt(text); length > 0 {
		n.tricks[trick] = true
		n.copy.WriteString(quotedMark + text[:length] + markEnd)
		return length
	}
	length := strings.IndexFunc(text, func(r rune) bool { return !isWord(r) })
	if length < 0 {
		length = len(text)
	}
	n.copy.WriteString(text[:length])
	return length
}

// bracket copies one of our marks, and takes from any other bracket what would make it look like one.
func (n *neutraliser) bracket(text string) int {
	if trick, length := markAt(text); length > 0 {
		n.tricks[trick] = true
		n.copy.WriteString(text[:length])
		return length
	}
	if strings.HasPrefix(text, markEnd) {
		n.copy.WriteByte(')')
	} else {
		n.copy.WriteByte('(')
	}
	return len(markEnd)
}

// markAt answers the mark that a text begins with. In a mark that somebody made up there is but what would be marked.
func markAt(text string) (trick Trick, length int) {
	if inside, ok := strings.CutPrefix(text, quotedMark); ok {
		if inside = untilEnd(inside); inside == "" {
			return "", 0
		}
		trick, n := phraseAt(inside)
		if n != len(inside) {
			trick, n = RolePrefix, rolePrefix(inside)
		}
		if n != len(inside) {
			return "", 0
		}
		return trick, len(quotedMark) + n + len(markEnd)
	}
	if inside, ok := strings.CutPrefix(text, tokenMark); ok {
		if inside = untilEnd(inside); inside != "" && tokenName(inside) == inside {
			return tokenTrick(inside), len(tokenMark) + len(inside) + len(markEnd)
		}
	}
	return "", 0
}

// untilEnd answers what is before the end of a mark, if that comes before another mark.
func untilEnd(text string) string {
	text = text[:min(len(text), longestMark)]
	end := strings.IndexAny(text, "⟦⟧")
	if end < 0 || !strings.HasPrefix(text[end:], markEnd) {
		return ""
	}
	return text[:end]
}

// token copies what a text begins with: a token that is taken apart, or one character.
func (n *neutraliser) token(text string) int {
	name, length := tokenAt(text)
	if length == 0 {
		n.copy.WriteByte(text[0])
		return 1
	}
	n.tricks[tokenTrick(name)] = true
	n.copy.WriteString(tokenMark + name + markEnd)
	return length
}

// Who speaks, as transcripts and templates write it at the beginning of a line; as a heading, more than that.
var (
	speakers = map[string]bool{"system": true, "assistant": true, "developer": true, "user": true, "human": true, "ai": true}
	headings = map[string]bool{"instruction": true, "instructions": true, "response": true, "input": true, "tool": true, "function": true, "bot": true}
	remarks  = map[string]bool{"message": true, "prompt": true, "instruction": true, "instructions": true, "note": true, "override": true, "update": true}
)

// longestPrefix bounds the signs before a speaker, in bytes.
const longestPrefix = 16

// rolePrefix answers the length of a speaker's name at the beginning of a line, with its colon; 0 when there is none.
func rolePrefix(line string) int {
	start := 0
	for start < len(line) && start < longestPrefix && strings.IndexByte("#*>_-[ \t", line[start]) >= 0 {
		start++
	}
	signs := line[:start]
	if signs != "" && strings.IndexByte(" \t", signs[0]) >= 0 {
		return 0 // the space is no part of it
	}
	heading := strings.Contains(signs, "#")
	var buffer [longestWord]byte
	word, length := readWord(line[start:], buffer[:0])
	if !speakers[string(word)] && (!heading || !headings[string(word)]) {
		return 0
	}
	end := start + length
	if end < len(line) && line[end] == ' ' {
		if word, length := readWord(line[end+1:], buffer[:0]); remarks[string(word)] {
			end += 1 + length
		}
	}
	closing := end
	for closing < len(line) && closing < end+longestPrefix && strings.IndexByte("*_] \t", line[closing]) >= 0 {
		closing++
	}
	switch rest := line[closing:]; {
	case strings.HasPrefix(rest, ":"):
		return closing + 1
	case strings.HasPrefix(rest, "："):
		return closing + len("：")
	case heading && (rest == "" || rest[0] == '\n' || rest[0] == '\r'):
		return end
	}
	return 0
}
