package commands

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/eventstore"
	"ticketd/internal/cache"
)

// Inbox remembers which webhooks of vendors were taken.
type Inbox interface {
	// Take notes arrivals, and has the deliveries looked at a while later that those are about which never came before: all of it
	// or nothing, and committed when it answers. A delivery that is to be looked at sooner stays so. fresh is how many of the
	// arrivals were new, woken how many deliveries they are about: a ticket that nobody here knows wakes none.
	Take(ctx context.Context, arrivals []Arrival, later time.Duration) (fresh, woken int, err error)
}

// Arrival is a webhook that came to an integration.
type Arrival struct {
	Org         domain.OrgID
	Integration uuid.UUID
	Delivery    string   // the vendor's name of it, the same when it comes again
	Tickets     []string // what changed there, as the vendor calls it
	Everything  bool     // whatever lives there may have changed
}

// WebhookAddress is where a vendor sends its webhooks: to one integration, or to all of a platform.
type WebhookAddress struct {
	Integration uuid.UUID // zero: all of the platform
	Platform    integration.Platform
}

// ParseWebhookAddress reads an integration's id, or a platform's name. integration.ErrNotFound when it is neither.
func ParseWebhookAddress(text string) (WebhookAddress, error) {
	if id, err := uuid.Parse(text); err == nil {
		return WebhookAddress{Integration: id}, nil
	}
	if p := integration.Platform(text); slices.Contains(integration.Platforms, p) {
		return WebhookAddress{Platform: p}, nil
	}
	return WebhookAddress{}, integration.ErrNotFound
}

// WebhookOutcome is what became of a webhook that came.
type WebhookOutcome string

// What may become of a webhook.
const (
	HookTaken         WebhookOutcome = "taken"
	HookRepeated      WebhookOutcome = "repeated"       // it was taken before
	HookIgnored       WebhookOutcome = "ignored"        // it tells of nothing that lives here
	HookAnswered      WebhookOutcome = "answered"       // the vendor wanted to hear something, and no more
	HookUnsigned      WebhookOutcome = "unsigned"       // nobody's secret proves it
	HookOutdated      WebhookOutcome = "outdated"       // it is proved, and too old
	HookMisunderstood WebhookOutcome = "not_understood" // it is proved, and makes no sense
	HookUnknown       WebhookOutcome = "unknown"        // there is no such integration
	HookTooLarge      WebhookOutcome = "too_large"
	HookCutOff        WebhookOutcome = "cut_off" // it did not arrive, or not in time
	HookLimited       WebhookOutcome = "limited" // too many came
	HookUndone        WebhookOutcome = "undone"  // our own fault
)

// WebhookInParts is what WebhooksIn work with.
type WebhookInParts struct {
	Accounts  WebhookAccounts
	Inbox     Inbox
	Platforms map[integration.Platform]Platform
	Wake      func()        // tells the dispatcher of this process that something may be due
	Gather    time.Duration // from the first webhook about a ticket until the vendor is asked what changed there
	Count     func(integration.Platform, WebhookOutcome)
	Now       func() time.Time
}

// WebhooksIn takes what vendors send.
//
// # Why
//
// A webhook is a hint. Whatever it says is asked of the vendor again, so it may come late, twice, or out of order, and a
// channel that signs nothing is as good as any other. All that must hold is that whoever cannot prove to be the vendor makes
// nobody work, that a hint which was taken is not lost, even while the integration is disabled, and that the vendor has its
// answer within a moment: the deliveries are looked at behind the answer.
//
// Vendors tell of one change several times: an edit, a comment and a field are three webhooks. Those that come within
// DefaultGather have the vendor asked once, which spares its limits, and the processors that the next answers need.
//
// The opened accounts are kept in memory, for a few seconds and no longer than until an event tells of a change.
type WebhooksIn struct {
	WebhookInParts
	single  *cache.Cache[uuid.UUID, Account]
	rolls   map[integration.Platform]*webhookRoll
	looking chan struct{} // whoever makes up ids must not take up the database
}

// DefaultGather is shorter than anybody waits for a comment, and longer than a vendor needs to tell all of a change.
const DefaultGather = 500 * time.Millisecond

const (
	accountLife  = 10 * time.Second // the longest that a change goes unnoticed whose event was missed
	mostAccounts = 5000             // that are kept because of their own address
	mostLookUps  = 8                // at a time
)

// NewWebhooksIn answers who takes webhooks.
func NewWebhooksIn(parts WebhookInParts) *WebhooksIn {
	w := &WebhooksIn{
		WebhookInParts: parts, single: cache.New[uuid.UUID, Account](mostAccounts, accountLife, parts.Now),
		rolls: map[integration.Platform]*webhookRoll{}, looking: make(chan struct{}, mostLookUps),
	}
	for p, speaker := range parts.Platforms {
		w.rolls[p] = newWebhookRoll(p, speaker, parts.Accounts, parts.Now)
	}
	return w
}

// Observe forgets what is known of integrations that have changed.
func (w *WebhooksIn) Observe(events []eventstore.Recorded) {
	for _, r := range events {
		if _, ok := r.Event.(integration.Event); ok {
			w.single.Evict(r.Stream)
			for _, roll := range w.rolls {
				roll.change(r.Stream)
			}
		}
	}
}

// Run reads anew, before it is too old, what is known of the platforms that webhooks come for, until ctx ends.
func (w *WebhooksIn) Run(ctx context.Context) {
	ticker := time.NewTicker(accountLife / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, roll := range w.rolls {
				_ = roll.renew(ctx) // whoever asks next reads it, and hears why it cannot be read
			}
		}
	}
}

