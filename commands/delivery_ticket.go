package commands

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain/delivery"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// ticketThen is the ticket as it stood when it was read.
type ticketThen struct {
	stream eventstore.Stream
	state  ticket.State
}

func (w *deliveryWork) ticket(ctx context.Context) (ticketThen, error) {
	stream, err := w.Tickets.handler.load(ctx, w.request.Org, w.state.Ticket)
	if err != nil {
		return ticketThen{}, err
	}
	return ticketThen{stream, w.Tickets.handler.Fold(stream)}, nil
}

// want is how the ticket shall stand there. Where nothing travels after the ticket was made, it stands there as it does,
// except for its files. A ticket that was deleted here is cancelled there, and left alone.
func (t ticketThen) want(i integration.State, d delivery.State) delivery.Want {
	status := i.Platform.Over(i.Mapping).Status
	want := delivery.Want{Words: t.words(), Initial: status[string(ticket.Open)], Status: status[string(t.state.Status)]}
	if t.state.Deleted {
		want.Words, want.Status = d.Words, status[string(ticket.Cancelled)]
		return want
	}
	want.Things = t.things(i.SyncEnabled)
	if !i.SyncEnabled && d.Created() {
		want.Words, want.Status = d.Words, ""
	}
	return want
}

// words answers the version of the ticket that last changed what it says.
func (t ticketThen) words() int {
	for _, r := range slices.Backward(t.stream.Events) {
		switch e := r.Event.(type) {
		case ticket.Opened, ticket.WordsErased:
			return r.Version
		case ticket.Edited:
			return r.Version
		case ticket.Categorized:
			if e.Applied.Category || e.Applied.Priority {
				return r.Version
			}
		}
	}
	return 0
}

// things answers the public comments and all files, in the order they came.
func (t ticketThen) things(comments bool) []delivery.Thing {
	var things []delivery.Thing
	attached := func(list []ticket.Attachment) {
		for _, a := range list {
			things = append(things, delivery.Thing{Kind: delivery.File, Key: a.FileID.UUID})
		}
	}
	for _, r := range t.stream.Events {
		switch e := r.Event.(type) {
		case ticket.Attached:
			attached(e.Attachments)
		case ticket.Detached:
			things = slices.DeleteFunc(things, func(th delivery.Thing) bool { return th.Key == e.FileID.UUID })
		case ticket.Commented:
			if comments && !e.Internal {
				things = append(things, delivery.Thing{Kind: delivery.Comment, Key: e.CommentID})
				attached(e.Attachments)
			}
		}
	}
	return things
}

// has reports whether a comment or a file is one of the ticket's.
func (t ticketThen) has(id uuid.UUID) bool {
	return slices.ContainsFunc(t.things(true), func(th delivery.Thing) bool { return th.Key == id })
}

// draft is the ticket as it shall stand there.
func (w *deliveryWork) draft(ctx context.Context, step delivery.Step, t ticketThen) (Draft, error) {
	creator, err := w.People.Contact(ctx, w.request.Org, t.state.CreatedBy)
	if err != nil {
		return Draft{}, fmt.Errorf("look up the creator: %w", err)
	}
	mapping := w.integration.Platform.Over(w.integration.Mapping)
	draft := Draft{
		Ticket: w.state.Ticket, Number: t.number(), Title: t.state.Title, Description: t.state.Description, Priority: mapping.Priority[string(t.state.Priority)],
		Category: mapping.Category[string(t.state.Category)], Status: mapping.Status[string(t.state.Status)], StatusHere: string(t.state.Status),
		Tags: t.state.Tags, Creator: creator, Link: w.link("/api/v1/tickets/" + w.state.Ticket.String()),
	}
	if step.Kind == delivery.Create {
		draft.Status, draft.StatusHere = step.Status, string(ticket.Open)
	}
	return draft, nil
}

func (t ticketThen) number() int64 {
	for _, r := range t.stream.Events {
		if e, ok := r.Event.(ticket.Opened); ok {
			return e.Number
		}
	}
	return 0
}

// link answers the address of something here; empty when nobody can be sent to it.
func (w *deliveryWork) link(path string) string {
	if w.Address == "" {
		return ""
	}
	return w.Address + path
}

// comment is a comment as it shall stand there.
func (w *deliveryWork) comment(ctx context.Context, id uuid.UUID, t ticketThen) (Note, error) {
	for _, r := range t.stream.Events {
		e, ok := r.Event.(ticket.Commented)
		if !ok || e.CommentID != id {
			continue
		}
		author, err := w.People.Contact(ctx, w.request.Org, e.Author)
		if err != nil {
			return Note{}, fmt.Errorf("look up the author: %w", err)
		}
		if e.SaidBy != "" {
			author.Name = e.SaidBy
		}
		return Note{Comment: id, Author: author.Name, Text: e.Content, Link: w.link("/api/v1/tickets/" + w.state.Ticket.String())}, nil
	}
	return Note{}, fmt.Errorf("ticket %s has no comment %s", w.state.Ticket, id) // the plan is made of its comments
}
