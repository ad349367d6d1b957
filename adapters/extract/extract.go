// Package extract reads the text of documents: PDF, Office, web pages, mails, tables, source code and whatever is text.
//
// # Why
//
// A document is somebody's bytes. PDF is so rich that only other programs read it, each within limits; see internal/child.
// The other formats are read here, as streams: an upload may unpack to a thousand times its size, and many are read at
// once, so nothing is held whole, every piece has its limit, and what is left out is said in the reading's notes. A parser
// that panics says that the document is damaged, and takes nothing with it.
package extract

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"ticketd/commands"
	"ticketd/domain/file"
)

// Pictures reads the text of a picture that lies on this machine.
type Pictures func(ctx context.Context, path string) (file.Reading, error)

// Config is what a Reader works with.
type Config struct {
	Pictures  Pictures      // reads the scanned pages of PDFs
	Temporary string        // folder for what is made on the way; empty: the system's own
	Limit     time.Duration // for what is read in this process; zero: 2 minutes
	Programs  Programs
}

// Programs names the programs of poppler; empty: their usual names.
type Programs struct{ Text, Info, Draw string }

// Reader makes the stage extraction. It implements commands.Reader.
type Reader struct {
	pictures  Pictures
	temporary string
	limit     time.Duration
	programs  Programs

	asked   sync.Mutex
	version string // of Programs.Text; empty: not known yet
}

var _ commands.Reader = (*Reader)(nil)

// New answers a Reader.
func New(c Config) *Reader {
	or := func(name, usual string) string {
		if name == "" {
			return usual
		}
		return name
	}
	if c.Limit == 0 {
		c.Limit = 2 * time.Minute
	}
	return &Reader{
		pictures:  c.Pictures,
		temporary: c.Temporary,
		limit:     c.Limit,
		programs:  Programs{Text: or(c.Programs.Text, "pdftotext"), Info: or(c.Programs.Info, "pdfinfo"), Draw: or(c.Programs.Draw, "pdftoppm")},
	}
}

// parser reads one kind of document.
type parser func(ctx context.Context, s commands.Source, progress commands.ReadProgress) (file.Reading, error)

// Read implements commands.Reader.
func (r *Reader) Read(ctx context.Context, s commands.Source, progress commands.ReadProgress) (file.Reading, error) {
	if err := ctx.Err(); err != nil {
		return file.Reading{}, err
	}
	kind := typeOf(s)
	if kind == "application/pdf" {
		return r.pdf(ctx, s, progress)
	}
	parse, err := r.parserOf(kind)
	if err != nil {
		return file.Reading{}, err
	}
	return r.inProcess(ctx, parse, s, progress)
}

// errDamaged is what is said of a document whose parser gave up, for whatever reason: people can do nothing with the details.
var errDamaged = &file.BrokenError{Reason: "The document cannot be read: it is damaged."}

// inProcess runs a parser that is a part of this program: not for longer than the limit, and whatever it meets.
func (r *Reader) inProcess(ctx context.Context, parse parser, s commands.Source, progress commands.ReadProgress) (reading file.Reading, err error) {
	bounded, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	defer func() {
		if recover() != nil {
			reading, err = file.Reading{}, errDamaged
		}
	}()
	reading, err = parse(bounded, s, progress)
	switch {
	case ctx.Err() != nil:
		return file.Reading{}, ctx.Err()
	case bounded.Err() != nil:
		return file.Reading{}, fmt.Errorf("a document of type %s was not read within %s", s.MIMEType, r.limit)
	case err != nil:
		return file.Reading{}, verdict(err)
	}
	return reading, nil
}

// verdict answers whose fault an error of a parser is: the disk's, which is worth another try, or the document's.
func verdict(err error) error {
	if skipped, ok := errors.AsType[*file.SkippedError](err); ok {
		return skipped
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path
	}
	return errDamaged
}
