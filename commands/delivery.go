package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/file"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// Deliveries brings tickets to integrations, and back what is said there.
//
// # Why
//
// There is one way in which anything is done at a vendor: a delivery is looked at, and the next step towards how the ticket
// stands here is made, until there is none. Whatever happened meanwhile, to us or to the vendor, the next look finds what is
// left to do. A step is noted before it is made; if its outcome is lost, the vendor is asked for it by our mark before it is
// made again. What changes there is fetched rather than believed, by the same worker that sends, so an echo of our own change
// is known by then, and notices may come late, twice and in any order.
type Deliveries struct {
	DeliveryParts
	deliveries Handler[delivery.State, delivery.Command, delivery.Event]
	files      Handler[file.State, file.Command, file.Event]
}

// DeliveryParts is what deliveries work with.
type DeliveryParts struct {
	Tickets      Tickets
	Integrations Integrations
	Queue        DeliveryQueue
	People       Contacts
	OpenBlob     func(ctx context.Context, key string) (io.ReadSeekCloser, error) // fs.ErrNotExist: there are no such bytes
	Address      string                                                           // where people find this program; empty: nowhere they could be sent to
	Clock        func() time.Time
	Pauses       Pauses
}

// Contacts knows the people of an organization.
type Contacts interface {
	// Contact answers how to name somebody to a vendor; the zero Person for whom nobody knows.
	Contact(ctx context.Context, org domain.OrgID, id domain.UserID) (Person, error)
}

// NewDeliveries ties deliveries to the log and to what they work with.
func NewDeliveries(log eventstore.Log, p DeliveryParts) Deliveries {
	return Deliveries{DeliveryParts: p, deliveries: NewHandler(log, delivery.Decider), files: NewHandler(log, file.Decider)}
}

// DeliveryJob asks for a look at a delivery.
type DeliveryJob struct {
	Org         domain.OrgID
	Integration uuid.UUID
	Delivery    uuid.UUID
	Hear        bool  // something changed there
	Wakes       int64 // of the queue: how often it was asked for
}

// Next says when a delivery is looked at again. The zero value: when somebody asks for it.
type Next struct {
	At      time.Time
	Held    bool // when the integration can be used again
	Down    bool // the vendor does not answer
	Limited bool // the vendor takes nothing of the account before At

	Answered bool // the vendor did answer
}

// Over reports that nothing waits to be looked at.
func (n Next) Over() bool { return n.At.IsZero() && !n.Held }

// Deliver brings a delivery up to date, as far as it can be at the moment. Errors are ours, never the vendor's: what a vendor
// does is a fact of the delivery.
func (d Deliveries) Deliver(ctx context.Context, job DeliveryJob) (_ Next, err error) {
	defer recovered(ctx, d.Integrations.Logger, &err)
	w, err := d.open(ctx, job)
	if err != nil || !w.state.Exists || w.state.Over() {
		return Next{}, err
	}
	next, err := w.work(ctx, job.Hear)
	next.Answered = w.answered
	switch {
	case errors.Is(err, delivery.ErrSuperseded): // somebody else is at it; should they die, we go on
		return Next{At: d.Clock().Add(superseded)}, nil
	case errors.Is(err, delivery.ErrOver):
		return Next{}, nil
	}
	return next, err
}

// superseded is how long a delivery is left to another worker.
const superseded = 30 * time.Second

// deliveryWork is one look at a delivery.
type deliveryWork struct {
	Deliveries
	request     Request
	id          uuid.UUID
	stream      eventstore.Stream
	state       delivery.State
	integration integration.State
	unsettled   bool // it is not known yet what came of the last attempt
	answered    bool // the vendor was asked something, and answered
}

func (d Deliveries) open(ctx context.Context, job DeliveryJob) (*deliveryWork, error) {
	w := &deliveryWork{Deliveries: d, id: job.Delivery, request: Request{Org: job.Org, By: domain.System}}
	if err := w.load(ctx); err != nil {
		return nil, err
	}
	if len(w.stream.Events) > 0 {
		first := w.stream.Events[0]
		w.request.Correlation, w.request.Causation = first.Metadata.CorrelationID, first.Cause()
	}
	return w, nil
}

func (w *deliveryWork) load(ctx context.Context) (err error) {
	if w.stream, err = w.deliveries.load(ctx, w.request.Org, w.id); err == nil {
		w.state = w.deliveries.Fold(w.stream)
	}
	return err
}

// connected reads the integration. false: it is gone, and the delivery ends with it.
func (w *deliveryWork) connected(ctx context.Context) (bool, error) {
	var err error
	w.integration, err = w.Integrations.Find(ctx, w.request.Org, w.state.Integration)
	if errors.Is(err, integration.ErrNotFound) {
		return false, w.end(ctx, "disconnected")
	}
	if err != nil {
		return false, fmt.Errorf("find the integration of delivery %s: %w", w.id, err)
	}
	return true, nil
}

