package commands

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/integration"
)

// WebhookAccounts opens the accounts that webhooks may be for, of all organizations: who sends one brings no token, and its
// address alone tells whom it may be for.
type WebhookAccounts interface {
	// Find answers an integration's account. integration.ErrNotFound when there is none, or none any more.
	Find(ctx context.Context, id uuid.UUID) (Account, error)

	// OfPlatform answers the accounts of all integrations of a platform.
	OfPlatform(ctx context.Context, p integration.Platform) ([]Account, error)
}

// WebhookLocator is a Platform whose webhooks name the place where something changed. Of all who share a secret, only those who
// are set up for that place are asked then, and the others cost nothing.
type WebhookLocator interface {
	// Place answers where an account's tickets are; empty: they may be anywhere.
	Place(a Account) string

	// From answers the place that a verified webhook names; empty: none.
	From(w Webhook) string
}

// ErrUndecided refuses a webhook for which so many secrets had to be tried that it took too long.
var ErrUndecided = &domain.Error{
	Kind: domain.Unavailable, Code: "webhook_undecided",
	Message: "Too many integrations could be meant to try the secret of each; send webhooks to the address of the integration itself.",
}

const (
	trialTime   = time.Second // how long secrets are tried on one webhook
	rollInUse   = time.Minute // how long a platform is kept known that nobody sends anything for
	mostRecents = 64          // circles that took a webhook, to be tried first
)

// webhookRoll is who of a platform may be meant by a webhook, with their secrets opened.
type webhookRoll struct {
	platform integration.Platform
	speaker  Platform
	accounts WebhookAccounts
	now      func() time.Time
	reading  chan struct{} // by one at a time

	mu      sync.Mutex
	ring    *webhookRing // nil: nothing was read yet
	busy    bool         // it is being read
	changes int
	changed map[uuid.UUID]int // the last change of each that is not in the ring
	asked   time.Time
	recents []uuid.UUID // members of circles, of the one that took a webhook last first
}

func newWebhookRoll(p integration.Platform, speaker Platform, accounts WebhookAccounts, now func() time.Time) *webhookRoll {
	return &webhookRoll{platform: p, speaker: speaker, accounts: accounts, now: now, reading: make(chan struct{}, 1), changed: map[uuid.UUID]int{}}
}

// change has an integration read again before anybody is asked.
func (r *webhookRoll) change(id uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ring != nil || r.busy {
		r.changes++
		r.changed[id] = r.changes
	}
}

// current answers a ring that knows all that was told until now.
func (r *webhookRoll) current(ctx context.Context) (*webhookRing, error) {
	for {
		ring, missing := r.look()
		if missing == nothing {
			return ring, nil
		}
		err := r.read(ctx, func() unread {
			_, missing := r.look() // somebody else may have read it meanwhile
			return missing
		})
		if err != nil {
			return nil, err
		}
	}
}

// unread is what a ring lacks.
type unread int

const (
	nothing unread = iota
	changes
	everything
)

func (r *webhookRoll) look() (*webhookRing, unread) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = r.now()
	switch {
	case r.ring == nil || r.asked.Sub(r.ring.read) >= accountLife:
		return nil, everything
	case len(r.changed) > 0:
		return nil, changes
	}
	return r.ring, nothing
}

// renew reads everything anew if somebody asked lately, so that nobody must wait for it. Secrets are not kept open for nobody.
func (r *webhookRoll) renew(ctx context.Context) error {
	return r.read(ctx, func() unread {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ring != nil && r.now().Sub(r.asked) < rollInUse {
			return everything
		}
		r.ring, r.recents = nil, nil
		clear(r.changed)
		return nothing
	})
}

// read brings the ring up to date, by what is missing when its turn has come.
func (r *webhookRoll) read(ctx context.Context, missing func() unread) error {
	select {
	case r.reading <- struct{}{}:
		defer func() { <-r.reading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	what := missing()
	if what == nothing {
		return nil
	}
	r.mu.Lock()
	ring, changed, began := r.ring, maps.Clone(r.changed), r.now()
	r.busy = true
	r.mu.Unlock()
	var err error
	if what == everything {
		ring, err = r.readAll(ctx, began)
	} else {
		ring, err = r.readChanged(ctx, ring, changed)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = false
	if err != nil { // what has changed is still to be read
		return err
	}
	r.ring = ring
	for id, change := range changed {
		if r.changed[id] == change { // and it has not changed again
			delete(r.changed, id)
		}
	}
	return nil
}

func (r *webhookRoll) readAll(ctx context.Context, began time.Time) (*webhookRing, error) {
	list, err := r.accounts.OfPlatform(ctx, r.platform)
	if err != nil {
		return nil, err
	}
	members := make(map[uuid.UUID]Account, len(list))
	for _, a := range list {
		members[a.Integration] = a
	}
	return newWebhookRing(began, members, r.speaker), nil
}

func (r *webhookRoll) readChanged(ctx context.Context, ring *webhookRing, changed map[uuid.UUID]int) (*webhookRing, error) {
	members := maps.Clone(ring.members)
	for id := range changed {
		found, err := r.accounts.Find(ctx, id)
		switch {
		case errors.Is(err, integration.ErrNotFound):
			delete(members, id)
		case err != nil:
			return nil, err
		case found.Platform == r.platform:
			members[id] = found
		}
	}
	return newWebhookRing(ring.read, members, r.speaker), nil
}

// prove answers the accounts whose secret proves a webhook, as far as they are set up for the place that it names: that may be
// none. ErrUnsigned, ErrOutdated, ErrUndecided when nobody's secret does.
func (r *webhookRoll) prove(ctx context.Context, hook Webhook, brief bool) ([]Account, error) {
	ring, err := r.current(ctx)
	if err != nil {
		return nil, err
	}
	refusal, until := error(ErrUnsigned), r.now().Add(trialTime)
	for circle := range ring.inTurn(r.latest(), brief) {
		proven, err := circle.prove(r.speaker, hook, func() bool { return r.now().After(until) })
		switch {
		case len(proven) > 0:
			r.took(proven[0].accounts[0].Integration)
			return accountsAt(proven, r.speaker, hook), nil
		case errors.Is(err, ErrUndecided):
			return nil, err
		case errors.Is(err, ErrOutdated):
			refusal = err
		}
	}
	return nil, refusal
}

// latest answers members of the circles that took a webhook, the last one first.
func (r *webhookRoll) latest() []uuid.UUID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.recents)
}

func (r *webhookRoll) took(id uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.recents, id); i >= 0 {
		r.recents = slices.Delete(r.recents, i, i+1)
	} else if len(r.recents) == mostRecents {
		r.recents = r.recents[:mostRecents-1]
	}
	r.recents = slices.Insert(r.recents, 0, id)
}
