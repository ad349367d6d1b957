package extract

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"ticketd/commands"
	"ticketd/domain/file"
)

const (
	// workbookMost is to how many bytes a workbook may unpack: its sheets go through the disk.
	workbookMost = 512 << 20
	// partMost is to how many bytes what is no sheet may unpack: the styles become objects.
	partMost = 4 << 20
	// stringsMost is how many strings the table of a workbook may have: the place of each is remembered.
	stringsMost = 500_000
	// rowsMost and columnsMost are how much of a sheet is read.
	rowsMost    = 100_000
	columnsMost = 1000
	// onDisk is the size from which on the library reads a sheet from a file.
	onDisk = 1 << 20
)

// workbook reads an Excel workbook: a page for each sheet, a line for each row, its cells separated by tabs.
func (r *Reader) workbook(ctx context.Context, s commands.Source, progress commands.ReadProgress) (file.Reading, error) {
	folder, err := os.MkdirTemp(r.temporary, "workbook-")
	if err != nil {
		return file.Reading{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	var d draft
	lean := filepath.Join(folder, "lean.xlsx")
	if err := trimmed(ctx, s, lean, &d); err != nil {
		return file.Reading{}, err
	}
	book, err := excelize.OpenFile(lean, excelize.Options{UnzipSizeLimit: workbookMost, UnzipXMLSizeLimit: onDisk, TmpDir: folder})
	if err != nil {
		return file.Reading{}, err
	}
	defer func() { _ = book.Close() }()
	names := book.GetSheetList()
	if len(names) == 0 {
		return file.Reading{}, errAbsent
	}
	d.fact("sheets", strconv.Itoa(len(names)))
	if len(names) > sheetsMost {
		d.note(fmt.Sprintf("Only the first %d of %d sheets were read.", sheetsMost, len(names)))
	}
	names = first(names, sheetsMost)
	for i, name := range names {
		if d.full {
			break
		}
		progress(100*i/len(names), fmt.Sprintf("sheet %d of %d", i+1, len(names)))
		if err := sheet(ctx, book, name, &d); err != nil {
			return file.Reading{}, err
		}
		d.turn(name)
	}
	return d.reading("xlsx"), nil
}

// trimmed writes a copy of a workbook with only what its text needs: the library would load all pictures into memory. On
// the way it proves that the parts are no larger, no deeper and no more damaged than the library can bear: it would pass
// over damage silently.
func trimmed(ctx context.Context, s commands.Source, to string, d *draft) error {
	b, err := unzipped(ctx, s)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.about(d); err != nil {
		return err
	}
	b.left = workbookMost
	out, err := os.Create(to) //nolint:gosec // in a folder that was just made
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	z := zip.NewWriter(out)
	for _, f := range b.File {
		if !needed(f.Name) {
			continue
		}
		if err := b.harmless(f); err != nil {
			return err
		}
		if err := z.Copy(f); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return out.Close()
}

// needed reports whether a part of a workbook has to do with the text of its cells.
func needed(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	if !strings.HasSuffix(name, ".xml") && !strings.HasSuffix(name, ".rels") {
		return false
	}
	switch name {
	case "[content_types].xml", "_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "xl/sharedstrings.xml":
		return true
	}
	return strings.HasPrefix(name, "xl/worksheets/") && !strings.Contains(name, "_rels/")
}

// harmless reads a part of a workbook to its end, to see what it is.
func (b *bundle) harmless(f *zip.File) error {
	most, table := uint64(partMost), strings.EqualFold(f.Name, "xl/sharedStrings.xml")
	if table || strings.HasPrefix(strings.ToLower(f.Name), "xl/worksheets/sheet") {
		most = workbookMost
	}
	if b.left -= int64(min(f.UncompressedSize64, workbookMost+1)); f.UncompressedSize64 > most || b.left < 0 {
		return errUnpacks
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	g := &guard{from: attentive{ctx: b.ctx, from: in}, most: tokenMost}
	if table {
		var found tally
		if err := visit(g, &found, func() bool { return int(found) > b.strings }); err != nil {
			return err
		}
		if int(found) > b.strings {
			return errUnpacks
		}
		return nil
	}
	if _, err := io.Copy(io.Discard, g); err != nil {
		return err
	}
	if g.depth > 0 {
		return errOpen
	}
	return nil
}

// tally counts the strings of a workbook's table, wherever in it they are.
type tally int

// enter implements visitor.
func (t *tally) enter(name string, _ attributes) bool {
	if name == "si" {
		*t++
	}
	return true
}

// text implements visitor.
func (*tally) text(string) {}

// leave implements visitor.
func (*tally) leave(string) {}

// sheet writes the rows of a sheet. A sheet that is a chart has none.
func sheet(ctx context.Context, book *excelize.File, name string, d *draft) error {
	rows, err := book.Rows(name)
	if err != nil {
		return nil // a chart, or a sheet that is named and not there
	}
	defer func() { _ = rows.Close() }()
	f := flow{d: d}
	wide := false
	for n := 0; rows.Next() && !d.full; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if n == rowsMost {
			d.note(fmt.Sprintf("Of the sheet %s only the first %d rows were read.", strings.TrimSpace(clean(name)), rowsMost))
			break
		}
		cells, err := rows.Columns()
		if err != nil {
			return err
		}
		wide = wide || len(cells) > columnsMost
		for _, text := range first(cells, columnsMost) {
			f.cell()
			f.say(spaced(text))
			f.endCell()
		}
		f.endRow()
	}
	if wide {
		d.note(fmt.Sprintf("Of the sheet %s only the first %d columns were read.", strings.TrimSpace(clean(name)), columnsMost))
	}
	return nil
}
