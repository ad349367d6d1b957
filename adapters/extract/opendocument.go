package extract

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"ticketd/commands"
	"ticketd/domain/file"
)

// sheetsMost is how many sheets of a workbook are read, or slides of a presentation of this format.
const sheetsMost = 500

// openDocument answers who reads the formats of LibreOffice: a text, a workbook with a page for each sheet, a presentation
// with a page for each slide.
func openDocument(kind string) parser {
	return func(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
		b, err := unzipped(ctx, s)
		if err != nil {
			return file.Reading{}, err
		}
		defer b.close()
		locked := &locks{}
		if err := b.visited("META-INF/manifest.xml", locked, func() bool { return locked.found }); err != nil {
			return file.Reading{}, err
		}
		if locked.found {
			return file.Reading{}, errPassword
		}
		if b.find("content.xml") == nil {
			return file.Reading{}, errAbsent
		}
		var d draft
		err = b.visited("meta.xml", &properties{d: &d, names: map[string]string{
			"title": "title", "initial-creator": "author", "creator": "last_author", "subject": "subject", "keyword": "keywords",
			"description": "description", "creation-date": "created", "date": "modified", "language": "language",
		}}, always)
		if err != nil {
			return file.Reading{}, err
		}
		v := &open{flow: flow{d: &d}, page: &d, pages: map[string]string{"ods": "table", "odp": "page"}[kind]}
		if err := b.visited("content.xml", v, func() bool { return d.full || v.over }); err != nil {
			return file.Reading{}, err
		}
		if v.over {
			d.note(fmt.Sprintf("Only the first %d pages were read.", sheetsMost))
		}
		v.end()
		return d.reading(kind), nil
	}
}

// locks hears whether a document of LibreOffice is encrypted.
type locks struct{ found bool }

// enter implements visitor.
func (l *locks) enter(name string, _ attributes) bool {
	l.found = l.found || name == "encryption-data"
	return true
}

// text implements visitor.
func (*locks) text(string) {}

// leave implements visitor.
func (*locks) leave(string) {}

// repeatMost is how often a cell or a row that says that it is repeated is written.
const repeatMost = 1000

// open writes the paragraphs and tables of a document of LibreOffice.
type open struct {
	flow

	page       *draft // what is written
	pages      string // the element that is a page, empty for a text
	inside     int    // how many elements of that name are open
	name       string // of the page
	over       bool   // there are more pages than are read
	paragraphs int    // that are open: what is between others is layout
	row        draft
	rows       int // that are open: a table may stand in a cell
	rowTimes   int // how often the row stands there
	cellTimes  int // how often the cell stands there
	cellStart  int // where its text begins in the row
}

// enter implements visitor. What was deleted, and what people remarked, is left out.
func (o *open) enter(name string, a attributes) bool {
	switch name {
	case "tracked-changes", "annotation", "forms", "scripts", "desc", "title":
		return false
	case o.pages:
		if o.inside == 0 {
			o.over = len(o.page.pages) == sheetsMost
			o.name = a.get("name")
		}
		o.inside++
	case "p", "h":
		o.paragraphs++
	case "s":
		o.say(strings.Repeat(" ", times(a.get("c"))))
	case "tab":
		o.say("\t")
	case "line-break":
		o.line()
	case "table-row":
		if o.rows++; o.rows == 1 {
			if o.gap.Len() > 0 {
				o.page.write("\n")
				o.gap.Reset()
			}
			o.row, o.rowTimes = draft{exact: true}, times(a.get("number-rows-repeated"))
			o.d = &o.row
		}
	case "table-cell", "covered-table-cell":
		if o.cell(); o.cells == 1 {
			o.cellTimes, o.cellStart = times(a.get("number-columns-repeated")), o.row.text.Len()
		}
	}
	return !o.over
}

// times answers how often something stands there that says so.
func times(said string) int {
	n, err := strconv.Atoi(said)
	if err != nil || n < 1 {
		return 1
	}
	return min(n, repeatMost)
}

// text implements visitor. Spaces and ends of lines in XML are one space here; more have elements of their own.
func (o *open) text(text string) {
	if o.paragraphs > 0 {
		o.say(spaced(text))
	}
}

// spaced answers a text with one space wherever it has any.
func spaced(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	gap := false
	for _, c := range text {
		if c == ' ' || c == '\n' || c == '\t' || c == '\r' {
			gap = true
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		b.WriteRune(c)
	}
	if gap {
		b.WriteByte(' ')
	}
	return b.String()
}

// leave implements visitor.
func (o *open) leave(name string) {
	switch name {
	case o.pages:
		if o.inside--; o.inside == 0 {
			o.end()
			if o.pages != "table" {
				o.name = ""
			}
			o.page.turn(o.name)
		}
	case "p", "h":
		o.paragraphs--
		o.line()
	case "table-cell", "covered-table-cell":
		o.leaveCell()
	case "table-row":
		o.leaveRow()
	}
}

// leaveCell ends a cell, and writes it as often as it stands there.
func (o *open) leaveCell() {
	text := o.row.text.String()[min(o.cellStart, o.row.text.Len()):]
	o.endCell()
	if o.cells > 0 {
		return
	}
	for range o.cellTimes - 1 {
		o.say(strings.TrimLeft(text, "\t"))
		o.apart("\t")
	}
}

// leaveRow ends a row, and writes it as often as it stands there.
func (o *open) leaveRow() {
	if o.rows--; o.rows > 0 {
		o.line()
		return
	}
	o.d = o.page
	o.gap.Reset()
	for range o.rowTimes {
		if o.page.full || o.row.taken == 0 {
			break
		}
		o.page.write(o.row.text.String() + "\n")
	}
	o.row = draft{}
}
