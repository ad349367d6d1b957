package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/organization"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// Retention is the retention_rules table: which organizations want the words of closed tickets erased, and when. It
// implements eventstore.Inline.
type Retention struct{ pool *pgxpool.Pool }

// NewRetention answers the table in this database.
func NewRetention(pool *pgxpool.Pool) *Retention { return &Retention{pool: pool} }

// An organization without a rule keeps a row of 0 days: it says from which version on.
const writeRetention = `
INSERT INTO retention_rules (org_id, version, days)
SELECT $1::uuid, $2::int, $3::int WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = $2 AND e.hash = $4)
ON CONFLICT (org_id) DO UPDATE SET version = excluded.version, days = excluded.days`

// Queue implements eventstore.Inline.
func (*Retention) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		if s.Category() == organization.Decider.Category && hasRule(s) {
			row := Fold(ApplyOrganization, s.Events)
			b.Queue(writeRetention, [16]byte(s.Org), s.Version(), row.Retention, s.Events[s.Version()-1].Hash[:])
		}
	}
}

// Projection tells how the table is made.
func (t *Retention) Projection() Projection {
	return Projection{Name: "retention_rules", Key: "org_id", Nouns: []string{organization.Decider.Category}, Code: 1, Inline: t}
}

// Columns implements Table.
func (*Retention) Columns() string { return "org_id, version, days" }

// Rows implements Table.
func (*Retention) Rows(s eventstore.Stream) [][]any {
	if s.Category() != organization.Decider.Category || !hasRule(s) {
		return nil
	}
	return [][]any{{[16]byte(s.Org), s.Version(), Fold(ApplyOrganization, s.Events).Retention}}
}

// hasRule spares the organizations that never set one their row.
func hasRule(s eventstore.Stream) bool {
	for _, r := range s.Events {
		if _, rule := r.Event.(organization.RetentionSet); rule {
			return true
		}
	}
	return false
}

// Ruled answers the organizations that have a rule. It asks for no organization, because which there are is the question:
// the program itself erases, for nobody who asks.
func (t *Retention) Ruled(ctx context.Context) ([]domain.OrgID, error) {
	rows, err := t.pool.Query(ctx, `SELECT org_id FROM retention_rules WHERE days > 0 ORDER BY org_id`)
	if err != nil {
		return nil, fmt.Errorf("find retention rules: %w", err)
	}
	orgs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (org domain.OrgID, err error) {
		return org, row.Scan((*[16]byte)(&org.UUID))
	})
	if err != nil {
		return nil, fmt.Errorf("find retention rules: %w", err)
	}
	return orgs, nil
}

// ExpiredTicket is a ticket that has its words for longer than its organization's rule allows.
type ExpiredTicket struct {
	ID       ticket.ID
	ClosedAt time.Time
}

// Expired answers tickets of the organization that were closed longer ago than its rule allows and still have their
// words, the longest closed first, deleted ones too: at most limit of those that come after the given one.
func (t *Retention) Expired(ctx context.Context, org domain.OrgID, now time.Time, after ExpiredTicket, limit int) ([]ExpiredTicket, error) {
	rows, err := t.pool.Query(ctx, `
		SELECT t.id, t.closed_at FROM tickets t JOIN retention_rules r USING (org_id)
		WHERE t.org_id = $1 AND r.days > 0 AND NOT t.words_erased AND t.closed_at < $2::timestamptz - make_interval(days => r.days)
			AND (t.closed_at, t.id) > ($3, $4)
		ORDER BY t.closed_at, t.id LIMIT $5`, [16]byte(org.UUID), now, after.ClosedAt, [16]byte(after.ID.UUID), limit)
	if err != nil {
		return nil, fmt.Errorf("find expired tickets: %w", err)
	}
	page, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e ExpiredTicket, err error) {
		return e, row.Scan((*[16]byte)(&e.ID.UUID), &e.ClosedAt)
	})
	if err != nil {
		return nil, fmt.Errorf("find expired tickets: %w", err)
	}
	return page, nil
}
