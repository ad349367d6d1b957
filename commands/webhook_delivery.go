package commands

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"ticketd/domain"
	"ticketd/domain/webhook"
	"ticketd/eventstore"
)

// WebhookCursor is how far a webhook has come. It is no fact: it moves with every request, and is kept beside the log.
type WebhookCursor struct {
	Version      int       // of the webhook that was last taken notice of
	Position     int64     // of the last event that was taken, or passed over because nobody wants it
	Failures     int       // in a row
	FailingSince time.Time // zero: the last request was taken
	NextTry      time.Time // zero: at once
	LastTry      time.Time // zero: never
	LastStatus   int       // of the last answer; 0: there was none
	LastError    string    // in words; empty: it was taken
}

// WebhookRef names a webhook of an organization.
type WebhookRef struct {
	Org domain.OrgID
	ID  webhook.ID
}

// WebhookProgress shows how far webhooks have come.
type WebhookProgress interface {
	// Cursors answers where an organization's webhooks stand. One that nobody has looked at yet has none.
	Cursors(ctx context.Context, org domain.OrgID, ids ...webhook.ID) (map[webhook.ID]WebhookCursor, error)

	// Behind counts the organization's events behind a position, up to MostBehind.
	Behind(ctx context.Context, org domain.OrgID, position int64) (int, error)
}

// MostBehind is as far as events behind a position are counted.
const MostBehind = 10_000

// WebhookAttempt is what came of one request.
type WebhookAttempt struct {
	ID     string // of the message
	Status int    // 0: there was no answer
	Why    string // it does not count as taken, in words; empty: it does
	Began  string // how the answer's body begins, when that is text
	Took   time.Duration
}

// WebhookTests sends a webhook something to try it out.
type WebhookTests interface {
	// Try sends a webhook.test at once, and answers what came back. webhook.ErrNotFound when there is no such webhook.
	Try(ctx context.Context, org domain.OrgID, id webhook.ID) (WebhookAttempt, error)
}

// webhookSecretMark begins every secret of a webhook as people see it.
const webhookSecretMark = "whsec_"

// The sizes of a secret of a webhook, in bytes.
const (
	leastWebhookSecret = 24
	mostWebhookSecret  = 64
)

var errNoWebhookSecret = errors.New("a secret is whsec_ and the base64 of 24 to 64 bytes")

// ShownSecret answers a secret of a webhook as people see it.
func ShownSecret(secret []byte) string {
	return webhookSecretMark + base64.StdEncoding.EncodeToString(secret)
}

// ParseSecret reads what ShownSecret answers.
func ParseSecret(shown string) ([]byte, error) {
	encoded, marked := strings.CutPrefix(shown, webhookSecretMark)
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !marked || err != nil || len(secret) < leastWebhookSecret || len(secret) > mostWebhookSecret {
		return nil, errNoWebhookSecret
	}
	return secret, nil
}

// healthFacts are the facts about an integration that operators want to hear of.
var healthFacts = []string{"integration.checked", "integration.expired", "integration.suspended"}

// AlertOperators tells somebody when the health of an integration has changed. tell must not wait: what it makes of the
// fact is its own affair, and holds up nobody.
func AlertOperators(tell func(ctx context.Context, r eventstore.Recorded)) Reaction {
	return Reaction{
		Name: "alert_operators", Facts: healthFacts,
		React: func(ctx context.Context, r eventstore.Recorded) error {
			tell(ctx, r)
			return nil
		},
	}
}
