package commands

import (
	"bytes"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// webhookRing is who a platform's webhooks may be for, by the secrets that can prove them. It never changes.
//
// # Why
//
// Nothing of a webhook may be read before it is proved, so there is no way around trying secrets. But each is tried once, however
// many accounts share it; and only accounts that have a secret in common can be meant by one webhook, so when one takes it, only
// its circle is asked any further.
type webhookRing struct {
	read    time.Time
	members map[uuid.UUID]Account
	circles []*webhookCircle
	of      map[uuid.UUID]*webhookCircle
}

// webhookCircle are accounts that are bound to each other by secrets.
type webhookCircle struct{ proofs []*webhookProof }

// webhookProof are accounts for which the very same webhooks are proved.
type webhookProof struct {
	accounts []Account
	places   map[string][]Account // where the platform's webhooks name places
}

// webhookSecrets are the credentials by which a webhook is proved. No platform's Verify goes by anything else of an account.
func webhookSecrets(a Account) [4]string {
	return [4]string{a.Credentials["webhook_secret"], a.Credentials["signing_secret"], a.Credentials["client_state"], a.Credentials["client_secret"]}
}

func newWebhookRing(read time.Time, members map[uuid.UUID]Account, speaker Platform) *webhookRing {
	ring := &webhookRing{read: read, members: members, of: make(map[uuid.UUID]*webhookCircle, len(members))}
	proofs, holders := map[[4]string]*webhookProof{}, map[string]*webhookCircle{}
	locator, locates := speaker.(WebhookLocator)
	for _, m := range slices.SortedFunc(maps.Values(members), func(a, b Account) int { return bytes.Compare(a.Integration[:], b.Integration[:]) }) {
		secrets := webhookSecrets(m)
		proof := proofs[secrets]
		if proof == nil {
			proof = &webhookProof{}
			proofs[secrets] = proof
			ring.join(proof, secrets, holders)
		}
		proof.accounts = append(proof.accounts, m)
		if locates {
			if proof.places == nil {
				proof.places = map[string][]Account{}
			}
			place := locator.Place(m)
			proof.places[place] = append(proof.places[place], m)
		}
	}
	ring.circles = slices.DeleteFunc(ring.circles, func(c *webhookCircle) bool { return len(c.proofs) == 0 })
	for _, circle := range ring.circles {
		for _, proof := range circle.proofs {
			for _, a := range proof.accounts {
				ring.of[a.Integration] = circle
			}
		}
	}
	return ring
}

// join puts a proof into the circle of those who hold one of its secrets. Circles that it binds together become one.
func (r *webhookRing) join(proof *webhookProof, secrets [4]string, holders map[string]*webhookCircle) {
	var circle *webhookCircle
	for _, secret := range secrets {
		switch other := holders[secret]; {
		case other == nil || other == circle:
		case circle == nil:
			circle = other
		default:
			circle.proofs, other.proofs = append(circle.proofs, other.proofs...), nil
			for held, by := range holders {
				if by == other {
					holders[held] = circle
				}
			}
		}
	}
	if circle == nil {
		circle = &webhookCircle{}
		r.circles = append(r.circles, circle)
	}
	circle.proofs = append(circle.proofs, proof)
	for _, secret := range secrets {
		if secret != "" {
			holders[secret] = circle
		}
	}
}

// inTurn lists the circles: first those of the members, and then, unless it shall be brief, all others.
func (r *webhookRing) inTurn(first []uuid.UUID, brief bool) iter.Seq[*webhookCircle] {
	return func(yield func(*webhookCircle) bool) {
		asked := make(map[*webhookCircle]bool, len(first))
		for _, id := range first {
			circle := r.of[id]
			if circle == nil || asked[circle] { // it has gone, or found another circle
				continue
			}
			asked[circle] = true
			if !yield(circle) {
				return
			}
		}
		for _, circle := range r.circles {
			if !brief && !asked[circle] && !yield(circle) {
				return
			}
		}
	}
}

// prove answers those for whom a webhook is proved, and else why it is not: ErrOutdated says more than ErrUnsigned.
func (c *webhookCircle) prove(speaker Platform, hook Webhook, late func() bool) (proven []*webhookProof, err error) {
	for _, proof := range c.proofs {
		if late() {
			return nil, ErrUndecided
		}
		switch refusal := speaker.Verify(proof.accounts[0], hook); {
		case refusal == nil:
			proven = append(proven, proof)
		case err == nil || errors.Is(refusal, ErrOutdated):
			err = refusal
		}
	}
	return proven, err
}

// accountsAt answers the accounts that may be meant by the place that a proved webhook names; all where it names none.
func accountsAt(proven []*webhookProof, speaker Platform, hook Webhook) []Account {
	var accounts []Account
	place := ""
	if locator, ok := speaker.(WebhookLocator); ok {
		place = locator.From(hook)
	}
	for _, proof := range proven {
		if place == "" {
			accounts = append(accounts, proof.accounts...)
			continue
		}
		accounts = append(accounts, proof.places[place]...)
		accounts = append(accounts, proof.places[""]...)
	}
	return accounts
}
