//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// acknowledged is a command that was answered, and what the answer said.
type acknowledged struct {
	kind     string // of the event
	ticket   string
	text     string // of the writer's own making, so that no other event holds it
	position int64
}

// crowd is many writers at one program, while it suffers. Each has a ticket of its own, about which it insists until it
// has an answer; all of them change one ticket together, and take no for an answer there.
type crowd struct {
	t      *testing.T
	shared string
	place  func(writer int) *client // where and who a writer is now

	answered atomic.Int64
	refused  atomic.Int64 // with 5xx
	unheard  atomic.Int64 // no answer
	pace     atomic.Int64 // how long a writer rests after an answer, in nanoseconds

	mu      sync.Mutex
	ledger  []acknowledged
	asked   map[string]bool // the texts that were sent without insisting: they may be there, or not
	lies    []string        // answers that are neither a success nor a problem
	slowest time.Duration   // answer

	stop chan struct{}
	once sync.Once
	work sync.WaitGroup
}

// gather sets writers to work until finish, or the end of the test.
func gather(t *testing.T, writers int, place func(writer int) *client) *crowd {
	t.Helper()
	c := &crowd{t: t, place: place, asked: map[string]bool{}, stop: make(chan struct{})}
	c.shared = place(0).ticket(object{"title": "everybodys"}).id()
	for n := range writers {
		c.work.Go(func() { c.write(n) })
	}
	t.Cleanup(func() {
		c.once.Do(func() { close(c.stop) })
		c.work.Wait()
	})
	return c
}

// finish lets every writer have its last answer.
func (c *crowd) finish() {
	c.t.Helper()
	c.once.Do(func() { close(c.stop) })
	c.work.Wait()
	require.Empty(c.t, c.lies)
}

// awaitAnswers waits until so many more commands were acknowledged.
func (c *crowd) awaitAnswers(more int64) {
	c.t.Helper()
	goal := c.answered.Load() + more
	require.Eventually(c.t, func() bool { return c.answered.Load() >= goal }, startLimit, time.Millisecond, "the writers are answered")
}

func (c *crowd) write(n int) {
	mine := ""
	for k := 0; ; k++ {
		select {
		case <-c.stop:
			return
		case <-c.t.Context().Done():
			return
		default:
		}
		rest(c.t.Context(), time.Duration(c.pace.Load()))
		text := fmt.Sprintf("w%dn%d", n, k)
		switch {
		case k%12 == 0:
			a, ok := c.insist(n, "POST", "/api/v1/tickets", object{"title": text, "description": "d", "category": "bug", "priority": "low"}, text)
			if ok {
				mine = a.id()
				c.note("ticket.opened", mine, text, a)
			}
		case k%3 == 0:
			if a, ok := c.ask(n, "PATCH", "/api/v1/tickets/"+c.shared, object{"title": text}, ""); ok {
				c.note("ticket.edited", c.shared, text, a)
				break
			}
			c.mu.Lock()
			c.asked[text] = true
			c.mu.Unlock()
		case k%3 == 1:
			if a, ok := c.insist(n, "PATCH", "/api/v1/tickets/"+mine, object{"title": text}, ""); ok {
				c.note("ticket.edited", mine, text, a)
			}
		default:
			if a, ok := c.insist(n, "POST", "/api/v1/tickets/"+mine+"/comments", object{"content": text}, text); ok {
				c.note("ticket.commented", mine, text, a)
			}
		}
	}
}

func (c *crowd) note(kind, ticket, text string, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ledger = append(c.ledger, acknowledged{kind, ticket, text, number(c.t, a.header.Get("X-Event-Position"))})
	c.answered.Add(1)
}

// insist asks until there is an answer; with a key, so that it is done once however often it was asked. It gives up only
// with the test.
func (c *crowd) insist(n int, method, path string, body object, key string) (answer, bool) {
	for c.t.Context().Err() == nil {
		if a, ok := c.ask(n, method, path, body, key); ok {
			return a, true
		}
		rest(c.t.Context(), breath)
	}
	return answer{}, false
}

// ask asks once.
func (c *crowd) ask(n int, method, path string, body object, key string) (answer, bool) {
	who := c.place(n)
	if key != "" {
		who = who.with("Idempotency-Key", key)
	}
	start := time.Now()
	a, err := who.try(method, path, body)
	c.mu.Lock()
	c.slowest = max(c.slowest, time.Since(start))
	c.mu.Unlock()
	switch {
	case err != nil:
		c.unheard.Add(1)
		return a, false
	case a.status < 300:
		return a, true
	case a.status >= 500:
		c.refused.Add(1)
	}
	if kind := a.header.Get("Content-Type"); kind != "application/problem+json" || a.status < 500 && a.status != 409 {
		c.mu.Lock()
		c.lies = append(c.lies, fmt.Sprintf("%s %s: %d %s %s", method, path, a.status, kind, a.raw))
		c.mu.Unlock()
	}
	return a, false
}

// breath keeps those who insist from asking a dead program all the time.
const breath = 10 * time.Millisecond

func rest(ctx context.Context, long time.Duration) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
