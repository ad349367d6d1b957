package filetype

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
)

// oleMagic begins the files of Office before 2007, of Outlook, and of Windows' installer: a file system in a file.
const oleMagic = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

func isOLE(head []byte) bool { return bytes.HasPrefix(head, []byte(oleMagic)) }

// oleEntry is the length of an entry of such a file system's directory. Entries stand at multiples of it, wherever the
// directory is.
const oleEntry = 128

// olePiece is how much of a file is searched at a time.
const olePiece = 1 << 20

// slideMacros begins the record by which a presentation says that it has macros, which are packed where their names cannot
// be seen.
var slideMacros = []byte{0x1f, 0, 0xff, 3, 0x14, 0, 0, 0, 2, 0, 0, 4, 0x0c, 0, 0, 0}

// oleKinds tells what a file is by the stream that its kind must have, the surest first: what is embedded has a stream of
// its own.
var oleKinds = []struct{ stream, mimeType string }{
	{"__nameid_version1.0", "application/vnd.ms-outlook"},
	{"PowerPoint Document", "application/vnd.ms-powerpoint"},
	{"WordDocument", "application/msword"},
	{"Workbook", "application/vnd.ms-excel"},
	{"Book", "application/vnd.ms-excel"},
}

// oleClasses are the classes of the programs that a file may belong to, as its root says.
var oleClasses = map[string]string{
	"\x06\x09\x02\x00": "application/msword", "\x00\x09\x02\x00": "application/msword",
	"\x20\x08\x02\x00": "application/vnd.ms-excel", "\x10\x08\x02\x00": "application/vnd.ms-excel",
	"\x0b\x0d\x02\x00": "application/vnd.ms-outlook", "\x10\x8d\x81\x64": "application/vnd.ms-powerpoint",
	"\x84\x10\x0c\x00": installer, "\x82\x10\x0c\x00": installer, "\x86\x10\x0c\x00": installer,
}

const installer = "application/x-ms-installer"

// ole is what is found in such a file.
type ole struct {
	class   string
	streams map[string]bool
	macros  bool
}

// inspectOLE answers what the upload is, and refuses installers and documents with macros. All of it is searched, for a
// directory can be anywhere, and one that the search follows may not be the one that a program finds.
func (w *window) inspectOLE(ctx context.Context, c claims, sniffed string) (string, error) {
	found := ole{streams: map[string]bool{}}
	// An entry, or a record, may lie across the end of a piece.
	piece := make([]byte, olePiece+oleEntry)
	for at := int64(0); at < w.size; at += olePiece {
		n, err := w.upload.ReadAt(piece, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the upload: %w", err)
		}
		found.search(piece[:n])
		if err := ctx.Err(); err != nil {
			return "", err
		}
	}
	if found.class == installer {
		return "", refuse(installer, "it is an installer")
	}
	mimeType := found.kind(sniffed)
	if found.macros {
		return "", refuse(c.orType(mimeType), macros)
	}
	return mimeType, nil
}

func (o *ole) kind(sniffed string) string {
	if o.class != "" {
		return o.class
	}
	for _, k := range oleKinds {
		if o.streams[k.stream] {
			return k.mimeType
		}
	}
	return sniffed
}

// search looks at a piece of the file.
func (o *ole) search(piece []byte) {
	for at := 0; at+oleEntry <= len(piece); at += oleEntry {
		o.entry(piece[at : at+oleEntry])
	}
	for rest := piece; !o.macros; {
		at := bytes.Index(rest, slideMacros)
		if at < 0 {
			break
		}
		const reference = 4 // bytes before it says whether there are any
		rest = rest[at+len(slideMacros):]
		o.macros = len(rest) >= reference+4 && binary.LittleEndian.Uint32(rest[reference:]) != 0
	}
}

// entry looks at what may be an entry of the directory.
func (o *ole) entry(e []byte) {
	const storage, stream, root = 1, 2, 5
	length, kind := int(binary.LittleEndian.Uint16(e[64:])), e[66]
	if length < 4 || length > 64 || length%2 != 0 || kind != storage && kind != stream && kind != root || e[length-1] != 0 || e[length-2] != 0 {
		return
	}
	units := make([]uint16, length/2-1)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(e[2*i:])
	}
	name := string(utf16.Decode(units))
	switch {
	case name == "_VBA_PROJECT", name == "_VBA_PROJECT_CUR":
		o.macros = true
	case kind == root && name == "Root Entry" && o.class == "":
		o.class = oleClasses[string(e[80:84])]
	case kind == stream && len(o.streams) < len(oleKinds):
		for _, k := range oleKinds {
			if name == k.stream {
				o.streams[name] = true
			}
		}
	}
}
