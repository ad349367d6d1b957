package commands

import (
	"context"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/eventstore"
)

// Files answers commands to uploads that are there. Taking them in is the matter of Uploads, reading them of Processing.
type Files struct {
	handler Handler[file.State, file.Command, file.Event]
}

// NewFiles wires the file decider to the log.
func NewFiles(log eventstore.Log) Files { return Files{handler: NewHandler(log, file.Decider)} }

// Handle answers one command and the upload's stream as it then stands. Errors: the refusals of package file, ErrStale,
// ErrBusy.
func (f Files) Handle(ctx context.Context, r Request, id domain.FileID, cmd file.Command) (eventstore.Stream, error) {
	return f.handler.Handle(ctx, r, id.UUID, cmd)
}

// AttachedTickets knows which tickets refer to an upload.
type AttachedTickets interface {
	// Of answers the tickets that refer to the upload and still have their words, the newest first.
	Of(ctx context.Context, org domain.OrgID, file domain.FileID) ([]uuid.UUID, error)
}
