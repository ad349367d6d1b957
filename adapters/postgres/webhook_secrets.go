package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/webhook"
	"ticketd/eventstore"
)

// webhookSecretSize is how many bytes a secret has.
const webhookSecretSize = 32

// errSecretLost reports a secret whose key is not there any more, as after a restore without its keys.
var errSecretLost = errors.New("a webhook's secret cannot be opened any more; rotate it")

// WebhookSecrets keeps what webhooks are signed with, sealed. It implements commands.WebhookSecrets.
//
// # Why
//
// A secret is made when it is first asked for, and not with the fact that there is another: so nothing that comes between
// leaves a webhook without one, and whoever asks first, the answer to a person or a request that is to be signed, all get
// the same.
type WebhookSecrets struct {
	Pool *pgxpool.Pool
	Keys *eventstore.Keyring
}

// Secret implements commands.WebhookSecrets.
func (w WebhookSecrets) Secret(ctx context.Context, org domain.OrgID, id webhook.ID, generation int) ([]byte, error) {
	sealed, err := w.find(ctx, org, id, generation)
	if errors.Is(err, pgx.ErrNoRows) {
		if err = w.make(ctx, org, id, generation); err == nil {
			sealed, err = w.find(ctx, org, id, generation) // another's, when that came first
		}
	}
	if err != nil {
		return nil, fmt.Errorf("keep a webhook's secret: %w", err)
	}
	secret, ok, err := w.Keys.Open(ctx, id.UUID, sealed)
	if err != nil {
		return nil, fmt.Errorf("open a webhook's secret: %w", err)
	}
	if !ok {
		return nil, errSecretLost
	}
	return secret, nil
}

func (w WebhookSecrets) find(ctx context.Context, org domain.OrgID, id webhook.ID, generation int) (sealed string, err error) {
	err = w.Pool.QueryRow(ctx, `SELECT sealed FROM webhook_secrets WHERE org_id = $1 AND webhook_id = $2 AND generation = $3`,
		[16]byte(org.UUID), [16]byte(id.UUID), generation).Scan(&sealed)
	return sealed, err
}

func (w WebhookSecrets) make(ctx context.Context, org domain.OrgID, id webhook.ID, generation int) error {
	secret := make([]byte, webhookSecretSize)
	_, _ = rand.Read(secret) // never fails: it would end the program
	sealed, err := w.Keys.Seal(ctx, org.UUID, id.UUID, secret)
	if err != nil {
		return err
	}
	_, err = w.Pool.Exec(ctx, `INSERT INTO webhook_secrets (org_id, webhook_id, generation, sealed) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		[16]byte(org.UUID), [16]byte(id.UUID), generation, sealed)
	return err
}
