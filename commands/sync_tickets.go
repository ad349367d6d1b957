package commands

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// pageOfTickets is how many tickets are read at a time. Before each page the integration is looked at, too.
const pageOfTickets = 500

// left answers the tickets that are still to be looked at.
func (w *syncWork) left(ctx context.Context) iter.Seq2[uuid.UUID, error] {
	return func(yield func(uuid.UUID, error) bool) {
		var behind uuid.UUID
		for {
			if err := w.usable(ctx, w.request.Org, w.started.Integration); err != nil {
				yield(uuid.Nil, err)
				return
			}
			page, err := w.parts.Tickets.Routed(ctx, w.request.Org, w.started.Integration, w.stream.Events[0].At, behind, pageOfTickets)
			if err != nil {
				yield(uuid.Nil, err)
				return
			}
			for _, id := range page {
				if behind = id; !w.seen[id] && !yield(id, nil) {
					return
				}
			}
			if len(page) < pageOfTickets {
				return
			}
		}
	}
}

// underWay is a ticket whose delivery is being looked at.
type underWay struct {
	prepared

	ticket uuid.UUID
	until  time.Time // it is waited for
}

// reconcile has the dispatcher look at every delivery, some at a time, and waits for what comes of it. The dispatcher alone
// speaks to the vendor, so what a sync brings keeps its order with everything else, and the account its limits.
func (w *syncWork) reconcile(ctx context.Context) error {
	next, stop := iter.Pull2(w.left(ctx))
	defer stop()
	waiting := map[uuid.UUID]underWay{}
	for more := true; more || len(waiting) > 0; {
		for more && len(waiting) < together {
			id, err, ok := next()
			if more = ok; !ok {
				break
			}
			if err == nil {
				err = w.ask(ctx, id, waiting)
			}
			if err != nil {
				return err
			}
		}
		if err := w.gather(ctx, waiting); err != nil {
			return err
		}
		if err := w.tell(ctx, w.parts.Tell); err != nil {
			return err
		}
		if len(waiting) > 0 {
			if err := rest(ctx, w.parts.Look); err != nil {
				return err
			}
		}
	}
	return w.tell(ctx, 0)
}

// ask has a ticket's delivery looked at, if there is something to look at.
func (w *syncWork) ask(ctx context.Context, id uuid.UUID, waiting map[uuid.UUID]underWay) error {
	p, err := w.deliveries.prepare(ctx, w.request, w.started.Integration, id, w.since())
	if err != nil {
		return err
	}
	if p.skipped != "" {
		w.add(id, p.answer())
		return w.tell(ctx, w.parts.Tell)
	}
	waiting[p.delivery] = underWay{prepared: p, ticket: id, until: w.deliveries.Clock().Add(w.parts.Patience)}
	return w.deliveries.Queue.Wake(ctx, DeliveryJob{Org: w.request.Org, Integration: w.started.Integration, Delivery: p.delivery, Hear: true})
}

// gather notes what came of those that nobody looks at any more, or not within the time that is waited for them.
func (w *syncWork) gather(ctx context.Context, waiting map[uuid.UUID]underWay) error {
	if len(waiting) == 0 {
		return nil
	}
	due, err := w.parts.Waits.Waits(ctx, w.request.Org, slices.Collect(maps.Keys(waiting)))
	if err != nil {
		return err
	}
	now := w.deliveries.Clock()
	for id, of := range waiting {
		at, queued := due[id]
		late := queued && (at.IsZero() || at.After(of.until) || !now.Before(of.until))
		if queued && !late {
			continue
		}
		c, err := w.look(ctx, of, late)
		if err != nil {
			return err
		}
		w.add(of.ticket, c)
		delete(waiting, id)
	}
	return nil
}

// rehearse asks what would be done with each ticket, some at a time.
func (w *syncWork) rehearse(ctx context.Context) error {
	type compared struct {
		ticket uuid.UUID
		Comparison
	}
	bounded, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	todo, found := make(chan uuid.UUID), make(chan compared)
	var work sync.WaitGroup
	work.Go(func() {
		defer close(todo)
		for id, err := range w.left(bounded) {
			if err != nil {
				stop(err)
				return
			}
			select {
			case todo <- id:
			case <-bounded.Done():
				return
			}
		}
	})
	for range rehearsing {
		work.Go(func() {
			for id := range todo {
				c, err := w.deliveries.Compare(bounded, w.request.Org, w.started.Integration, id, w.parts.Patience)
				if err != nil {
					stop(err)
					return
				}
				found <- compared{id, c} // it is taken until all have ended
			}
		})
	}
	go func() {
		work.Wait()
		close(found)
	}()
	for c := range found {
		w.add(c.ticket, c.Comparison)
		if bounded.Err() == nil {
			if err := w.tell(ctx, w.parts.Tell); err != nil {
				stop(err)
			}
		}
	}
	if err := context.Cause(bounded); err != nil {
		return err
	}
	return w.tell(ctx, 0)
}
