package commands_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/eventstore"
)

// signer is a vendor that signs with any secret of the account, over the time and the body.
type signer struct {
	commands.Platform

	mu       sync.Mutex
	verified int         // how often it was asked whether a webhook is proved
	heard    []uuid.UUID // the accounts that were asked what it says
	slow     func()      // runs with every verification
}

func (s *signer) asked() (verified int, heard []uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	verified, heard = s.verified, s.heard
	s.verified, s.heard = 0, nil
	return verified, heard
}

func signature(secret, at string, body []byte) string {
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write([]byte(at))
	sum.Write(body)
	return hex.EncodeToString(sum.Sum(nil))
}

// Verify implements commands.Platform.
func (s *signer) Verify(a commands.Account, w commands.Webhook) error {
	s.mu.Lock()
	s.verified++
	s.mu.Unlock()
	if s.slow != nil {
		s.slow()
	}
	proved := false
	for _, name := range []string{"webhook_secret", "client_secret"} {
		if secret := a.Credentials[name]; secret != "" && hmac.Equal([]byte(w.Header("Signature")), []byte(signature(secret, w.Header("Time"), w.Body))) {
			proved = true
		}
	}
	if !proved {
		return commands.ErrUnsigned
	}
	if at, err := time.Parse(time.RFC3339, w.Header("Time")); err != nil || w.At.Sub(at).Abs() > commands.WebhookTolerance {
		return commands.ErrOutdated
	}
	return nil
}

// hint is the body of a webhook.
type hint struct {
	Place    string   `json:"place,omitempty"`
	Delivery string   `json:"delivery,omitempty"`
	Tickets  []string `json:"tickets,omitempty"`
	Question string   `json:"question,omitempty"` // to be answered
	All      bool     `json:"all,omitempty"`
}

// Hear implements commands.Platform.
func (s *signer) Hear(a commands.Account, w commands.Webhook) (commands.Heard, error) {
	s.mu.Lock()
	s.heard = append(s.heard, a.Integration)
	s.mu.Unlock()
	var h hint
	if json.Unmarshal(w.Body, &h) != nil {
		return commands.Heard{}, commands.ErrNotUnderstood
	}
	heard := commands.Heard{Concerns: h.Place == a.Settings["place"], Delivery: h.Delivery, Tickets: h.Tickets, Everything: h.All}
	if h.Question != "" {
		heard.Answer = &commands.WebhookAnswer{Status: 202, Type: "text/plain", Body: []byte(h.Question)}
	}
	return heard, nil
}

// placedSigner is a signer whose webhooks name their place.
type placedSigner struct{ *signer }

// Place implements commands.WebhookLocator.
func (placedSigner) Place(a commands.Account) string { return a.Settings["place"] }

// From implements commands.WebhookLocator.
func (placedSigner) From(w commands.Webhook) string {
	var h hint
	_ = json.Unmarshal(w.Body, &h)
	return h.Place
}

// gate is the program's gate for webhooks, with everything behind it in memory.
type gate struct {
	*testing.T
	vendor *signer
	in     *commands.WebhooksIn

	mu       sync.Mutex
	accounts map[uuid.UUID]commands.Account
	found    []uuid.UUID // what was looked up by itself
	listed   int         // how often a whole platform was
	during   func()      // runs while a platform is listed
	broken   error

	taken  map[string]bool
	known  map[string]bool // tickets that live here
	came   []commands.Arrival
	woken  int
	counts map[string]int
}

func newGate(t *testing.T, placed bool) *gate {
	t.Helper()
	g := &gate{
		T: t, vendor: &signer{}, accounts: map[uuid.UUID]commands.Account{}, taken: map[string]bool{}, known: map[string]bool{"7": true}, counts: map[string]int{},
	}
	var speaker commands.Platform = g.vendor
	if placed {
		speaker = placedSigner{g.vendor}
	}
	g.in = commands.NewWebhooksIn(commands.WebhookInParts{
		Accounts: g, Inbox: g, Platforms: map[integration.Platform]commands.Platform{integration.GitHub: speaker}, Now: time.Now, Gather: commands.DefaultGather,
		Wake: func() { g.mu.Lock(); defer g.mu.Unlock(); g.woken++ },
		Count: func(p integration.Platform, o commands.WebhookOutcome) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.counts[string(p)+" "+string(o)]++
		},
	})
	return g
}

