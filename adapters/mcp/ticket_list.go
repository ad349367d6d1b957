package mcp

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/projections"
)

func (s *Server) ticketListTools() {
	add(s, description{
		name: "search_tickets", title: "Search tickets", needs: domain.ReadTickets,
		text: "Full text search over titles, descriptions, comments and what was read from attachments, newest first, of the tickets that the caller may see. Long descriptions are cut.",
	}, s.searchTickets)
	add(s, description{
		name: "list_tickets", title: "List tickets", needs: domain.ReadTickets,
		text: "Lists the tickets that the caller may see, newest first. Long descriptions are cut.",
	}, s.listTickets)
}

// shownDescription is how much of a description a list shows, in characters.
const shownDescription = 500

// listArguments select tickets.
type listArguments struct {
	Status         []ticket.Status   `json:"status,omitempty" maxItems:"7" doc:"Any of these."`
	Priority       []ticket.Level    `json:"priority,omitempty" maxItems:"4" doc:"Any of these."`
	Category       []ticket.Category `json:"category,omitempty" maxItems:"9" doc:"Any of these."`
	AssignedTo     *uuid.UUID        `json:"assigned_to_id,omitempty"`
	CreatedBy      *uuid.UUID        `json:"created_by_id,omitempty"`
	Department     string            `json:"department,omitempty" maxLength:"100"`
	Tag            string            `json:"tag,omitempty" maxLength:"100"`
	HasAttachments *bool             `json:"has_attachments,omitempty"`
	CreatedAfter   time.Time         `json:"created_after,omitzero"`
	CreatedBefore  time.Time         `json:"created_before,omitzero"`
	UpdatedAfter   time.Time         `json:"updated_after,omitzero"`
	Limit          int               `json:"limit,omitempty" minimum:"1" maximum:"50" default:"10"`
	Cursor         string            `json:"cursor,omitempty" maxLength:"100" doc:"The next_cursor of the page before."`
}

type searchArguments struct {
	Query string `json:"query" minLength:"1" maxLength:"500" doc:"Words; as in a web search, with quotes, or and -."`
	listArguments
}

// TicketList is a page of tickets.
type TicketList struct {
	Tickets    []Ticket `json:"tickets"`
	Total      int      `json:"total" doc:"How many there are in all. Exact up to 10,000."`
	NextCursor string   `json:"next_cursor,omitempty" doc:"Leads to the next page; absent on the last one."`
}

func (s *Server) searchTickets(ctx context.Context, c call, in searchArguments) (TicketList, error) {
	return s.list(ctx, c, in.Query, in.listArguments)
}

func (s *Server) listTickets(ctx context.Context, c call, in listArguments) (TicketList, error) {
	return s.list(ctx, c, "", in)
}

func (s *Server) list(ctx context.Context, c call, query string, in listArguments) (answer TicketList, err error) {
	page := projections.TicketPage{Filter: in.filter(c.caller), Limit: limit(in.Limit) + 1} // one more tells whether there is a next page
	page.Filter.Text = query
	if in.Cursor != "" {
		if page.After, err = parseCursor(in.Cursor); err != nil {
			return answer, err
		}
	}
	rows, err := s.TicketRows.List(ctx, c.caller.Org, page)
	if err != nil {
		return answer, err
	}
	total, err := s.TicketRows.Count(ctx, c.caller.Org, page.Filter)
	if err != nil {
		return answer, err
	}
	answer.Total = min(total, projections.CountLimit)
	if len(rows) == page.Limit {
		rows = rows[:page.Limit-1]
		answer.NextCursor = cursorAfter(rows[len(rows)-1])
	}
	answer.Tickets, err = s.showTickets(ctx, c, shownDescription, rows...)
	return answer, err
}

// limit answers how many entries a list shows.
func limit(asked int) int {
	if asked == 0 {
		return 10
	}
	return asked
}

func (in listArguments) filter(caller domain.Caller) projections.TicketFilter {
	f := projections.TicketFilter{
		Status: values(in.Status), Priority: values(in.Priority), Category: values(in.Category), Assignee: userID(in.AssignedTo), CreatedBy: userID(in.CreatedBy),
		Department: in.Department, Tag: in.Tag, HasAttachment: in.HasAttachments,
		CreatedAfter: in.CreatedAfter, CreatedBefore: in.CreatedBefore, UpdatedAfter: in.UpdatedAfter, Internal: caller.Can(domain.ReadInternal),
	}
	if !caller.May(domain.ReadTickets) {
		f.OwnedBy = caller.User
	}
	return f
}

func cursorAfter(t projections.TicketRow) string {
	place := binary.BigEndian.AppendUint64(nil, uint64(t.CreatedAt.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(place, t.ID.UUID[:]...))
}

var errCursor = &domain.Error{Kind: domain.Invalid, Code: "cursor_invalid", Message: "The cursor is not one of ours; take next_cursor of the page before.", Field: "cursor"}

// parseCursor answers where a page begins.
func parseCursor(cursor string) (*projections.TicketCursor, error) {
	place, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(place) != 24 {
		return nil, errCursor
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(place))).UTC() //nolint:gosec // the bits matter, not the sign
	if at.Year() < 1970 || at.Year() > 9999 {                         // PostgreSQL knows no such time, and we make no such cursor
		return nil, errCursor
	}
	return &projections.TicketCursor{CreatedAt: at, ID: uuid.UUID(place[8:])}, nil
}
