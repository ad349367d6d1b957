package projections

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/domain"
	"ticketd/domain/ticket"
)

// TicketFilter selects tickets of one organization. Zero fields do not restrict.
type TicketFilter struct {
	Status        []string
	Priority      []string
	Category      []string
	Assignee      domain.UserID
	CreatedBy     domain.UserID
	Department    string
	Tag           string
	HasAttachment *bool
	CreatedAfter  time.Time
	CreatedBefore time.Time
	UpdatedAfter  time.Time
	Text          string        // full text, in the words of a web search
	Internal      bool          // search internal comments too
	OwnedBy       domain.UserID // only what this person created or is assigned to
	None          bool          // select nothing: the caller asked for something that no ticket has
}

// TicketOrder says how a list is sorted; the zero value is newest first.
type TicketOrder struct {
	By        string // one of TicketOrders
	Ascending bool
}

// TicketOrders maps what a caller may sort by to columns.
var TicketOrders = map[string]string{
	"created_at": "created_at", "updated_at": "updated_at", "number": "number", "title": "title", "status": "status",
	"priority": "array_position(ARRAY['low','medium','high','critical'], priority)", "last_activity_at": "last_activity_at",
}

// TicketCursor is where a keyset page begins: after this ticket of a list that is newest first.
type TicketCursor struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

// TicketPage asks for a part of a list.
type TicketPage struct {
	Filter TicketFilter
	Order  TicketOrder
	After  *TicketCursor // only with the zero Order
	Offset int
	Limit  int
}

// CountLimit is how far tickets are counted: beyond it a list is just long.
const CountLimit = 10_000

