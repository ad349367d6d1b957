package http

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	nethttp "net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/projections"
)

type listTicketsInput struct {
	AsOf
	Limit          int       `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Offset         int       `query:"offset" minimum:"0" maximum:"1000000"`
	Cursor         string    `query:"cursor" maxLength:"100" doc:"Where the next page begins, from the Link header. Faster than offset, and steady while tickets come in."`
	Page           int       `query:"page" minimum:"1" maximum:"100000" doc:"With page or size the answer is an envelope."`
	Size           int       `query:"size" minimum:"1" maximum:"100"`
	Status         []string  `query:"status,explode" doc:"Repeat, or separate with commas."`
	Priority       []string  `query:"priority,explode" doc:"Repeat, or separate with commas."`
	Category       []string  `query:"category,explode" doc:"Repeat, or separate with commas."`
	AssignedTo     string    `query:"assigned_to_id" format:"uuid"`
	CreatedBy      string    `query:"created_by_id" format:"uuid"`
	Department     string    `query:"department" maxLength:"100"`
	Tag            string    `query:"tag" maxLength:"100"`
	IntegrationID  string    `query:"integration_id" format:"uuid" doc:"Tickets that also live on this integration."`
	HasAttachments string    `query:"has_attachments" enum:"true,false"`
	CreatedAfter   time.Time `query:"created_after"`
	CreatedBefore  time.Time `query:"created_before"`
	UpdatedAfter   time.Time `query:"updated_after"`
	Query          string    `query:"q" maxLength:"500" doc:"Full text over title, description, comments and what was read from attachments; as in a web search, with quotes, or and -."`
	SortBy         string    `query:"sort_by" enum:"created_at,updated_at,last_activity_at,number,title,status,priority"`
	SortOrder      string    `query:"sort_order" enum:"asc,desc"`

	url url.URL
}

// Resolve implements huma.Resolver: the Link header needs the address as it was asked for.
func (in *listTicketsInput) Resolve(c huma.Context) []error {
	in.url = c.URL()
	return nil
}

func (in *listTicketsInput) enveloped(ctx context.Context) bool {
	return in.Page > 0 || in.Size > 0 || withSlash(ctx)
}

// TicketEnvelope is a page with its place in the whole.
type TicketEnvelope struct {
	Items   []Ticket `json:"items"`
	Total   int      `json:"total" doc:"Exact up to 10,000."`
	Page    int      `json:"page"`
	Size    int      `json:"size"`
	Pages   int      `json:"pages"`
	HasNext bool     `json:"has_next"`
	HasPrev bool     `json:"has_prev"`
}

// TicketList is an array of tickets or, with page or size, a TicketEnvelope.
type TicketList struct{ any }

// MarshalJSON implements json.Marshaler.
func (l TicketList) MarshalJSON() ([]byte, error) { return json.Marshal(l.any) }

// Schema implements huma.SchemaProvider.
func (TicketList) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeArray, Items: r.Schema(reflect.TypeFor[Ticket](), true, "Ticket")},
		r.Schema(reflect.TypeFor[TicketEnvelope](), true, "TicketEnvelope"),
	}}
}

type listTicketsAnswer struct {
	TotalCount  *int   `header:"X-Total-Count" doc:"Exact up to 10,000."`
	CountCapped string `header:"X-Total-Count-Capped" doc:"true when there are more than X-Total-Count."`
	Link        string `header:"Link" doc:"rel=next, while there is more."`
	Body        TicketList
}

func (s *Server) listTickets(ctx context.Context, in *listTicketsInput) (*listTicketsAnswer, error) {
	at, err := in.moment(ctx)
	if err != nil {
		return nil, err
	}
	if !at.IsZero() {
		return s.listPastTickets(ctx, in, at)
	}
	page, err := in.page(ctx)
	if err != nil {
		return nil, err
	}
	caller := callerOf(ctx)
	size := page.Limit
	page.Limit++ // one more tells whether there is a next page
	rows, err := s.TicketRows.List(ctx, caller.Org, page)
	if err != nil {
		return nil, err
	}
	total, err := s.countTickets(ctx, page, len(rows))
	if err != nil {
		return nil, err
	}
	capped := total > projections.CountLimit
	total = min(total, projections.CountLimit)
	more := len(rows) > size
	rows = rows[:min(size, len(rows))]
	items, err := s.renderTickets(ctx, caller, rows)
	if err != nil {
		return nil, err
	}
	answer := &listTicketsAnswer{TotalCount: &total, Body: TicketList{items}}
	if capped {
		answer.CountCapped = "true"
	}
	if in.enveloped(ctx) {
		answer.Body = TicketList{TicketEnvelope{
			Items: items, Total: total, Page: page.Offset/size + 1, Size: size, Pages: (total + size - 1) / size, HasNext: more, HasPrev: page.Offset > 0,
		}}
	}
	if more {
		answer.Link = in.next(ctx, page, rows[len(rows)-1])
	}
	return answer, nil
}

// countTickets answers how many tickets the whole list has. A page that is not full and does not begin behind the end says
// it by itself.
func (s *Server) countTickets(ctx context.Context, page projections.TicketPage, rows int) (int, error) {
	if page.After == nil && rows < page.Limit && (rows > 0 || page.Offset == 0) {
		return page.Offset + rows, nil
	}
	return s.TicketRows.Count(ctx, callerOf(ctx).Org, page.Filter)
}

func (s *Server) renderTickets(ctx context.Context, caller domain.Caller, rows []projections.TicketRow) ([]Ticket, error) {
	ids := make([]domain.UserID, len(rows))
	for i, row := range rows {
		ids[i] = row.CreatedBy
	}
	people, err := s.People.Names(ctx, caller.Org, ids)
	if err != nil {
		return nil, err
	}
	files, err := s.filesOf(ctx, rows...)
	if err != nil {
		return nil, err
	}
	items := make([]Ticket, len(rows))
	for i, row := range rows {
		items[i] = renderTicket(row, caller.Actor, people, files)
	}
	return items, nil
}

// maxOffset bounds how many tickets a request may have passed over: each costs as much as one that is shown.
const maxOffset = 100_000

func (in *listTicketsInput) offsetName(ctx context.Context) string {
	if in.enveloped(ctx) {
		return "page"
	}
	return "offset"
}

// page answers what to ask the table for.
func (in *listTicketsInput) page(ctx context.Context) (projections.TicketPage, error) {
	p := projections.TicketPage{
		Order: projections.TicketOrder{By: in.SortBy, Ascending: in.SortOrder == "asc"}, Offset: in.Offset, Limit: in.Limit,
	}
	if in.enveloped(ctx) {
		if in.Size > 0 {
			p.Limit = in.Size
		}
		p.Offset = (max(in.Page, 1) - 1) * p.Limit
	}
	if p.Offset > maxOffset {
		return p, newProblem(ctx, nethttp.StatusUnprocessableEntity, "offset_too_far",
			"A page begins among the first 100,000 tickets. The cursor in the Link header leads further: follow it from a list without offset and page.",
			ProblemField{Location: "query." + in.offsetName(ctx), Message: "too far"})
	}
	var err error
	if p.After, err = in.after(ctx); err != nil {
		return p, err
	}
	p.Filter, err = in.filter(ctx)
	return p, err
}

// after answers where the page begins; nil at the beginning.
func (in *listTicketsInput) after(ctx context.Context) (*projections.TicketCursor, error) {
	if in.Cursor == "" {
		return nil, nil //nolint:nilnil // a list from its beginning is no error
	}
	after, err := parseCursor(in.Cursor)
	if err != nil || in.SortBy != "" || in.SortOrder == "asc" {
		return nil, newProblem(ctx, nethttp.StatusUnprocessableEntity, "cursor_invalid", "The cursor is not one of ours, or the list is sorted otherwise than newest first.",
			ProblemField{Location: "query.cursor", Message: "invalid cursor"})
	}
	return &after, nil
}

func (in *listTicketsInput) filter(ctx context.Context) (projections.TicketFilter, error) {
	caller := callerOf(ctx)
	f := projections.TicketFilter{
		Department: in.Department, Tag: in.Tag, CreatedAfter: in.CreatedAfter, CreatedBefore: in.CreatedBefore, UpdatedAfter: in.UpdatedAfter,
		Text: in.Query, Internal: caller.Can(domain.ReadInternal), OwnedBy: ownOnly(caller), Integration: parsed(in.IntegrationID),
	}
	var err error
	if f.Status, err = oneOf(ctx, "status", in.Status, ticket.Statuses); err != nil {
		return f, err
	}
	if f.Priority, err = oneOf(ctx, "priority", in.Priority, ticket.Levels); err != nil {
		return f, err
	}
	if f.Category, err = oneOf(ctx, "category", in.Category, ticket.Categories); err != nil {
		return f, err
	}
	if err = in.checkTexts(ctx); err != nil {
		return f, err
	}
	f.Assignee.UUID, f.CreatedBy.UUID = parsed(in.AssignedTo), parsed(in.CreatedBy)
	if in.HasAttachments != "" {
		has := in.HasAttachments == "true"
		f.HasAttachment = &has
	}
	return f, nil
}

// checkTexts refuses what PostgreSQL takes for no text. No ticket holds such.
func (in *listTicketsInput) checkTexts(ctx context.Context) error {
	for _, f := range []struct{ name, text string }{{"q", in.Query}, {"department", in.Department}, {"tag", in.Tag}} {
		if !domain.Storable(f.text) {
			return newProblem(ctx, nethttp.StatusUnprocessableEntity, "", f.name+" holds characters that are not text.",
				ProblemField{Location: "query." + f.name, Message: "not text"})
		}
	}
	return nil
}

// parsed reads an id whose form huma has checked.
func parsed(id string) uuid.UUID {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return uuid.Nil
	}
	return parsed
}

// oneOf splits a filter at its commas and refuses what is not in the enum.
func oneOf[S ~string](ctx context.Context, name string, given []string, allowed []S) ([]string, error) {
	values := split(given)
	for _, value := range values {
		if !slices.Contains(allowed, S(value)) {
			return nil, newProblem(ctx, nethttp.StatusUnprocessableEntity, "", fmt.Sprintf("%s must be one of %v.", name, allowed),
				ProblemField{Location: "query." + name, Message: "unknown value", Value: harmless(value)})
		}
	}
	return values, nil
}

// split answers the values of a parameter that may be repeated, or hold several between commas.
func split(given []string) []string {
	var values []string
	for _, part := range given {
		for value := range strings.SplitSeq(part, ",") {
			if value = strings.TrimSpace(value); value != "" {
				values = append(values, value)
			}
		}
	}
	return values
}

// next answers the Link header of the page after this one.
func (in *listTicketsInput) next(ctx context.Context, p projections.TicketPage, last projections.TicketRow) string {
	q := in.url.Query()
	switch {
	case in.enveloped(ctx): // on the slash alias the page in the address makes one of it, too
		q.Set("page", strconv.Itoa(p.Offset/max(p.Limit-1, 1)+2))
	case p.Order != (projections.TicketOrder{}) || in.Offset > 0:
		q.Set("offset", strconv.Itoa(p.Offset+p.Limit-1))
	default:
		q.Set("cursor", cursorAfter(last))
	}
	return fmt.Sprintf(`<%s?%s>; rel="next"`, in.url.Path, q.Encode())
}

func cursorAfter(t projections.TicketRow) string {
	return cursorOf(projections.TicketCursor{CreatedAt: t.CreatedAt, ID: t.ID.UUID})
}

func cursorOf(c projections.TicketCursor) string {
	place := binary.BigEndian.AppendUint64(nil, uint64(c.CreatedAt.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(place, c.ID[:]...))
}

func parseCursor(cursor string) (projections.TicketCursor, error) {
	place, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(place) != 24 {
		return projections.TicketCursor{}, fmt.Errorf("cursor %q: %w", cursor, errBadCursor)
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(place))).UTC() //nolint:gosec // the bits matter, not the sign
	if at.Year() < 1970 || at.Year() > 9999 {                         // PostgreSQL knows no such time, and we make no such cursor
		return projections.TicketCursor{}, fmt.Errorf("cursor %q: %w", cursor, errBadCursor)
	}
	return projections.TicketCursor{CreatedAt: at, ID: uuid.UUID(place[8:])}, nil
}
