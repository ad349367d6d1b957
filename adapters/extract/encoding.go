package extract

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"ticketd/domain/file"
)

// probed is how much of a text is looked at to know its encoding.
const probed = 1 << 20

var errNotText = &file.SkippedError{Reason: "The file holds bytes that are no text."}

// decoded answers a text as UTF-8, and the name of the encoding it has. A mark at its beginning tells; else what is valid
// UTF-8 is UTF-8, and everything else is what Windows wrote in the west: any bytes are text in that.
func decoded(r io.Reader) (*bufio.Reader, string, error) {
	in := bufio.NewReaderSize(r, probed)
	start, err := in.Peek(probed)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	as := func(name string, e encoding.Encoding) (*bufio.Reader, string, error) {
		return bufio.NewReaderSize(transform.NewReader(in, e.NewDecoder()), 64<<10), name, nil
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		return as("utf-8", unicode.UTF8BOM)
	case bytes.HasPrefix(start, []byte("\xff\xfe")):
		return as("utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM))
	case bytes.HasPrefix(start, []byte("\xfe\xff")):
		return as("utf-16be", unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM))
	case bytes.IndexByte(start, 0) >= 0:
		return nil, "", errNotText
	case utf8.Valid(start), len(start) == probed && utf8.Valid(whole(start)):
		return in, "utf-8", nil
	}
	return as("windows-1252", charmap.Windows1252)
}

// whole answers bytes without a character at their end that was cut in two.
func whole(b []byte) []byte {
	for i := 1; i <= min(utf8.UTFMax, len(b)); i++ {
		if last := b[len(b)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}
