package commands

import (
	"context"

	"ticketd/domain/file"
)

// Source is an upload to be read.
type Source struct {
	Path     string // of its bytes on this machine, which nobody may change
	Name     string // what its owner calls it
	MIMEType string // what its bytes are
	Category file.Category
	Size     int64
}

// ReadProgress hears how far a reader is, in percent, and what it does: "page 3 of 12". It may be called from several
// goroutines, and as often as anything is known.
type ReadProgress func(percent int, doing string)

// Reader makes one stage of an upload's processing. Errors: *file.SkippedError when this cannot be read here,
// *file.BrokenError when the file is at fault; anything else is worth another try.
type Reader interface {
	Read(ctx context.Context, s Source, progress ReadProgress) (file.Reading, error)
}
