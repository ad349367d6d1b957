package filetype

import (
	"cmp"
	"encoding/binary"
	"io"
	"math"
	"slices"
)

// span is where a file is in an archive, with the header before it.
type span struct {
	start, end int64
	behind     int64 // bytes that may follow it and be nobody's
}

// describedMost is how many bytes may describe a file that they follow: a mark, a checksum, and two sizes. They are too few
// for the header of another file.
const describedMost = 24

const disagrees = unfit("its directory and its files do not agree")

// find answers where a file is before the directory, and where its packed bytes begin. Some programs never read the
// directory but the header before each file, so both must say the same. Errors: unfit.
func (e *entry) find(r io.ReaderAt, directory int64) (s span, at int64, err error) {
	if most := uint64(directory); e.offset > most || e.packed > most { //nolint:gosec // findDirectory answers none below zero
		return span{}, 0, contradicts
	}
	s.start = int64(e.offset) //nolint:gosec // see above
	header := make([]byte, localLength+len(e.name))
	if !readAt(r, header, s.start, localSignature) {
		return span{}, 0, disagrees
	}
	fixed, name := header[:localLength], string(header[localLength:])
	extra := int64(binary.LittleEndian.Uint16(fixed[28:]))
	at = s.start + int64(len(header)) + extra
	if int(binary.LittleEndian.Uint16(fixed[26:])) != len(e.name) || name != e.name {
		return span{}, 0, disagrees
	}
	local := readLocal(fixed)
	if extra > 0 && (local.packed == math.MaxUint32 || local.unpacked == math.MaxUint32) {
		fields := make([]byte, extra)
		if _, err := r.ReadAt(fields, at-extra); err != nil {
			return span{}, 0, disagrees
		}
		local.enlarge(fields)
	}
	if !e.agrees(local) {
		return span{}, 0, disagrees
	}
	s.end = at + int64(e.packed) //nolint:gosec // see above
	if e.described || local.described {
		s.behind = describedMost
	}
	return s, at, nil
}

// readLocal reads the header before a file.
func readLocal(fixed []byte) entry {
	flags := binary.LittleEndian.Uint16(fixed[6:])
	return entry{
		encrypted: flags&flagEncrypted != 0,
		described: flags&flagDescribed != 0,
		method:    binary.LittleEndian.Uint16(fixed[8:]),
		packed:    uint64(binary.LittleEndian.Uint32(fixed[18:])),
		unpacked:  uint64(binary.LittleEndian.Uint32(fixed[22:])),
	}
}

// agrees reports whether the header before a file says of it what the directory does. Sizes that follow the file need not be
// in its header.
func (e *entry) agrees(local entry) bool {
	same := func(size, said uint64) bool {
		return size == said || local.described && (size == 0 || size == math.MaxUint32)
	}
	return e.method == local.method && e.encrypted == local.encrypted && same(local.packed, e.packed) && same(local.unpacked, e.unpacked)
}

// apart requires that files lie one behind the other from the beginning to the directory: files that share bytes make a
// small archive unpack to anything, and bytes that no file has are another archive's.
func apart(spans []span, directory int64) error {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	const spanned = 4 // bytes of a mark that an archive of one part may begin with
	before := span{behind: spanned}
	for i, s := range append(spans, span{start: directory}) {
		switch gap := s.start - before.end; {
		case gap < 0:
			return unfit("its files overlap, as in an archive bomb")
		case gap > before.behind && i == 0:
			return unfit("it has something before its first file")
		case gap > before.behind:
			return unfit("it has something between its files")
		}
		before = s
	}
	return nil
}
