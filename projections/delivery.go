package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/eventstore"
)

// DeliveryStatus is where a delivery stands.
type DeliveryStatus string

// The statuses of a delivery.
const (
	DeliveryWaiting   DeliveryStatus = "pending"   // something is to be done, or was a moment ago
	DeliveryRetrying  DeliveryStatus = "retrying"  // it is tried again by itself
	DeliveryHeld      DeliveryStatus = "held"      // it waits for the integration
	DeliveryParked    DeliveryStatus = "failed"    // it waits for a person
	DeliveryUnheard   DeliveryStatus = "unheard"   // the ticket is there, and the vendor does not tell how it stands
	DeliveryDelivered DeliveryStatus = "delivered" // the ticket is there
	DeliveryEnded     DeliveryStatus = "ended"     // nothing is done any more; the code says why
)

// DeliveryRow is the life of a ticket with an integration, as lists show it.
type DeliveryRow struct {
	ID          uuid.UUID
	Org         domain.OrgID
	Version     int
	Integration uuid.UUID
	Ticket      uuid.UUID
	CreatedBy   domain.UserID // of the ticket
	Status      DeliveryStatus
	ExternalID  string // empty: it is not there yet
	ExternalURL string
	Step        delivery.Kind // that is made, or waits; empty: none
	StepKey     uuid.UUID     // of a comment or a file
	Tries       int
	Code        string // of what is wrong
	Message     string // in words
	Notes       []string
	RetryAt     *time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time

	unheard delivery.Unheard // why the vendor does not tell how it stands there, while nothing is to be done
}

// ApplyDelivery folds one event into the row.
func ApplyDelivery(d DeliveryRow, r eventstore.Recorded) DeliveryRow {
	event, ok := r.Event.(delivery.Event)
	if !ok {
		return d
	}
	switch e := event.(type) {
	case delivery.Begun:
		created := d.CreatedAt
		if d.Version == 0 {
			created = r.At
		}
		d = DeliveryRow{
			ID: r.Stream, Org: domain.OrgID{UUID: r.Org}, Integration: e.Integration, Ticket: e.Ticket, CreatedBy: e.CreatedBy, ExternalID: d.ExternalID, ExternalURL: d.ExternalURL,
			Notes: d.Notes, CreatedAt: created, unheard: d.unheard,
		}
		d = d.quiet()
	case delivery.Attempted:
		d.Step, d.StepKey, d.Tries = e.Step.Kind, e.Step.Key, e.Try
	case delivery.Done:
		d = d.done(e)
	case delivery.Failed:
		d.Status, d.Code, d.Message, d.RetryAt = DeliveryRetrying, e.Code, e.Message, &e.RetryAt
	case delivery.Parked:
		d.Status, d.Code, d.Message, d.RetryAt = DeliveryParked, e.Code, e.Message, nil
	case delivery.Held:
		d.Status, d.Code, d.Message, d.RetryAt = DeliveryHeld, e.Code, "", nil
	case delivery.Retried, delivery.Dropped, delivery.Released:
		d = d.quiet()
	case delivery.WordsErased:
		d.Message, d.Notes, d.unheard.Message = "", nil, ""
	case delivery.Ended:
		d = d.quiet()
		d.Status, d.Code, d.Message = DeliveryEnded, e.Code, ""
	case delivery.Unheard:
		d = d.hears(e)
	case delivery.HeardAgain:
		d = d.hears(delivery.Unheard{})
	case delivery.Progressed, delivery.StatusHeard, delivery.CommentHeard, delivery.Rerouted: // told elsewhere
	}
	d.Version, d.UpdatedAt = r.Version, r.At
	return d
}

func (d DeliveryRow) done(e delivery.Done) DeliveryRow {
	if e.Step.Kind == delivery.Create {
		d.ExternalID, d.ExternalURL = e.External, e.URL
	}
	if e.Note != "" {
		d.Notes = append(slices.Clip(d.Notes), e.Note)
	}
	return d.quiet()
}

