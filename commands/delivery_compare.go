package commands

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/syncing"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// Comparison is what a look at a delivery has done, or would do.
type Comparison struct {
	Delivery uuid.UUID      // zero: the ticket only names the integration
	Created  bool           // the ticket is made there
	Did      map[string]int // how many steps of each kind are made there, and what is heard from there
	Code     string         // of what stands in the way; empty: nothing
	Message  string         // in words; empty: the code says it all
	Late     bool           // it takes longer than somebody waits for it
	Ended    string         // why nothing is done; empty: something may be
	About    domain.UserID  // who made the ticket, whose words Message may quote
}

// Compare answers what a look at a ticket's delivery would do now, with its integration asked how the ticket stands there.
// Nothing is done on either side: the look is a real one, at a vendor and a log that only pretend to take what it brings.
// It waits so long at most for what a vendor puts off. Errors are ours, never the vendor's.
func (d Deliveries) Compare(ctx context.Context, org domain.OrgID, to, id uuid.UUID, patience time.Duration) (Comparison, error) {
	d = d.rehearsed()
	p, err := d.prepare(ctx, Request{Org: org, By: domain.System}, to, id, 0)
	if err != nil || p.skipped != "" {
		return p.answer(), err
	}
	job := DeliveryJob{Org: org, Integration: to, Delivery: p.delivery, Hear: true}
	ends := d.Clock().Add(patience)
	var next Next
	for {
		if next, err = d.Deliver(ctx, job); err != nil {
			return Comparison{}, err
		}
		if next.At.IsZero() || next.At.After(ends) {
			break
		}
		if err := rest(ctx, next.At.Sub(d.Clock())); err != nil {
			return Comparison{}, err
		}
	}
	stream, err := d.deliveries.load(ctx, org, p.delivery)
	c := d.weigh(stream, p.known)
	c.Late, c.About = !next.Over(), p.createdBy
	return c, err
}

// prepared is a ticket whose delivery shall be looked at.
type prepared struct {
	delivery  uuid.UUID
	createdBy domain.UserID
	known     int    // the version of the delivery before anything was prepared
	skipped   string // why there is nothing to look at
}

func (p prepared) answer() Comparison {
	return Comparison{Delivery: p.delivery, Ended: p.skipped, About: p.createdBy}
}

// erasedBefore is why nothing is brought of a ticket whose delivery could not begin any more.
const erasedBefore = "erased"

// prepare begins the delivery that a ticket asks for, unless it has begun, and lets go on what waits for a person or for its
// next try, unless it has been tried since a position of the log. What the vendor has put off stays put off.
func (d Deliveries) prepare(ctx context.Context, r Request, to, id uuid.UUID, since int64) (prepared, error) {
	stream, err := d.Tickets.handler.load(ctx, r.Org, id)
	if err != nil {
		return prepared{}, err
	}
	t := d.Tickets.handler.Fold(stream)
	p := prepared{createdBy: t.CreatedBy}
	if route := t.Route(to); route == nil || !route.Send {
		p.skipped = syncing.NamedOnly
		return p, nil
	}
	p.delivery = delivery.IDOf(to, id)
	known, err := d.deliveries.load(ctx, r.Org, p.delivery)
	if err != nil {
		return prepared{}, err
	}
	p.known = known.Version()
	state := d.deliveries.Fold(known)
	if asked := routedAt(stream, to); !state.Exists || state.Over() && asked > state.Route {
		if err := d.begin(ctx, r, to, id, asked); err != nil {
			return prepared{}, err
		}
		if state, err = d.deliveries.State(ctx, r.Org, p.delivery); err != nil {
			return prepared{}, err
		}
	}
	switch {
	case !state.Exists:
		p.skipped = erasedBefore
	case state.Over():
		p.skipped = state.Ended
	case state.Waiting != nil && state.Waiting.Code != delivery.CodeLimited && !triedSince(known, since):
		_, err = d.Retry(ctx, r, p.delivery)
	}
	return p, err
}

// routedAt answers the version of the ticket that last sent it to an integration.
func routedAt(s eventstore.Stream, to uuid.UUID) int {
	for _, r := range slices.Backward(s.Events) {
		if e, ok := r.Event.(ticket.Routed); ok && e.Integration == to {
			return r.Version
		}
	}
	return 0
}

// triedSince reports whether a step was made after a position; 0: nobody asks.
func triedSince(s eventstore.Stream, position int64) bool {
	return position > 0 && slices.ContainsFunc(s.Events, func(r eventstore.Recorded) bool {
		_, attempt := r.Event.(delivery.Attempted)
		return attempt && r.Position > position
	})
}

// weigh answers what a delivery's events did after the first few, and what stands in the way in the end.
func (d Deliveries) weigh(stream eventstore.Stream, known int) Comparison {
	c := Comparison{Delivery: stream.ID, Did: map[string]int{}}
	var s delivery.State
	held := false
	var unheard delivery.Unheard // the last one
	for _, r := range stream.Events {
		e, ok := r.Event.(delivery.Event)
		if !ok {
			continue
		}
		if r.Version > known {
			c.count(s, e)
		}
		switch e := e.(type) {
		case delivery.Failed:
			c.Code, c.Message = e.Code, e.Message
		case delivery.Parked:
			c.Code, c.Message = e.Code, e.Message
		case delivery.Held: // of one before nobody knows whether it still holds
			held = r.Version > known
			if held && e.Code != c.Code {
				c.Code, c.Message = e.Code, ""
			}
		case delivery.Unheard:
			unheard = e
		case delivery.HeardAgain:
			unheard = delivery.Unheard{}
		case delivery.Begun, delivery.Attempted, delivery.Progressed, delivery.Done, delivery.Retried, delivery.Dropped, delivery.StatusHeard, delivery.CommentHeard,
			delivery.Released, delivery.Rerouted, delivery.Ended, delivery.WordsErased: // the state knows whether anything still waits
		}
		s = d.deliveries.decider.Evolve(s, e)
	}
	if s.Waiting == nil && (s.Held == "" || !held) {
		c.Code, c.Message = unheard.Code, unheard.Message
	}
	c.Ended = s.Ended
	return c
}

// count counts what an event did. A comment there that came from here is nothing new.
func (c *Comparison) count(before delivery.State, e delivery.Event) {
	switch e := e.(type) {
	case delivery.Done:
		c.Created = c.Created || e.Step.Kind == delivery.Create
		c.Did[string(e.Step.Kind)]++
	case delivery.CommentHeard:
		if !before.Made[e.Comment] {
			c.Did[syncing.HeardComment]++
		}
	case delivery.StatusHeard:
		c.Did[syncing.HeardStatus]++
	case delivery.Begun, delivery.Attempted, delivery.Progressed, delivery.Failed, delivery.Parked, delivery.Held, delivery.Retried, delivery.Dropped, delivery.Unheard, delivery.HeardAgain, delivery.Released, delivery.Rerouted,
		delivery.Ended, delivery.WordsErased: // neither side has changed
	}
}
