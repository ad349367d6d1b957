package extract

import (
	"bytes"
	"context"
	"errors"
	"io"

	"ticketd/commands"
	"ticketd/domain/file"
)

var errPassword = &file.SkippedError{Reason: "The document is protected by a password."}

// encrypted is the name of what holds a document that has a password, as these containers write it.
var encrypted = []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00")

// container answers who tells why a document in a container of the old Office is not read: it is as old as that, or a
// newer one that has a password.
func container(kind, modern string) parser {
	return func(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
		in, done, err := opened(ctx, s)
		if err != nil {
			return file.Reading{}, err
		}
		defer done()
		buffer := make([]byte, 64<<10)
		kept := 0
		for {
			n, err := io.ReadFull(in, buffer[kept:])
			if bytes.Contains(buffer[:kept+n], encrypted) {
				return file.Reading{}, errPassword
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return file.Reading{}, &file.SkippedError{Reason: kind + " cannot be read here; saved as " + modern + " it can."}
			}
			if err != nil {
				return file.Reading{}, err
			}
			kept = copy(buffer, buffer[len(buffer)-len(encrypted):])
		}
	}
}