// quiet is the row when nothing is to be done.
func (d DeliveryRow) quiet() DeliveryRow {
	d.Step, d.StepKey, d.Tries, d.Code, d.Message, d.RetryAt = "", uuid.Nil, 0, d.unheard.Code, d.unheard.Message, nil
	switch {
	case d.ExternalID == "":
		d.Status = DeliveryWaiting
	case d.unheard.Code != "":
		d.Status = DeliveryUnheard
	default:
		d.Status = DeliveryDelivered
	}
	return d
}

// hears is the row when the vendor tells how the ticket stands, or does not. What is wrong with a step comes first.
func (d DeliveryRow) hears(not delivery.Unheard) DeliveryRow {
	resting := d.Status == DeliveryDelivered || d.Status == DeliveryUnheard
	if d.unheard = not; resting && d.Step == "" {
		return d.quiet()
	}
	return d
}

// Deliveries is the deliveries table. It implements Table.
type Deliveries struct{ pool *pgxpool.Pool }

// NewDeliveries answers the table in this database.
func NewDeliveries(pool *pgxpool.Pool) *Deliveries { return &Deliveries{pool: pool} }

const deliveryColumns = `id, org_id, version, integration_id, ticket_id, created_by, status, external_id, external_url, step, step_key, tries, code, message,
	notes, retry_at, created_at, updated_at`

const writeDelivery = `
INSERT INTO deliveries (` + deliveryColumns + `)
SELECT $1::uuid, $2::uuid, $3::int, $4::uuid, $5::uuid, $6::uuid, $7::text, $8::text, $9::text, $10::text, $11::uuid, $12::int, $13::text, $14::text,
	$15::json, $16::timestamptz, $17::timestamptz, $18::timestamptz
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = $3 AND e.hash = $19)
ON CONFLICT (id) DO UPDATE SET
	version = excluded.version, status = excluded.status, external_id = excluded.external_id, external_url = excluded.external_url, step = excluded.step,
	step_key = excluded.step_key, tries = excluded.tries, code = excluded.code, message = excluded.message, notes = excluded.notes,
	retry_at = excluded.retry_at, updated_at = excluded.updated_at`

// Queue implements eventstore.Inline.
func (t *Deliveries) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		for _, row := range t.Rows(s) {
			b.Queue(writeDelivery, append(row, s.Events[s.Version()-1].Hash[:])...)
		}
	}
}

// Projection tells how the table is made.
func (t *Deliveries) Projection() Projection {
	return Projection{Name: "deliveries", Key: "id", Nouns: []string{delivery.Decider.Category}, Code: 2, Inline: t}
}

// Columns implements Table.
func (*Deliveries) Columns() string { return deliveryColumns }

// Rows implements Table.
func (*Deliveries) Rows(s eventstore.Stream) [][]any {
	if s.Category() != delivery.Decider.Category {
		return nil
	}
	d := Fold(ApplyDelivery, s.Events)
	return [][]any{{
		[16]byte(d.ID), [16]byte(d.Org.UUID), d.Version, [16]byte(d.Integration), [16]byte(d.Ticket), [16]byte(d.CreatedBy.UUID), string(d.Status), d.ExternalID,
		d.ExternalURL, string(d.Step), unlessNil(d.StepKey), d.Tries, d.Code, d.Message, jsonText(d.Notes, "[]"), d.RetryAt, d.CreatedAt, d.UpdatedAt,
	}}
}

func scanDelivery(row pgx.CollectableRow) (d DeliveryRow, err error) {
	var key *uuid.UUID
	var notes []byte
	err = row.Scan(
		(*[16]byte)(&d.ID), (*[16]byte)(&d.Org.UUID), &d.Version, (*[16]byte)(&d.Integration), (*[16]byte)(&d.Ticket), (*[16]byte)(&d.CreatedBy.UUID), &d.Status,
		&d.ExternalID, &d.ExternalURL, &d.Step, &key, &d.Tries, &d.Code, &d.Message, &notes, &d.RetryAt, &d.CreatedAt, &d.UpdatedAt,
	)
	if err != nil {
		return d, err
	}
	if key != nil {
		d.StepKey = *key
	}
	return d, unlessEmpty(notes, &d.Notes)
}

