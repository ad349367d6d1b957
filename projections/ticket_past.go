package projections

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/domain"
)

// FindEver answers the ticket that an id or a number names, as it is now: one that has been deleted, too, to those who
// may read the audit log. ErrNoTicket when there never was one that the caller may see.
func (t *Tickets) FindEver(ctx context.Context, caller domain.Caller, ref string) (TicketRow, error) {
	const sql = `SELECT ` + ticketColumns + ` FROM tickets WHERE org_id = $1 AND `
	var row TicketRow
	var err error
	if id, notUUID := uuid.Parse(ref); notUUID == nil {
		row, err = t.one(ctx, sql+`id = $2`, caller.Org, [16]byte(id))
	} else if number, notNumber := strconv.ParseInt(ref, 10, 64); notNumber == nil {
		row, err = t.one(ctx, sql+`number = $2`, caller.Org, number)
	} else {
		return row, ErrNoTicket
	}
	if err == nil && (!caller.May(domain.ReadTickets, row.CreatedBy, row.Assignee) || row.Deleted && !caller.Can(domain.ReadAudit)) {
		return TicketRow{}, ErrNoTicket
	}
	return row, err
}

// PastPage asks for a part of the list of tickets as they stood at a moment, newest first.
type PastPage struct {
	At      time.Time
	Filter  TicketFilter // judged on the tickets of then, but for OwnedBy; Text is not looked at
	Deleted bool         // those that were deleted since, too
	After   *TicketCursor
	Limit   int
}

const (
	pastLooked = 2000 // tickets that one page looks at: of a filter that selects few, the next page goes on
	pastBatch  = 500  // tickets whose events are read at once
)

// ListPast answers the tickets as they stood at a moment, and where the next page begins: nil when there is none. The
// page may be short, or empty, and still not be the last.
//
// # Why
//
// The table knows which tickets there were, because the time a ticket was made never changes; what they were like, only
// the log knows. A ticket that nothing has happened to since is as it was; all others are folded anew.
func (t *Tickets) ListPast(ctx context.Context, org domain.OrgID, log Events, p PastPage) ([]TicketRow, *TicketCursor, error) {
	var page []TicketRow
	left, batch := pastLooked, p.Limit+1 // one more tells whether there is a next page
	for left > 0 {
		batch = min(batch, left)
		rows, err := t.madeUntil(ctx, org, p, batch)
		if err != nil {
			return nil, nil, err
		}
		places := make([]TicketCursor, len(rows))
		for i, row := range rows {
			places[i] = TicketCursor{CreatedAt: row.CreatedAt, ID: row.ID.UUID}
		}
		if err := rewind(ctx, org, log, rows, p.At); err != nil {
			return nil, nil, err
		}
		for i, row := range rows {
			if row.Exists() && p.Filter.selects(row) {
				if len(page) == p.Limit {
					return page, p.After, nil
				}
				page = append(page, row)
			}
			p.After = &places[i]
		}
		if len(rows) < batch {
			return page, nil, nil
		}
		left -= batch
		batch = min(2*batch, pastBatch)
	}
	return page, p.After, nil
}

