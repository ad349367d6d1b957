package intercom

import (
	"html"
	"regexp"
	"strings"
)

// paragraphs answers plain text as HTML.
func paragraphs(text string) string {
	text = html.EscapeString(strings.ReplaceAll(text, "\r\n", "\n"))
	return "<p>" + strings.ReplaceAll(text, "\n", "<br>") + "</p>"
}

var (
	breaks = regexp.MustCompile(`(?i)<br\s*/?>|</(?:p|div|li|h[1-6]|tr|blockquote|pre)>`)
	links  = regexp.MustCompile(`(?is)<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>`)
	images = regexp.MustCompile(`(?is)<img\b[^>]*\bsrc="([^"]*)"[^>]*>`)
	tags   = regexp.MustCompile(`(?s)<[^>]*>`)
	gaps   = regexp.MustCompile(`\n{3,}`)
)

// plain answers HTML as plain text: what people read, and where its links and pictures lead.
func plain(body string) string {
	text := breaks.ReplaceAllString(body, "\n")
	text = links.ReplaceAllStringFunc(text, func(found string) string {
		part := links.FindStringSubmatch(found)
		if label := strings.TrimSpace(tags.ReplaceAllString(part[2], "")); label != "" && label != part[1] {
			return label + " (" + part[1] + ")"
		}
		return part[1]
	})
	text = images.ReplaceAllString(text, "$1")
	text = html.UnescapeString(tags.ReplaceAllString(text, ""))
	return strings.TrimSpace(gaps.ReplaceAllString(text, "\n\n"))
}
