package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/integration"
	"ticketd/domain/syncing"
	"ticketd/eventstore"
)

// SyncedTickets finds what syncs look at.
type SyncedTickets interface {
	// Routed answers tickets that are routed to an integration and were made by then, in the order of their ids, behind one of
	// them; behind uuid.Nil: from the first. Those that were deleted are left out once they are left alone there too.
	Routed(ctx context.Context, org domain.OrgID, integration uuid.UUID, by time.Time, behind uuid.UUID, limit int) ([]uuid.UUID, error)

	// CountRouted answers how many of them there are.
	CountRouted(ctx context.Context, org domain.OrgID, integration uuid.UUID, by time.Time) (int, error)

	// Last answers the number of an integration's last sync; 0 when there was none.
	Last(ctx context.Context, org domain.OrgID, integration uuid.UUID) (int, error)
}

// DeliveryWaits knows the queue of deliveries.
type DeliveryWaits interface {
	// Waits answers when each of these deliveries is looked at next, the zero time for one that waits until its integration can
	// be used. Those that nobody asks for any more are left out.
	Waits(ctx context.Context, org domain.OrgID, deliveries []uuid.UUID) (map[uuid.UUID]time.Time, error)
}

// SyncJob asks a worker to go on with a sync.
type SyncJob struct {
	Org         domain.OrgID
	Sync        uuid.UUID
	Correlation string // the request everything started with
	Causation   string // the position of the event that asked for it
}

// SyncJobs hands syncs to workers.
type SyncJobs interface {
	// EnqueueSync asks for a sync to be gone on with, when nothing is waited for. To ask again is harmless.
	EnqueueSync(ctx context.Context, job SyncJob) error
}

// SyncParts is what syncs work with.
type SyncParts struct {
	Tickets  SyncedTickets
	Waits    DeliveryWaits
	Patience time.Duration // with one ticket
	Look     time.Duration // how often is looked for what came of tickets
	Tell     time.Duration // how often at most is told how far it is
}

// Syncs compares what lives here with what lives with an integration, and brings both up to date.
type Syncs struct {
	handler    Handler[syncing.State, syncing.Command, syncing.Event]
	deliveries Deliveries
	parts      SyncParts
}

// NewSyncs ties syncs to the log and to the deliveries that do what they ask for.
func NewSyncs(log eventstore.Log, d Deliveries, p SyncParts) Syncs {
	return Syncs{handler: NewHandler(log, syncing.Decider), deliveries: d, parts: p}
}

// Start begins a sync, which a job then does: one of an integration at a time. The same request again changes nothing.
// Errors: domain.ErrForbidden, integration.ErrNotFound, syncing.ErrUnusable, syncing.ErrRunning.
func (s Syncs) Start(ctx context.Context, r Request, request, of uuid.UUID, dryRun bool) (eventstore.Stream, error) {
	if !r.By.Can(domain.ManageDeliveries) {
		return eventstore.Stream{}, domain.ErrForbidden
	}
	if err := s.usable(ctx, r.Org, of); err != nil {
		return eventstore.Stream{}, err
	}
	last, err := s.parts.Tickets.Last(ctx, r.Org, of)
	if err != nil {
		return eventstore.Stream{}, err
	}
	if last > 0 {
		before, err := s.handler.load(ctx, r.Org, syncing.IDOf(of, last))
		state := s.handler.Fold(before)
		switch {
		case err != nil || state.Started.Request == request:
			return before, err
		case !state.Over:
			return eventstore.Stream{}, syncing.Running(before.ID)
		}
	}
	tickets, err := s.parts.Tickets.CountRouted(ctx, r.Org, of, s.deliveries.Clock())
	if err != nil {
		return eventstore.Stream{}, err
	}
	return s.handler.Create(ctx, r, syncing.IDOf(of, last+1), syncing.Start{
		Integration: of, Number: last + 1, DryRun: dryRun, Tickets: tickets, Request: request, By: r.By,
	})
}

// usable refuses an integration at which nothing could be done: everything there waits for a person.
func (s Syncs) usable(ctx context.Context, org domain.OrgID, id uuid.UUID) error {
	state, err := s.deliveries.Integrations.Find(ctx, org, id)
	if err != nil {
		return err
	}
	switch status := state.Status(); status {
	case integration.Pending, integration.Active, integration.Error:
		return nil
	case integration.Inactive, integration.HasExpired, integration.IsSuspended:
		return syncing.ErrUnusable.With(fmt.Sprintf("The integration cannot be used: it is %s.", status))
	}
	return integration.ErrNotFound
}

// RunSyncs hands every sync that is started to a worker.
func RunSyncs(jobs SyncJobs) Reaction {
	return Reaction{
		Name: "run-syncs", Facts: []string{"sync.started"},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			why := because(r)
			return jobs.EnqueueSync(ctx, SyncJob{Org: why.Org, Sync: r.Stream, Correlation: why.Correlation, Causation: why.Causation})
		},
	}
}

func (j SyncJob) request() Request {
	return Request{Org: j.Org, By: domain.System, Correlation: j.Correlation, Causation: j.Causation}
}

// Run looks at the tickets that are left, until it has looked at all of them or the integration cannot be used any more. What
// is told is not looked at again, whoever goes on. An error is worth another try.
func (s Syncs) Run(ctx context.Context, job SyncJob) error {
	stream, err := s.handler.load(ctx, job.Org, job.Sync)
	if err != nil {
		return err
	}
	state := s.handler.Fold(stream)
	if !state.Exists || state.Over {
		return nil
	}
	w := &syncWork{Syncs: s, request: job.request(), stream: stream, started: state.Started, seen: state.Seen(), told: s.deliveries.Clock()}
	err = w.work(ctx)
	switch refusal, _ := errors.AsType[*domain.Error](err); {
	case err == nil:
		return w.complete(ctx)
	case errors.Is(err, syncing.ErrOver): // somebody else has gone on with it, to the end
		return nil
	case errors.Is(err, syncing.ErrUnusable), errors.Is(err, integration.ErrNotFound):
		return s.stop(ctx, job, refusal.Code, refusal.Message)
	}
	return err
}

