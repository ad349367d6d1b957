package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"ticketd/domain/file"
)

const (
	// textMost is how many characters of a document are kept.
	textMost = 1_000_000
	// wordMost is how many characters a document's title, its author or a sheet's name may have.
	wordMost = 500
)

// The notes that every kind of document may get.
const (
	noteCut   = "The text is cut after 1,000,000 characters."
	noteEmpty = "No text was found."
)

// draft is a text in the making. It takes no more than its limit, and nothing that cannot be kept.
type draft struct {
	text  strings.Builder // of the page, or of all
	pages []file.Page
	taken int // characters
	full  bool
	notes []string
	facts map[string]string
	exact bool // spaces and empty lines are kept as they are
}

// clean answers a text without what PostgreSQL cannot hold and nobody can read: broken UTF-8 and control characters.
func clean(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			return -1
		}
		return c
	}, text)
}

// write adds text, as far as there is room.
func (d *draft) write(text string) {
	if d.full || text == "" {
		return
	}
	text = clean(text)
	// Most texts are short, so bytes are compared first: no text has more characters than bytes.
	if room := textMost - d.taken; len(text) > room {
		kept := firstCharacters(text, room)
		d.full = len(kept) < len(text)
		text = kept
	}
	d.taken += utf8.RuneCountInString(text)
	d.text.WriteString(text)
}

// firstCharacters answers so many characters of a text, or all.
func firstCharacters(text string, most int) string {
	for at := range text {
		if most == 0 {
			return text[:at]
		}
		most--
	}
	return text
}

// turn ends a page: what was written since the last one is its text.
func (d *draft) turn(name string) {
	text := d.tidied(d.text.String())
	d.text.Reset()
	d.pages = append(d.pages, file.Page{Number: len(d.pages) + 1, Name: firstCharacters(clean(name), wordMost), Text: text})
	d.taken += len(between)
}

// between separates the pages in the text of all.
const between = "\n\n"

// fact keeps what the document says of itself.
func (d *draft) fact(name, value string) {
	value = strings.Join(strings.Fields(clean(value)), " ")
	if value == "" {
		return
	}
	if d.facts == nil {
		d.facts = make(map[string]string)
	}
	d.facts[name] = firstCharacters(value, wordMost)
}

// note keeps a sentence for whoever reads the text.
func (d *draft) note(sentence string) { d.notes = append(d.notes, sentence) }

// reading answers what was written.
func (d *draft) reading(engine string) file.Reading {
	text := d.tidied(d.text.String())
	if d.pages != nil {
		texts := make([]string, 0, len(d.pages))
		for _, p := range d.pages {
			if p.Text != "" {
				texts = append(texts, p.Text)
			}
		}
		text = strings.Join(texts, between)
	}
	if d.full {
		d.note(noteCut)
	}
	if text == "" {
		d.note(noteEmpty)
	}
	return file.Reading{Text: text, Engine: engine, Pages: d.pages, Metadata: d.facts, Notes: d.notes}
}

// tidied answers a text without spaces at the ends of lines and with one empty line at most between two others: in most
// formats they come from the layout.
func (d *draft) tidied(text string) string {
	if d.exact {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	empty := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\n\u00a0")
		if line == "" {
			empty++
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n\n"[:min(empty, 1)+1])
		}
		empty = 0
		b.WriteString(line)
	}
	return b.String()
}
