package slack

import (
	"regexp"
	"strings"

	"github.com/slack-go/slack/slackutilsx"
)

// statusLine begins the last line of a ticket's text, which is all that a notification or a screen reader has of it.
const statusLine = "\nStatus: "

// fallback answers a ticket's text where its blocks are not shown.
func fallback(title, status string) string {
	return slackutilsx.EscapeMessage(oneLine(title)) + statusLine + status
}

// before answers a ticket's text without the status.
func before(text string) string {
	if at := strings.LastIndex(text, statusLine); at >= 0 {
		return text[:at]
	}
	return text
}

// told answers the status of a ticket's text.
func told(text string) string { return strings.TrimPrefix(text[len(before(text)):], statusLine) }

// entity is what Slack writes in angle brackets: <https://example.org|a label>, <@U1>, <#C1|a channel>, <!here>.
var entity = regexp.MustCompile(`<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>`)

// unmarked answers what somebody wrote in Slack as plain text.
func unmarked(text string) string {
	text = entity.ReplaceAllStringFunc(text, func(found string) string {
		part := entity.FindStringSubmatch(found)
		sign, what, label := part[1], part[2], part[3]
		switch {
		case sign == "!":
			name, _, _ := strings.Cut(what, "^")
			return "@" + strings.TrimPrefix(orElse(label, name), "@")
		case sign != "":
			return sign + orElse(label, what)
		case label == "" || label == what || "mailto:"+label == what:
			return strings.TrimPrefix(what, "mailto:")
		}
		return label + " (" + what + ")"
	})
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
