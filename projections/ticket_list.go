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
	Integration   uuid.UUID     // that they live with too
}

// TicketOrder says how a list is sorted; the zero value is newest first.
type TicketOrder struct {
	By        string // one of TicketOrders
	Ascending bool
}

// TicketOrders maps what a caller may sort by to columns. Every event is an activity and an update, so the two times are
// one, and so is their index.
var TicketOrders = map[string]string{
	"created_at": "created_at", "updated_at": "updated_at", "number": "number", "title": "title", "status": "status",
	"priority": "array_position(ARRAY['low','medium','high','critical'], priority)", "last_activity_at": "updated_at",
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

// List answers one page.
//
// # Why
//
// The inner query finds the ids of the page in an index, the outer one looks up just its rows: a filter never touches the
// table for rows that are not shown. Which index, only PostgreSQL can tell, from the values of the filter: so a filtered
// list is planned anew each time, and one without a filter once.
func (t *Tickets) List(ctx context.Context, org domain.OrgID, p TicketPage) ([]TicketRow, error) {
	q := newTicketQuery(org, p.Filter)
	filtered := !q.unrestricted() || q.found != nil
	switch {
	case p.After != nil && q.found != nil:
		q.found.where += " AND (created_at, ticket_id) < (" + q.arg("$%d", p.After.CreatedAt) + ", " + q.arg("$%d", [16]byte(p.After.ID)) + ")"
	case p.After != nil:
		q.where("(created_at, id) < ($%d, $%d)", p.After.CreatedAt, [16]byte(p.After.ID))
	}
	sql := q.listSQL(p)
	if !filtered && p.Offset == 0 { // nothing is passed over: the index leads to the rows of the page alone
		sql = `SELECT ` + ticketColumns + ` FROM tickets WHERE ` + q.conditions() + p.sql()
	}
	rows, err := t.pool.Query(ctx, sql, append([]any{planning(filtered)}, q.args...)...)
	if err != nil {
		return nil, fmt.Errorf("list tickets: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanTicket)
	if err != nil {
		return nil, fmt.Errorf("list tickets: %w", err)
	}
	return list, nil
}

// planning answers how a statement is sent: with a plan for its values, or prepared once for all.
func planning(forItsValues bool) pgx.QueryExecMode {
	if forItsValues {
		return pgx.QueryExecModeCacheDescribe
	}
	return pgx.QueryExecModeCacheStatement
}

// sql answers the order and the size of a page. They are no arguments: PostgreSQL would plan for a tenth of the table.
func (p TicketPage) sql() string {
	sql := fmt.Sprintf(" ORDER BY %s LIMIT %d", p.Order.sql(), p.Limit)
	if p.Offset > 0 {
		sql += fmt.Sprintf(" OFFSET %d", p.Offset)
	}
	return sql
}

func (q *ticketQuery) listSQL(p TicketPage) string {
	ids := `SELECT id FROM tickets WHERE ` + q.conditions() + q.alsoFound() + p.sql()
	switch newestFirst := p.Order == (TicketOrder{}); {
	case newestFirst && q.found != nil:
		ids = q.found.listSQL(q, p)
	case newestFirst && q.owner != nil: // two walks, each in its own index, instead of one through all tickets
		every := TicketPage{Limit: p.Offset + p.Limit}
		var walks []string
		for _, own := range q.owner {
			walks = append(walks, `(SELECT id, created_at FROM tickets WHERE `+q.conditions()+` AND `+own+every.sql()+`)`)
		}
		ids = `SELECT id FROM (` + strings.Join(walks, " UNION ALL ") + `) AS own` + p.sql()
	}
	return `SELECT ` + ticketColumns + ` FROM tickets WHERE org_id = $1 AND NOT deleted AND id IN (` + ids + `) ORDER BY ` + p.Order.sql()
}

// countSQL answers a statement that counts up to a limit.
func (q *ticketQuery) countSQL(limit int) string {
	upTo := fmt.Sprintf(" LIMIT %d", limit)
	if q.found != nil && q.unrestricted() { // tickets that were deleted are not found
		return `SELECT count(*) FROM (SELECT FROM ` + q.found.where + upTo + `) AS counted`
	}
	walks := []string{`(SELECT FROM tickets WHERE ` + q.conditions() + q.alsoFound() + upTo + `)`}
	if q.owner != nil && q.found == nil {
		walks = nil
		for _, own := range q.owner {
			walks = append(walks, `(SELECT FROM tickets WHERE `+q.conditions()+` AND `+own+upTo+`)`)
		}
	}
	return `SELECT count(*) FROM (` + strings.Join(walks, " UNION ALL ") + `) AS counted`
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
	owner []string // whose tickets: conditions that exclude each other
	found *finding // nil: no other table helps to find the tickets
}

// finding is a table beside the tickets that knows which of them a filter selects, and when they were made.
type finding struct {
	where string // the table and its condition
}

// listSQL answers the ids of a page, newest first. When nothing else restricts the list, the page is cut before the
// tickets are looked up.
func (f *finding) listSQL(q *ticketQuery, p TicketPage) string {
	if q.unrestricted() {
		return `SELECT ticket_id FROM (SELECT ticket_id, created_at, ticket_id AS id FROM ` + f.where + p.sql() + `) AS found`
	}
	cut := fmt.Sprintf(" ORDER BY at DESC, ticket_id DESC LIMIT %d OFFSET %d", p.Limit, p.Offset)
	return `SELECT ticket_id FROM (SELECT ticket_id, created_at AS at FROM ` + f.where + `) AS found JOIN tickets ON id = ticket_id WHERE ` +
		q.conditions() + q.ownedSQL() + cut
}

// unrestricted reports that nothing is asked of the tickets themselves.
func (q *ticketQuery) unrestricted() bool { return len(q.parts) == 1 && q.owner == nil }

// alsoFound restricts a walk through the tickets to those that the other table finds, and to the owner's.
func (q *ticketQuery) alsoFound() string {
	if q.found == nil {
		return q.ownedSQL()
	}
	return ` AND id IN (SELECT ticket_id FROM ` + q.found.where + `)` + q.ownedSQL()
}

func (q *ticketQuery) ownedSQL() string {
	if q.owner == nil {
		return ""
	}
	return ` AND (` + strings.Join(q.owner, " OR ") + `)`
}

func newTicketQuery(org domain.OrgID, f TicketFilter) *ticketQuery {
	q := &ticketQuery{}
	q.where("org_id = $%d AND NOT deleted", [16]byte(org.UUID))
	if f.Integration != uuid.Nil {
		q.where("integrations @> ARRAY[$%d::uuid]", [16]byte(f.Integration))
	}
	q.whereGrades(f)
	if !f.Assignee.IsZero() {
		q.where("assignee = $%d", [16]byte(f.Assignee.UUID))
	}
	if !f.CreatedBy.IsZero() {
		q.where("created_by = $%d", [16]byte(f.CreatedBy.UUID))
	}
	if !f.OwnedBy.IsZero() {
		own := q.arg("$%d", [16]byte(f.OwnedBy.UUID))
		q.owner = []string{"created_by = " + own, "assignee = " + own + " AND created_by <> " + own}
	}
	if f.Department != "" {
		q.where("department = $%d AND department <> ''", f.Department)
	}
	if f.HasAttachment != nil && *f.HasAttachment {
		q.where("json_array_length(attachments) > 0")
	}
	if f.HasAttachment != nil && !*f.HasAttachment {
		q.where("json_array_length(attachments) = 0")
	}
	q.whereTime("created_at > $%d", f.CreatedAfter)
	q.whereTime("created_at < $%d", f.CreatedBefore)
	q.whereTime("updated_at > $%d", f.UpdatedAfter)
	q.find(f)
	return q
}

// whereGrades names all statuses, and all priorities, where a filter leaves them open but not what comes after them in
// the index tickets_graded: else PostgreSQL would read all of an organization's part of it.
func (q *ticketQuery) whereGrades(f TicketFilter) {
	if len(f.Status)+len(f.Priority)+len(f.Category) == 0 {
		return
	}
	q.where("status = ANY($%d)", orAll(f.Status, ticket.Statuses))
	if len(f.Priority)+len(f.Category) > 0 {
		q.where("priority = ANY($%d)", orAll(f.Priority, ticket.Levels))
	}
	if len(f.Category) > 0 {
		q.where("category = ANY($%d)", f.Category)
	}
}

func orAll[S ~string](some []string, all []S) []string {
	if len(some) > 0 {
		return some
	}
	for _, value := range all {
		some = append(some, string(value))
	}
	return some
}

// find has words found by the index of words, and else a tag by that of tags. Both at once: the words find, and of each
// ticket found the tags are looked at.
func (q *ticketQuery) find(f TicketFilter) {
	if f.Tag != "" {
		tagged := "ticket_tags WHERE org_id = $1 AND tag = " + q.arg("$%d", f.Tag)
		if f.Text == "" {
			q.found = &finding{where: tagged}
			return
		}
		q.parts = append(q.parts, "id IN (SELECT ticket_id FROM "+tagged+")")
	}
	if f.Text == "" {
		return
	}
	query := "websearch_to_tsquery('english', " + q.arg("$%d", f.Text) + ")"
	words := "words @@ " + query
	if f.Internal {
		words = "(" + words + " OR internal @@ " + query + ")"
	}
	q.found = &finding{where: "ticket_search WHERE org_id = $1 AND " + words}
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

// Stats counts the organization's tickets; with ownedBy only what that person created or is assigned to. Of an
// organization with more than CountLimit tickets the answer may be five seconds old.
func (t *Tickets) Stats(ctx context.Context, org domain.OrgID, ownedBy domain.UserID) (TicketStats, error) {
	key := statsKey{org, ownedBy}
	if known, ok := t.stats.Get(key); ok {
		return known, nil
	}
	generation := t.stats.Generation()
	found, err := t.addUp(ctx, org, ownedBy)
	if err == nil && found.Total > CountLimit {
		t.stats.Put(generation, key, found)
	}
	return found, err
}

type statsKey struct {
	org   domain.OrgID
	owner domain.UserID
}

func (t *Tickets) addUp(ctx context.Context, org domain.OrgID, ownedBy domain.UserID) (TicketStats, error) {
	q := newTicketQuery(org, TicketFilter{OwnedBy: ownedBy})
	rows, err := t.pool.Query(ctx, `
		SELECT status, priority, category, count(*), count(*) FILTER (WHERE assignee IS NULL),
			date_part('epoch', sum(first_response_at - created_at)), count(first_response_at),
			date_part('epoch', sum(resolved_at - created_at)), count(resolved_at),
			count(*) FILTER (WHERE created_at > now() - interval '24 hours'),
			count(*) FILTER (WHERE coalesce(closed_at, resolved_at) > now() - interval '24 hours')
		FROM tickets WHERE `+q.conditions()+q.ownedSQL()+` GROUP BY status, priority, category`, append([]any{planning(true)}, q.args...)...)
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
