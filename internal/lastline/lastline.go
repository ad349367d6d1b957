// Package lastline marks texts that this program writes at a vendor by their last line.
//
// # Why
//
// A text that came back must be known as our own, or it would be taken for a person's and sent around again. Some vendors keep
// nothing hidden in a text: what is not shown is cleaned away, or nobody says that it is not. A line that everybody can see
// stays. It counts at the end only: whoever answers below a quotation of it has written words of their own.
package lastline

import (
	"strings"

	"github.com/google/uuid"
)

const start = "Ref "

// Mark says what a text is of.
type Mark struct {
	Kind string // a word, without a slash
	ID   uuid.UUID
	Sum  string // of what the text was made from, so that it need not be read back; may be empty
}

// Line answers the mark as a line.
func (m Mark) Line() string {
	line := start + m.Kind + "/" + m.ID.String()
	if m.Sum != "" {
		line += "/" + m.Sum
	}
	return line
}

// Of answers the mark of a text. false: it has none.
func Of(text string) (Mark, bool) {
	_, line := split(text)
	line, ok := strings.CutPrefix(line, start)
	parts := strings.Split(line, "/")
	if !ok || len(parts) < 2 || len(parts) > 3 || parts[0] == "" || len(parts[1]) != len(uuid.Nil.String()) {
		return Mark{}, false
	}
	id, err := uuid.Parse(parts[1])
	if err != nil {
		return Mark{}, false
	}
	m := Mark{Kind: parts[0], ID: id}
	if len(parts) == 3 {
		m.Sum = parts[2]
	}
	return m, true
}

// Without answers a text without its mark, if it has one.
func Without(text string) string {
	if _, ok := Of(text); !ok {
		return text
	}
	before, _ := split(text)
	return strings.TrimSpace(before)
}

func split(text string) (before, last string) {
	text = strings.TrimSpace(text)
	at := strings.LastIndexByte(text, '\n') + 1
	return text[:at], strings.TrimSpace(text[at:])
}
