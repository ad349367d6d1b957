package teams

import (
	"html"
	"strings"
	"unicode/utf8"

	nethtml "golang.org/x/net/html"

	"ticketd/internal/outbound"
)

// contentMost is how many bytes of HTML a message of ours has: Graph takes about 28 KB, with everything that is around it.
const contentMost = 24_000

// paragraph answers lines as HTML that shows them as they are.
func paragraph(text string) string {
	return "<p>" + strings.ReplaceAll(html.EscapeString(strings.ReplaceAll(text, "\r\n", "\n")), "\n", "<br>") + "</p>"
}

// fitted answers a text that is at most so many bytes as HTML, with the link where it was cut; and whether it was.
func fitted(text string, most int, link string) (string, bool) {
	room := most - len(html.EscapeString("… "+link))
	size, fit, runes := 0, 0, 0
	for _, r := range text {
		size += sizeOf(r)
		runes++
		if size <= room {
			fit = runes
		}
	}
	if size <= most {
		return text, false
	}
	// Cut makes room for the link within what it keeps, so this is more than enough.
	return outbound.Cut(text, max(fit, 1), link)
}

// sizeOf answers how many bytes a character has as HTML.
func sizeOf(r rune) int {
	switch r {
	case '<', '>', '\n':
		return len("&lt;")
	case '&', '"', '\'':
		return len("&#34;")
	}
	return utf8.RuneLen(r)
}

// lines are elements that are lines of their own.
var lines = map[string]bool{
	"p": true, "div": true, "li": true, "ul": true, "ol": true, "tr": true, "table": true, "pre": true, "blockquote": true, "hr": true,
	"h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "codeblock": true,
}

// unseen are elements that nobody sees anything of.
var unseen = map[string]bool{"script": true, "style": true, "head": true, "template": true, "title": true}

// textOf answers what a message shows. Pictures and emoji are what is said in their place.
func textOf(content string) string {
	var t shown
	z := nethtml.NewTokenizer(strings.NewReader(content))
	for {
		switch z.Next() {
		case nethtml.ErrorToken:
			return t.text()
		case nethtml.TextToken:
			t.write(string(z.Text()))
		case nethtml.StartTagToken:
			t.open(z.Token(), false)
		case nethtml.SelfClosingTagToken:
			t.open(z.Token(), true)
		case nethtml.EndTagToken:
			t.end(z.Token().Data)
		case nethtml.CommentToken, nethtml.DoctypeToken:
		}
	}
}

// shown is what was shown so far.
type shown struct {
	b        strings.Builder
	hidden   string // the element that nothing is shown of
	verbatim int    // elements pre that are open
}

func (t *shown) write(text string) {
	if t.hidden != "" {
		return
	}
	if t.verbatim == 0 {
		text = strings.Map(func(r rune) rune {
			if r == '\n' || r == '\r' || r == '\t' {
				return ' '
			}
			return r
		}, text)
		if t.fresh() {
			text = strings.TrimLeft(text, " ")
		}
	}
	t.b.WriteString(strings.ReplaceAll(text, "\u00a0", " ")) // such a space is shown, and makes a line of nothing else
}

// fresh reports whether a line begins.
func (t *shown) fresh() bool { return t.b.Len() == 0 || strings.HasSuffix(t.b.String(), "\n") }

func (t *shown) open(token nethtml.Token, single bool) {
	switch name := token.Data; {
	case t.hidden != "":
	case unseen[name] && !single:
		t.hidden = name
	case name == "br":
		t.b.WriteByte('\n')
	case name == "img" || name == "emoji":
		t.write(attribute(token, "alt"))
		if source := attribute(token, "src"); name == "img" && source != "" {
			t.write(" (" + source + ")")
		}
	case lines[name]:
		t.line()
		if name == "pre" && !single {
			t.verbatim++
		}
	}
}

func (t *shown) end(name string) {
	switch {
	case t.hidden != "":
		if name == t.hidden {
			t.hidden = ""
		}
	case lines[name]:
		t.line()
		if name == "pre" {
			t.verbatim = max(0, t.verbatim-1)
		}
	case name == "td" || name == "th":
		t.b.WriteByte(' ')
	}
}

// line begins a line, unless one begins already.
func (t *shown) line() {
	if !t.fresh() {
		t.b.WriteByte('\n')
	}
}

// text answers the lines, without what nobody sees at their ends.
func (t *shown) text() string {
	all := strings.Split(t.b.String(), "\n")
	for i, line := range all {
		all[i] = strings.TrimRight(line, " \t")
	}
	return strings.TrimSpace(strings.Join(all, "\n"))
}

func attribute(token nethtml.Token, name string) string {
	for _, a := range token.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
