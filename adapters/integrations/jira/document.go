package jira

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// node is a piece of a document.
type node struct {
	Type    string         `json:"type"`
	Version int            `json:"version,omitempty"`
	Text    string         `json:"text,omitempty"`
	Attrs   map[string]any `json:"attrs,omitempty"`
	Marks   []markup       `json:"marks,omitempty"`
	Content []node         `json:"content,omitempty"`
}

// markup is how a text looks, or where it leads.
type markup struct {
	Type  string            `json:"type"`
	Attrs map[string]string `json:"attrs,omitempty"`
}

// what lines of Markdown look like.
var (
	heading  = regexp.MustCompile(`^(#{1,6}) +(\S.*)$`)
	bullet   = regexp.MustCompile(`^\s*[-*+] +(\S.*)$`)
	numbered = regexp.MustCompile(`^\s*(\d{1,6})[.)] +(\S.*)$`)
	quote    = regexp.MustCompile(`^> ?(.*)$`)
	rule     = regexp.MustCompile(`^ *(-{3,}|\*{3,}|_{3,}) *$`)
	fence    = regexp.MustCompile("^ {0,3}```([\\w+#-]{0,20})\\s*$")
	spans    = regexp.MustCompile("`([^`\n]+)`|\\*\\*([^*\n]+)\\*\\*|\\[([^\\]\n]+)\\]\\((https?://[^\\s)]+)\\)|(https?://[^\\s<>\"'`]+)")
)

// document answers a text as a document, with more pieces below it.
func document(text string, below ...node) node {
	lines := strings.Split(clean(text), "\n")
	doc := node{Type: "doc", Version: 1}
	for len(lines) > 0 {
		var next node
		var ok bool
		if next, lines, ok = block(lines); ok {
			doc.Content = append(doc.Content, next)
		}
	}
	doc.Content = append(doc.Content, below...)
	if len(doc.Content) == 0 {
		doc.Content = []node{{Type: "paragraph"}}
	}
	return doc
}

// block answers the first piece of some lines, and the lines after it. false: there was only an empty line.
func block(lines []string) (node, []string, bool) {
	first := lines[0]
	switch {
	case strings.TrimSpace(first) == "":
		return node{}, lines[1:], false
	case fence.MatchString(first):
		return code(lines)
	case rule.MatchString(first):
		return node{Type: "rule"}, lines[1:], true
	case heading.MatchString(first):
		m := heading.FindStringSubmatch(first)
		return node{Type: "heading", Attrs: map[string]any{"level": len(m[1])}, Content: inline(m[2])}, lines[1:], true
	case bullet.MatchString(first):
		items, rest := list(lines, bullet)
		return node{Type: "bulletList", Content: items}, rest, true
	case numbered.MatchString(first):
		items, rest := list(lines, numbered)
		order, _ := strconv.Atoi(numbered.FindStringSubmatch(first)[1]) // six digits at most
		return node{Type: "orderedList", Attrs: map[string]any{"order": order}, Content: items}, rest, true
	case quote.MatchString(first):
		quoted, rest := run(lines, quote.MatchString)
		for i := range quoted {
			quoted[i] = quote.FindStringSubmatch(quoted[i])[1]
		}
		return node{Type: "blockquote", Content: []node{paragraph(quoted)}}, rest, true
	}
	said, rest := run(lines, func(line string) bool { return !begins(line) })
	return paragraph(said), rest, true
}

// begins reports whether a line ends the paragraph above it.
func begins(line string) bool {
	return strings.TrimSpace(line) == "" || fence.MatchString(line) || rule.MatchString(line) || heading.MatchString(line) ||
		bullet.MatchString(line) || numbered.MatchString(line) || quote.MatchString(line)
}

// run answers a copy of the first lines that are so, and the rest.
func run(lines []string, so func(string) bool) (some, rest []string) {
	end := 0
	for end < len(lines) && so(lines[end]) {
		end++
	}
	return append([]string(nil), lines[:end]...), lines[end:]
}

func list(lines []string, item *regexp.Regexp) (items []node, rest []string) {
	some, rest := run(lines, item.MatchString)
	for _, line := range some {
		m := item.FindStringSubmatch(line)
		items = append(items, node{Type: "listItem", Content: []node{paragraph(m[len(m)-1:])}})
	}
	return items, rest
}

func code(lines []string) (node, []string, bool) {
	made := node{Type: "codeBlock"}
	if language := fence.FindStringSubmatch(lines[0])[1]; language != "" {
		made.Attrs = map[string]any{"language": language}
	}
	inside, rest := run(lines[1:], func(line string) bool { return !strings.HasPrefix(strings.TrimLeft(line, " "), "```") })
	if text := strings.Join(inside, "\n"); text != "" {
		made.Content = []node{{Type: "text", Text: text}}
	}
	if len(rest) > 0 {
		rest = rest[1:]
	}
	return made, rest, true
}

func paragraph(lines []string) node {
	made := node{Type: "paragraph"}
	for i, line := range lines {
		if i > 0 {
			made.Content = append(made.Content, node{Type: "hardBreak"})
		}
		made.Content = append(made.Content, inline(line)...)
	}
	return made
}

// inline answers a line with what is marked in it.
func inline(line string) []node {
	var all []node
	plain := func(text string) {
		if text != "" {
			all = append(all, node{Type: "text", Text: text})
		}
	}
	end := 0
	for _, at := range spans.FindAllStringSubmatchIndex(line, -1) {
		group := func(n int) string {
			if at[2*n] < 0 {
				return ""
			}
			return line[at[2*n]:at[2*n+1]]
		}
		plain(line[end:at[0]])
		end = at[1]
		switch bare := group(5); {
		case group(1) != "":
			all = append(all, node{Type: "text", Text: group(1), Marks: []markup{{Type: "code"}}})
		case group(2) != "":
			all = append(all, node{Type: "text", Text: group(2), Marks: []markup{{Type: "strong"}}})
		case group(3) != "" && safe(group(4)):
			all = append(all, linked(group(3), group(4)))
		case bare != "":
			address := strings.TrimRight(bare, ".,;:!?)")
			end -= len(bare) - len(address)
			if safe(address) {
				all = append(all, linked(address, address))
			} else {
				plain(address)
			}
		default:
			plain(line[at[0]:at[1]])
		}
	}
	plain(line[end:])
	return all
}

func linked(text, address string) node {
	return node{Type: "text", Text: text, Marks: []markup{{Type: "link", Attrs: map[string]string{"href": address}}}}
}

// safe reports whether an address leads to a page.
func safe(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// clean answers a text without what Jira does not take.
func clean(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r != '\n' && r != '\t' && unicode.IsControl(r), r == '\uFFFE', r == '\uFFFF':
			return -1
		}
		return r
	}, text)
}