// Find answers one delivery of an integration. delivery.ErrNotFound when there is none.
func (t *Deliveries) Find(ctx context.Context, org domain.OrgID, integration, id uuid.UUID) (DeliveryRow, error) {
	rows, err := t.pool.Query(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE org_id = $1 AND integration_id = $2 AND id = $3`,
		[16]byte(org.UUID), [16]byte(integration), [16]byte(id))
	if err != nil {
		return DeliveryRow{}, fmt.Errorf("find delivery: %w", err)
	}
	row, err := pgx.CollectOneRow(rows, scanDelivery)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return DeliveryRow{}, delivery.ErrNotFound
	case err != nil:
		return DeliveryRow{}, fmt.Errorf("find delivery: %w", err)
	}
	return row, nil
}

// DeliveryPage asks for a part of an integration's deliveries, the newest first.
type DeliveryPage struct {
	Status string // empty: all
	After  *TicketCursor
	Limit  int
}

// List answers an integration's deliveries, the newest first.
func (t *Deliveries) List(ctx context.Context, org domain.OrgID, integration uuid.UUID, p DeliveryPage) ([]DeliveryRow, error) {
	q := &ticketQuery{}
	q.where("org_id = $%d", [16]byte(org.UUID))
	q.where("integration_id = $%d", [16]byte(integration))
	if p.Status != "" {
		q.where("status = $%d", p.Status)
	}
	if p.After != nil {
		q.where("(created_at, id) < ($%d, $%d)", p.After.CreatedAt, [16]byte(p.After.ID))
	}
	rows, err := t.pool.Query(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE `+q.conditions()+fmt.Sprintf(` ORDER BY created_at DESC, id DESC LIMIT %d`, p.Limit), q.args...)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanDelivery)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return list, nil
}

// OfTicket answers the integrations that a ticket lives with, or is on its way to.
func (t *Deliveries) OfTicket(ctx context.Context, org domain.OrgID, ticket uuid.UUID) ([]uuid.UUID, error) {
	rows, err := t.pool.Query(ctx, `SELECT integration_id FROM deliveries WHERE org_id = $1 AND ticket_id = $2 AND status <> 'ended'`, [16]byte(org.UUID), [16]byte(ticket))
	if err != nil {
		return nil, fmt.Errorf("find a ticket's deliveries: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id uuid.UUID, err error) { return id, row.Scan((*[16]byte)(&id)) })
	if err != nil {
		return nil, fmt.Errorf("find a ticket's deliveries: %w", err)
	}
	return list, nil
}

// Pending answers how many deliveries of each integration are not done: they are due, are tried again, or wait.
func (t *Deliveries) Pending(ctx context.Context, org domain.OrgID, integrations []uuid.UUID) (map[uuid.UUID]int, error) {
	rows, err := t.pool.Query(ctx, `
		SELECT i.id, (SELECT count(*) FROM (
			SELECT delivery_id FROM delivery_queue WHERE integration_id = i.id AND org_id = $1
			UNION SELECT id FROM deliveries WHERE integration_id = i.id AND org_id = $1 AND status IN ('pending', 'retrying', 'held', 'failed')) AS waiting)
		FROM unnest($2::uuid[]) AS i (id)`, [16]byte(org.UUID), raw(integrations))
	if err != nil {
		return nil, fmt.Errorf("count pending deliveries: %w", err)
	}
	pending := make(map[uuid.UUID]int, len(integrations))
	var id uuid.UUID
	var n int
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id), &n}, func() error {
		pending[id] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count pending deliveries: %w", err)
	}
	return pending, nil
}
