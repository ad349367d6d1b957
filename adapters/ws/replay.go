package ws

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"ticketd/eventstore"
)

const (
	// replayPage is how many events a replay reads at a time.
	replayPage = 500
	// maxHeld is how many live notices wait for the end of a replay. Beyond that the log keeps them.
	maxHeld = 256
	// replayQueue is how far a replay fills the client's queue; the rest is for answers.
	replayQueue = maxQueued / 2
	// liveQueue is how far live notices fill it.
	liveQueue = maxQueued - maxQueued/4
)

var errTooSlow = errors.New("ws: the client takes nothing")

// replay is what a socket is doing while it catches up, after a resume or after a burst that its queue could not take.
//
// Live notices are held meanwhile, in order. If more come than can be held, they are dropped and a round reads them from
// the log. Memory is bounded whatever the load, and a position belongs either to a round or to the held, never to both.
type replay struct {
	held    []packet
	spilled bool  // some were not held; the log has them
	done    int64 // everything up to here has been told
	resume  *resumption
}

// resumption is a resume that has not been answered yet.
type resumption struct {
	request request
	after   int64
	unknown []string
	begun   bool
}

func (r *replay) keep(p packet) {
	if r.spilled || len(r.held) == maxHeld {
		r.held, r.spilled = nil, true
		return
	}
	r.held = append(r.held, p)
}

// round is a stretch of the log to read again.
type round struct {
	after, upto int64
	org         uuid.UUID
	follows     []uuid.UUID
	missed      bool // what was missed before the subscriptions were made; else what spilled after it
}

// resume registers the wanted subscriptions and starts the replay, all in one moment of the lane.
func (s *Server) resume(k *socket, wanted []uuid.UUID, r *resumption) error {
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	if k.replay != nil && k.replay.resume != nil {
		return refusal("A resume is already running.")
	}
	for _, id := range wanted {
		if err := k.subscribe(id); err != nil {
			return err
		}
	}
	k.floor = max(k.floor, r.after)
	if k.replay != nil { // a burst comes first
		k.replay.resume = r
		return nil
	}
	r.begun = true
	k.catchUp(&replay{done: k.lane.position, resume: r}, k.round(r.after, true))
	return nil
}

// catchUp needs lane.mu.
func (k *socket) catchUp(r *replay, first round) {
	k.replay = r
	k.work.Go(func() {
		defer k.server.survive(k)
		for next, more := first, true; more; next, more = k.flush() {
			if err := k.server.reread(k, next); err != nil {
				if k.ctx.Err() == nil && k.fate.Load() == nil { // going live after a hole would lose what is in it
					k.server.log.WarnContext(k.ctx, "a resume was interrupted; the client has to connect again", "connection", k.id, "cause", err)
					k.shut(later)
				}
				return
			}
			k.served(next)
		}
	})
}

// round needs lane.mu.
func (k *socket) round(after int64, missed bool) round {
	n := round{after: after, upto: k.lane.position, org: k.caller.Load().Org.UUID, missed: missed}
	for _, f := range k.follows {
		n.follows = append(n.follows, f.id)
	}
	return n
}

// reread sends what the log has for the round.
func (s *Server) reread(k *socket, n round) error {
	q := eventstore.Query{After: n.after, Upto: n.upto, Org: n.org, Limit: replayPage}
	if !slices.Contains(n.follows, everything) {
		q.Streams = n.follows
	}
	for len(n.follows) > 0 && q.After < n.upto {
		packets, last, err := s.page(k.ctx, q)
		if err != nil {
			return err
		}
		for _, p := range packets {
			if err := k.awaitRoom(); err != nil {
				return err
			}
			k.repeat(p, n.missed)
		}
		q.After = last
	}
	return nil
}

// page reads some of the log; last is where to go on.
func (s *Server) page(ctx context.Context, q eventstore.Query) (packets []packet, last int64, err error) {
	select {
	case s.rereads <- struct{}{}:
		defer func() { <-s.rereads }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	events, err := s.events.Read(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	last = q.Upto
	if len(events) == q.Limit {
		last = events[len(events)-1].Position
	}
	if len(events) == 0 {
		return nil, last, nil
	}
	packets, err = s.pack(ctx, events)
	return packets, last, err
}

// awaitRoom keeps the replay at the client's pace. One that takes nothing for a while is too slow.
func (k *socket) awaitRoom() error {
	for k.queued.Load() >= replayQueue {
		timer := time.NewTimer(k.server.times.slowAfter)
		select {
		case <-k.room:
		case <-timer.C:
			k.shut(tooSlow)
			return errTooSlow
		case <-k.ctx.Done():
		}
		timer.Stop()
		if err := k.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// repeat tells a notice from the log, unless this socket has been told it live or does not follow it any more.
func (k *socket) repeat(p packet, missed bool) {
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	follows, served := k.wants(p)
	if follows && served != missed && (missed || p.Position > k.floor) && p.VisibleTo(k.caller.Load().Actor) {
		k.notify(p)
	}
}

// wants reports whether a subscription asks for the notice, and whether one has been serving it live since before.
func (k *socket) wants(p packet) (follows, served bool) {
	for _, f := range k.follows {
		if f.id == everything || f.id == p.Topic {
			follows, served = true, served || p.Position > f.from
		}
	}
	return follows, served
}

// served notes what the round has brought.
func (k *socket) served(n round) {
	if !n.missed {
		return
	}
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	for i, f := range k.follows {
		if slices.Contains(n.follows, f.id) {
			k.follows[i].from = min(f.from, n.after)
		}
	}
}

// flush sends what is held. There is another round after it, or the socket is live again, or it is gone.
func (k *socket) flush() (next round, more bool) {
	for k.awaitRoom() == nil {
		if next, more, settled := k.release(); settled {
			return next, more
		}
	}
	return round{}, false
}

// release sends as many of the held as there is room for. It is settled when none are left.
func (k *socket) release() (next round, more, settled bool) {
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	r := k.replay
	for len(r.held) > 0 && k.queued.Load() < replayQueue {
		p := r.held[0]
		r.held, r.done = r.held[1:], p.Position
		if follows, _ := k.wants(p); follows {
			k.notify(p)
		}
	}
	switch {
	case len(r.held) > 0:
		return round{}, false, false
	case r.spilled:
		next = k.round(r.done, false)
	case r.resume != nil && !r.resume.begun:
		r.resume.begun = true
		next = k.round(r.resume.after, true)
	default:
		k.replay = nil
		if r.resume != nil {
			k.resumed(r.resume)
		}
		return round{}, false, true
	}
	r.held, r.spilled, r.done = nil, false, next.upto
	return next, true, true
}

func (k *socket) resumed(r *resumption) {
	data := map[string]any{"position": max(k.lane.position, k.floor)}
	if len(r.unknown) > 0 {
		data["not_found"] = r.unknown
	}
	k.answer(r.request, "resumed", system, data)
}
