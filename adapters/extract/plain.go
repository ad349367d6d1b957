package extract

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"ticketd/commands"
	"ticketd/domain/file"
)

// plain reads what is text already: notes, logs, source code, JSON, YAML.
func plain(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
	return lines(ctx, s, "text", nil)
}

// table answers who reads a table whose cells are separated by such a character, unless another is more frequent in its
// first line. It counts rows to the end, also those that are left out.
func table(usual byte) parser {
	return func(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
		return lines(ctx, s, "csv", &counter{separator: usual})
	}
}

// lines reads a text as it is.
func lines(ctx context.Context, s commands.Source, engine string, count *counter) (file.Reading, error) {
	in, done, err := opened(ctx, s)
	if err != nil {
		return file.Reading{}, err
	}
	defer done()
	text, name, err := decoded(in)
	if err != nil {
		return file.Reading{}, err
	}
	d := draft{exact: true}
	d.fact("encoding", name)
	if err := copyLines(&d, text, count); err != nil {
		return file.Reading{}, err
	}
	if count != nil {
		count.end()
		d.fact("rows", strconv.Itoa(count.rows))
		d.fact("columns", strconv.Itoa(count.columns))
	}
	return d.reading(engine), nil
}

// copyLines copies a text until the draft is full; a table is counted to its end.
func copyLines(d *draft, text io.Reader, count *counter) error {
	buffer := make([]byte, 64<<10)
	kept := 0 // bytes of the character that the last piece ended in
	var last byte
	for !d.full || count != nil {
		n, err := text.Read(buffer[kept:])
		piece := buffer[:kept+n]
		rest := len(piece)
		if err == nil {
			rest = len(whole(piece))
		}
		if strings.IndexByte(string(piece[kept:]), 0) >= 0 {
			return errNotText
		}
		if count != nil {
			count.take(piece[:rest])
		}
		if !d.full {
			d.write(unixLines(piece[:rest], last))
		}
		if rest > 0 {
			last = piece[rest-1]
		}
		kept = copy(buffer, piece[rest:])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unixLines answers a piece of a text with every end of a line as one character, knowing the byte before it.
func unixLines(piece []byte, before byte) string {
	text := string(piece)
	if before == '\r' {
		text = strings.TrimPrefix(text, "\n")
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
}

// counter counts the rows and columns of a table as it streams by. A cell in quotes may hold ends of lines.
type counter struct {
	rows, columns int
	separator     byte
	sure          bool // about the separator
	cells         int  // of the row
	filled        bool // the row has something
	quoted        bool
}

// take counts a piece of the table.
func (c *counter) take(piece []byte) {
	if !c.sure && len(piece) > 0 {
		c.separator, c.sure = separatorOf(piece, c.separator), true
	}
	for _, b := range piece {
		switch {
		case b == '"':
			c.quoted, c.filled = !c.quoted, true
		case b == c.separator && !c.quoted:
			c.cells, c.filled = c.cells+1, true
		case b == '\n' && !c.quoted:
			c.end()
		case b != '\r':
			c.filled = true
		}
	}
}

// end ends a row. An empty line is none.
func (c *counter) end() {
	if c.filled {
		c.rows++
		c.columns = max(c.columns, c.cells+1)
	}
	c.cells, c.filled = 0, false
}

// separatorOf answers what separates the cells of a table, by its first line: in much of Europe a semicolon.
func separatorOf(piece []byte, usual byte) byte {
	line, _, _ := strings.Cut(string(piece), "\n")
	best := usual
	for _, candidate := range []byte{',', ';', '\t', '|'} {
		if strings.Count(line, string(candidate)) > strings.Count(line, string(best)) {
			best = candidate
		}
	}
	return best
}
