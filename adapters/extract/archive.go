package extract

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strconv"

	"golang.org/x/text/encoding/charmap"

	"ticketd/commands"
	"ticketd/domain/file"
)

const (
	noteListed = "An archive's files are listed and not opened."
	noteEarly  = "The archive unpacks to more than is read here, so the list is not complete."
)

// tarMost is to how many bytes a compressed archive is unpacked to find the names in it.
const tarMost = 4 << 30

// listing is the list of an archive's entries: a line for each, its size and its name.
type listing struct {
	d       draft
	entries int
	bytes   uint64
}

// add lists an entry.
func (l *listing) add(name string, size uint64) {
	l.entries++
	l.bytes += size
	l.d.write(strconv.FormatUint(size, 10) + "\t" + spaced(name) + "\n")
}

// reading answers the list.
func (l *listing) reading(engine string) file.Reading {
	l.d.fact("entries", strconv.Itoa(l.entries))
	l.d.fact("unpacked_bytes", strconv.FormatUint(l.bytes, 10))
	l.d.note(noteListed)
	return l.d.reading(engine)
}

// zipped lists a zip file.
func zipped(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
	b, err := unzipped(ctx, s)
	if err != nil {
		return file.Reading{}, err
	}
	defer b.close()
	var l listing
	for _, f := range b.File {
		if !f.FileInfo().IsDir() {
			l.add(nameOf(f), f.UncompressedSize64)
		}
	}
	return l.reading("zip"), nil
}

// nameOf answers the name of an entry. One that is not UTF-8 was written by a program of the west's old Windows.
func nameOf(f *zip.File) string {
	if !f.NonUTF8 {
		return f.Name
	}
	text, err := charmap.CodePage437.NewDecoder().String(f.Name)
	if err != nil {
		return f.Name
	}
	return text
}

// tarred lists a tar file.
func tarred(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
	in, done, err := opened(ctx, s)
	if err != nil {
		return file.Reading{}, err
	}
	defer done()
	return entries(tar.NewReader(in), nil, "tar")
}

// gzipped lists a tar file that is compressed.
func gzipped(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
	in, done, err := opened(ctx, s)
	if err != nil {
		return file.Reading{}, err
	}
	defer done()
	unpacked, err := gzip.NewReader(in)
	if err != nil {
		return file.Reading{}, err
	}
	return compressed(unpacked, tarMost)
}

// compressed lists the tar file that so many bytes hold, at most.
func compressed(unpacked io.Reader, most int64) (file.Reading, error) {
	limited := &io.LimitedReader{R: unpacked, N: most}
	in := bufio.NewReader(limited)
	const block = 512
	if start, err := in.Peek(block); errors.Is(err, io.EOF) || err == nil && !bytes.Equal(start[257:262], []byte("ustar")) {
		return file.Reading{}, &file.SkippedError{Reason: "A compressed file that is no tar archive is not opened here."}
	}
	return entries(tar.NewReader(in), limited, "tar.gz")
}

// entries lists the entries of a tar file. One that is compressed may end where no more of it is unpacked.
func entries(archive *tar.Reader, limited *io.LimitedReader, engine string) (file.Reading, error) {
	var l listing
	for !l.d.full {
		header, err := archive.Next()
		if err != nil && limited != nil && limited.N <= 0 {
			l.d.note(noteEarly)
			break
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return file.Reading{}, err
		}
		if header.Typeflag != tar.TypeDir {
			l.add(header.Name, uint64(max(0, header.Size)))
		}
	}
	return l.reading(engine), nil
}
