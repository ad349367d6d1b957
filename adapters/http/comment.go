package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/projections"
)

func (s *Server) commentRoutes() {
	register(s, op("add-comment", nethttp.MethodPost, "/api/v1/tickets/{ticket_id}/comments", "Comment on a ticket", tagTickets, status201, errs(400, 404, 409, 412, 415)), s.addComment)
	register(s, op("list-comments", nethttp.MethodGet, "/api/v1/tickets/{ticket_id}/comments", "List a ticket's comments, oldest first", tagTickets, errs(404)), s.listComments)
}

// TicketComment is a comment as clients see it.
type TicketComment struct {
	ID          uuid.UUID       `json:"id" format:"uuid"`
	TicketID    uuid.UUID       `json:"ticket_id" format:"uuid"`
	Author      Person          `json:"author"`
	Content     string          `json:"content"`
	Internal    bool            `json:"internal" doc:"For the staff alone."`
	Attachments []AttachmentRef `json:"attachments"`
	Version     int             `json:"version" doc:"The ticket's version that this comment made."`
	CreatedAt   Timestamp       `json:"created_at"`
}

func renderComment(c projections.CommentRow, people map[domain.UserID]projections.Person) TicketComment {
	return TicketComment{
		ID: c.ID, TicketID: c.Ticket.UUID, Author: renderPerson(c.Author, people), Content: c.Content, Internal: c.Internal,
		Attachments: renderAttachments(c.Attachments), Version: c.Version, CreatedAt: Timestamp(c.CreatedAt),
	}
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
	After int `query:"after" minimum:"0" doc:"Comments after this version of the ticket."`
	Limit int `query:"limit" minimum:"1" maximum:"200" default:"100"`
},
) (*struct{ Body []TicketComment }, error) {
	row, err := s.findTicket(ctx, in.TicketID)
	if err != nil {
		return nil, err
	}
	caller := callerOf(ctx)
	comments, err := s.CommentRows.List(ctx, caller.Org, row.ID, caller.Can(domain.ReadInternal), in.After, in.Limit)
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
