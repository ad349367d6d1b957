package jira

import (
	"strconv"
	"strings"
	"time"
)

const (
	// deepest is how many pieces of a document may be inside one another. Jira's own editor stops long before.
	deepest = 40
	// plainMost is how many bytes of text a document may become.
	plainMost = 256 << 10
)

// plain answers what a document says, without how it looks. Files are named, with their addresses where those are known.
func plain(doc any, addresses map[string]string) string {
	r := reader{addresses: addresses, left: plainMost}
	return strings.TrimSpace(r.text(doc, 0))
}

// reader reads a document. Nothing that is in one can make it fail: whoever wrote it may be anybody.
type reader struct {
	addresses map[string]string
	left      int
}

func (r *reader) text(of any, depth int) string {
	piece, _ := of.(map[string]any)
	if piece == nil || depth > deepest || r.left <= 0 {
		return ""
	}
	kind, _ := piece["type"].(string)
	attrs, _ := piece["attrs"].(map[string]any)
	content, _ := piece["content"].([]any)
	switch kind {
	case "text":
		return r.spend(worded(piece))
	case "hardBreak":
		return r.spend("\n")
	case "rule":
		return r.spend("---")
	case "mention", "emoji", "status", "placeholder":
		return r.spend(first(attrs, "text", "shortName"))
	case "date":
		return r.spend(day(attrs))
	case "inlineCard", "blockCard", "embedCard":
		return r.spend(first(attrs, "url"))
	case "media", "mediaInline":
		return r.spend(r.file(attrs))
	case "bulletList", "decisionList":
		return r.items(content, depth, func(int, map[string]any) string { return "- " })
	case "orderedList":
		from, _ := attrs["order"].(float64)
		return r.items(content, depth, func(n int, _ map[string]any) string { return strconv.Itoa(max(int(min(from, 1e6)), 1)+n) + ". " })
	case "taskList":
		return r.items(content, depth, checkbox)
	case "blockquote":
		return indented(r.blocks(content, depth), "> ", "> ")
	case "table":
		return r.joined(content, depth, "\n")
	case "tableRow":
		return r.joined(content, depth, " | ")
	case "paragraph", "heading", "codeBlock", "taskItem", "decisionItem", "caption":
		return r.joined(content, depth, "")
	case "expand", "nestedExpand":
		return strings.TrimSpace(r.spend(first(attrs, "title")) + "\n\n" + r.blocks(content, depth))
	}
	return r.blocks(content, depth)
}

// spend answers a text as long as there is room for it.
func (r *reader) spend(text string) string {
	if len(text) > r.left {
		text = strings.ToValidUTF8(text[:r.left], "")
		r.left = 0
		return text
	}
	r.left -= len(text)
	return text
}

// joined answers pieces beside one another.
func (r *reader) joined(content []any, depth int, between string) string {
	all := make([]string, 0, len(content))
	for _, piece := range content {
		all = append(all, r.text(piece, depth+1))
	}
	return strings.Join(all, between)
}

// blocks answers pieces below one another.
func (r *reader) blocks(content []any, depth int) string {
	var all []string
	for _, piece := range content {
		if text := r.text(piece, depth+1); strings.TrimSpace(text) != "" {
			all = append(all, text)
		}
	}
	return strings.Join(all, "\n\n")
}

func (r *reader) items(content []any, depth int, bullet func(n int, item map[string]any) string) string {
	var all []string
	for n, piece := range content {
		item, _ := piece.(map[string]any)
		before := bullet(n, item)
		text := strings.ReplaceAll(r.text(piece, depth+1), "\n\n", "\n")
		all = append(all, indented(text, before, strings.Repeat(" ", len(before))))
	}
	return strings.Join(all, "\n")
}

func (r *reader) file(attrs map[string]any) string {
	name := first(attrs, "alt", "url")
	if name == "" {
		return ""
	}
	if address := r.addresses[name]; address != "" {
		return "[" + name + ": " + address + "]"
	}
	return "[" + name + "]"
}

// worded answers a text, with the address that it leads to.
func worded(piece map[string]any) string {
	text, _ := piece["text"].(string)
	marks, _ := piece["marks"].([]any)
	for _, each := range marks {
		mark, _ := each.(map[string]any)
		attrs, _ := mark["attrs"].(map[string]any)
		if address := first(attrs, "href"); mark["type"] == "link" && address != "" && address != text {
			return text + " (" + address + ")"
		}
	}
	return text
}

// first answers the first of some attributes that says something.
func first(attrs map[string]any, names ...string) string {
	for _, name := range names {
		if text, _ := attrs[name].(string); text != "" {
			return text
		}
	}
	return ""
}

// day answers a date, which comes in milliseconds.
func day(attrs map[string]any) string {
	at, err := strconv.ParseInt(first(attrs, "timestamp"), 10, 64)
	if err != nil {
		return ""
	}
	return time.UnixMilli(at).UTC().Format(time.DateOnly)
}

func checkbox(_ int, item map[string]any) string {
	attrs, _ := item["attrs"].(map[string]any)
	if attrs["state"] == "DONE" {
		return "[x] "
	}
	return "[ ] "
}

// indented answers a text with something before its first line, and before the others.
func indented(text, before, others string) string {
	return before + strings.ReplaceAll(text, "\n", "\n"+others)
}
