package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// perMember is how many sockets the program allows one person, less some room.
	perMember = 40
	// receivers is how many sockets a small crowd has.
	receivers = 1000
)

// benchSockets measures what an open connection costs, and how long it takes from sending a request until everybody has
// heard of it. The limit authenticates nobody and writes to all its sockets inside the request.
func benchSockets(ctx context.Context, l *lab, o options, out io.Writer) (err error) {
	w, err := l.openWorld(ctx, "sockets", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	most := min(10_000, (maxFiles()-1000)/2) // two crowds, and their ends are in this process
	memory := newTable("open connections:", "limit KB each:", "ours KB each:", "ratio:", "target KB:")
	fan := newTable("receivers:", "limit p50 / p99 ms:", "ours p50 / p99 ms:", "ratio of p99:")
	limit, real := &crowd{server: w.limit}, &crowd{server: w.real, world: w}
	defer limit.leave()
	defer real.leave()
	for _, connections := range []int{receivers, most} {
		for _, c := range []*crowd{limit, real} {
			if err := c.grow(ctx, connections); err != nil {
				return err
			}
		}
		target := ""
		if connections == most {
			target = "17"
		}
		memory.add(strconv.Itoa(connections), fmt.Sprintf("%.1f", limit.each()), fmt.Sprintf("%.1f", real.each()), ratio(real.each()/limit.each()), target)
		var bare, ours []sample
		for range o.rounds {
			for _, c := range []struct {
				crowd *crowd
				of    *[]sample
			}{{limit, &bare}, {real, &ours}} {
				s, err := c.crowd.fanOut(ctx, o.span)
				if err != nil {
					return err
				}
				*c.of = append(*c.of, s)
			}
		}
		p50, p99 := func(s sample) time.Duration { return s.p50 }, func(s sample) time.Duration { return s.p99 }
		fan.add(strconv.Itoa(connections), ms(medianOf(bare, p50))+" / "+ms(medianOf(bare, p99)), ms(medianOf(ours, p50))+" / "+ms(medianOf(ours, p99)),
			ratio(float64(medianOf(ours, p99))/float64(medianOf(bare, p99))))
	}
	memory.write(out, "Sockets: memory", "Resident memory of the server's process, what it held before anybody came taken off, over the connections; each is authenticated and subscribed to its organization.")
	fan.write(out, "Sockets: fan-out", "From sending the request that creates a ticket until each receiver has read of it; the limit stores the ticket too.")
	return nil
}

func maxFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}

// crowd is many sockets at one server.
type crowd struct {
	server *server
	world  *world // of the real program; nil for the limit
	token  string // of whoever creates tickets
	before int    // the server's memory before anybody came
	conns  []*websocket.Conn
	heard  func(text []byte) // what the receivers do with a message
	mu     sync.RWMutex
}

// each is the memory of one connection, in KB.
func (c *crowd) each() float64 { return float64(c.server.memory()-c.before) / float64(len(c.conns)) }

func (c *crowd) grow(ctx context.Context, to int) error {
	if c.conns == nil {
		c.before = c.server.memory()
	}
	var tokens []string
	for len(c.conns) < to {
		path := "ws://" + c.server.address + "/ws"
		if c.world != nil {
			if len(c.conns)%perMember == 0 {
				var err error
				if tokens, err = c.world.join(ctx, 1); err != nil {
					return err
				}
				c.token = tokens[0]
			}
			path += "?token=" + c.token
		}
		if err := c.enter(ctx, path); err != nil {
			return fmt.Errorf("socket %d: %w", len(c.conns)+1, err)
		}
	}
	return nil
}

func (c *crowd) enter(ctx context.Context, url string) error {
	dialer := &websocket.Dialer{ReadBufferSize: 512, WriteBufferSize: 256}
	conn, answer, err := dialer.DialContext(ctx, url, nil)
	if err != nil {
		return err
	}
	_ = answer.Body.Close() // an upgrade has none
	if c.world != nil {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"subscribe_all"}`)); err != nil {
			return err
		}
		for subscribed := false; !subscribed; {
			_, text, err := conn.ReadMessage()
			if err != nil {
				return err
			}
			subscribed = strings.Contains(string(text), "subscription_response")
		}
	}
	c.conns = append(c.conns, conn)
	go c.listen(conn)
	return nil
}

func (c *crowd) listen(conn *websocket.Conn) {
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return
		}
		c.mu.RLock()
		heard := c.heard
		c.mu.RUnlock()
		if heard != nil {
			heard(text)
		}
	}
}

// fanOut creates tickets one after the other; the next when everybody has heard of the last.
func (c *crowd) fanOut(ctx context.Context, span time.Duration) (sample, error) {
	path, body := "/tickets", newTicket("")
	if c.world != nil {
		path = "/api/v1/tickets"
	}
	poster, err := connect(ctx, c.server.address, c.token)
	if err != nil {
		return sample{}, err
	}
	defer poster.close()
	var took []time.Duration
	for end := time.Now().Add(span); time.Now().Before(end) || len(took) < 2*len(c.conns); {
		one, err := c.tellAll(ctx, func() error {
			_, err := poster.create(path, body)
			return err
		})
		if err != nil {
			return sample{}, err
		}
		took = append(took, one...)
	}
	return summary(slices.Clone(took[len(c.conns):]), span), nil // without the first, which warms up
}

// tellAll answers when each receiver heard of what post did.
func (c *crowd) tellAll(ctx context.Context, post func() error) ([]time.Duration, error) {
	arrivals := make(chan time.Time, len(c.conns))
	c.listening(func(text []byte) {
		if c.world == nil || strings.Contains(string(text), "ticket_created") {
			arrivals <- time.Now()
		}
	})
	defer c.listening(nil)
	start := time.Now()
	if err := post(); err != nil {
		return nil, err
	}
	patience := time.NewTimer(10 * time.Second)
	defer patience.Stop()
	took := make([]time.Duration, 0, len(c.conns))
	for len(took) < cap(took) {
		select {
		case at := <-arrivals:
			took = append(took, at.Sub(start))
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-patience.C:
			return nil, fmt.Errorf("%d of %d receivers heard nothing for ten seconds", cap(took)-len(took), cap(took))
		}
	}
	return took, nil
}

func (c *crowd) listening(heard func([]byte)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = heard
}

func (c *crowd) leave() {
	for _, conn := range c.conns {
		_ = conn.Close() // the server sees it go
	}
}
