package extract

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
	"golang.org/x/text/transform"

	"ticketd/commands"
	"ticketd/domain/file"
)

// tagMost is how many bytes a tag of a web page or a text in it may have: pictures are written into tags.
const tagMost = 16 << 20

const noteTag = "What follows a very long piece of the page was not read."

// page reads what a web page shows. Its tags are read as they come and make no tree: a tree takes ten times the page.
func page(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
	return marked(ctx, s, "html", func(in io.Reader, d *draft) error {
		return (&shown{flow: flow{d: d}, fresh: true, blank: true}).read(in)
	})
}

// drawing reads the words in a drawing.
func drawing(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
	return marked(ctx, s, "svg", drawn)
}

// marked reads an upload that consists of tags.
func marked(ctx context.Context, s commands.Source, engine string, read func(io.Reader, *draft) error) (file.Reading, error) {
	in, done, err := opened(ctx, s)
	if err != nil {
		return file.Reading{}, err
	}
	defer done()
	text, name, err := declared(in)
	if err != nil {
		return file.Reading{}, err
	}
	var d draft
	d.fact("encoding", name)
	if err := read(text, &d); err != nil {
		return file.Reading{}, err
	}
	return d.reading(engine), nil
}

// declared answers a page as UTF-8, and the encoding that it declares or seems to have.
func declared(r io.Reader) (*bufio.Reader, string, error) {
	in := bufio.NewReaderSize(r, probed)
	const where = 1024 // browsers look no further
	start, err := in.Peek(where)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	// Nothing declared is windows-1252 too, and most of that is UTF-8 today.
	if e, name, _ := charset.DetermineEncoding(start, ""); name != "windows-1252" && !strings.HasPrefix(name, "utf-") {
		return bufio.NewReaderSize(transform.NewReader(in, e.NewDecoder()), 64<<10), name, nil
	}
	return decoded(in)
}

// tags answers a reader of tags.
func tags(in io.Reader) *html.Tokenizer {
	z := html.NewTokenizer(in)
	z.SetMaxBuf(tagMost)
	return z
}

// ended answers what the end of the tags means.
func ended(z *html.Tokenizer, d *draft) error {
	switch err := z.Err(); {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, html.ErrBufferExceeded):
		d.note(noteTag)
		return nil
	default:
		return err
	}
}

// unseen are elements that browsers show nothing of.
var unseen = map[string]bool{
	"script": true, "style": true, "noscript": true, "template": true, "iframe": true, "noembed": true, "noframes": true,
	"datalist": true, "object": true, "audio": true, "video": true, "canvas": true,
}

// closed are elements that must be closed, so that one that is hidden ends where its author meant it to.
var closed = map[string]bool{
	"div": true, "span": true, "section": true, "article": true, "aside": true, "nav": true, "dialog": true, "ul": true,
	"ol": true, "table": true, "form": true, "main": true, "header": true, "footer": true,
}

// blocks are elements that begin and end a line; after a true one there is an empty line.
var blocks = map[string]bool{
	"p": true, "h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "ul": true, "ol": true, "dl": true,
	"table": true, "pre": true, "blockquote": true, "hr": true, "div": false, "li": false, "dt": false, "dd": false,
	"tr": false, "section": false, "article": false, "header": false, "footer": false, "main": false, "nav": false,
	"aside": false, "form": false, "fieldset": false, "address": false, "figure": false, "figcaption": false, "option": false,
	"center": false, "summary": false, "details": false, "caption": false, "textarea": false, "body": false,
}

// described are the names of what a page says of itself.
var described = map[string]string{"author": "author", "description": "description", "keywords": "keywords"}

// shown writes what a page shows.
type shown struct {
	flow

	fresh    bool   // a line begins
	blank    bool   // nothing was written, or a space: another is not shown
	verbatim int    // elements pre that are open
	titled   bool   // the title is being read
	hidden   string // the element that nothing is shown of
	deep     int    // how many of that name are open
}

