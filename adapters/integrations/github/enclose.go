package github

import (
	"encoding/base64"
	"errors"
	"io"
	"strings"
)

// enclosed answers JSON with a file as its content: in base64, and written as it is read, so that a file is never held.
func enclosed(object string, file io.ReadCloser) io.ReadCloser {
	head, tail := around(object)
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(strings.NewReader(head), &encoded{from: file}, strings.NewReader(tail)), file}
}

// enclosedSize answers how long that is.
func enclosedSize(object string, size int64) int64 {
	head, tail := around(object)
	return int64(len(head)+len(tail)) + (size+2)/3*4
}

func around(object string) (head, tail string) {
	return strings.TrimSuffix(object, "}") + `,"content":"`, `"}`
}

// encoded is base64 of what is read, without line ends.
type encoded struct {
	from io.Reader
	raw  [3 << 12]byte // of whole threes, so that only the last piece is filled up
	text []byte
	rest []byte
}

func (e *encoded) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		n, err := io.ReadFull(e.from, e.raw[:])
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, err
		}
		e.text = base64.StdEncoding.AppendEncode(e.text[:0], e.raw[:n])
		e.rest = e.text
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}
