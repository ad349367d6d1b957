package commands

import (
	"context"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/thread"
	"ticketd/eventstore"
)

// Threads answers commands to conversations with agents.
type Threads struct {
	handler Handler[thread.State, thread.Command, thread.Event]
	files   AttachableFiles
}

// NewThreads wires the thread decider to the log and to what messages refer to.
func NewThreads(log eventstore.Log, files AttachableFiles) Threads {
	t := Threads{handler: NewHandler(log, thread.Decider), files: files}
	t.handler.check = t.checkReferences
	return t
}

// Handle answers one command and the thread's stream as it then stands. Errors: the refusals of package thread,
// ErrUnknownFiles, ErrStale, ErrErased, ErrBusy.
func (t Threads) Handle(ctx context.Context, r Request, id uuid.UUID, cmd thread.Command) (eventstore.Stream, error) {
	if _, isNew := cmd.(thread.Start); isNew {
		return t.handler.Create(ctx, r, id, cmd)
	}
	return t.handler.Handle(ctx, r, id, cmd)
}

func (t Threads) checkReferences(ctx context.Context, org domain.OrgID, cmd thread.Command) error {
	message, ok := cmd.(thread.AddMessage)
	if !ok {
		return nil
	}
	ids := make([]domain.FileID, len(message.Attachments))
	for i, a := range message.Attachments {
		ids[i] = a.FileID
	}
	return checkFiles(ctx, t.files, org, message.By, ids)
}
