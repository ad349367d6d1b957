package extract

import "strings"

// flow writes paragraphs and the rows of tables. What separates two texts is written when the second one comes, so that
// cells and paragraphs that are empty leave no trace at the end of a row or a page.
type flow struct {
	d     *draft
	gap   strings.Builder
	cells int // that are open: a table may stand in a cell
}

// gapMost is how many empty cells and lines in a row are kept.
const gapMost = 1000

// say writes text.
func (f *flow) say(text string) {
	if text == "" {
		return
	}
	if f.gap.Len() > 0 {
		f.d.write(f.gap.String())
		f.gap.Reset()
	}
	f.d.write(text)
}

// apart adds to what separates the text so far from the next one.
func (f *flow) apart(by string) {
	if f.gap.Len() < gapMost {
		f.gap.WriteString(by)
	}
}

// line ends a line. In a table a row is a line, whatever its cells hold.
func (f *flow) line() {
	if f.cells == 0 {
		f.apart("\n")
		return
	}
	if gap := f.gap.String(); gap == "" {
		f.apart(" ")
	}
}

// cell begins a cell.
func (f *flow) cell() { f.cells++ }

// endCell ends a cell.
func (f *flow) endCell() {
	f.cells = max(0, f.cells-1)
	if f.gap.String() == " " {
		f.gap.Reset()
	}
	f.apart("\t")
}

// endRow ends a row.
func (f *flow) endRow() {
	f.gap.Reset()
	f.line()
}

// end ends a page, or a part of one.
func (f *flow) end() {
	f.gap.Reset()
	f.cells = 0
	f.d.write("\n")
}
