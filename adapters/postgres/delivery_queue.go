package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/commands"
	"ticketd/domain"
)

// DeliveryQueue remembers which deliveries are to be looked at, and who serves which account. It implements
// commands.DeliveryQueue.
type DeliveryQueue struct{ Pool *pgxpool.Pool }

// firstWake is what a row counts its wakes from: another number each time, so that whoever still holds an earlier row of the
// delivery does not take this one for it.
const firstWake = `(extract(epoch FROM now()) * 1000000)::bigint`

// WakeDeliveries is how rows of (delivery_id, org_id, integration_id, due_at, wakes, hear) are put into the queue: what is there
// already is looked at once more, and at once.
const WakeDeliveries = `
ON CONFLICT (delivery_id) DO UPDATE SET wakes = delivery_queue.wakes + 1, hear = delivery_queue.hear OR excluded.hear,
	due_at = least(delivery_queue.due_at, excluded.due_at)`

// wakeAccount wakes, a while later, every delivery of an account that has not ended; to hear, those that are there or are being made.
const wakeAccount = `
INSERT INTO delivery_queue (delivery_id, org_id, integration_id, due_at, wakes, hear)
SELECT id, org_id, integration_id, now() + $3::interval, ` + firstWake + `, $4::boolean FROM deliveries
WHERE org_id = $1 AND integration_id = $2 AND status <> 'ended' AND (NOT $4 OR external_id <> '' OR step = 'create')
ORDER BY id` + WakeDeliveries

// Wake implements commands.DeliveryQueue.
func (q DeliveryQueue) Wake(ctx context.Context, job commands.DeliveryJob) error {
	_, err := q.Pool.Exec(ctx, `
		INSERT INTO delivery_queue (delivery_id, org_id, integration_id, due_at, wakes, hear) VALUES ($1, $2, $3, now(), `+firstWake+`, $4)`+WakeDeliveries,
		[16]byte(job.Delivery), [16]byte(job.Org.UUID), [16]byte(job.Integration), job.Hear)
	return named("wake a delivery", err)
}

// WakeAll implements commands.DeliveryQueue.
func (q DeliveryQueue) WakeAll(ctx context.Context, a commands.AccountRef) error {
	_, err := q.Pool.Exec(ctx, wakeAccount, [16]byte(a.Org.UUID), [16]byte(a.Integration), time.Duration(0), false)
	return named("wake deliveries", err)
}

// HearAll has every ticket of an account that has not ended asked for, a while later.
func (q DeliveryQueue) HearAll(ctx context.Context, a commands.AccountRef, later time.Duration) error {
	_, err := q.Pool.Exec(ctx, wakeAccount, [16]byte(a.Org.UUID), [16]byte(a.Integration), later, true)
	return named("have deliveries heard", err)
}

// Rest implements commands.DeliveryQueue.
func (q DeliveryQueue) Rest(ctx context.Context, a commands.AccountRef, until time.Time) error {
	_, err := q.Pool.Exec(ctx, `
		UPDATE delivery_queue SET due_at = $3 WHERE delivery_id IN (
			SELECT delivery_id FROM delivery_queue WHERE org_id = $1 AND integration_id = $2 AND due_at < $3 ORDER BY delivery_id FOR UPDATE)`,
		[16]byte(a.Org.UUID), [16]byte(a.Integration), until)
	return named("put an account off", err)
}

// Resume implements commands.DeliveryQueue.
func (q DeliveryQueue) Resume(ctx context.Context, org domain.OrgID, integration uuid.UUID) error {
	// In the order in which webhooks wake several: else the two could wait for each other. What is due may be looked at just now,
	// by somebody who has not seen yet that the integration can be used, and puts it off: not if it was woken.
	_, err := q.Pool.Exec(ctx, `
		UPDATE delivery_queue SET due_at = least(due_at, now()), wakes = wakes + 1 WHERE delivery_id IN (
			SELECT delivery_id FROM delivery_queue WHERE org_id = $1 AND integration_id = $2 AND (due_at = 'infinity' OR due_at <= now())
			ORDER BY delivery_id FOR UPDATE)`,
		[16]byte(org.UUID), [16]byte(integration))
	return named("resume deliveries", err)
}

