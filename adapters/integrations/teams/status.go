package teams

import (
	"html"
	"regexp"
	"strings"
)

// firstLine is the line of a ticket's message that tells its status, whatever Graph has made of the tags around it.
var firstLine = regexp.MustCompile(`^(?:\s|&nbsp;|<[^>]*>)*Status:(?:\s|&nbsp;|<[^>]*>)*([^<\n]*)`)

// statusIn answers the status that a ticket's message tells; empty: none.
func statusIn(content string) string {
	found := firstLine.FindStringSubmatch(content)
	if found == nil {
		return ""
	}
	return strings.TrimSpace(html.UnescapeString(found[1]))
}

// withStatus answers a ticket's message with another status.
func withStatus(content, status string) string {
	at := firstLine.FindStringSubmatchIndex(content)
	if at == nil {
		return statusLine(status) + content
	}
	return content[:at[2]] + html.EscapeString(status) + content[at[3]:]
}

func statusLine(status string) string {
	return "<p>Status: <b>" + html.EscapeString(status) + "</b></p>"
}

// statusSaid answers the status that a reply says, and nothing else, in one of the mapping's words; empty: it says something else.
func (c connection) statusSaid(text string) string {
	label, word, found := strings.Cut(text, ":")
	if !found || !strings.EqualFold(strings.TrimSpace(label), "status") {
		return ""
	}
	for _, status := range c.account.Mapping.Status {
		if status != "" && strings.EqualFold(strings.TrimSpace(word), status) {
			return status
		}
	}
	return ""
}
