package main

import (
	"context"
	"maps"
	"strings"
	"time"

	"ticketd/adapters/integrations/github"
	"ticketd/adapters/integrations/intercom"
	"ticketd/adapters/integrations/jira"
	"ticketd/adapters/integrations/salesforce"
	"ticketd/adapters/integrations/slack"
	"ticketd/adapters/integrations/teams"
	"ticketd/adapters/integrations/zendesk"
	"ticketd/adapters/postgres"
	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/outbound"
	"ticketd/projections"
)

// integrations is what connects organizations with vendors.
type integrations struct {
	rows     *projections.Integrations
	vault    *postgres.Vault
	client   *outbound.Client
	commands commands.Integrations
}

func (p *program) wireIntegrations(users *projections.Users) {
	i := &p.integrations
	i.vault = postgres.NewVault(p.pool, p.keys, p.log)
	i.client = outbound.New(outbound.Options{Allow: p.config.OutboundAllow, Silence: p.config.vendorSilence, UserAgent: "ticketd/" + version})
	speakers := map[integration.Platform]commands.Platform{
		integration.Salesforce: salesforce.New(i.client), integration.Jira: jira.New(i.client), integration.Zendesk: zendesk.New(i.client), integration.Intercom: intercom.New(i.client),
		integration.GitHub: github.New(i.client), integration.Slack: slack.New(i.client), integration.Teams: teams.New(i.client),
	}
	maps.Copy(speakers, p.config.platforms)
	i.commands = commands.NewIntegrations(p.store, commands.IntegrationParts{
		Vault: i.vault, Consents: postgres.Consents{Pool: p.pool, Keys: p.keys}, Checks: postgres.CheckTimes{Pool: p.pool}, Roles: roles{users}, Platforms: speakers,
		Now: time.Now, Logger: p.log, Address: strings.TrimRight(p.config.PublicURL, "/"),
		HearAll: postgres.DeliveryQueue{Pool: p.pool}.HearAll,
	})
}

// close ends what was opened, if anything was.
func (i *integrations) close() {
	if i.client != nil {
		i.client.Close()
	}
}

// orphanAge is how long credentials may wait for their integration: far longer than a request takes.
const orphanAge = time.Hour

// sweep destroys credentials that belong to no integration.
func (i *integrations) sweep(ctx context.Context) error {
	_, err := i.vault.Sweep(ctx, orphanAge)
	return err
}
