package github

import (
	"encoding/json"
	"strings"

	"github.com/google/uuid"
)

// marker is the first line of everything that is made here. GitHub shows no comment of HTML.
type marker struct {
	Ticket  uuid.UUID `json:"ticket,omitzero"`
	Comment uuid.UUID `json:"comment,omitzero"`
	File    uuid.UUID `json:"file,omitzero"`
	Labels  []string  `json:"labels,omitempty"` // that were set from here, so that nobody else's is ever taken away
}

const (
	markerStart = "<!-- ticketd "
	markerEnd   = " -->"
)

// before answers a text behind the marker. JSON writes > in another way, so nothing in it ends the comment.
func (m marker) before(text string) string {
	held, _ := json.Marshal(m) // ids and strings
	return markerStart + string(held) + markerEnd + "\n\n" + text
}

// marked answers the marker of a text; a zero one when it has none. Only the first line counts: people quote below it.
func marked(text string) marker {
	line, _, _ := strings.Cut(text, "\n")
	held, ok := strings.CutPrefix(strings.TrimRight(line, "\r "), markerStart)
	if !ok {
		return marker{}
	}
	held, ok = strings.CutSuffix(held, markerEnd)
	var m marker
	if !ok || json.Unmarshal([]byte(held), &m) != nil {
		return marker{}
	}
	return m
}

// isZero reports whether there is none.
func (m marker) isZero() bool {
	return m.Ticket == uuid.Nil && m.Comment == uuid.Nil && m.File == uuid.Nil
}