// end ends the delivery. A ticket that is not there says why.
func (w *deliveryWork) end(ctx context.Context, code string) error {
	return w.note(ctx, delivery.End{Code: code}, w.noted(ticket.DeliverySkipped, code))
}

// parked reports that what failed waits for a person.
func (w *deliveryWork) parked() bool { return w.state.Waiting != nil && w.state.Waiting.Parked }

// hold says that everything waits for the integration. What waits for a person does so whatever becomes of the integration.
func (w *deliveryWork) hold(ctx context.Context, code string) error {
	if w.parked() {
		return nil
	}
	return w.note(ctx, delivery.Hold{Code: code}, w.noted(ticket.DeliveryPending, code))
}

// noted is what the ticket says of its way while it is not there; nil once it is.
func (w *deliveryWork) noted(status ticket.DeliveryState, code string) *ticket.DeliveryNoted {
	if w.state.Created() {
		return nil
	}
	return &ticket.DeliveryNoted{Integration: w.state.Integration, Status: status, Code: code}
}

// note appends what is known of the delivery, and what the ticket says of it with it, all or nothing. What a vendor said may
// quote somebody who is erased by now: then it is left out.
func (w *deliveryWork) note(ctx context.Context, cmd delivery.Command, says *ticket.DeliveryNoted) error {
	onTicket := func() (eventstore.Write, error) {
		if says == nil {
			return eventstore.Write{}, nil
		}
		return w.Tickets.handler.Decide(ctx, w.request.Org, w.state.Ticket, ticket.NoteDelivery{Noted: *says, By: w.request.By})
	}
	err := w.together(ctx, cmd, onTicket)
	if errors.Is(err, ErrErased) {
		return w.together(ctx, delivery.Wordless(cmd), onTicket)
	}
	return err
}

// together appends what a command causes and what follows on the ticket, and looks at the delivery anew.
func (w *deliveryWork) together(ctx context.Context, cmd delivery.Command, onTicket func() (eventstore.Write, error)) error {
	streams, err := Together(ctx, w.deliveries.log, w.request, fmt.Sprintf("%T", cmd), func() ([]eventstore.Write, error) {
		noted, err := w.deliveries.Decide(ctx, w.request.Org, w.id, cmd)
		if err != nil {
			return nil, err
		}
		said, err := onTicket()
		if err != nil {
			return nil, err
		}
		if len(said.Events) == 0 {
			return []eventstore.Write{noted}, nil
		}
		return []eventstore.Write{noted, said}, nil
	})
	if err != nil {
		return err
	}
	w.stream, w.state = streams[0], w.deliveries.Fold(streams[0])
	return nil
}

// work makes one step after the other, and hears what changed there, if something did, as soon as the ticket is there.
func (w *deliveryWork) work(ctx context.Context, hear bool) (Next, error) {
	var deaf Next
	for {
		if found, err := w.connected(ctx); err != nil || !found {
			return Next{}, err
		}
		t, err := w.ticket(ctx)
		if err != nil {
			return Next{}, err
		}
		step, more := w.state.Next(t.want(w.integration, w.state))
		if err := w.forget(ctx, step); err != nil {
			return Next{}, err
		}
		listening := hear && w.state.Created() && w.integration.SyncEnabled
		switch {
		case t.state.Deleted && !w.state.Created() && w.state.InDoubt == nil: // nobody there has seen it
			return Next{}, w.end(ctx, "ticket_deleted")
		case !more && t.state.Deleted:
			return Next{}, w.end(ctx, "ticket_deleted")
		case (!more || w.parked()) && !listening:
			return deaf, w.rest(ctx)
		case !w.integration.Status().Usable():
			return Next{Held: true}, w.hold(ctx, "integration_"+string(w.integration.Status()))
		case listening:
			hear = false
			if deaf, err = w.hear(ctx); err != nil || deaf.Held || deaf.Limited {
				return deaf, err
			}
			continue
		}
		if waiting := w.state.Waiting; waiting != nil && w.Clock().Before(waiting.RetryAt) {
			return Next{At: waiting.RetryAt}, nil
		}
		if next, err := w.make(ctx, step, t); err != nil || !next.Over() {
			return next, err
		}
	}
}

// forget lets go what waits, if it is wanted no longer: a status that was changed back, a file that was taken away.
func (w *deliveryWork) forget(ctx context.Context, next delivery.Step) error {
	if waiting := w.state.Waiting; waiting != nil && w.state.InDoubt == nil && waiting.Step != next {
		return w.note(ctx, delivery.Release{}, nil)
	}
	return nil
}

// rest notes that nothing waits for the integration any more, when there is nothing to do.
func (w *deliveryWork) rest(ctx context.Context) error {
	if w.state.Held == "" || w.state.Waiting != nil {
		return nil
	}
	return w.note(ctx, delivery.Release{}, nil)
}
