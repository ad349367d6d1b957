package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"ticketd/adapters/http"
	"ticketd/adapters/postgres"
	"ticketd/adapters/webhook"
	"ticketd/commands"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/internal/outbound"
	"ticketd/projections"
)

// webhooks is what the program sends by itself: to addresses of organizations, and to its operators.
type webhooks struct {
	rows     *projections.Webhooks
	commands commands.Webhooks
	cursors  postgres.WebhookCursors
	secrets  postgres.WebhookSecrets
	pump     *webhook.Pump
	alerts   *webhook.Alerts // nil: nobody wants any
	clients  []*outbound.Client
}

func (p *program) wireWebhooks() error {
	c, w := p.config, &p.webhooks
	w.commands = commands.NewWebhooks(p.store, w.rows, catalog.Codec.Names())
	w.cursors, w.secrets = postgres.WebhookCursors{Pool: p.pool}, postgres.WebhookSecrets{Pool: p.pool, Keys: p.keys}
	c.webhooks.Lease = c.Lease
	w.pump = webhook.New(c.webhooks, webhook.Deps{
		Log: projections.OrgEvents{Log: p.store}, Rows: w.rows, Cursors: w.cursors, Secrets: w.secrets,
		Sender: webhook.Sender{Client: w.client(c.OutboundAllow), Patience: c.webhookPatience()},
		Show:   func(ctx context.Context, r eventstore.Recorded) (any, error) { return p.http.ShowEvent(ctx, r) },
		GiveUp: w.commands.GiveUp, Logger: p.log,
	})
	return w.wireAlerts(p)
}

// webhookPatience is how long a receiver may take: so long that the lease, which is renewed at a third, is surely still ours.
func (c config) webhookPatience() time.Duration { return min(10*time.Second, c.Lease/3) }

// everywhere are the networks that the operators' own address may be in.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func (w *webhooks) wireAlerts(p *program) error {
	c := p.config
	if c.AlertURL == "" {
		return nil
	}
	if address, err := url.Parse(c.AlertURL); err != nil || address.Host == "" {
		return errors.New("ALERT_URL is no address like https://example.org/alerts")
	}
	secret, err := commands.ParseSecret(c.AlertSecret)
	if err != nil {
		return fmt.Errorf("ALERT_SECRET: %w", err)
	}
	sender := webhook.Sender{Client: w.client(everywhere), Patience: c.webhookPatience()}
	w.alerts = webhook.NewAlerts(sender, c.AlertURL, secret, c.webhooks.FirstPause, p.log)
	return nil
}

func (w *webhooks) client(allow []netip.Prefix) *outbound.Client {
	client := outbound.New(outbound.Options{Allow: allow, UserAgent: "ticketd/" + version})
	w.clients = append(w.clients, client)
	return client
}

func (w *webhooks) routes() http.Webhooks {
	return http.Webhooks{Commands: w.commands, Rows: w.rows, Progress: w.cursors, Secrets: w.secrets, Tests: w.pump}
}

// tell alerts the operators, if they want to be.
func (w *webhooks) tell(ctx context.Context, r eventstore.Recorded) {
	if w.alerts != nil {
		w.alerts.Tell(ctx, r)
	}
}

// run sends until ctx ends.
func (w *webhooks) run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { w.pump.Run(ctx) })
	if w.alerts != nil {
		work.Go(func() { w.alerts.Run(ctx) })
	}
	work.Wait()
	for _, client := range w.clients {
		client.Close()
	}
}
