package http

import (
	"context"
	nethttp "net/http"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/projections"
)

func (s *Server) commentRoutes() {
	register(s, op("add-comment", nethttp.MethodPost, "/api/v1/tickets/{ticket_id}/comments", "Comment on a ticket", tagTickets, status201, errs(400, 404, 409, 412, 415)), s.addComment)
	register(s, op("list-comments", nethttp.MethodGet, "/api/v1/tickets/{ticket_id}/comments", "List a ticket's comments, oldest first", tagTickets, described(asItWas), errs(404)), s.listComments)
}

// TicketComment is a comment as clients see it.
type TicketComment struct {
	ID            uuid.UUID       `json:"id" format:"uuid"`
	TicketID      uuid.UUID       `json:"ticket_id" format:"uuid"`
	Author        Person          `json:"author"`
	Content       string          `json:"content"`
	Internal      bool            `json:"internal" doc:"For the staff alone."`
	Attachments   []AttachmentRef `json:"attachments"`
	IntegrationID *uuid.UUID      `json:"integration_id,omitempty" doc:"Where it was said, by whom the author's full_name names."`
	Version       int             `json:"version" doc:"The ticket's version that this comment made."`
	CreatedAt     Timestamp       `json:"created_at"`
}

func renderComment(c projections.CommentRow, people map[domain.UserID]projections.Person) TicketComment {
	comment := TicketComment{
		ID: c.ID, TicketID: c.Ticket.UUID, Author: renderPerson(c.Author, people), Content: c.Content, Internal: c.Internal,
		Attachments: renderAttachments(c.Attachments), Version: c.Version, CreatedAt: Timestamp(c.CreatedAt),
	}
	if c.Integration != uuid.Nil {
		comment.Author, comment.IntegrationID = Person{ID: c.Integration, FullName: c.SaidBy}, &c.Integration
	}
	return comment
}

type commentAnswer struct {
	ETag          string   `header:"ETag" doc:"Of the ticket."`
	EventPosition Position `header:"X-Event-Position"`
	Body          TicketComment
}

func (s *Server) addComment(ctx context.Context, in *struct {
	TicketID
	IfMatch
	Body struct {
		AttachmentInput
		Content  string `json:"content" minLength:"1" maxLength:"50000"`
		Internal bool   `json:"internal,omitempty" doc:"For the staff alone."`
	}
},
) (*commentAnswer, error) {
	attachments, err := in.Body.parse(ctx)
	if err != nil {
		return nil, err
	}
	id, caller := newID(ctx), callerOf(ctx)
	stream, err := s.handleTicket(ctx, in.TicketID, in.IfMatch, ticket.AddComment{
		CommentID: id, Content: in.Body.Content, Internal: in.Body.Internal, Attachments: attachments, By: caller.Actor,
	})
	if err != nil {
		return nil, err
	}
	people, err := s.People.Names(ctx, caller.Org, []domain.UserID{caller.User})
	if err != nil {
		return nil, err
	}
	answer := &commentAnswer{ETag: etag(stream.Version()), EventPosition: positionOf(stream)}
	for _, row := range projections.CommentsOf(stream.Events) {
		if row.ID == id {
			answer.Body = renderComment(row, people)
		}
	}
	return answer, nil
}

func (s *Server) listComments(ctx context.Context, in *struct {
	TicketID
	Then
	After int `query:"after" minimum:"0" doc:"Comments after this version of the ticket."`
	Limit int `query:"limit" minimum:"1" maximum:"200" default:"100"`
},
) (*struct{ Body []TicketComment }, error) {
	past, err := in.past(ctx)
	if err != nil {
		return nil, err
	}
	caller := callerOf(ctx)
	var comments []projections.CommentRow
	if past.isNow() {
		comments, err = s.findComments(ctx, in.TicketID, caller.Can(domain.ReadInternal), in.After, in.Limit)
	} else {
		comments, err = s.pastComments(ctx, in.TicketID, past, caller.Can(domain.ReadInternal), in.After, in.Limit)
	}
	if err != nil {
		return nil, err
	}
	authors := make([]domain.UserID, len(comments))
	for i, c := range comments {
		authors[i] = c.Author
	}
	people, err := s.People.Names(ctx, caller.Org, authors)
	if err != nil {
		return nil, err
	}
	list := make([]TicketComment, len(comments))
	for i, c := range comments {
		list[i] = renderComment(c, people)
	}
	return &struct{ Body []TicketComment }{list}, nil
}

func (s *Server) findComments(ctx context.Context, in TicketID, internal bool, after, limit int) ([]projections.CommentRow, error) {
	row, err := s.findTicket(ctx, in)
	if err != nil {
		return nil, err
	}
	return s.CommentRows.List(ctx, row.Org, row.ID, internal, after, limit)
}

func (s *Server) pastComments(ctx context.Context, in TicketID, p past, internal bool, after, limit int) ([]projections.CommentRow, error) {
	_, events, err := s.pastTicket(ctx, in, p)
	if err != nil {
		return nil, err
	}
	comments := slices.DeleteFunc(projections.CommentsOf(events), func(c projections.CommentRow) bool {
		return c.Version <= after || c.Internal && !internal
	})
	return comments[:min(limit, len(comments))], nil
}
