package intercom

import (
	"encoding/hex"
	"html"
	"net/url"
	"regexp"

	"github.com/google/uuid"
)

// The kinds of marks. They stand in tickets of other people: for ever.
const (
	ticketMark  = "ticket"
	commentMark = "comment"
	fileMark    = "file"
)

// mark answers the text that tells what something is here. It is one word, so that people can search for it.
func mark(kind string, id uuid.UUID) string { return "ticketd" + kind + hex.EncodeToString(id[:]) }

// anyMark matches what mark answers; lastMark the line that markLine answers, at the end of a text. Intercom adds to links what
// they should be opened by, and puts texts into elements of its own.
const anyMark = `ticketd(ticket|comment|file)([0-9a-f]{32})`

var lastMark = regexp.MustCompile(`(?:>Reference: ` + anyMark + `|<a\b[^>]*\bhref="[^"]*#` + anyMark + `"[^>]*>[^<]*</a>)(?:\s|</?[a-z]+/?>)*$`)

// marked answers what a text tells of itself; false: nothing. A mark counts where we write it: people may speak of one.
func marked(text string) (kind string, id uuid.UUID, ok bool) {
	found := lastMark.FindStringSubmatch(text)
	if found == nil {
		return "", uuid.Nil, false
	}
	id, err := uuid.Parse(found[2] + found[4]) // one of them is empty
	return found[1] + found[3], id, err == nil
}

// markLine answers the line of a reply that holds its mark: hidden in the address of a link, where there is one.
func markLine(mark, label, link string) string {
	address, err := url.Parse(link)
	if link == "" || err != nil {
		return "<p>Reference: " + mark + "</p>"
	}
	address.Fragment = mark
	return `<p><a href="` + html.EscapeString(address.String()) + `">` + html.EscapeString(label) + "</a></p>"
}
