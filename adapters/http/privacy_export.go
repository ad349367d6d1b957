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

// mostExports is how many exports of people go on at once, in this instance.
const mostExports = 4

const exportManual = "The profile, the API tokens, the tickets they created or have, deleted ones too, the comments they wrote, their uploads with " +
	"what was read from them and the addresses of their bytes, their conversations with agents, every step of what agents did for them, what was recorded about them and what they did, every sign-in included. One export of a person goes on at a time, and four of all (429). Everybody may export themselves, admins everybody. It is written page by page; one that cannot be finished is cut off, so " +
	"that nobody takes it for whole."

// PersonExport is everything about a person.
type PersonExport struct {
	ExportedAt Timestamp       `json:"exported_at"`
	Person     User            `json:"person"`
	APITokens  []APIToken      `json:"api_tokens"`
	Tickets    []Ticket        `json:"tickets" doc:"Created by them or assigned to them, newest first."`
	Deleted    []Ticket        `json:"deleted_tickets" doc:"Those of theirs that were deleted, newest first."`
	Comments   []TicketComment `json:"comments" doc:"By them."`
	Files      []FileDetails   `json:"files" doc:"Uploaded by them, newest first. The bytes are at each one's url."`
	Threads    []PersonThread  `json:"threads" doc:"Conversations with agents that they began, deleted ones too, newest first."`
	Messages   []Message       `json:"messages" doc:"What was said in those conversations, the agents' replies included."`
	Runs       []Run           `json:"runs" doc:"What agents did for them, step by step, newest first."`
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
	if !s.exporting.take(in.ID) {
		p := newProblem(ctx, nethttp.StatusTooManyRequests, "exporting", "This person is being exported, or too many others are; try again in 10 seconds.")
		p.retryAfter = "10"
		return nil, p
	}
	return &personExportAnswer{
		ContentType: "application/json", Disposition: `attachment; filename="person-` + in.ID.String() + `.json"`,
		Body: func(c huma.Context) { //nolint:contextcheck // what is written outlives the request's bound
			defer s.exporting.free(in.ID)
			ctx, done := s.untilEnding(context.WithoutCancel(c.Context()))
			defer done()
			if err := s.writePerson(ctx, c, person); err != nil {
				s.Logger.WarnContext(ctx, "the export of a person was cut off", "cause", err, "request_id", requestID(ctx))
				panic(nethttp.ErrAbortHandler) // the client must see that it is not whole
			}
		},
	}, nil
}

func (s *Server) writePerson(ctx context.Context, c huma.Context, person projections.UserRow) error {
	d := &document{Writer: bufio.NewWriterSize(c.BodyWriter(), 64<<10), connection: nethttp.NewResponseController(humaecho.Unwrap(c).Response())}
	hurry := context.AfterFunc(ctx, func() { _ = d.connection.SetWriteDeadline(time.Now()) }) // a slow client holds up no program that stops
	defer hurry()
	d.field("exported_at", Timestamp(time.Now()))
	d.field("person", renderUser(person))
	if err := writeList(ctx, d, "api_tokens", s.tokensOf(person)); err != nil {
		return err
	}
	if err := writeList(ctx, d, "tickets", s.ticketsOf(person)); err != nil {
		return err
	}
	if err := writeList(ctx, d, "deleted_tickets", s.deletedTicketsOf(person)); err != nil {
		return err
	}
	if err := writeList(ctx, d, "comments", s.commentsOf(person)); err != nil {
		return err
	}
	if err := writeList(ctx, d, "files", s.uploadsOf(person)); err != nil {
		return err
	}
	if err := writeList(ctx, d, "threads", s.threadsOf(person)); err != nil {
		return err
	}
	if err := writeList(ctx, d, "messages", s.messagesOf(person)); err != nil {
		return err
	}
	if err := writeList(ctx, d, "runs", s.runsOf(person)); err != nil {
		return err
	}
	if err := writeList(ctx, d, "account", s.eventsOf(eventstore.Query{Streams: []uuid.UUID{person.ID.UUID}})); err != nil {
		return err
	}
	if err := writeList(ctx, d, "activity", s.eventsOf(eventstore.Query{Actor: person.ID.UUID})); err != nil {
		return err
	}
	return d.end()
}

// tokensOf answers a person's API tokens, which are never more than a page.
func (s *Server) tokensOf(person projections.UserRow) pages[APIToken] {
	return func(ctx context.Context) ([]APIToken, bool, error) {
		tokens, err := s.APITokens.List(ctx, person.Org, person.ID)
		shown := make([]APIToken, len(tokens))
		for i, t := range tokens {
			shown[i] = renderAPIToken(t, time.Now())
		}
		return shown, false, err
	}
}

