package commands

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// hear asks how the ticket stands there, and does here what was done there. What is not zero of Next: it could not be asked.
func (w *deliveryWork) hear(ctx context.Context) (Next, error) {
	bounded, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	var there Remote
	err := w.with(bounded, func(c Connection) (err error) {
		there, err = c.Fetch(bounded, w.ref())
		return err
	})
	if err != nil {
		return w.deaf(ctx, err)
	}
	if w.state.Unheard != "" {
		if err := w.note(ctx, delivery.HearAgain{}, nil); err != nil {
			return Next{}, err
		}
	}
	if there.Cut {
		w.Integrations.Logger.WarnContext(ctx, "a ticket has more comments at a vendor than are read", "integration", w.state.Integration, "ticket", w.state.Ticket)
	}
	t, err := w.ticket(ctx)
	if err != nil {
		return Next{}, err
	}
	for _, c := range there.Comments {
		if err := w.hearComment(ctx, c, t); err != nil {
			return Next{}, err
		}
	}
	return Next{}, w.hearStatus(ctx, there.Status)
}

// deafFor is how long a vendor is asked again that does not tell how a ticket stands there.
const deafFor = 72 * time.Hour

// deaf answers when the vendor is asked again, which it must be: what changed there is told only once. One that refuses may be
// asked by a person to do so no longer, and the ticket may be gone for good: it is asked seldom.
func (w *deliveryWork) deaf(ctx context.Context, err error) (Next, error) {
	trouble, ok := errors.AsType[*VendorError](err)
	refusal := unusable(err)
	switch {
	case ctx.Err() != nil:
		return Next{}, ctx.Err()
	case refusal != nil:
		return Next{Held: true}, w.hold(ctx, refusal.Code)
	case ok && trouble.Kind == Limited:
		return Next{At: w.notBefore(trouble), Limited: true}, nil
	case errors.Is(err, context.DeadlineExceeded):
		trouble = &VendorError{Kind: Down, Message: "It took too long."}
	case !ok:
		return Next{}, err
	}
	if err := w.note(ctx, delivery.HearNothing{Code: string(trouble.Kind), Message: trouble.Message}, nil); err != nil {
		return Next{}, err
	}
	soonest, latest := w.Pauses.Later[0], w.Pauses.Later[len(w.Pauses.Later)-1]
	while := w.Clock().Sub(w.deafSince())
	switch {
	case while > deafFor:
		return Next{}, nil
	case trouble.Kind == Down || trouble.Kind == Busy:
		return Next{At: w.Clock().Add(min(max(while, soonest), latest)), Down: trouble.Kind == Down}, nil
	}
	return Next{At: w.Clock().Add(latest)}, nil
}

// deafSince answers since when the vendor does not tell how the ticket stands there.
func (w *deliveryWork) deafSince() (since time.Time) {
	for _, r := range w.stream.Events {
		switch r.Event.(type) {
		case delivery.HeardAgain:
			since = time.Time{}
		case delivery.Unheard:
			if since.IsZero() {
				since = r.At
			}
		}
	}
	return since
}

// hearComment makes a comment there one here, unless it is: one that came from here is known by our mark. Somebody may have
// copied the mark of another.
func (w *deliveryWork) hearComment(ctx context.Context, c RemoteComment, t ticketThen) error {
	if _, known := w.state.Heard[c.ID]; known {
		return nil
	}
	if c.Ours != uuid.Nil && t.has(c.Ours) && !w.state.Knows(c.Ours) {
		return w.note(ctx, delivery.HearComment{External: c.ID, Comment: c.Ours}, nil)
	}
	id := uuid.NewSHA1(w.id, []byte(c.ID))
	heard := delivery.HearComment{External: c.ID, Comment: id}
	text := clean(c.Text)
	if text == "" { // a picture alone, or what a vendor says by itself
		return w.note(ctx, heard, nil)
	}
	return w.here(ctx, heard, ticket.AddComment{
		CommentID: id, Content: file.Cut(text, ticket.MaxComment), Internal: c.Internal, SaidBy: file.Cut(clean(c.Author), ticket.MaxLabel), By: w.vendor(),
	})
}

// clean answers a text that can be kept.
func clean(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", ""))
}

// vendor is who acts when something was done there: the integration, with the rights of the support.
func (w *deliveryWork) vendor() domain.Actor {
	return domain.Actor{Type: domain.ByIntegration, ID: w.state.Integration, User: domain.UserID{UUID: w.state.Integration}, Role: domain.Support}
}

// here does on the ticket what was done there, and notes it, all or nothing. What the ticket refuses (it is gone, or its words
// are erased) is noted all the same: it was heard.
func (w *deliveryWork) here(ctx context.Context, heard delivery.Command, cmds ...ticket.Command) error {
	by := *w
	by.request.By = w.vendor()
	err := by.together(ctx, heard, func() (eventstore.Write, error) {
		said, err := w.Tickets.handler.DecideAll(ctx, w.request.Org, w.state.Ticket, cmds...)
		if _, refused := errors.AsType[*domain.Error](err); refused {
			return eventstore.Write{}, nil
		}
		return said, err
	})
	if errors.Is(err, ErrErased) {
		return w.note(ctx, heard, nil)
	}
	w.stream, w.state = by.stream, by.state
	return err
}

// preferred is which of our statuses a vendor's stands for, when it stands for several.
var preferred = []string{
	string(ticket.Open), string(ticket.InProgress), string(ticket.Pending), string(ticket.Resolved), string(ticket.New), string(ticket.Closed), string(ticket.Cancelled),
}

// hearStatus moves the ticket here as it was moved there. One that was moved on both sides stays as it is here, and is moved
// there; a status that nothing here stands for is left alone.
func (w *deliveryWork) hearStatus(ctx context.Context, there string) error {
	called := w.integration.Platform.Over(w.integration.Mapping).Status
	here, known := delivery.Here(called, there, preferred)
	if there == "" || there == w.state.Status || !known {
		return nil
	}
	t, err := w.ticket(ctx)
	if err != nil {
		return err
	}
	heard := delivery.HearStatus{Status: there}
	now := called[string(t.state.Status)]
	_, agreed := delivery.Here(called, w.state.Status, preferred) // by another mapping, it means nothing any more
	if now == there || agreed && now != w.state.Status {
		return w.note(ctx, heard, nil)
	}
	var moves []ticket.Command
	for _, to := range way(t.state.Status, ticket.Status(here)) {
		moves = append(moves, ticket.ChangeStatus{To: to, By: w.vendor()})
	}
	return w.here(ctx, heard, moves...)
}

// way answers the stations from one status to another: what has ended is opened again first.
func way(from, to ticket.Status) []ticket.Status {
	if slices.Contains(from.Next(), to) {
		return []ticket.Status{to}
	}
	return []ticket.Status{ticket.Open, to}
}
