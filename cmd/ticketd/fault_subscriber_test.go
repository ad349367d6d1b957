//go:build linux

package main

import (
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket/wsjson"
	"github.com/stretchr/testify/require"

	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// subscriber follows all tickets of an organization over a socket, and resumes on another one whenever it breaks.
type subscriber struct {
	t     *testing.T
	after int64

	mu          sync.Mutex
	seen        []int64
	connections int
}

// attend begins to follow after a position, until the test ends.
func attend(t *testing.T, place func() *client, after int64) *subscriber {
	t.Helper()
	s := &subscriber{t: t, after: after}
	var work sync.WaitGroup
	work.Go(func() {
		for t.Context().Err() == nil {
			s.listen(place())
			rest(t.Context(), breath)
		}
	})
	t.Cleanup(work.Wait)
	return s
}

// listen takes in what one connection brings.
func (s *subscriber) listen(who *client) {
	ctx := s.t.Context()
	line, err := who.dial()
	if err != nil {
		return
	}
	defer func() { _ = line.conn.CloseNow() }()
	if wsjson.Write(ctx, line.conn, object{"type": "resume", "data": object{"after": s.last(), "all": true}}) != nil {
		return
	}
	s.mu.Lock()
	s.connections++
	s.mu.Unlock()
	for {
		var m told
		if wsjson.Read(ctx, line.conn, &m) != nil || m.Type == "error" {
			return
		}
		if m.Position > 0 {
			s.mu.Lock()
			s.seen = append(s.seen, m.Position)
			s.mu.Unlock()
		}
	}
}

func (s *subscriber) last() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		return s.after
	}
	return s.seen[len(s.seen)-1]
}

func (s *subscriber) came() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// requireEverything waits for the last notice and compares all of them with the log.
func (s *subscriber) requireEverything(w bystander, org string) {
	s.t.Helper()
	events, err := w.Read(s.t.Context(), eventstore.Query{After: s.after, Org: uuidOf(s.t, org)})
	require.NoError(s.t, err)
	var want []int64
	for _, e := range events {
		if e.Category() == ticket.Decider.Category {
			want = append(want, e.Position)
		}
	}
	require.NotEmpty(s.t, want)
	require.Eventually(s.t, func() bool { return s.last() >= want[len(want)-1] }, startLimit, 10*time.Millisecond, "the last notice")
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Equal(s.t, want, s.seen, "over %d connections", s.connections)
}