// ticketsOf answers the pages of a person's tickets.
func (s *Server) ticketsOf(person projections.UserRow) pages[Ticket] {
	return s.ticketPages(func(ctx context.Context, after *projections.TicketCursor) ([]projections.TicketRow, error) {
		filter := projections.TicketFilter{OwnedBy: person.ID}
		return s.TicketRows.List(ctx, person.Org, projections.TicketPage{Filter: filter, After: after, Limit: streamPage})
	})
}

// deletedTicketsOf answers the pages of those of a person's tickets that were deleted.
func (s *Server) deletedTicketsOf(person projections.UserRow) pages[Ticket] {
	return s.ticketPages(func(ctx context.Context, after *projections.TicketCursor) ([]projections.TicketRow, error) {
		return s.TicketRows.DeletedOf(ctx, person.Org, person.ID, after, streamPage)
	})
}

func (s *Server) ticketPages(list func(context.Context, *projections.TicketCursor) ([]projections.TicketRow, error)) pages[Ticket] {
	var after *projections.TicketCursor
	return func(ctx context.Context) ([]Ticket, bool, error) {
		rows, err := list(ctx, after)
		if err != nil || len(rows) == 0 {
			return nil, false, err
		}
		last := rows[len(rows)-1]
		after = &projections.TicketCursor{CreatedAt: last.CreatedAt, ID: last.ID.UUID}
		shown, err := s.renderTickets(ctx, callerOf(ctx), rows)
		return shown, len(rows) == streamPage, err
	}
}

// commentsOf answers the pages of a person's comments.
func (s *Server) commentsOf(person projections.UserRow) pages[TicketComment] {
	var after ticket.ID
	var version int
	return func(ctx context.Context) ([]TicketComment, bool, error) {
		rows, err := s.CommentRows.By(ctx, person.Org, person.ID, after, version, streamPage)
		if err != nil || len(rows) == 0 {
			return nil, false, err
		}
		last := rows[len(rows)-1]
		after, version = last.Ticket, last.Version
		people, err := s.People.Names(ctx, person.Org, []domain.UserID{person.ID})
		shown := make([]TicketComment, len(rows))
		for i, row := range rows {
			shown[i] = renderComment(row, people)
		}
		return shown, len(rows) == streamPage, err
	}
}

// uploadsPage is how many uploads an export holds in memory at a time: what was read from one may be long.
const uploadsPage = 10

// uploadsOf answers the pages of a person's uploads.
func (s *Server) uploadsOf(person projections.UserRow) pages[FileDetails] {
	q := projections.FilesQuery{UploadedBy: person.ID, Limit: uploadsPage}
	return func(ctx context.Context) ([]FileDetails, bool, error) {
		rows, _, err := s.FileRows.List(ctx, callerOf(ctx), q)
		if err != nil || len(rows) == 0 {
			return nil, false, err
		}
		last := rows[len(rows)-1]
		q.After = &projections.FileCursor{CreatedAt: last.CreatedAt, ID: last.ID}
		shown := make([]FileDetails, len(rows))
		for i, row := range rows {
			if shown[i], err = s.detailsOf(ctx, row); err != nil {
				return nil, false, err
			}
		}
		return shown, len(rows) == uploadsPage, nil
	}
}

// eventsOf answers the pages of what q selects up to the log's end.
func (s *Server) eventsOf(q eventstore.Query) pages[AuditEvent] {
	q.Unreadable = true
	return func(ctx context.Context) (page []AuditEvent, more bool, err error) {
		if q.Upto == 0 {
			if q.Upto, err = s.Events.Head(ctx); err != nil {
				return nil, false, err
			}
		}
		page, q.After, err = s.auditPage(ctx, q, streamPage)
		return page, q.After > 0, err
	}
}

// pages answers one page after the other, and whether there are more.
type pages[T any] func(ctx context.Context) (page []T, more bool, err error)

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
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		page, more, err := bounded(ctx, next)
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
		if d.err != nil || !more {
			break
		}
	}
	d.text("]")
	return d.err
}

// bounded gives a page as long as a request has. A program that stops cancels no statement that is under way.
func bounded[T any](ctx context.Context, next pages[T]) ([]T, bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxTime)
	defer cancel()
	return next(ctx)
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
