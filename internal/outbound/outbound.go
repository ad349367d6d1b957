// Package outbound sends requests to addresses that organizations name, and says in one way why they came to nothing.
//
// # Why
//
// An organization writes the address of its vendor itself, so whoever connects one could have the program ask what stands
// beside it: a database, the metadata of the cloud. A name proves nothing, for it may mean another address a moment later.
// So it is the resolved address that is checked, as it is dialled, for every attempt and every redirect.
//
// What a vendor allows is known best by the vendor, who says it with every answer. The pace of an account is learned from
// there, and kept here: a request that would be refused waits instead of being sent.
//
// A vendor may be anybody, so what it answers is kept within bounds: an answer, and all those of an operation together.
//
// An answer that is lost is the one hard case. The work may be done, and doing it again would double it. So every error says
// whether anything can have been done: what failed before the first byte was sent has surely come to nothing.
package outbound

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// answerMost is how many bytes of an answer are read. No vendor's is longer.
	answerMost = 16 << 20
	// headersMost is how many bytes its headers may have.
	headersMost = 1 << 20
	// redirectsMost is how many redirects are followed.
	redirectsMost = 5
)

// Options say what is reached, and how patiently.
type Options struct {
	Allow     []netip.Prefix   // private networks that may be reached all the same
	Silence   time.Duration    // how long a vendor may say nothing; 30 s when it is left out
	UserAgent string           // of requests that name none
	Clock     func() time.Time // the machine's when it is left out

	OperationMost int64 // how many bytes the answers of an Operation have together at most; 64 MB when it is left out
}

// Client sends requests. It is safe for concurrent use.
type Client struct {
	*shared

	left *allowance // of its operation; nil: it is for none
}

// shared is what all operations have together.
type shared struct {
	silence       time.Duration
	userAgent     string
	now           func() time.Time
	operationMost int64
	transport     *http.Transport

	mu    sync.Mutex
	paces map[lane]*pace
	swept time.Time // when those that nobody used were dropped
}

// lane is what a vendor counts by itself: an account, or a part of what it asks.
type lane struct {
	account uuid.UUID
	name    string
}

// New answers a client. Accounts share its connections, and nothing else.
func New(o Options) *Client {
	if o.Silence <= 0 {
		o.Silence = 30 * time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.OperationMost <= 0 {
		o.OperationMost = operationMost
	}
	return newClient(o, dialer(o, nil).DialContext)
}

// dialer looks at every address before it is dialled. It needs a limit of its own: a connection that is being made outlives the
// request that it is made for.
func dialer(o Options, names *net.Resolver) *net.Dialer {
	return &net.Dialer{ControlContext: border(o.Allow).control, Resolver: names, Timeout: o.Silence}
}

// How long nothing must have come over a connection of HTTP/2 until its vendor is asked whether it is still there, and for how
// long that is waited for. Every request would go over a dead one, so it must be given up sooner than the first of them is.
const (
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second
)

func newClient(o Options, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Client {
	return &Client{shared: &shared{
		silence: o.Silence, userAgent: o.UserAgent, now: o.Clock, operationMost: o.OperationMost, paces: map[lane]*pace{}, swept: o.Clock(),
		transport: &http.Transport{
			Proxy:                  nil, // one would resolve the names itself, and nobody checked the addresses
			DialContext:            dial,
			TLSHandshakeTimeout:    o.Silence,
			ForceAttemptHTTP2:      true,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
			MaxIdleConns:           100,
			MaxIdleConnsPerHost:    10,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: headersMost,
		},
	}}
}

// Close closes the connections that nobody uses at the moment.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// For answers the http.Client of an account, by the id of its integration. Requests reach public addresses and those that
// are allowed; wait for what the account may ask, as the vendor's answers say; are given up after a silence, of the headers
// or between two bytes of the body, while an upload may take as long as it moves; and are answered with 16 MB at most.
// A wait that the context does not leave, or that is longer than a minute, is an error at once, and nothing was sent.
// Lost reads its errors.
func (c *Client) For(account uuid.UUID) *http.Client {
	return c.at(c.pace(lane{account: account}))
}

func (c *Client) at(p *pace) *http.Client {
	return &http.Client{Transport: &traveller{client: c, pace: p}, CheckRedirect: follow}
}

// Forget drops what was learned about an account: with other credentials it may be another one to the vendor.
func (c *Client) Forget(account uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.paces, func(l lane, _ *pace) bool { return l.account == account })
}

func (c *Client) pace(l lane) *pace {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.swept) > keep {
		maps.DeleteFunc(c.paces, func(_ lane, p *pace) bool { return p.isForgotten(now) })
		c.swept = now
	}
	p, known := c.paces[l]
	if !known {
		p = newPace(c.now)
		c.paces[l] = p
	}
	return p
}
