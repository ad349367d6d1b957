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
	end    int64 // what follows it
	length int64
	said   int64 // where the archive says that it starts
	count  uint64
}

// start is where the directory starts by its length. Below zero, or past the end, when the length is made up.
func (d directory) start() int64 { return d.end - d.length }

const contradicts = unfit("its directory does not add up")

// findDirectory looks for the directory of an archive. tail is the end of the size bytes of r. Programs differ in which end
// and which numbers they believe, so the last end must be the only one that can be meant, and its numbers must agree.
// Errors: unfit.
func findDirectory(r io.ReaderAt, size int64, tail []byte) (d directory, found bool, err error) {
	at := bytes.LastIndex(tail, []byte(endSignature))
	if at < 0 {
		return directory{}, false, nil
	}
	if !endsFile(tail[at:]) {
		return directory{}, true, contradicts
	}
	d = readEnd(tail[at:], size)
	if said, ok := locate(r, d.end); ok {
		large, ok := readLarge(r, said)
		if !ok || said != d.end-locatorLength-end64Length || !d.agrees(large) {
			return directory{}, true, contradicts
		}
		d = large
	}
	if d.length < 0 || d.said < 0 || d.said != d.start() {
		return directory{}, true, contradicts
	}
	return d, true, nil
}

// opens reports whether an entry is at any place where a program looks that believes this end of an archive. The count is
// not asked: Java and Python do not believe it.
func (d directory) opens(r io.ReaderAt) bool {
	if d.hasEntry(r) {
		return true
	}
	said, ok := locate(r, d.end)
	if !ok {
		return false
	}
	// Where the locator says, or where programs that do not believe it look: before it.
	for _, at := range []int64{said, d.end - locatorLength - end64Length} {
		if large, ok := readLarge(r, at); ok && large.hasEntry(r) {
			return true
		}
	}
	return false
}

// hasEntry reports whether an entry is where the directory says to start, or where it does when there is something before
// the archive.
func (d directory) hasEntry(r io.ReaderAt) bool {
	return isAt(r, d.start(), entrySignature) || isAt(r, d.said, entrySignature)
}

// agrees reports whether the numbers are those of large, or have no room for them.
func (d directory) agrees(large directory) bool {
	return (d.count == large.count || d.count == math.MaxUint16) &&
		(d.length == large.length || d.length == math.MaxUint32) &&
		(d.said == large.said || d.said == math.MaxUint32)
}

// endsFile reports whether nothing follows an archive's end but its comment.
func endsFile(end []byte) bool {
	return len(end) >= endLength && endLength+int(binary.LittleEndian.Uint16(end[20:])) == len(end)
}

// readEnd reads the end of an archive, which is at the end of so many bytes.
func readEnd(end []byte, size int64) directory {
	return directory{
		end:    size - int64(len(end)),
		count:  uint64(binary.LittleEndian.Uint16(end[10:])),
		length: int64(binary.LittleEndian.Uint32(end[12:])),
		said:   int64(binary.LittleEndian.Uint32(end[16:])),
	}
}

// locate answers where the numbers are said to be that an end has no room for, if it has a locator of them.
func locate(r io.ReaderAt, end int64) (said int64, ok bool) {
	var locator [locatorLength]byte
	ok = readAt(r, locator[:], end-locatorLength, locatorSignature)
	return int64(binary.LittleEndian.Uint64(locator[8:])), ok //nolint:gosec // one that overflows is nowhere
}

// readLarge reads the numbers that an end has no room for.
func readLarge(r io.ReaderAt, at int64) (d directory, ok bool) {
	var large [end64Length]byte
	ok = readAt(r, large[:], at, end64Signature)
	return directory{
		end:    at,
		count:  binary.LittleEndian.Uint64(large[32:]),
		length: int64(binary.LittleEndian.Uint64(large[40:])), //nolint:gosec // one that overflows is refused, or nowhere
		said:   int64(binary.LittleEndian.Uint64(large[48:])), //nolint:gosec // the same
	}, ok
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
	described  bool // its sizes follow it
	method     uint16
	packed     uint64
	unpacked   uint64
	offset     uint64
}

// Bits of an entry's flags.
const (
	flagEncrypted = 1 << 0
	flagDescribed = 1 << 3
)

// entries reads a directory, which must be made of so many entries as it says and of nothing else. Errors: unfit, and those
// of each.
func (d directory) entries(r io.ReaderAt, each func(entry) error) error {
	in := bufio.NewReaderSize(io.NewSectionReader(r, d.start(), d.length), 32<<10)
	var count uint64
	for left := d.length; left > 0; count++ {
		var fixed [entryLength]byte
		if _, err := io.ReadFull(in, fixed[:]); err != nil || string(fixed[:4]) != entrySignature {
			return contradicts
		}
		rest := make([]byte, int(binary.LittleEndian.Uint16(fixed[28:]))+int(binary.LittleEndian.Uint16(fixed[30:])))
		if _, err := io.ReadFull(in, rest); err != nil {
			return contradicts
		}
		comment, err := in.Discard(int(binary.LittleEndian.Uint16(fixed[32:])))
		if err != nil {
			return contradicts
		}
		left -= int64(entryLength + len(rest) + comment)
		if err := each(readEntry(fixed[:], rest)); err != nil {
			return err
		}
	}
	if count != d.count {
		return contradicts
	}
	return nil
}

func readEntry(fixed, rest []byte) entry {
	name := int(binary.LittleEndian.Uint16(fixed[28:]))
	e := entry{
		name:       string(rest[:name]),
		system:     fixed[5],
		attributes: binary.LittleEndian.Uint32(fixed[38:]),
		encrypted:  binary.LittleEndian.Uint16(fixed[8:])&flagEncrypted != 0,
		described:  binary.LittleEndian.Uint16(fixed[8:])&flagDescribed != 0,
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
