// Package vendorfake plays the seven vendors in memory, over real HTTP, for tests, journeys and the bench.
//
// # Why
//
// A fake that takes everything proves nothing: what an adapter sends would be judged by the one who wrote the adapter. So
// every request is held against the vendor's own official description (specs, of which only the structure is kept) before it
// is handled. One that is not valid is answered with 400 and remembered, and a test ends by asking that there was none.
//
// What the vendors have in common is here: tickets with their comments and files, limits, tokens, and everything that can go
// wrong on the way. A vendor's own file only translates between that and its API.
package vendorfake

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
)

// Vendor is a vendor that is played.
type Vendor interface {
	// Base answers what all vendors have in common.
	Base() *Base

	// Connect answers the body for POST /integrations that connects to this vendor, its secrets included.
	Connect() map[string]any

	// Account answers the same, opened, for the adapter's own tests.
	Account() commands.Account

	// Tickets lists the tickets in the order they were made.
	Tickets() []Ticket

	// Say lets a person there comment on a ticket. It answers the comment's id.
	Say(ticket, author, text string) string

	// Move lets a person there change a ticket's status, to a value of the mapping.
	Move(ticket, status string)

	// Webhook answers the signed webhook that the vendor sends after what happened last to a ticket, by another delivery id
	// each time. Its path is empty: the caller sets the address.
	Webhook(ticket string) *http.Request
}

// Handler plays one operation of a vendor's API.
type Handler func(w http.ResponseWriter, r *Request)

// Options say how a vendor differs.
type Options struct {
	// Name is its file in specs, without the ending.
	Name string

	// Prefix is what stands before the description's paths, as a regular expression. What its named groups match is among
	// the request's Params. Bare are the beginnings of paths that have no prefix.
	Prefix string
	Bare   []string

	// Deep names parameters of paths that may hold slashes.
	Deep []string

	// Query names query parameters that every operation takes, though the description does not say so.
	Query []string

	// Operations plays the API, by "METHOD /path/of/{the}/description". One that is missing is answered with 501.
	Operations map[string]Handler

	// Admit looks at who asks, for the operations that need to know. When it answers false it has written the answer. nil:
	// everybody is let in.
	Admit func(w http.ResponseWriter, r *Request) bool

	// Left says how many requests are left, in the vendor's own headers. When none is, it answers the status and body of the
	// refusal.
	Left func(h http.Header, l Left) (status int, body string)

	// Rotates says that refresh tokens are good for one use; EndsOld, that renewing ends the family's other access tokens.
	Rotates, EndsOld bool
}

// Seen is a request that came.
type Seen struct {
	Method    string
	Path      string
	Operation string // by the description; empty: none
	Status    int    // 0: not answered, or not yet
	At        time.Time
}

// Base is what all vendors have in common. It is safe for use by several goroutines.
type Base struct {
	server  *httptest.Server
	options Options
	doc     *openapi3.T
	routes  []route
	closing chan struct{}
	closed  sync.Once
	id      uuid.UUID
	org     uuid.UUID

	mu      sync.Mutex
	seen    []Seen
	invalid []string
	faults  []*planned
	limit   limit
	tokens  tokens
	tickets tickets
}

// Start plays a vendor until it is closed. It panics when the description or the options make no sense: a test has no use
// for half a vendor.
func Start(o Options) *Base {
	doc, err := describe(o.Name)
	if err != nil {
		panic("the description of " + o.Name + ": " + err.Error())
	}
	b := &Base{options: o, doc: doc, closing: make(chan struct{}), id: uuid.New(), org: uuid.New()}
	b.routes = routes(doc, regexp.MustCompile("^"+o.Prefix), o)
	for operation := range o.Operations {
		if !slices.ContainsFunc(b.routes, func(r route) bool { return r.operation == operation }) {
			panic("the description of " + o.Name + " has no operation " + operation)
		}
	}
	b.tokens.init()
	b.tickets.init()
	b.server = httptest.NewServer(http.HandlerFunc(b.serve))
	return b
}

// URL answers the address in the place of every host of the vendor.
func (b *Base) URL() string { return b.server.URL }

// Close ends the vendor. Whoever waits for a silent one hears that the connection is gone.
func (b *Base) Close() {
	b.closed.Do(func() {
		close(b.closing)
		b.server.CloseClientConnections()
		b.server.Close()
	})
}

// Invalid lists the requests that were not valid by the description, with the reason.
func (b *Base) Invalid() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.invalid)
}

// Requests lists what came, in the order of its coming.
func (b *Base) Requests() []Seen {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.seen)
}

// Opened answers the account that a body for POST /integrations connects to. It is the same account each time.
func (b *Base) Opened(connect map[string]any) commands.Account {
	text := func(name string) string { value, _ := connect[name].(string); return value }
	texts := func(name string) map[string]string {
		fields := map[string]string{}
		given, _ := connect[name].(map[string]any)
		for field, value := range given {
			fields[field], _ = value.(string)
		}
		return fields
	}
	platform := integration.Platform(text("platform"))
	return commands.Account{
		Org:         domain.OrgID{UUID: b.org},
		Integration: b.id,
		Platform:    platform,
		AuthType:    integration.AuthType(text("auth_type")),
		BaseURL:     text("base_url"),
		Credentials: texts("credentials"),
		Settings:    texts("settings"),
		Mapping:     platform.Over(integration.Mapping{}),
	}
}
