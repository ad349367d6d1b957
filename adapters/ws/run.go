package ws

import (
	"context"
	"errors"
	"sync"
	"time"

	"ticketd/eventstore"
)

var errRunTwice = errors.New("ws: Run was called twice")

// Run follows the log from its head and pushes, until ctx ends or an event cannot be read. Then it closes every socket
// with 1012, since nothing more would be told to them. It runs once.
func (s *Server) Run(ctx context.Context) error {
	if s.running.Swap(true) {
		return errRunTwice
	}
	defer s.drain()
	at, err := s.head(ctx)
	if err != nil {
		return nil // only ctx ends the wait for the database, and that is how Run is stopped
	}
	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, l := range s.lanes {
		l.position = at
		work.Go(func() { l.run(ctx) })
	}
	work.Go(func() { s.beat(ctx) })
	s.base = ctx
	close(s.following)
	return s.follow(ctx, at)
}

// head waits out a database that is away.
func (s *Server) head(ctx context.Context) (int64, error) {
	for {
		at, err := s.events.Head(ctx)
		if err == nil || ctx.Err() != nil {
			return at, err
		}
		s.log.WarnContext(ctx, "sockets wait for the database", "cause", err)
		pause(ctx, s.times.retryAfter)
	}
}

// follow feeds the lanes.
func (s *Server) follow(ctx context.Context, at int64) error {
	return eventstore.Tail(ctx, s.events, at, s.log, func(ctx context.Context, events []eventstore.Recorded) error {
		s.dispatch(ctx, batch{events: events, packets: sync.OnceValue(func() map[int64]packet { return s.packPatiently(ctx, events) })})
		return nil
	})
}

// dispatch hands the batch to every lane. A lane that is behind makes the next batch wait in the log.
func (s *Server) dispatch(ctx context.Context, b batch) {
	for _, l := range s.lanes {
		select {
		case l.feed <- b:
		case <-ctx.Done():
			return
		}
	}
}

// packPatiently waits out trouble with the database; it answers nothing only when ctx has ended.
func (s *Server) packPatiently(ctx context.Context, events []eventstore.Recorded) map[int64]packet {
	for ctx.Err() == nil {
		packets, err := s.pack(ctx, events)
		if err == nil {
			byPosition := make(map[int64]packet, len(packets))
			for _, p := range packets {
				byPosition[p.Position] = p
			}
			return byPosition
		}
		if ctx.Err() == nil {
			s.log.WarnContext(ctx, "notices were interrupted and will go on", "cause", err)
			pause(ctx, s.times.retryAfter)
		}
	}
	return nil
}

// pack makes each notice's JSON once, whoever gets it.
func (s *Server) pack(ctx context.Context, events []eventstore.Recorded) ([]packet, error) {
	notices, err := s.notices.From(ctx, events)
	if err != nil {
		return nil, err
	}
	packets := make([]packet, 0, len(notices))
	for _, n := range notices {
		text, err := envelope{
			Type: n.Type, Protocol: n.Protocol, Success: true, Timestamp: stamp(n.At), Position: n.Position, Data: n.Data,
		}.encode()
		if err != nil {
			s.log.ErrorContext(ctx, "a notice cannot be written as JSON and is left out", "type", n.Type, "position", n.Position, "cause", err)
			continue
		}
		packets = append(packets, packet{Notice: n, text: text})
	}
	return packets, nil
}

// beat keeps deadlines and service workers awake: one ticker for all sockets.
func (s *Server) beat(ctx context.Context) {
	ticker := time.NewTicker(s.times.sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			s.sweep(now)
		}
	}
}

// sweep closes sockets whose time is up and pings the others.
func (s *Server) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.sockets {
		authenticated := k.caller.Load() != nil
		if until := k.deadline.Load(); until != 0 && now.UnixNano() > until {
			if authenticated {
				k.shut(fate{codeToken, "the token has expired"})
			} else {
				k.shut(fate{codeToken, "no token came in time"})
			}
			continue
		}
		if authenticated && now.After(k.nextPing) {
			k.nextPing = now.Add(s.times.pingEvery)
			k.say(envelope{Type: "ping", Protocol: system, Success: true, Data: nothing})
		}
	}
}
