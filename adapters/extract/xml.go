package extract

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// errOpen reports XML that ends before its elements do.
var errOpen = errors.New("the document ends too early")

// visitor hears the elements of an XML document in order, by their names without a prefix: the prefixes of these formats
// differ from program to program, and the names alone are clear where they stand. A visitor that answers false on enter
// does not hear what is inside, nor the element's end.
type visitor interface {
	enter(name string, attributes attributes) bool
	text(text string)
	leave(name string)
}

// attributes are those of an element.
type attributes []xml.Attr

// get answers the value of an attribute, by its name without a prefix, empty if there is none.
func (a attributes) get(name string) string {
	for _, one := range a {
		if one.Name.Local == name {
			return one.Value
		}
	}
	return ""
}

// prefixed answers the value of an attribute that has a prefix: slides have id and r:id.
func (a attributes) prefixed(prefix, name string) string {
	for _, one := range a {
		if one.Name.Local == name && one.Name.Space == prefix {
			return one.Value
		}
	}
	return ""
}

// visit reads XML as a stream. Entities are not declared, so nothing is expanded, and nothing is fetched.
func visit(r io.Reader, v visitor, enough func() bool) error {
	decoder := xml.NewDecoder(r)
	depth, ignored := 0, 0 // ignored: the depth below which nothing is heard
	for !enough() {
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			if depth > 0 {
				return errOpen
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			if ignored == 0 && !v.enter(token.Name.Local, token.Attr) {
				ignored = depth
			}
		case xml.EndElement:
			if ignored == 0 {
				v.leave(token.Name.Local)
			}
			if ignored == depth {
				ignored = 0
			}
			depth--
		case xml.CharData:
			if ignored == 0 {
				v.text(string(token))
			}
		}
	}
	return nil
}

// visited reads an entry of a document. One that is not there is empty.
func (b *bundle) visited(name string, v visitor, enough func() bool) error {
	in, err := b.entry(name)
	if errors.Is(err, errAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	return visit(in, v, enough)
}

// always reads to the end.
func always() bool { return false }

// properties keeps what a document says of itself: elements of a known name.
type properties struct {
	d     *draft
	names map[string]string // by element
	now   string
	value strings.Builder
}

// enter implements visitor.
func (p *properties) enter(name string, _ attributes) bool {
	p.now = p.names[name]
	p.value.Reset()
	return true
}

// text implements visitor.
func (p *properties) text(text string) {
	if p.now != "" {
		p.value.WriteString(text)
	}
}

// leave implements visitor.
func (p *properties) leave(string) {
	if p.now != "" {
		p.d.fact(p.now, p.value.String())
	}
	p.now = ""
}

// about keeps what a document of Office says of itself.
func (b *bundle) about(d *draft) error {
	return b.visited("docProps/core.xml", &properties{d: d, names: map[string]string{
		"title": "title", "creator": "author", "subject": "subject", "keywords": "keywords", "description": "description",
		"lastModifiedBy": "last_author", "created": "created", "modified": "modified", "language": "language",
	}}, always)
}
