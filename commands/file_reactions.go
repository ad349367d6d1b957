package commands

import (
	"context"
	"errors"
	"fmt"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// FileJobs hands uploads to workers.
type FileJobs interface {
	// Enqueue asks for the stages of an upload of this category to be made. run is the version of the upload that asked:
	// to ask again for the same is harmless.
	Enqueue(ctx context.Context, job FileJob, category file.Category, run int) error
}

// ProcessFiles has every upload read that comes in, and those that somebody wants to be read again.
func ProcessFiles(files Files, jobs FileJobs) Reaction {
	return Reaction{
		Name: "process_files", Facts: []string{"file.uploaded", "file.processing_requested"},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			org, id := domain.OrgID{UUID: r.Org}, domain.FileID{UUID: r.Stream}
			state, err := files.handler.State(ctx, org, id.UUID)
			if err != nil || !state.Exists() || state.Processed {
				return err
			}
			why := because(r)
			return jobs.Enqueue(ctx, FileJob{Org: org, File: id, Correlation: why.Correlation, Causation: why.Causation}, state.Category, r.Version)
		},
	}
}

// EraseExpiredFiles erases the uploads of a ticket whose words a retention rule has erased, unless another ticket refers
// to them.
func EraseExpiredFiles(files Files, tickets Tickets, attached AttachedTickets) Reaction {
	return Reaction{
		Name: "erase_expired_files", Facts: []string{"ticket.words_erased"},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			if erased, ok := r.Event.(ticket.WordsErased); !ok || !erased.Of.IsZero() {
				return nil // one person's words: their uploads are erased with them
			}
			org := domain.OrgID{UUID: r.Org}
			stream, err := tickets.handler.load(ctx, org, r.Stream)
			if err != nil {
				return err
			}
			for _, id := range referredTo(stream) {
				elsewhere, err := attached.Of(ctx, org, id)
				if err != nil {
					return fmt.Errorf("find tickets of file %s: %w", id, err)
				}
				if len(elsewhere) > 1 || len(elsewhere) == 1 && elsewhere[0] != r.Stream {
					continue
				}
				_, err = files.Handle(ctx, because(r), id, file.EraseWords{By: domain.System})
				if err != nil && !errors.Is(err, file.ErrNotFound) {
					return fmt.Errorf("erase file %s: %w", id, err)
				}
			}
			return nil
		},
	}
}

// referredTo answers the uploads that a ticket or its comments ever referred to, each once.
func referredTo(s eventstore.Stream) []domain.FileID {
	var ids []domain.FileID
	seen := map[domain.FileID]bool{}
	for _, r := range s.Events {
		var attachments []ticket.Attachment
		switch e := r.Event.(type) {
		case ticket.Attached:
			attachments = e.Attachments
		case ticket.Commented:
			attachments = e.Attachments
		}
		for _, a := range attachments {
			if !seen[a.FileID] {
				seen[a.FileID] = true
				ids = append(ids, a.FileID)
			}
		}
	}
	return ids
}
