package ws

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stats counts since the start, except Connections and Subscriptions, which are how many there are now.
type Stats struct {
	Connections   int
	Subscriptions int
	Received      int64 // messages from clients
	Sent          int64 // messages written to clients, notices among them
	Notices       int64 // handed to a client's queue
	BytesIn       int64
	BytesOut      int64
	SlowClosed    int64
	Closed        map[int]int64 // by us, by close code
}

type counters struct {
	received, sent, notices, bytesIn, bytesOut atomic.Int64

	mu     sync.Mutex
	closes map[int]int64
}

func (c *counters) closed(code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closes == nil {
		c.closes = map[int]int64{}
	}
	c.closes[code]++
}

// Stats tells how the server is doing.
func (s *Server) Stats() Stats {
	c := &s.counters
	t := Stats{
		Connections: s.Connections(), Received: c.received.Load(), Sent: c.sent.Load(), Notices: c.notices.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
	}
	for _, l := range s.lanes {
		l.mu.Lock()
		for _, followers := range l.topics {
			t.Subscriptions += len(followers)
		}
		l.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.Closed = maps.Clone(c.closes)
	t.SlowClosed = t.Closed[codeSlow]
	return t
}
