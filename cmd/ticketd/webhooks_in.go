package main

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"ticketd/adapters/postgres"
	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/projections"
)

// webhooksIn is what takes the webhooks of vendors.
type webhooksIn struct {
	inbox    postgres.Inbox
	commands *commands.WebhooksIn
}

func (p *program) wireWebhooksIn(count func(platform, outcome string)) {
	p.webhooksIn.inbox = postgres.Inbox{Pool: p.pool}
	p.webhooksIn.commands = commands.NewWebhooksIn(commands.WebhookInParts{
		Accounts: webhookAccounts{p.integrations.rows, p.integrations.vault}, Inbox: p.webhooksIn.inbox, Platforms: p.integrations.commands.Platforms,
		Wake: p.deliveries.dispatcher.Wake, Gather: p.config.webhookGather, Now: time.Now,
		Count: func(platform integration.Platform, outcome commands.WebhookOutcome) {
			if platform == "" {
				platform = "unknown"
			}
			count(string(platform), string(outcome))
		},
	})
}

// sweep forgets webhooks that no vendor sends again.
func (w *webhooksIn) sweep(ctx context.Context) error {
	_, err := w.inbox.Sweep(ctx, postgres.InboxLife)
	return err
}

// webhookAccounts opens the accounts that webhooks may be for.
type webhookAccounts struct {
	rows  *projections.Integrations
	vault *postgres.Vault
}

// Find implements commands.WebhookAccounts.
func (a webhookAccounts) Find(ctx context.Context, id uuid.UUID) (commands.Account, error) {
	row, err := a.rows.Locate(ctx, id)
	if err != nil {
		return commands.Account{}, err
	}
	held, err := a.vault.Read(ctx, row.Org, id)
	if errors.Is(err, commands.ErrNoCredentials) { // nothing proves a webhook then
		err = nil
	}
	return commands.OpenAccount(row.Org, row.ID.UUID, row.State, held), err
}

// OfPlatform implements commands.WebhookAccounts.
func (a webhookAccounts) OfPlatform(ctx context.Context, p integration.Platform) ([]commands.Account, error) {
	rows, err := a.rows.ByPlatform(ctx, p)
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID.UUID
	}
	held, err := a.vault.ReadMany(ctx, ids)
	if err != nil {
		return nil, err
	}
	accounts := make([]commands.Account, len(rows))
	for i, row := range rows {
		accounts[i] = commands.OpenAccount(row.Org, row.ID.UUID, row.State, held[row.ID.UUID])
	}
	return accounts, nil
}
