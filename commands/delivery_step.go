package commands

import (
	"context"
	"errors"
	"time"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
)

// mostTime is how long a step may take, the wait for the account's limits included. A file may take longer.
const (
	mostTime     = 2 * time.Minute
	mostFileTime = 15 * time.Minute
)

// make makes one step. The zero Next: it was done.
func (w *deliveryWork) make(ctx context.Context, step delivery.Step, t ticketThen) (Next, error) {
	most := mostTime
	if step.Kind == delivery.File {
		most = mostFileTime
	}
	bounded, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	inDoubt := w.state.InDoubt != nil
	if err := w.note(ctx, delivery.Attempt{Step: step}, nil); err != nil {
		return Next{}, err
	}
	done := delivery.Done{Step: step}
	var err error
	if inDoubt {
		done.Found, err = w.settle(bounded, step, &done)
		w.unsettled = err != nil
	}
	if err == nil && !done.Found {
		if t.state.Deleted && step.Kind == delivery.Create { // it is not there, and shall not be any more
			return Next{}, w.end(ctx, "ticket_deleted")
		}
		err = w.do(bounded, step, &done, t)
	}
	switch {
	case ctx.Err() != nil: // the program stops, or another process has the turn: the step is in doubt
		return Next{}, ctx.Err()
	case err != nil:
		return w.failed(ctx, step, err)
	}
	return Next{}, w.succeeded(ctx, done)
}

// settle looks for what a step made whose outcome was lost. What can be done twice with the effect of once needs no look.
func (w *deliveryWork) settle(ctx context.Context, step delivery.Step, done *delivery.Done) (bool, error) {
	mark := Mark{Key: step.Key, Ref: w.ref()}
	mark.Since, mark.Last = w.attempts(step)
	switch step.Kind {
	case delivery.Create:
		mark.Kind, mark.Key, mark.Ref = TicketMark, w.state.Ticket, Ref{}
		return w.find(ctx, mark, done)
	case delivery.Comment:
		mark.Kind = CommentMark
		return w.find(ctx, mark, done)
	case delivery.File: // as it is, or as a link
		known, err := w.files.State(ctx, w.request.Org, step.Key)
		if err != nil {
			return false, err
		}
		mark.Kind, mark.Name, mark.Size = AttachmentMark, known.Filename, known.Size
		if mark.Twins, err = w.twins(ctx, known); err != nil {
			return false, err
		}
		found, missed := w.find(ctx, mark, done)
		if trouble, _ := errors.AsType[*VendorError](missed); found || missed != nil && (trouble == nil || trouble.Kind != Rejected) {
			return found, missed
		}
		mark.Kind = CommentMark
		if done.Linked, err = w.find(ctx, mark, done); err == nil && !done.Linked {
			err = missed
		}
		return done.Linked, err
	case delivery.Update, delivery.Move:
	}
	return false, nil
}

// find looks for one thing there.
func (w *deliveryWork) find(ctx context.Context, mark Mark, done *delivery.Done) (found bool, err error) {
	err = w.with(ctx, func(c Connection) (err error) {
		var receipt Receipt
		if receipt, found, err = c.Find(ctx, mark); found {
			receipt.tell(done)
		}
		return err
	})
	return found, err
}

// attempts answers when the step was first made, and when last before now.
func (w *deliveryWork) attempts(step delivery.Step) (first, last time.Time) {
	var at []time.Time
	for _, r := range w.stream.Events {
		if e, ok := r.Event.(delivery.Attempted); ok && e.Step == step {
			at = append(at, r.At)
		}
	}
	if len(at) < 2 { // the one that was just noted
		return time.Time{}, time.Time{}
	}
	return at[0], at[len(at)-2]
}

// twins answers how many files of the same name and size were attached before.
func (w *deliveryWork) twins(ctx context.Context, of file.State) (n int, err error) {
	for _, r := range w.stream.Events {
		done, ok := r.Event.(delivery.Done)
		if !ok || done.Step.Kind != delivery.File || done.Linked || done.Note == goneBefore {
			continue
		}
		other, err := w.files.State(ctx, w.request.Org, done.Step.Key)
		if err != nil {
			return 0, err
		}
		if other.Filename == of.Filename && other.Size == of.Size {
			n++
		}
	}
	return n, nil
}

func (w *deliveryWork) ref() Ref { return Ref{ID: w.state.External, Place: w.state.Place} }

// tell says what was made.
func (r Receipt) tell(done *delivery.Done) {
	done.External, done.Place, done.URL, done.Note = r.ID, r.Place, r.URL, r.Note
}

// with opens the account, as it is by now, and does one thing there.
func (w *deliveryWork) with(ctx context.Context, use func(Connection) error) error {
	err := w.Integrations.With(ctx, w.request.Org, w.state.Integration, func(c Connection, _ Account) error { return use(c) })
	trouble, ok := errors.AsType[*VendorError](err)
	w.answered = err == nil || ok && trouble.Kind != Down && trouble.Kind != Busy // which may mean that nobody came to ask
	return err
}

// do makes the step at the vendor.
func (w *deliveryWork) do(ctx context.Context, step delivery.Step, done *delivery.Done, t ticketThen) error {
	switch step.Kind {
	case delivery.Create, delivery.Update:
		draft, err := w.draft(ctx, step, t)
		if err != nil {
			return err
		}
		return w.with(ctx, func(c Connection) error {
			if step.Kind == delivery.Update {
				return c.Update(ctx, w.ref(), draft)
			}
			receipt, err := c.Create(ctx, draft)
			receipt.tell(done)
			return err
		})
	case delivery.Move:
		return w.with(ctx, func(c Connection) error { return c.SetStatus(ctx, w.ref(), step.Status) })
	case delivery.Comment:
		note, err := w.comment(ctx, step.Key, t)
		if err != nil {
			return err
		}
		return w.say(ctx, note, done)
	case delivery.File:
		return w.attach(ctx, step.Key, done)
	}
	return nil
}