// account makes an integration of an organization of its own.
func (g *gate) account(place string, credentials map[string]string) commands.Account {
	a := commands.Account{
		Org: domain.OrgID{UUID: commands.NewID()}, Integration: commands.NewID(), Platform: integration.GitHub, Credentials: credentials, Settings: map[string]string{"place": place},
	}
	g.set(a)
	return a
}

func (g *gate) set(a commands.Account) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.accounts[a.Integration] = a
}

func secret(value string) map[string]string { return map[string]string{"webhook_secret": value} }

// Find implements commands.WebhookAccounts.
func (g *gate) Find(_ context.Context, id uuid.UUID) (commands.Account, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.found = append(g.found, id)
	a, ok := g.accounts[id]
	if !ok && g.broken == nil {
		return a, integration.ErrNotFound
	}
	return a, g.broken
}

// OfPlatform implements commands.WebhookAccounts.
func (g *gate) OfPlatform(_ context.Context, p integration.Platform) ([]commands.Account, error) {
	g.mu.Lock()
	g.listed++
	list := slices.DeleteFunc(slices.Collect(maps.Values(g.accounts)), func(a commands.Account) bool { return a.Platform != p })
	during, err := g.during, g.broken
	g.mu.Unlock()
	if during != nil {
		during()
	}
	return list, err
}

// looks answers how often accounts were looked up since it was last asked.
func (g *gate) looks() (single, whole int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	single, whole = len(g.found), g.listed
	g.found, g.listed = nil, 0
	return single, whole
}

// Take implements commands.Inbox.
func (g *gate) Take(_ context.Context, arrivals []commands.Arrival, _ time.Duration) (fresh, woken int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken != nil {
		return 0, 0, g.broken
	}
	for _, a := range arrivals {
		if key := a.Integration.String() + a.Delivery; !g.taken[key] {
			g.taken[key] = true
			fresh++
			g.came = append(g.came, a)
			if a.Everything {
				woken += len(g.known)
			}
			for _, ticket := range a.Tickets {
				if g.known[ticket] {
					woken++
				}
			}
		}
	}
	return fresh, woken, nil
}

// wakes answers how often the dispatcher was woken.
func (g *gate) wakes() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.woken
}

// arrived answers what came since it was last asked.
func (g *gate) arrived() []commands.Arrival {
	g.mu.Lock()
	defer g.mu.Unlock()
	came := g.came
	g.came = nil
	return came
}

// signed answers a webhook of now.
func signed(secret string, h hint) commands.Webhook {
	body, _ := json.Marshal(h)
	return raw(secret, time.Now(), body)
}

func raw(secret string, at time.Time, body []byte) commands.Webhook {
	header := map[string]string{"Time": at.Format(time.RFC3339)}
	if secret != "" {
		header["Signature"] = signature(secret, header["Time"], body)
	}
	return commands.Webhook{Header: func(name string) string { return header[name] }, Query: func(string) string { return "" }, Body: body, At: time.Now()}
}

var toGitHub = commands.WebhookAddress{Platform: integration.GitHub}

func toOne(a commands.Account) commands.WebhookAddress {
	return commands.WebhookAddress{Integration: a.Integration}
}

var open = commands.WebhookBounds{Admit: func(uuid.UUID) error { return nil }}

// take has a webhook taken, and answers what became of it.
func (g *gate) take(to commands.WebhookAddress, w commands.Webhook, bounds ...commands.WebhookBounds) (string, *commands.WebhookAnswer, error) {
	g.Helper()
	g.mu.Lock()
	before := maps.Clone(g.counts)
	g.mu.Unlock()
	answer, err := g.in.Take(g.Context(), to, w, append(bounds, open)[0])
	g.mu.Lock()
	defer g.mu.Unlock()
	var became []string
	for outcome, n := range g.counts {
		for range n - before[outcome] {
			became = append(became, outcome)
		}
	}
	require.Len(g, became, 1, "each is counted once")
	return became[0], answer, err
}

// becomes has a webhook taken that comes to a known end.
func (g *gate) becomes(outcome string, refusal error, to commands.WebhookAddress, w commands.Webhook, bounds ...commands.WebhookBounds) {
	g.Helper()
	became, _, err := g.take(to, w, bounds...)
	if !errors.Is(err, refusal) {
		require.Equal(g, refusal, err)
	}
	require.Equal(g, outcome, became)
}

// tell says that an integration has changed.
func (g *gate) tell(id uuid.UUID) {
	g.in.Observe([]eventstore.Recorded{{Stream: id, Event: integration.Changed{}}})
}
