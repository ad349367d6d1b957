package extract

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"ticketd/commands"
	"ticketd/domain/file"
)

const (
	// entryMost is to how many bytes one entry of a document may unpack, packageMost all that are read of it.
	entryMost   = 64 << 20
	packageMost = 256 << 20
	// indexMost is how many bytes the list of an archive's entries may have: each entry takes five times as much here.
	indexMost = 8 << 20
)

var (
	errUnpacks = &file.SkippedError{Reason: "The document unpacks to more than can be read here."}
	errEntries = &file.SkippedError{Reason: "The archive has more entries than can be read here."}
)

// bundle is an open zip file.
type bundle struct {
	*zip.Reader
	ctx  context.Context //nolint:containedctx // lives as long as one reading
	f    *os.File
	left int64 // bytes that may still be unpacked

	strings int // stringsMost, but in tests
}

// unzipped opens a zip file.
func unzipped(ctx context.Context, s commands.Source) (*bundle, error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, err
	}
	b := &bundle{ctx: ctx, f: f, left: packageMost, strings: stringsMost}
	index := &frugal{ReaderAt: f, left: indexMost}
	if b.Reader, err = zip.NewReader(index, s.Size); err != nil {
		b.close()
		return nil, err
	}
	index.open = true
	return b, nil
}

// close lets the file go, of which only was read.
func (b *bundle) close() { _ = b.f.Close() }

// frugal gives so many bytes of a file and no more, until it is open: the list of a zip file's entries is read at once.
type frugal struct {
	io.ReaderAt
	left int64
	open bool
}

// ReadAt implements io.ReaderAt.
func (f *frugal) ReadAt(p []byte, at int64) (int, error) {
	if !f.open {
		if f.left -= int64(len(p)); f.left < 0 {
			return 0, errEntries
		}
	}
	return f.ReaderAt.ReadAt(p, at)
}

// errAbsent reports an entry that a document does not have.
var errAbsent = errors.New("no such entry")

// find answers an entry by its name, in whatever case: some programs write Word/Document.xml. It answers nil if there is
// none.
func (b *bundle) find(name string) *zip.File {
	for _, f := range b.File {
		if strings.EqualFold(strings.ReplaceAll(f.Name, `\`, "/"), name) {
			return f
		}
	}
	return nil
}

// entry opens an entry of XML. Errors: errAbsent; *file.SkippedError when it is too large.
func (b *bundle) entry(name string) (io.ReadCloser, error) {
	f := b.find(path.Clean(name))
	if f == nil {
		return nil, errAbsent
	}
	return b.open(f)
}

// open opens an entry of XML. Its size is what it says: the zip package gives no more than that.
func (b *bundle) open(f *zip.File) (io.ReadCloser, error) {
	size := int64(min(f.UncompressedSize64, 1<<62))
	if b.left -= size; size > entryMost || b.left < 0 {
		return nil, errUnpacks
	}
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{&guard{from: attentive{ctx: b.ctx, from: in}, most: tokenMost}, in}, nil
}
