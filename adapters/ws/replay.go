package ws

import (
	"context"
	"slices"

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
)

// replay is what a socket is doing while it catches up.
//
// It goes in rounds. The first brings what was missed up to the lane's position at its start; from that moment on live
// notices are held, in order. If more come than can be held, they are dropped and another round reads them from the
// log. Memory is bounded whatever the load, and a position belongs either to a round or to the held, never to both.
type replay struct {
	held    []packet
	spilled bool  // some were not held; the log has them
	done    int64 // everything up to here has been told
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
func (s *Server) resume(k *socket, r request, after int64, wanted []topicID, unknown []string) error {
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	if k.replay != nil {
		return refusal("A resume is already running.")
	}
	for _, id := range wanted {
		if err := k.subscribe(id); err != nil {
			return err
		}
	}
	k.replay = &replay{done: k.lane.position}
	k.floor = max(k.floor, after)
	first := k.round(after, true)
	k.work.Go(func() {
		defer s.survive(k)
		s.catchUp(k, r, first, unknown)
	})
	return nil
}

// round needs lane.mu.
func (k *socket) round(after int64, missed bool) round {
	n := round{after: after, upto: k.lane.position, org: k.caller.Load().Org.UUID, missed: missed}
	for _, f := range k.follows {
		n.follows = append(n.follows, f.id)
	}
	return n
}

func (s *Server) catchUp(k *socket, r request, next round, unknown []string) {
	for {
		if err := s.reread(k, next); err != nil {
			if k.ctx.Err() == nil { // going live after a hole would lose what is in it
				s.log.WarnContext(k.ctx, "a resume was interrupted; the client has to connect again", "connection", k.id, "cause", err)
				k.shut(later)
			}
			return
		}
		var caughtUp bool
		if next, caughtUp = k.flush(r, next, unknown); caughtUp {
			return
		}
		if k.ctx.Err() != nil {
			return
		}
	}
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

// awaitRoom keeps the replay at the client's pace.
func (k *socket) awaitRoom() error {
	for k.queued.Load() >= replayQueue {
		select {
		case <-k.room:
		case <-k.ctx.Done():
			return k.ctx.Err()
		}
	}
	return k.ctx.Err()
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

// flush sends what was held during the round. Either the socket is live again after it, or there is another round.
func (k *socket) flush(r request, n round, unknown []string) (next round, caughtUp bool) {
	k.lane.mu.Lock()
	k.served(n)
	k.lane.mu.Unlock()
	for k.awaitRoom() == nil {
		if next, settled, live := k.release(r, unknown); settled {
			return next, live
		}
	}
	return round{}, true
}

// served notes what the round has brought.
func (k *socket) served(n round) {
	if !n.missed {
		return
	}
	for i, f := range k.follows {
		if slices.Contains(n.follows, f.id) {
			k.follows[i].from = min(f.from, n.after)
		}
	}
}

// release sends as many of the held as there is room for. It is settled when none are left.
func (k *socket) release(r request, unknown []string) (next round, settled, live bool) {
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	for len(k.replay.held) > 0 && k.queued.Load() < replayQueue {
		p := k.replay.held[0]
		k.replay.held = k.replay.held[1:]
		k.replay.done = p.Position
		if follows, _ := k.wants(p); follows {
			k.notify(p)
		}
	}
	switch {
	case len(k.replay.held) > 0:
		return round{}, false, false
	case k.replay.spilled:
		next = k.round(k.replay.done, false)
		*k.replay = replay{done: next.upto}
		return next, true, false
	}
	k.replay = nil
	data := map[string]any{"position": max(k.lane.position, k.floor)}
	if len(unknown) > 0 {
		data["not_found"] = unknown
	}
	k.answer(r, "resumed", system, data)
	return round{}, true, true
}