// WebhookPath answers where the webhooks of an integration are taken.
func WebhookPath(id uuid.UUID) string { return "/api/v1/integrations/" + id.String() + "/webhook" }

// WebhookBounds is what whoever brings a webhook allows.
type WebhookBounds struct {
	// Brief has only those asked who took a webhook a short while ago, when it is for a whole platform: it comes from where
	// many came that prove nothing.
	Brief bool

	// Admit refuses what is too much for an integration, once it is proved that it is for it.
	Admit func(id uuid.UUID) error
}

// Take takes a webhook, and answers what the vendor waits for; nil: nothing. Errors: integration.ErrNotFound when the address is
// nobody's; ErrUnsigned, ErrOutdated, ErrUndecided, ErrNotUnderstood, and those of Admit.
func (w *WebhooksIn) Take(ctx context.Context, to WebhookAddress, hook Webhook, b WebhookBounds) (*WebhookAnswer, error) {
	platform, proven, err := w.prove(ctx, to, hook, b.Brief)
	var answer *WebhookAnswer
	var outcome WebhookOutcome
	if err == nil {
		answer, outcome, err = w.take(ctx, proven, hook, b)
	}
	if err != nil && outcome == "" {
		outcome = outcomeOf(err)
	}
	w.Count(platform, outcome)
	return answer, err
}

// prove answers the accounts that a webhook is for by its signature, and the platform as far as it is known.
func (w *WebhooksIn) prove(ctx context.Context, to WebhookAddress, hook Webhook, brief bool) (integration.Platform, []Account, error) {
	if to.Integration == uuid.Nil {
		roll, ok := w.rolls[to.Platform]
		if !ok {
			return to.Platform, nil, integration.ErrNotFound
		}
		proven, err := roll.prove(ctx, hook, brief)
		return to.Platform, proven, err
	}
	found, err := w.find(ctx, to.Integration)
	if err != nil {
		return "", nil, err
	}
	speaker, ok := w.Platforms[found.Platform]
	if !ok {
		return found.Platform, nil, integration.ErrNotFound
	}
	return found.Platform, []Account{found}, speaker.Verify(found, hook)
}

func (w *WebhooksIn) find(ctx context.Context, id uuid.UUID) (Account, error) {
	if found, ok := w.single.Get(id); ok {
		return found, nil
	}
	select {
	case w.looking <- struct{}{}:
		defer func() { <-w.looking }()
	case <-ctx.Done():
		return Account{}, ctx.Err()
	}
	generation := w.single.Generation()
	found, err := w.Accounts.Find(ctx, id)
	if err == nil {
		w.single.Put(generation, id, found)
	}
	return found, err
}

// take has the proven accounts hear a webhook, and notes it for those that it concerns.
func (w *WebhooksIn) take(ctx context.Context, proven []Account, hook Webhook, b WebhookBounds) (*WebhookAnswer, WebhookOutcome, error) {
	arrivals, answer, err := w.hear(proven, hook)
	switch {
	case err != nil:
		return nil, "", err
	case len(arrivals) == 0 && answer != nil:
		return answer, HookAnswered, nil
	case len(arrivals) == 0:
		return nil, HookIgnored, nil
	}
	for _, a := range arrivals {
		if err := b.Admit(a.Integration); err != nil {
			return nil, HookLimited, err
		}
	}
	switch fresh, woken, err := w.Inbox.Take(ctx, arrivals, w.Gather); {
	case err != nil:
		return nil, "", err
	case fresh == 0:
		return answer, HookRepeated, nil
	case woken == 0:
		return answer, HookIgnored, nil
	}
	time.AfterFunc(w.Gather, w.Wake)
	return answer, HookTaken, nil
}

// hear answers what a webhook tells, to whom. One that makes no sense to anybody is refused.
func (w *WebhooksIn) hear(proven []Account, hook Webhook) (arrivals []Arrival, answer *WebhookAnswer, err error) {
	understood := false
	for _, account := range proven {
		heard, refusal := w.Platforms[account.Platform].Hear(account, hook)
		if refusal != nil {
			err = refusal
			continue
		}
		understood = true
		if answer == nil {
			answer = heard.Answer
		}
		if tickets := heard.named(); heard.Concerns && (heard.Everything || len(tickets) > 0) {
			arrivals = append(arrivals, Arrival{
				Org: account.Org, Integration: account.Integration, Delivery: heard.delivery(hook.Body), Tickets: tickets, Everything: heard.Everything,
			})
		}
	}
	if !understood {
		return nil, nil, err
	}
	return arrivals, answer, nil
}

// longestName is how many bytes a vendor's name of a ticket or of a delivery may have to be kept.
const longestName = 500

// named answers each ticket once, as far as there can be one of that name.
func (h Heard) named() []string {
	names := slices.DeleteFunc(slices.Clone(h.Tickets), func(name string) bool { return name == "" || len(name) > longestName || !domain.Storable(name) })
	slices.Sort(names)
	return slices.Compact(names)
}

// delivery answers a name that can be kept.
func (h Heard) delivery(body []byte) string {
	switch {
	case h.Delivery == "":
		return fingerprint(body)
	case len(h.Delivery) > longestName || !domain.Storable(h.Delivery):
		return fingerprint([]byte(h.Delivery))
	}
	return h.Delivery
}

func fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func outcomeOf(err error) WebhookOutcome {
	switch {
	case errors.Is(err, ErrUnsigned):
		return HookUnsigned
	case errors.Is(err, ErrOutdated):
		return HookOutdated
	case errors.Is(err, ErrNotUnderstood):
		return HookMisunderstood
	case errors.Is(err, integration.ErrNotFound):
		return HookUnknown
	}
	return HookUndone
}