// read reads a page to its end.
func (h *shown) read(in io.Reader) error {
	z := tags(in)
	for !h.d.full {
		switch z.Next() {
		case html.ErrorToken:
			return ended(z, h.d)
		case html.TextToken:
			if h.hidden == "" {
				h.text(string(z.Text()))
			}
		case html.StartTagToken:
			h.start(z)
		case html.EndTagToken:
			name, _ := z.TagName()
			h.stop(string(name))
		case html.SelfClosingTagToken:
			z.NextIsNotRawText()
			name, more := z.TagName()
			h.single(string(name), attributesOf(z, more))
		case html.CommentToken, html.DoctypeToken:
		}
	}
	return nil
}

// attributesOf answers the attributes of a tag that matter here.
func attributesOf(z *html.Tokenizer, more bool) map[string]string {
	var found map[string]string
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		switch name := string(key); name {
		case "hidden", "style", "name", "content", "lang":
			if found == nil {
				found = make(map[string]string)
			}
			found[name] = string(value)
		}
	}
	return found
}

func (h *shown) start(z *html.Tokenizer) {
	raw, more := z.TagName()
	name := string(raw)
	a := attributesOf(z, more)
	switch {
	case h.hidden != "":
		if name == h.hidden {
			h.deep++
		}
		return
	case unseen[name] || closed[name] && invisible(a):
		h.hidden, h.deep = name, 1
		return
	}
	switch name {
	case "title":
		h.titled = true
	case "pre":
		h.verbatim++
	case "html":
		h.d.fact("language", a["lang"])
	}
	h.single(name, a)
}

// single writes what the beginning of an element does.
func (h *shown) single(name string, a map[string]string) {
	if h.hidden != "" {
		return
	}
	switch _, block := blocks[name]; {
	case block:
		h.fold()
	case name == "br":
		h.line()
		h.fresh, h.blank = true, true
	case name == "meta":
		if fact, ok := described[strings.ToLower(a["name"])]; ok {
			h.d.fact(fact, a["content"])
		}
	}
}

// invisible reports whether an element says that it is not shown.
func invisible(a map[string]string) bool {
	if _, hidden := a["hidden"]; hidden {
		return true
	}
	return strings.Contains(strings.ReplaceAll(strings.ToLower(a["style"]), " ", ""), "display:none")
}

func (h *shown) stop(name string) {
	if h.hidden != "" {
		if name == h.hidden {
			if h.deep--; h.deep == 0 {
				h.hidden = ""
			}
		}
		return
	}
	spacious, block := blocks[name]
	switch {
	case name == "title":
		h.titled = false
	case name == "td" || name == "th":
		if !h.fresh {
			h.apart("\t")
			h.blank = true
		}
	case block:
		h.fold()
		if spacious {
			h.line()
		}
	}
	if name == "pre" {
		h.verbatim = max(0, h.verbatim-1)
	}
}

// fold begins a line, unless one begins already.
func (h *shown) fold() {
	if !h.fresh {
		h.line()
	}
	h.fresh, h.blank = true, true
}

func (h *shown) text(text string) {
	switch {
	case h.titled:
		h.d.fact("title", text)
		return
	case h.verbatim == 0:
		text = spaced(text)
		if h.blank {
			text = strings.TrimLeft(text, " ")
		}
	}
	if text == "" {
		return
	}
	h.say(text)
	h.fresh, h.blank = false, strings.HasSuffix(text, " ")
}

// drawn writes the words of a drawing: a line for each element text, and what describes it.
func drawn(in io.Reader, d *draft) error {
	z := tags(in)
	z.AllowCDATA(true)
	open := 0
	for !d.full {
		switch z.Next() {
		case html.ErrorToken:
			return ended(z, d)
		case html.TextToken:
			if open > 0 {
				d.write(spaced(string(z.Text())))
			}
		case html.StartTagToken:
			switch name, _ := z.TagName(); string(name) {
			case "text", "title", "desc":
				open++
			case "tspan":
				d.write(" ")
			}
		case html.EndTagToken:
			switch name, _ := z.TagName(); string(name) {
			case "text", "title", "desc":
				open = max(0, open-1)
				d.write("\n")
			}
		case html.SelfClosingTagToken:
			z.NextIsNotRawText()
		case html.CommentToken, html.DoctypeToken:
		}
	}
	return nil
}
