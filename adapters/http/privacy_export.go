package http

import (
	"bufio"
	"context"
	"encoding/json"
	nethttp "net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

const exportManual = "The profile, the API tokens, the tickets they created or have, the comments they wrote, what was recorded about them and " +
	"what they did. Everybody may export themselves, admins everybody. It is written page by page; one that cannot be finished is cut off, so " +
	"that nobody takes it for whole."

// PersonExport is everything about a person.
type PersonExport struct {
	ExportedAt Timestamp       `json:"exported_at"`
	Person     User            `json:"person"`
	APITokens  []APIToken      `json:"api_tokens"`
	Tickets    []Ticket        `json:"tickets" doc:"Created by them or assigned to them, newest first."`
	Comments   []TicketComment `json:"comments" doc:"By them."`
	Account    []AuditEvent    `json:"account" doc:"What was recorded about them."`
	Activity   []AuditEvent    `json:"activity" doc:"What they did."`
}

type personExportAnswer struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Disposition string `header:"Content-Disposition" hidden:"true"`
	Body        func(huma.Context)
}

func (s *Server) exportPerson(ctx context.Context, in *MemberID) (*personExportAnswer, error) {
	person, err := s.findPerson(ctx, domain.UserID{UUID: in.ID})
	if err != nil {
		return nil, err
	}
	return &personExportAnswer{
		ContentType: "application/json", Disposition: `attachment; filename="person-` + in.ID.String() + `.json"`,
		Body: func(c huma.Context) { //nolint:contextcheck // what is written outlives the request's bound
			ctx := context.WithoutCancel(c.Context())
			if err := s.writePerson(ctx, c, person); err != nil {
				s.Logger.WarnContext(ctx, "the export of a person was cut off", "cause", err, "request_id", requestID(ctx))
				panic(nethttp.ErrAbortHandler) // the client must see that it is not whole
			}
		},
	}, nil
}

func (s *Server) writePerson(ctx context.Context, c huma.Context, person projections.UserRow) error {
	d := &document{Writer: bufio.NewWriterSize(c.BodyWriter(), 64<<10), connection: nethttp.NewResponseController(humaecho.Unwrap(c).Response())}
	d.field("exported_at", Timestamp(time.Now()))
	d.field("person", renderUser(person))
	tokens, err := s.APITokens.List(ctx, person.Org, person.ID)
	if err != nil {
		return err
	}
	shown := make([]APIToken, len(tokens))
	for i, t := range tokens {
		shown[i] = renderAPIToken(t, time.Now())
	}
	d.field("api_tokens", shown)
	if err := writeList(ctx, d, "tickets", s.ticketsOf(person)); err != nil {
		return err
	}
	if err := writeList(ctx, d, "comments", s.commentsOf(person)); err != nil {
		return err
	}
	if err := writeList(ctx, d, "account", s.eventsOf(eventstore.Query{Org: person.Org.UUID, Streams: []uuid.UUID{person.ID.UUID}})); err != nil {
		return err
	}
	if err := writeList(ctx, d, "activity", s.eventsOf(eventstore.Query{Org: person.Org.UUID, Actor: person.ID.UUID})); err != nil {
		return err
	}
	return d.end()
}

// ticketsOf answers the pages of a person's tickets.
func (s *Server) ticketsOf(person projections.UserRow) pages[Ticket] {
	page := projections.TicketPage{Filter: projections.TicketFilter{OwnedBy: person.ID}, Limit: streamPage}
	return func(ctx context.Context) ([]Ticket, error) {
		rows, err := s.TicketRows.List(ctx, person.Org, page)
		if err != nil || len(rows) == 0 {
			return nil, err
		}
		last := rows[len(rows)-1]
		page.After = &projections.TicketCursor{CreatedAt: last.CreatedAt, ID: last.ID.UUID}
		return s.renderTickets(ctx, callerOf(ctx), rows)
	}
}

// commentsOf answers the pages of a person's comments.
func (s *Server) commentsOf(person projections.UserRow) pages[TicketComment] {
	var after ticket.ID
	var version int
	return func(ctx context.Context) ([]TicketComment, error) {
		rows, err := s.CommentRows.By(ctx, person.Org, person.ID, after, version, streamPage)
		if err != nil || len(rows) == 0 {
			return nil, err
		}
		last := rows[len(rows)-1]
		after, version = last.Ticket, last.Version
		people, err := s.People.Names(ctx, person.Org, []domain.UserID{person.ID})
		if err != nil {
			return nil, err
		}
		shown := make([]TicketComment, len(rows))
		for i, row := range rows {
			shown[i] = renderComment(row, people)
		}
		return shown, nil
	}
}

// eventsOf answers the pages of what q selects.
func (s *Server) eventsOf(q eventstore.Query) pages[AuditEvent] {
	q.Limit = streamPage
	return func(ctx context.Context) ([]AuditEvent, error) {
		page, err := s.auditPage(ctx, q)
		if len(page) > 0 {
			q.After = page[len(page)-1].Position
		}
		return page, err
	}
}

// pages answers one page after the other; an empty one is the end.
type pages[T any] func(ctx context.Context) ([]T, error)

// document writes one JSON object field by field. Its first trouble is answered by end.
type document struct {
	*bufio.Writer
	connection *nethttp.ResponseController
	begun      bool
	err        error
}

func (d *document) text(s string) {
	if d.err == nil {
		_, d.err = d.WriteString(s)
	}
}

func (d *document) json(value any) {
	text, err := json.Marshal(value)
	if d.err == nil {
		d.err = err
	}
	d.text(string(text))
}

func (d *document) name(name string) {
	if d.begun {
		d.text(",")
	} else {
		d.text("{")
	}
	d.begun = true
	d.json(name)
	d.text(":")
}

func (d *document) field(name string, value any) {
	d.name(name)
	d.json(value)
}

// writeList writes a field that holds everything on the pages, and flushes after each: the memory it takes is a page's.
func writeList[T any](ctx context.Context, d *document, name string, next pages[T]) error {
	d.name(name)
	d.text("[")
	for first := true; ; {
		if d.err == nil {
			d.err = d.connection.SetWriteDeadline(time.Now().Add(pageTime))
		}
		page, err := next(ctx)
		if err != nil {
			return err
		}
		for _, item := range page {
			if !first {
				d.text(",")
			}
			first = false
			d.json(item)
		}
		if d.err == nil {
			d.err = d.Flush()
		}
		if d.err != nil || len(page) == 0 {
			break
		}
	}
	d.text("]")
	return d.err
}

func (d *document) end() error {
	d.text("}")
	if d.err == nil {
		d.err = d.Flush()
	}
	if d.err == nil {
		d.err = d.connection.SetWriteDeadline(time.Time{}) // the connection lives on
	}
	return d.err
}