// GiveUp ends a sync that is not tried again.
func (s Syncs) GiveUp(ctx context.Context, job SyncJob) error {
	err := s.stop(ctx, job, "given_up", "It was given up after several tries.")
	if errors.Is(err, syncing.ErrNotFound) {
		return nil
	}
	return err
}

func (s Syncs) stop(ctx context.Context, job SyncJob, code, why string) error {
	_, err := s.handler.Handle(ctx, job.request(), job.Sync, syncing.Fail{Code: code, Why: why})
	return err
}

// syncWork is a sync at work.
type syncWork struct {
	Syncs
	request Request
	stream  eventstore.Stream
	started syncing.Started
	seen    map[uuid.UUID]bool
	facts   []syncing.Looked // that are not told yet
	told    time.Time
}

// together is how many tickets are looked at at a time. How many of them are at the vendor's is for the dispatcher to say.
const together = 20

// rehearsing is how many a dry run asks the vendor for at a time, as many as deliveries do.
const rehearsing = 4

func (w *syncWork) work(ctx context.Context) (err error) {
	if w.started.DryRun {
		err = w.rehearse(ctx)
	} else {
		err = w.reconcile(ctx)
	}
	if err != nil && !errors.Is(err, syncing.ErrOver) { // what is known is told all the same
		return errors.Join(err, w.tell(context.WithoutCancel(ctx), 0))
	}
	return err
}

// add notes what came of a look at a ticket.
func (w *syncWork) add(id uuid.UUID, c Comparison) {
	fact := syncing.Looked{Ticket: id, Delivery: c.Delivery, Did: c.Did, CreatedBy: c.About}
	switch {
	case c.Code != "":
		fact.Outcome, fact.Code, fact.Reason = syncing.HasFailed, c.Code, inShort(c.Message)
	case c.Late:
		fact.Outcome, fact.Code = syncing.HasFailed, syncing.OutOfTime
	case c.Created && w.started.DryRun:
		fact.Outcome = syncing.WouldCreate
	case c.Created:
		fact.Outcome = syncing.WasCreated
	case len(c.Did) > 0 && w.started.DryRun:
		fact.Outcome = syncing.WouldUpdate
	case len(c.Did) > 0:
		fact.Outcome = syncing.WasUpdated
	case c.Ended != "":
		fact.Outcome, fact.Code = syncing.WasSkipped, c.Ended
	default:
		fact.Outcome, fact.Code = syncing.WasSkipped, syncing.Equal
	}
	w.facts = append(w.facts, fact)
}

// tell tells what came of tickets, if it was told so long ago.
func (w *syncWork) tell(ctx context.Context, after time.Duration) error {
	now := w.deliveries.Clock()
	if len(w.facts) == 0 || now.Sub(w.told) < after {
		return nil
	}
	stream, err := w.handler.Continue(ctx, w.request, w.stream, syncing.Look{Facts: w.facts})
	if errors.Is(err, ErrErased) { // somebody whose words a vendor quoted; nobody knows whose any more
		for i := range w.facts {
			w.facts[i].Reason = ""
		}
		stream, err = w.handler.Continue(ctx, w.request, w.stream, syncing.Look{Facts: w.facts})
	}
	if err == nil {
		w.stream, w.facts, w.told = stream, nil, now
	}
	return err
}

// complete ends the sync, and with it says on the integration when both sides were last equal.
func (w *syncWork) complete(ctx context.Context) error {
	i := w.deliveries.Integrations
	_, err := Together(ctx, w.handler.log, w.request, "syncing.Complete", func() ([]eventstore.Write, error) {
		ended, err := w.handler.Decide(ctx, w.request.Org, w.stream.ID, syncing.Complete{})
		if err != nil || len(ended.Events) == 0 || w.started.DryRun {
			return []eventstore.Write{ended}, err
		}
		connected, err := i.handler.load(ctx, w.request.Org, w.started.Integration)
		if err != nil {
			return nil, err
		}
		did := w.handler.Fold(ended.Stream).Counts
		noted, err := i.decide(ctx, w.request, connected, integration.NoteSync{
			Sync: w.stream.ID, Created: did.Created, Updated: did.Updated, Skipped: did.Skipped, Failed: did.Failed,
		})
		if errors.Is(err, integration.ErrNotFound) { // it was disconnected meanwhile
			return []eventstore.Write{ended}, nil
		}
		return []eventstore.Write{ended, noted}, err
	})
	return err
}

// look answers what came of a delivery since the sync began, whoever asked for it: a worker that died cannot say.
func (w *syncWork) look(ctx context.Context, of underWay, late bool) (Comparison, error) {
	stream, err := w.deliveries.deliveries.load(ctx, w.request.Org, of.delivery)
	if err != nil {
		return Comparison{}, err
	}
	known := 0
	for _, r := range stream.Events {
		if _, ours := r.Event.(delivery.Event); ours && r.Position < w.since() {
			known = r.Version
		}
	}
	c := w.deliveries.weigh(stream, known)
	c.Late, c.About = late, of.createdBy
	return c, nil
}

// since is the position at which the sync began.
func (w *syncWork) since() int64 { return w.stream.Events[0].Position }