func (w *deliveryWork) say(ctx context.Context, note Note, done *delivery.Done) error {
	return w.with(ctx, func(c Connection) error {
		receipt, err := c.Comment(ctx, w.ref(), note)
		receipt.tell(done)
		return err
	})
}

// succeeded notes what a step made. Once the ticket is there, it says where. What the vendor calls a file may be its name, and
// nobody needs it.
func (w *deliveryWork) succeeded(ctx context.Context, done delivery.Done) error {
	var says *ticket.DeliveryNoted
	switch done.Step.Kind {
	case delivery.File:
		done.External, done.Place, done.URL = "", "", ""
	case delivery.Comment, delivery.Update, delivery.Move:
		done.Place, done.URL = "", ""
	case delivery.Create:
		says = &ticket.DeliveryNoted{Integration: w.state.Integration, Status: ticket.DeliveryCreated, ExternalID: done.External, ExternalURL: done.URL}
	}
	return w.note(ctx, delivery.Succeed{Done: done}, says)
}

// failed notes why a step was not made, and answers when it is made again: at once, and a few times soon, then elsewhere if the
// organization wants that, then ever more rarely; never, if only a person can mend it.
func (w *deliveryWork) failed(ctx context.Context, step delivery.Step, err error) (Next, error) {
	now := w.Clock()
	if refusal := unusable(err); refusal != nil {
		if err := w.note(ctx, delivery.Fail{Step: step, Code: refusal.Code, Message: refusal.Message, Unsure: w.unsettled, RetryAt: now}, nil); err != nil {
			return Next{}, err
		}
		return Next{Held: true}, w.hold(ctx, refusal.Code)
	}
	trouble, ok := errors.AsType[*VendorError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		trouble = &VendorError{Kind: Down, Message: "It took too long.", Unsure: true}
	case !ok:
		return Next{}, err
	}
	doubt := *trouble
	doubt.Unsure = doubt.Unsure || w.unsettled
	trouble = &doubt
	wait, tries := w.Pauses.after(w.state.Tries)
	switch trouble.Kind {
	case Limited, Down, Busy:
		if step.Kind == delivery.Create && !trouble.Unsure && w.state.Tries > w.Pauses.soon() && len(w.state.Fallback) > 0 {
			if rerouted, err := w.reroute(ctx); rerouted || err != nil {
				return Next{}, err
			}
		}
		if tries {
			code, at := string(trouble.Kind), now.Add(wait)
			if trouble.Kind == Limited {
				code, at = delivery.CodeLimited, w.notBefore(trouble)
			}
			next, err := w.wait(ctx, step, code, trouble, at)
			next.Down, next.Limited = trouble.Kind == Down, trouble.Kind == Limited
			return next, err
		}
	case Unauthorized, Revoked, Denied, Missing, Rejected, TooLarge: // trying again changes nothing
	}
	park := delivery.Park{Step: step, Code: string(trouble.Kind), Message: trouble.Message, Unsure: trouble.Unsure}
	return Next{}, w.note(ctx, park, w.noted(ticket.DeliveryFailed, string(trouble.Kind)))
}

// notBefore answers when a vendor takes something again that takes too much.
func (w *deliveryWork) notBefore(trouble *VendorError) time.Time {
	if soon := w.Clock().Add(time.Second); trouble.RetryAt.Before(soon) {
		return soon
	}
	return trouble.RetryAt
}

func (w *deliveryWork) wait(ctx context.Context, step delivery.Step, code string, trouble *VendorError, at time.Time) (Next, error) {
	fail := delivery.Fail{Step: step, Code: code, Message: trouble.Message, Unsure: trouble.Unsure, RetryAt: at}
	return Next{At: at}, w.note(ctx, fail, w.noted(ticket.DeliveryPending, code))
}

// unusable answers why an account cannot be opened until a person does something; nil: that is not it.
func unusable(err error) *domain.Error {
	for _, refusal := range []*domain.Error{ErrExpired, ErrConsentMissing, ErrNoCredentials} {
		if errors.Is(err, refusal) {
			return refusal
		}
	}
	return nil
}

// Pauses is how long a step waits before it is tried again.
type Pauses struct {
	Soon   []time.Duration // after the first tries
	Later  []time.Duration // after those, when a ticket that can go elsewhere has gone; the last one again and again
	AtMost int             // tries in all
}

// DefaultPauses tries three times within 20 seconds, and for three days after that.
var DefaultPauses = Pauses{
	Soon:   []time.Duration{4 * time.Second, 6 * time.Second, 10 * time.Second},
	Later:  []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour},
	AtMost: 78,
}

// soon answers after how many tries a ticket goes elsewhere: the first, and the soon ones.
func (p Pauses) soon() int { return len(p.Soon) }

// after answers how long to wait after so many tries; false: it is not tried again.
func (p Pauses) after(tries int) (time.Duration, bool) {
	switch soon := tries - 1; {
	case tries >= p.AtMost:
		return 0, false
	case soon < len(p.Soon):
		return p.Soon[max(soon, 0)], true
	default:
		return p.Later[min(soon-len(p.Soon), len(p.Later)-1)], true
	}
}