// Claim implements commands.DeliveryQueue.
func (q DeliveryQueue) Claim(ctx context.Context, holder uuid.UUID, life time.Duration, most int) ([]commands.AccountRef, error) {
	rows, err := q.Pool.Query(ctx, `
		INSERT INTO integration_turns AS t (integration_id, org_id, holder, until)
		SELECT due.integration_id, due.org_id, $1, now() + $2::interval FROM (
			SELECT DISTINCT q.integration_id, q.org_id FROM delivery_queue q
			WHERE q.due_at <= now() AND NOT EXISTS (SELECT FROM integration_turns t WHERE t.integration_id = q.integration_id AND t.until > now())
			LIMIT $3) AS due
		ON CONFLICT (integration_id) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE t.until <= now()
		RETURNING org_id, integration_id`, [16]byte(holder), life, most)
	if err != nil {
		return nil, fmt.Errorf("claim accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanAccount)
	return list, named("claim accounts", err)
}

func scanAccount(row pgx.CollectableRow) (a commands.AccountRef, err error) {
	return a, row.Scan((*[16]byte)(&a.Org.UUID), (*[16]byte)(&a.Integration))
}

// Keep implements commands.DeliveryQueue.
func (q DeliveryQueue) Keep(ctx context.Context, holder uuid.UUID, life time.Duration) ([]uuid.UUID, error) {
	rows, err := q.Pool.Query(ctx, `UPDATE integration_turns SET until = now() + $2::interval WHERE holder = $1 AND until > now() RETURNING integration_id`,
		[16]byte(holder), life)
	if err != nil {
		return nil, fmt.Errorf("keep accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id uuid.UUID, err error) { return id, row.Scan((*[16]byte)(&id)) })
	return list, named("keep accounts", err)
}

// GiveBack implements commands.DeliveryQueue.
func (q DeliveryQueue) GiveBack(ctx context.Context, holder uuid.UUID, a commands.AccountRef) error {
	err := q.lazily(ctx, `DELETE FROM integration_turns WHERE org_id = $1 AND integration_id = $2 AND holder = $3`,
		[16]byte(a.Org.UUID), [16]byte(a.Integration), [16]byte(holder))
	return named("give an account back", err)
}

// Due implements commands.DeliveryQueue.
func (q DeliveryQueue) Due(ctx context.Context, a commands.AccountRef, most int, without []uuid.UUID) ([]commands.DeliveryJob, error) {
	ids := make([][16]byte, len(without))
	for i, id := range without {
		ids[i] = id
	}
	rows, err := q.Pool.Query(ctx, `
		SELECT org_id, integration_id, delivery_id, hear, wakes FROM delivery_queue
		WHERE org_id = $1 AND integration_id = $2 AND due_at <= now() AND delivery_id <> ALL($3) ORDER BY due_at, queued_at LIMIT $4`,
		[16]byte(a.Org.UUID), [16]byte(a.Integration), ids, most)
	if err != nil {
		return nil, fmt.Errorf("read due deliveries: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (j commands.DeliveryJob, err error) {
		return j, row.Scan((*[16]byte)(&j.Org.UUID), (*[16]byte)(&j.Integration), (*[16]byte)(&j.Delivery), &j.Hear, &j.Wakes)
	})
	return list, named("read due deliveries", err)
}

// Settle implements commands.DeliveryQueue.
func (q DeliveryQueue) Settle(ctx context.Context, job commands.DeliveryJob) error {
	err := q.lazily(ctx, `DELETE FROM delivery_queue WHERE org_id = $1 AND delivery_id = $2 AND wakes = $3`,
		[16]byte(job.Org.UUID), [16]byte(job.Delivery), job.Wakes)
	return named("settle a delivery", err)
}

// Later implements commands.DeliveryQueue.
func (q DeliveryQueue) Later(ctx context.Context, job commands.DeliveryJob, at time.Time) error {
	var when any = at
	if at.IsZero() {
		when = "infinity"
	}
	err := q.lazily(ctx, `UPDATE delivery_queue SET due_at = $4::timestamptz WHERE org_id = $1 AND delivery_id = $2 AND wakes = $3`,
		[16]byte(job.Org.UUID), [16]byte(job.Delivery), job.Wakes, when)
	return named("put a delivery off", err)
}

// ClaimCheck implements commands.DeliveryQueue.
func (q DeliveryQueue) ClaimCheck(ctx context.Context, again time.Duration) (commands.AccountRef, bool, error) {
	rows, err := q.Pool.Query(ctx, `
		UPDATE integration_watches SET due_at = now() + $1::interval WHERE integration_id = (
			SELECT integration_id FROM integration_watches WHERE due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING org_id, integration_id`, again)
	if err != nil {
		return commands.AccountRef{}, false, fmt.Errorf("claim a check: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanAccount)
	if err != nil || len(list) == 0 {
		return commands.AccountRef{}, false, named("claim a check", err)
	}
	return list[0], true, nil
}

// Watch implements commands.DeliveryQueue.
func (q DeliveryQueue) Watch(ctx context.Context, a commands.AccountRef) error {
	_, err := q.Pool.Exec(ctx, `
		INSERT INTO integration_watches (integration_id, org_id, due_at) VALUES ($1, $2, now()) ON CONFLICT (integration_id) DO UPDATE SET due_at = excluded.due_at`,
		[16]byte(a.Integration), [16]byte(a.Org.UUID))
	return named("watch an integration", err)
}

// Unwatch implements commands.DeliveryQueue.
func (q DeliveryQueue) Unwatch(ctx context.Context, a commands.AccountRef) error {
	_, err := q.Pool.Exec(ctx, `DELETE FROM integration_watches WHERE org_id = $1 AND integration_id = $2`, [16]byte(a.Org.UUID), [16]byte(a.Integration))
	return named("watch an integration no more", err)
}

func named(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// lazily has a statement done that may be lost when PostgreSQL dies, for all that follows is a look too many, or one that comes a lease
// later. It does not wait for the disk, and so does not keep a row from who takes a webhook.
func (q DeliveryQueue) lazily(ctx context.Context, sql string, args ...any) error {
	b := &pgx.Batch{}
	b.Queue(`SELECT set_config('synchronous_commit', 'off', true)`)
	b.Queue(sql, args...)
	return q.Pool.SendBatch(ctx, b).Close()
}