// List answers one page.
//
// # Why
//
// The inner query walks the covering index and finds the ids, the outer one looks up just the rows of the page: a filter
// on status and priority never touches the table for rows that are not shown.
func (t *Tickets) List(ctx context.Context, org domain.OrgID, p TicketPage) ([]TicketRow, error) {
	q := newTicketQuery(org, p.Filter)
	walksOnce := len(q.parts) == 1 && p.Offset == 0 // nothing is passed over: the index leads to the rows of the page alone
	if p.After != nil {
		q.where("(created_at, id) < ($%d, $%d)", p.After.CreatedAt, [16]byte(p.After.ID))
	}
	// The limit is no argument: PostgreSQL would plan for a tenth of the table, and then each time anew.
	page := q.conditions() + " ORDER BY " + p.Order.sql() + fmt.Sprintf(" LIMIT %d", p.Limit)
	if p.Offset > 0 {
		page += q.arg(" OFFSET $%d", p.Offset)
	}
	sql := `SELECT ` + ticketColumns + ` FROM tickets WHERE `
	if walksOnce {
		sql += page
	} else {
		sql += `id IN (SELECT id FROM tickets WHERE ` + page + `) ORDER BY ` + p.Order.sql()
	}
	rows, err := t.pool.Query(ctx, sql, q.args...)
	if err != nil {
		return nil, fmt.Errorf("list tickets: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanTicket)
	if err != nil {
		return nil, fmt.Errorf("list tickets: %w", err)
	}
	return list, nil
}

// Count answers how many tickets the filter selects, up to one more than CountLimit: that one tells that there are more.
func (t *Tickets) Count(ctx context.Context, org domain.OrgID, f TicketFilter) (int, error) {
	q := newTicketQuery(org, f)
	var count int
	err := t.pool.QueryRow(ctx, `SELECT count(*) FROM (SELECT FROM tickets WHERE `+q.conditions()+q.arg(" LIMIT $%d", CountLimit+1)+`) AS counted`, q.args...).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("count tickets: %w", err)
	}
	return count, nil
}

func (o TicketOrder) sql() string {
	column, known := TicketOrders[o.By]
	if !known {
		column = "created_at"
	}
	direction := "DESC"
	if o.Ascending {
		direction = "ASC"
	}
	return column + " " + direction + ", id " + direction
}

// ticketQuery collects conditions and their arguments.
type ticketQuery struct {
	parts []string
	args  []any
}

func newTicketQuery(org domain.OrgID, f TicketFilter) *ticketQuery {
	q := &ticketQuery{}
	q.where("org_id = $%d AND NOT deleted", [16]byte(org.UUID))
	if f.None {
		q.where("false")
	}
	if len(f.Status) > 0 {
		q.where("status = ANY($%d)", f.Status)
	}
	if len(f.Priority) > 0 {
		q.where("priority = ANY($%d)", f.Priority)
	}
	if len(f.Category) > 0 {
		q.where("category = ANY($%d)", f.Category)
	}
	if !f.Assignee.IsZero() {
		q.where("assignee = $%d", [16]byte(f.Assignee.UUID))
	}
	if !f.CreatedBy.IsZero() {
		q.where("created_by = $%d", [16]byte(f.CreatedBy.UUID))
	}
	if !f.OwnedBy.IsZero() {
		q.where("(created_by = $%d OR assignee = $%d)", [16]byte(f.OwnedBy.UUID), [16]byte(f.OwnedBy.UUID))
	}
	if f.Department != "" {
		q.where("department = $%d", f.Department)
	}
	if f.Tag != "" {
		q.where("EXISTS (SELECT FROM json_array_elements_text(tags) AS tag WHERE tag = $%d)", f.Tag)
	}
	if f.HasAttachment != nil {
		q.where("(json_array_length(attachments) > 0) = $%d", *f.HasAttachment)
	}
	q.whereTime("created_at > $%d", f.CreatedAfter)
	q.whereTime("created_at < $%d", f.CreatedBefore)
	q.whereTime("updated_at > $%d", f.UpdatedAfter)
	if f.Text != "" {
		words := "s.words @@ websearch_to_tsquery('english', $%d)"
		args := []any{[16]byte(org.UUID), f.Text}
		if f.Internal {
			words = "(" + words + " OR s.internal @@ websearch_to_tsquery('english', $%d))"
			args = append(args, f.Text)
		}
		q.where("id IN (SELECT s.ticket_id FROM ticket_search s WHERE s.org_id = $%d AND "+words+")", args...)
	}
	return q
}

func (q *ticketQuery) whereTime(condition string, at time.Time) {
	if !at.IsZero() {
		q.where(condition, at)
	}
}

// where adds a condition; every $%d in it takes the next argument.
func (q *ticketQuery) where(condition string, args ...any) {
	numbers := make([]any, len(args))
	for i := range args {
		numbers[i] = len(q.args) + i + 1
	}
	q.parts, q.args = append(q.parts, fmt.Sprintf(condition, numbers...)), append(q.args, args...)
}

// arg adds an argument outside the conditions.
func (q *ticketQuery) arg(clause string, value any) string {
	q.args = append(q.args, value)
	return fmt.Sprintf(clause, len(q.args))
}

func (q *ticketQuery) conditions() string { return strings.Join(q.parts, " AND ") }

// TicketStats are an organization's totals and distributions.
type TicketStats struct {
	Total, Open, Unassigned               int
	Status, Priority, Category            map[string]int
	MeanSecondsToFirstResponse            *float64
	MeanSecondsToResolution               *float64
	CreatedLast24Hours, ClosedLast24Hours int
}

// Stats counts the organization's tickets; with ownedBy only what that person created or is assigned to.
func (t *Tickets) Stats(ctx context.Context, org domain.OrgID, ownedBy domain.UserID) (TicketStats, error) {
	q := newTicketQuery(org, TicketFilter{OwnedBy: ownedBy})
	rows, err := t.pool.Query(ctx, `
		SELECT status, priority, category, count(*), count(*) FILTER (WHERE assignee IS NULL),
			sum(extract(epoch FROM first_response_at - created_at)), count(first_response_at),
			sum(extract(epoch FROM resolved_at - created_at)), count(resolved_at),
			count(*) FILTER (WHERE created_at > now() - interval '24 hours'),
			count(*) FILTER (WHERE coalesce(closed_at, resolved_at) > now() - interval '24 hours')
		FROM tickets WHERE `+q.conditions()+` GROUP BY status, priority, category`, q.args...)
	if err != nil {
		return TicketStats{}, fmt.Errorf("count tickets: %w", err)
	}
	s := TicketStats{Status: map[string]int{}, Priority: map[string]int{}, Category: map[string]int{}}
	var status, priority, category string
	var count, unassigned, responded, resolved, created, closed int
	var responseSeconds, resolutionSeconds *float64
	var respondedAll, resolvedAll int
	var responseSum, resolutionSum float64
	_, err = pgx.ForEachRow(rows, []any{
		&status, &priority, &category, &count, &unassigned, &responseSeconds, &responded, &resolutionSeconds, &resolved, &created, &closed,
	}, func() error {
		s.Total += count
		s.Status[status] += count
		s.Priority[priority] += count
		s.Category[category] += count
		if !ticket.Status(status).Ended() {
			s.Open += count
			s.Unassigned += unassigned
		}
		s.CreatedLast24Hours += created
		s.ClosedLast24Hours += closed
		respondedAll, resolvedAll = respondedAll+responded, resolvedAll+resolved
		responseSum, resolutionSum = responseSum+orZero(responseSeconds), resolutionSum+orZero(resolutionSeconds)
		return nil
	})
	if err != nil {
		return TicketStats{}, fmt.Errorf("count tickets: %w", err)
	}
	s.MeanSecondsToFirstResponse = mean(responseSum, respondedAll)
	s.MeanSecondsToResolution = mean(resolutionSum, resolvedAll)
	return s, nil
}

func orZero(f *float64) float64 {
	if f == nil {
		return 0
	}
	return *f
}

func mean(sum float64, n int) *float64 {
	if n == 0 {
		return nil
	}
	m := sum / float64(n)
	return &m
}
