package filetype

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
)

const (
	endSignature     = "PK\x05\x06"
	end64Signature   = "PK\x06\x06"
	locatorSignature = "PK\x06\x07"
	entrySignature   = "PK\x01\x02"
	localSignature   = "PK\x03\x04"

	endLength     = 22
	end64Length   = 56
	locatorLength = 20
	entryLength   = 46
	localLength   = 30
)

// directory says where the directory of a zip archive is. It stands before the archive's end, which is found by looking
// back from the end of the file: so does everything that opens archives, and so any file can be one.
type directory struct {
	start  int64 // as its length says
	said   int64 // where the archive says that it starts
	length int64
	count  uint64
	last   bool // nothing follows the archive's end but its comment
}

// findDirectory looks for the directory of an archive. tail is the end of the size bytes of r.
func findDirectory(r io.ReaderAt, size int64, tail []byte) (d directory, found bool) {
	at := len(tail)
	for range lookalikes {
		if at = bytes.LastIndex(tail[:at], []byte(endSignature)); at < 0 {
			break
		}
		if len(tail)-at < endLength {
			continue
		}
		if d, found = readEnd(r, size, tail[at:]); found {
			return d, true
		}
	}
	return directory{}, false
}

// lookalikes is how many ends are tried. A file may be full of them, and who opens archives tries one or two.
const lookalikes = 100

// readEnd reads the end of an archive, and looks whether a directory is before it.
func readEnd(r io.ReaderAt, size int64, end []byte) (d directory, found bool) {
	comment := int(binary.LittleEndian.Uint16(end[20:]))
	at := size - int64(len(end))
	d = directory{
		count:  uint64(binary.LittleEndian.Uint16(end[10:])),
		length: int64(binary.LittleEndian.Uint32(end[12:])),
		said:   int64(binary.LittleEndian.Uint32(end[16:])),
		last:   endLength+comment == len(end),
	}
	if d.count == math.MaxUint16 || d.length == math.MaxUint32 || d.said == math.MaxUint32 {
		at = d.enlarge(r, at)
	}
	d.start = at - d.length
	if d.length < 0 || d.start < 0 {
		return directory{}, false
	}
	if d.length == 0 {
		return d, d.count == 0
	}
	return d, isAt(r, d.start, entrySignature) || isAt(r, d.said, entrySignature)
}

// enlarge reads the numbers that an end has no room for, if they are there, and answers where the end begins with them.
func (d *directory) enlarge(r io.ReaderAt, end int64) int64 {
	var locator [locatorLength]byte
	if !readAt(r, locator[:], end-locatorLength, locatorSignature) {
		return end
	}
	// Where the locator says, or where programs that do not believe it look: before it.
	said := int64(binary.LittleEndian.Uint64(locator[8:])) //nolint:gosec // one that overflows is nowhere
	for _, at := range []int64{said, end - locatorLength - end64Length} {
		var large [end64Length]byte
		if !readAt(r, large[:], at, end64Signature) {
			continue
		}
		d.count = binary.LittleEndian.Uint64(large[32:])
		d.length = int64(binary.LittleEndian.Uint64(large[40:])) //nolint:gosec // one that overflows is refused by the caller
		d.said = int64(binary.LittleEndian.Uint64(large[48:]))   //nolint:gosec // one that overflows is nowhere
		return at
	}
	return end
}

// readAt reads what begins with the signature, and reports whether it is there.
func readAt(r io.ReaderAt, into []byte, at int64, signature string) bool {
	if at < 0 {
		return false
	}
	_, err := r.ReadAt(into, at)
	return (err == nil || errors.Is(err, io.EOF)) && strings.HasPrefix(string(into), signature)
}

func isAt(r io.ReaderAt, at int64, signature string) bool {
	return readAt(r, make([]byte, len(signature)), at, signature)
}

// entry is what a directory says of a file in the archive.
type entry struct {
	name       string
	system     byte // that made it
	attributes uint32
	encrypted  bool
	method     uint16
	packed     uint64
	unpacked   uint64
	offset     uint64
}

// entries reads a directory to its end or to its first flaw.
func (d *directory) entries(r io.ReaderAt, each func(entry) error) (count uint64, err error) {
	in := bufio.NewReaderSize(io.NewSectionReader(r, d.start, d.length), 32<<10)
	for {
		var fixed [entryLength]byte
		if _, err := io.ReadFull(in, fixed[:]); err != nil || string(fixed[:4]) != entrySignature {
			return count, nil //nolint:nilerr // whoever counts sees that there are too few
		}
		rest := make([]byte, int(binary.LittleEndian.Uint16(fixed[28:]))+int(binary.LittleEndian.Uint16(fixed[30:])))
		if _, err := io.ReadFull(in, rest); err != nil {
			return count, nil //nolint:nilerr // the same
		}
		if _, err := in.Discard(int(binary.LittleEndian.Uint16(fixed[32:]))); err != nil {
			return count, nil //nolint:nilerr // the same
		}
		count++
		if err := each(readEntry(fixed[:], rest)); err != nil {
			return count, err
		}
	}
}

func readEntry(fixed, rest []byte) entry {
	name := int(binary.LittleEndian.Uint16(fixed[28:]))
	e := entry{
		name:       string(rest[:name]),
		system:     fixed[5],
		attributes: binary.LittleEndian.Uint32(fixed[38:]),
		encrypted:  binary.LittleEndian.Uint16(fixed[8:])&1 != 0,
		method:     binary.LittleEndian.Uint16(fixed[10:]),
		packed:     uint64(binary.LittleEndian.Uint32(fixed[20:])),
		unpacked:   uint64(binary.LittleEndian.Uint32(fixed[24:])),
		offset:     uint64(binary.LittleEndian.Uint32(fixed[42:])),
	}
	e.enlarge(rest[name:])
	return e
}

// enlarge reads the numbers that an entry has no room for from its extra fields.
func (e *entry) enlarge(extra []byte) {
	const sizes = 1 // the field's number
	for len(extra) >= 4 {
		number, length := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; length > len(extra) {
			return
		}
		field := extra[:length]
		extra = extra[length:]
		if number != sizes {
			continue
		}
		for _, n := range []*uint64{&e.unpacked, &e.packed, &e.offset} {
			if *n == math.MaxUint32 && len(field) >= 8 {
				*n, field = binary.LittleEndian.Uint64(field), field[8:]
			}
		}
		return
	}
}