// madeUntil answers tickets that there were at a moment, as they are now. They are looked for in parts, each of which
// walks an index of its own: those of today's lists leave out what was deleted.
func (t *Tickets) madeUntil(ctx context.Context, org domain.OrgID, p PastPage, limit int) ([]TicketRow, error) {
	q := &ticketQuery{}
	q.where("org_id = $%d AND created_at <= $%d", [16]byte(org.UUID), p.At)
	if !p.Filter.CreatedBy.IsZero() {
		q.where("created_by = $%d", [16]byte(p.Filter.CreatedBy.UUID))
	}
	q.whereTime("created_at > $%d", p.Filter.CreatedAfter)
	q.whereTime("created_at < $%d", p.Filter.CreatedBefore)
	if p.After != nil {
		q.where("(created_at, id) < ($%d, $%d)", p.After.CreatedAt, [16]byte(p.After.ID))
	}
	parts := []string{"NOT deleted"}
	if p.Deleted {
		parts = append(parts, "deleted")
	}
	if !p.Filter.OwnedBy.IsZero() {
		own := q.arg("$%d", [16]byte(p.Filter.OwnedBy.UUID))
		made, given := " AND created_by = "+own, " AND assignee = "+own+" AND created_by <> "+own
		for i, part := range parts {
			parts[i] = part + made
			parts = append(parts, part+given)
		}
	}
	end := fmt.Sprintf(" ORDER BY created_at DESC, id DESC LIMIT %d", limit)
	for i, part := range parts {
		parts[i] = `(SELECT ` + ticketColumns + ` FROM tickets WHERE ` + q.conditions() + ` AND ` + part + end + `)`
	}
	rows, err := t.pool.Query(ctx, `SELECT * FROM (`+strings.Join(parts, " UNION ALL ")+`) AS made`+end, q.args...)
	if err != nil {
		return nil, fmt.Errorf("list past tickets: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanTicket)
	if err != nil {
		return nil, fmt.Errorf("list past tickets: %w", err)
	}
	return list, nil
}

// rewind turns tickets as they are now into what they were at a moment.
func rewind(ctx context.Context, org domain.OrgID, log Events, rows []TicketRow, at time.Time) error {
	var moved []history
	for _, row := range rows {
		if row.UpdatedAt.After(at) {
			moved = append(moved, history{stream: row.ID.UUID, events: row.Version})
		}
	}
	then, err := foldPast(ctx, org, log, at, ApplyTicket, moved)
	if err != nil {
		return fmt.Errorf("list past tickets: %w", err)
	}
	for i, row := range rows {
		if row.UpdatedAt.After(at) {
			rows[i] = then[row.ID.UUID]
		}
	}
	return nil
}

// DeletedOf answers the tickets that somebody created or has and that were deleted, newest first, as they are now.
func (t *Tickets) DeletedOf(ctx context.Context, org domain.OrgID, owner domain.UserID, after *TicketCursor, limit int) ([]TicketRow, error) {
	q := &ticketQuery{}
	q.where("org_id = $%d AND deleted", [16]byte(org.UUID))
	q.where("$%d IN (created_by, assignee)", [16]byte(owner.UUID))
	if after != nil {
		q.where("(created_at, id) < ($%d, $%d)", after.CreatedAt, [16]byte(after.ID))
	}
	sql := `SELECT ` + ticketColumns + ` FROM tickets WHERE ` + q.conditions() + fmt.Sprintf(" ORDER BY created_at DESC, id DESC LIMIT %d", limit)
	rows, err := t.pool.Query(ctx, sql, q.args...)
	if err != nil {
		return nil, fmt.Errorf("list deleted tickets: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanTicket)
	if err != nil {
		return nil, fmt.Errorf("list deleted tickets: %w", err)
	}
	return list, nil
}

// selects judges a ticket as newTicketQuery does, by all that may change about it.
func (f TicketFilter) selects(t TicketRow) bool {
	among := func(values []string, value string) bool { return len(values) == 0 || slices.Contains(values, value) }
	return among(f.Status, string(t.Status)) && among(f.Priority, string(t.Priority)) && among(f.Category, string(t.Category)) &&
		(f.Assignee.IsZero() || t.Assignee == f.Assignee) &&
		(f.Department == "" || t.Department == f.Department) &&
		(f.Tag == "" || slices.Contains(t.Tags, f.Tag)) &&
		(f.HasAttachment == nil || *f.HasAttachment == (len(t.Attachments) > 0)) &&
		(f.Integration == uuid.Nil || slices.ContainsFunc(t.Routes, func(r TicketRoute) bool { return r.Integration == f.Integration })) &&
		(f.UpdatedAfter.IsZero() || t.UpdatedAt.After(f.UpdatedAfter))
}
