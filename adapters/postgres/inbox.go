package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/commands"
)

// Inbox remembers which webhooks of vendors were taken. It implements commands.Inbox.
type Inbox struct{ Pool *pgxpool.Pool }

// InboxLife is how long a webhook is remembered: longer than any vendor sends one again.
const InboxLife = 30 * 24 * time.Hour

// takeArrivals is one statement, and so one transaction. Everybody takes rows in the same order, so nobody waits in a circle; and who
// comes with a webhook that another is taking waits until that is committed, and then finds it taken.
const takeArrivals = `
WITH taken AS (
	INSERT INTO webhook_inbox (integration_id, delivery, org_id)
	SELECT a.integration_id, a.delivery, a.org_id FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS a (integration_id, delivery, org_id)
	ORDER BY a.integration_id
	ON CONFLICT DO NOTHING RETURNING integration_id, org_id
), woken AS (
	INSERT INTO delivery_queue (delivery_id, org_id, integration_id, due_at, wakes, hear)
	SELECT about.id, about.org_id, about.integration_id, now() + $6::interval, ` + firstWake + `, true FROM (
		SELECT d.id, d.org_id, d.integration_id
		FROM taken t
		JOIN unnest($4::uuid[], $5::text[]) AS about (integration_id, external_id) ON about.integration_id = t.integration_id
		JOIN deliveries d ON d.org_id = t.org_id AND d.integration_id = t.integration_id AND d.external_id = about.external_id AND d.external_id <> ''
		UNION -- those that are being made there, whose names we do not know yet
		SELECT d.id, d.org_id, d.integration_id
		FROM taken t
		JOIN deliveries d ON d.org_id = t.org_id AND d.integration_id = t.integration_id AND d.external_id = '' AND d.step = 'create'
		WHERE cardinality($5::text[]) > 0) AS about
	ORDER BY about.id` + WakeDeliveries + `
	RETURNING 1
)
SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM woken)`

// Take implements commands.Inbox.
func (i Inbox) Take(ctx context.Context, arrivals []commands.Arrival, later time.Duration) (fresh, woken int, err error) {
	var integrations, orgs, holders [][16]byte
	var deliveries, tickets []string
	for _, a := range arrivals {
		integrations, orgs, deliveries = append(integrations, a.Integration), append(orgs, a.Org.UUID), append(deliveries, a.Delivery)
		if a.Everything { // its rows are taken below, all in their order
			continue
		}
		for _, ticket := range a.Tickets {
			holders, tickets = append(holders, a.Integration), append(tickets, ticket)
		}
	}
	take := func(q querier) error {
		return q.QueryRow(ctx, takeArrivals, integrations, deliveries, orgs, holders, tickets, later).Scan(&fresh, &woken)
	}
	if slices.ContainsFunc(arrivals, func(a commands.Arrival) bool { return a.Everything }) {
		err = pgx.BeginFunc(ctx, i.Pool, func(tx pgx.Tx) error {
			if err := take(tx); err != nil || fresh == 0 {
				return err
			}
			all, err := wakeEverything(ctx, tx, arrivals, later)
			woken += all
			return err
		})
	} else {
		err = take(i.Pool)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("take a webhook: %w", err)
	}
	return fresh, woken, nil
}

// wakeEverything has all looked at that lives with integrations of which nobody says what changed there.
func wakeEverything(ctx context.Context, tx pgx.Tx, arrivals []commands.Arrival, later time.Duration) (woken int, err error) {
	for _, a := range arrivals {
		if !a.Everything {
			continue
		}
		tag, err := tx.Exec(ctx, wakeAccount, [16]byte(a.Org.UUID), [16]byte(a.Integration), later, true)
		if err != nil {
			return woken, err
		}
		woken += int(tag.RowsAffected())
	}
	return woken, nil
}

// sweepAtATime is how many rows a statement of a sweep removes, so that none takes long.
const sweepAtATime = 10_000

// Sweep forgets what was taken longer ago than age, in all organizations, and says how many webhooks that were.
func (i Inbox) Sweep(ctx context.Context, age time.Duration) (forgotten int64, err error) {
	for {
		tag, err := i.Pool.Exec(ctx, `
			DELETE FROM webhook_inbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM webhook_inbox WHERE received_at < now() - $1::interval LIMIT $2))`, age, sweepAtATime)
		if err != nil {
			return forgotten, fmt.Errorf("forget old webhooks: %w", err)
		}
		forgotten += tag.RowsAffected()
		if tag.RowsAffected() < sweepAtATime {
			return forgotten, nil
		}
	}
}
