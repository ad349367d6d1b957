// Package filetype decides what an upload is, and whether it may come in.
//
// # Why
//
// What a file is called and what its sender says of it are claims. Its bytes decide; a claim only makes the answer more
// precise where the bytes could be many things, as with text. A claim can do one thing more, and that is to make it worse:
// what is an executable or a script by its bytes, by its name or by its declared type is refused.
//
// Only what is needed is read: the head, the tail, and the directory and the headers of an archive. Nothing is unpacked but
// small archives inside an archive, to see their directories too.
package filetype

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"ticketd/domain"
	"ticketd/domain/file"
)

// The refusals.
var (
	ErrNotAllowed = &domain.Error{Kind: domain.BadReference, Code: "file_type_not_allowed", Message: "File type not allowed", Field: "file"}
	ErrEmpty      = &domain.Error{Kind: domain.BadReference, Code: "file_empty", Message: "The file is empty.", Field: "file"}
)

// Types tells what files are.
type Types struct{ strict bool }

// New answers the rules of an installation. A strict one takes pictures, sound, video, PDF and plain text, each in its
// most usual kinds only.
func New(strict bool) Types { return Types{strict: strict} }

// strictly are the types that a strict installation takes.
var strictly = []string{
	"image/png", "image/jpeg", "image/gif", "audio/mpeg", "audio/mp3", "audio/wav", "audio/x-wav", "video/mp4", "application/pdf", "text/plain",
}

// Inspect answers the MIME type, without parameters, and the category of an upload of so many bytes. name is its last path
// element and declared its MIME type, both as the client says. Errors: ErrNotAllowed, ErrEmpty, and those of reading.
func (t Types) Inspect(ctx context.Context, upload io.ReaderAt, size int64, name, declared string) (mimeType string, category file.Category, err error) {
	if size == 0 {
		return "", "", ErrEmpty
	}
	c := claims{name: name, extension: extension(name), declared: mediaType(declared)}
	if err := c.check(); err != nil {
		return "", "", err
	}
	w, err := open(upload, size)
	if err != nil {
		return "", "", fmt.Errorf("read the upload: %w", err)
	}
	mimeType, err = w.inspect(ctx, c)
	if err != nil {
		return "", "", err
	}
	if t.strict && !slices.Contains(strictly, mimeType) {
		return "", "", refuse(mimeType, "")
	}
	return mimeType, categoryOf(mimeType), nil
}

// refuse makes the refusal of a type, which is an extension or a MIME type.
func refuse(what, why string) error {
	message := "File type " + what + " not allowed"
	if why != "" {
		message += ": " + why
	}
	return ErrNotAllowed.With(message)
}

const (
	headMost = 64 << 10
	// tailMost is how far from the end the end of a zip archive is looked for. Behind it is a comment of 64 KB at most, but
	// some programs look a little further.
	tailMost = 66 << 10
)

// window is what is looked at of an upload.
type window struct {
	upload io.ReaderAt
	size   int64
	head   []byte
	tail   []byte // overlaps the head of a small file
}

func open(upload io.ReaderAt, size int64) (*window, error) {
	w := &window{upload: upload, size: size, head: make([]byte, min(size, headMost)), tail: make([]byte, min(size, tailMost))}
	_, err := upload.ReadAt(w.head, 0)
	if err == nil || errors.Is(err, io.EOF) {
		_, err = upload.ReadAt(w.tail, size-int64(len(w.tail)))
	}
	if errors.Is(err, io.EOF) { // allowed beside the last bytes
		err = nil
	}
	return w, err
}

// inspect answers what the upload is.
func (w *window) inspect(ctx context.Context, c claims) (string, error) {
	sniffed := w.sniff()
	if isZip(sniffed) {
		return w.inspectArchive(sniffed, c)
	}
	if err := checkContent(w.head, sniffed); err != nil {
		return "", err
	}
	mimeType := refine(sniffed, c)
	if w.hidesArchive(mimeType) {
		return "", refuse(c.orType(mimeType), "it is an archive as well")
	}
	if marks := w.hidesPage(mimeType); marks != "" {
		return "", refuse(c.orType(mimeType), "it has the beginning of a web page or a script in it ("+marks+")")
	}
	if isOLE(w.head) {
		return w.inspectOLE(ctx, c, mimeType)
	}
	return mimeType, nil
}
