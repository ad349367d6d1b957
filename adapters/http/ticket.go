package http

import (
	"context"
	"fmt"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

func (s *Server) ticketRoutes() {
	register(s, op("create-ticket", nethttp.MethodPost, "/api/v1/tickets", "Create a ticket", tagTickets, status201, described(aliasOfCreate), errs(400, 409, 415)), s.createTicket)
	register(s, op("list-tickets", nethttp.MethodGet, "/api/v1/tickets", "List tickets, newest first", tagTickets, described(aliasOfList+"\n\n"+pastList)), s.listTickets)
	register(s, op("ticket-stats", nethttp.MethodGet, "/api/v1/tickets/stats/overview", "Totals and distributions", tagTickets), s.ticketStats)
	register(s, op("get-ticket", nethttp.MethodGet, "/api/v1/tickets/{ticket_id}", "Get a ticket, as it is or as it was", tagTickets, described(asItWas), errs(404)), s.getTicket)
	register(s, op("update-ticket", nethttp.MethodPatch, "/api/v1/tickets/{ticket_id}", "Change the supplied fields", tagTickets, errs(400, 404, 409, 412, 415)), s.updateTicket)
	register(s, op("put-ticket", nethttp.MethodPut, "/api/v1/tickets/{ticket_id}", "Change the supplied fields, as PATCH does", tagTickets, errs(400, 404, 409, 412, 415)), s.updateTicket)
	register(s, op("delete-ticket", nethttp.MethodDelete, "/api/v1/tickets/{ticket_id}", "Delete a ticket; its history stays", tagTickets, status204, errs(404, 409, 412)), s.deleteTicket)
	register(s, op("set-ticket-status", nethttp.MethodPost, "/api/v1/tickets/{ticket_id}/status", "Move a ticket through its life", tagTickets, errs(404, 409, 412, 415)), s.setStatus)
	register(s, op("assign-ticket", nethttp.MethodPost, "/api/v1/tickets/{ticket_id}/assign", "Give a ticket to a member, or to nobody", tagTickets, errs(404, 409, 412, 415)), s.assignTicket)
	register(s, op("attach-files", nethttp.MethodPost, "/api/v1/tickets/{ticket_id}/attachments", "Attach uploads to a ticket", tagTickets, errs(400, 404, 409, 412, 415)), s.attachFiles)
	register(s, op("detach-file", nethttp.MethodDelete, "/api/v1/tickets/{ticket_id}/attachments/{file_id}", "Take an attachment from a ticket", tagTickets, errs(400, 404, 409, 412)), s.detachFile)
}

// TicketID is the path parameter of every ticket route.
type TicketID struct {
	Ref string `path:"ticket_id" maxLength:"64" doc:"The ticket's id, or its number." example:"42"`
}

type createTicketBody struct {
	AttachmentInput
	Title            string         `json:"title" minLength:"1" maxLength:"500" example:"VPN drops every ten minutes"`
	Description      string         `json:"description" minLength:"1" maxLength:"50000" example:"Since this morning, on Wi-Fi and on cable."`
	Priority         string         `json:"priority,omitempty" enum:"low,medium,high,critical" doc:"Left out, it is medium until an agent has read the ticket."`
	Urgency          string         `json:"urgency,omitempty" enum:"low,medium,high,critical" default:"medium"`
	Category         string         `json:"category,omitempty" enum:"technical,billing,feature_request,bug,user_access,general,integration,performance,security" doc:"Left out, it is general until an agent has read the ticket."`
	Subcategory      string         `json:"subcategory,omitempty" maxLength:"100"`
	Department       string         `json:"department,omitempty" maxLength:"100"`
	Tags             []string       `json:"tags,omitempty" maxItems:"50"`
	CustomFields     map[string]any `json:"custom_fields,omitempty"`
	SourceChannel    string         `json:"source_channel,omitempty" maxLength:"100" example:"chrome_extension"`
	AssignedTo       *uuid.UUID     `json:"assigned_to_id,omitempty" format:"uuid"`
	IntegrationID    *uuid.UUID     `json:"integration_id,omitempty" format:"uuid" doc:"Where the ticket shall live too."`
	CreateExternally *bool          `json:"create_externally,omitempty" doc:"false names the integration without sending the ticket there."`
}

// TicketAnswer is one ticket.
type TicketAnswer struct {
	Status        int
	ETag          string   `header:"ETag"`
	Location      string   `header:"Location"`
	EventPosition Position `header:"X-Event-Position"`
	Body          Ticket
}

func (s *Server) createTicket(ctx context.Context, in *struct{ Body createTicketBody }) (*TicketAnswer, error) {
	attachments, err := in.Body.parse(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if madeByPrograms(b.SourceChannel) {
		return nil, newProblem(ctx, nethttp.StatusBadRequest, "source_channel_reserved", fmt.Sprintf("source_channel cannot be %q: that is what the program says of tickets that agents and tools make.", b.SourceChannel),
			ProblemField{Location: "body.source_channel", Message: "reserved"})
	}
	stream, err := s.Tickets.Handle(ctx, request(ctx), ticket.ID{UUID: newID(ctx)}, ticket.OpenTicket{
		Content: ticket.Content{
			Title: b.Title, Description: b.Description, Priority: ticket.Level(b.Priority), Urgency: ticket.Level(b.Urgency),
			Category: ticket.Category(b.Category), Subcategory: b.Subcategory, Department: b.Department, Tags: b.Tags, CustomFields: b.CustomFields,
		},
		SourceChannel: b.SourceChannel, Assignee: userID(b.AssignedTo), Attachments: attachments, Integration: orNil(b.IntegrationID),
		Send: b.CreateExternally == nil || *b.CreateExternally, By: callerOf(ctx).Actor,
	})
	if err != nil {
		return nil, err
	}
	answer, err := s.answerTicket(ctx, stream)
	if err == nil {
		answer.Status, answer.Location = createdStatus(ctx), "/api/v1/tickets/"+stream.ID.String()
	}
	return answer, err
}

func orNil(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

func userID(id *uuid.UUID) domain.UserID {
	if id == nil {
		return domain.UserID{}
	}
	return domain.UserID{UUID: *id}
}

// answerTicket renders the row that a stream leads to: what the next GET will show.
func (s *Server) answerTicket(ctx context.Context, stream eventstore.Stream) (*TicketAnswer, error) {
	answer, err := s.showTicket(ctx, projections.Fold(projections.ApplyTicket, stream.Events))
	if err == nil {
		answer.EventPosition = positionOf(stream)
	}
	return answer, err
}

func (s *Server) showTicket(ctx context.Context, row projections.TicketRow) (*TicketAnswer, error) {
	caller := callerOf(ctx)
	people, err := s.People.Names(ctx, caller.Org, []domain.UserID{row.CreatedBy})
	if err != nil {
		return nil, err
	}
	files, err := s.filesOf(ctx, row)
	if err != nil {
		return nil, err
	}
	return &TicketAnswer{Status: nethttp.StatusOK, ETag: etag(row.Version), Body: renderTicket(row, caller.Actor, people, files)}, nil
}

// findTicket answers the row that an id or a number names, if the caller may see it.
func (s *Server) findTicket(ctx context.Context, in TicketID) (projections.TicketRow, error) {
	return s.TicketRows.FindVisible(ctx, callerOf(ctx), in.Ref)
}

// ticketID answers the id that a path parameter names. An id is taken as it is: the decider knows whether it exists.
func (s *Server) ticketID(ctx context.Context, in TicketID) (ticket.ID, error) {
	if id, err := uuid.Parse(in.Ref); err == nil {
		return ticket.ID{UUID: id}, nil
	}
	row, err := s.findTicket(ctx, in)
	return row.ID, err
}

// change hands one command over and answers the ticket as it then stands.
func (s *Server) change(ctx context.Context, in TicketID, match IfMatch, cmd ticket.Command) (*TicketAnswer, error) {
	stream, err := s.handleTicket(ctx, in, match, cmd)
	if err != nil {
		return nil, err
	}
	return s.answerTicket(ctx, stream)
}

func (s *Server) handleTicket(ctx context.Context, in TicketID, match IfMatch, cmd ticket.Command) (eventstore.Stream, error) {
	id, err := s.ticketID(ctx, in)
	if err != nil {
		return eventstore.Stream{}, err
	}
	r, err := match.request(ctx)
	if err != nil {
		return eventstore.Stream{}, err
	}
	return s.Tickets.Handle(ctx, r, id, cmd)
}

func (s *Server) getTicket(ctx context.Context, in *struct {
	TicketID
	Then
},
) (*TicketAnswer, error) {
	past, err := in.past(ctx)
	if err != nil {
		return nil, err
	}
	var row projections.TicketRow
	if past.isNow() {
		row, err = s.findTicket(ctx, in.TicketID)
	} else {
		row, _, err = s.pastTicket(ctx, in.TicketID, past)
	}
	if err != nil {
		return nil, err
	}
	return s.showTicket(ctx, row)
}

type updateTicketBody struct {
	Title             Optional[string]         `json:"title,omitzero" minLength:"1" maxLength:"500"`
	Description       Optional[string]         `json:"description,omitzero" maxLength:"50000"`
	Status            Optional[string]         `json:"status,omitzero" enum:"new,open,in_progress,pending,resolved,closed,cancelled"`
	Priority          Optional[string]         `json:"priority,omitzero"`
	Urgency           Optional[string]         `json:"urgency,omitzero"`
	Category          Optional[string]         `json:"category,omitzero"`
	Subcategory       Optional[string]         `json:"subcategory,omitzero"`
	Department        Optional[string]         `json:"department,omitzero"`
	Tags              Optional[[]string]       `json:"tags,omitzero"`
	CustomFields      Optional[map[string]any] `json:"custom_fields,omitzero"`
	AssignedTo        Optional[uuid.UUID]      `json:"assigned_to_id,omitzero"`
	ResolutionSummary Optional[string]         `json:"resolution_summary,omitzero"`
}

func (s *Server) updateTicket(ctx context.Context, in *struct {
	TicketID
	IfMatch
	Body updateTicketBody
},
) (*TicketAnswer, error) {
	b := in.Body
	if b.Status.Null {
		return nil, newProblem(ctx, nethttp.StatusUnprocessableEntity, "", "The status of a ticket cannot be cleared.", ProblemField{Location: "body.status", Message: "must not be null"})
	}
	edit := ticket.Edit{
		Changes: ticket.Changes{
			Title: b.Title.ptr(), Description: b.Description.ptr(), Priority: as[ticket.Level](b.Priority.ptr()), Urgency: as[ticket.Level](b.Urgency.ptr()),
			Category: as[ticket.Category](b.Category.ptr()), Subcategory: b.Subcategory.ptr(), Department: b.Department.ptr(),
			Tags: b.Tags.ptr(), CustomFields: b.CustomFields.ptr(),
		},
		Status: as[ticket.Status](b.Status.ptr()), ResolutionSummary: b.ResolutionSummary.ptr(), By: callerOf(ctx).Actor,
	}
	if b.AssignedTo.Present {
		edit.Assignee = &domain.UserID{UUID: b.AssignedTo.Value}
	}
	return s.change(ctx, in.TicketID, in.IfMatch, edit)
}

func as[T ~string](text *string) *T {
	if text == nil {
		return nil
	}
	value := T(*text)
	return &value
}

func (s *Server) deleteTicket(ctx context.Context, in *struct {
	TicketID
	IfMatch
},
) (*DeletedAnswer, error) {
	stream, err := s.handleTicket(ctx, in.TicketID, in.IfMatch, ticket.Delete{By: callerOf(ctx).Actor})
	if err != nil {
		return nil, err
	}
	return &DeletedAnswer{EventPosition: positionOf(stream)}, nil
}

// DeletedAnswer says that something is gone.
type DeletedAnswer struct {
	EventPosition Position `header:"X-Event-Position"`
}

func (s *Server) setStatus(ctx context.Context, in *struct {
	TicketID
	IfMatch
	Body struct {
		Status            string  `json:"status" enum:"new,open,in_progress,pending,resolved,closed,cancelled"`
		ResolutionSummary *string `json:"resolution_summary,omitempty" maxLength:"50000"`
	}
},
) (*TicketAnswer, error) {
	return s.change(ctx, in.TicketID, in.IfMatch, ticket.ChangeStatus{
		To: ticket.Status(in.Body.Status), ResolutionSummary: in.Body.ResolutionSummary, By: callerOf(ctx).Actor,
	})
}

func (s *Server) assignTicket(ctx context.Context, in *struct {
	TicketID
	IfMatch
	Body struct {
		AssignedTo *uuid.UUID `json:"assigned_to_id" format:"uuid" nullable:"true" doc:"null takes the ticket from its assignee."`
		Reason     string     `json:"reason,omitempty" maxLength:"500"`
	}
},
) (*TicketAnswer, error) {
	return s.change(ctx, in.TicketID, in.IfMatch, ticket.Assign{Assignee: userID(in.Body.AssignedTo), Reason: in.Body.Reason, By: callerOf(ctx).Actor})
}

func (s *Server) attachFiles(ctx context.Context, in *struct {
	TicketID
	IfMatch
	Body AttachmentInput
},
) (*TicketAnswer, error) {
	attachments, err := in.Body.parse(ctx)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, in.TicketID, in.IfMatch, ticket.Attach{Attachments: attachments, By: callerOf(ctx).Actor})
}

func (s *Server) detachFile(ctx context.Context, in *struct {
	TicketID
	IfMatch
	FileID string `path:"file_id" maxLength:"64"`
},
) (*TicketAnswer, error) {
	id, err := uuid.Parse(in.FileID)
	if err != nil {
		return nil, attachmentProblem(ctx, "attachment_id_invalid", "Invalid file_id format: "+in.FileID)
	}
	return s.change(ctx, in.TicketID, in.IfMatch, ticket.Detach{FileID: domain.FileID{UUID: id}, By: callerOf(ctx).Actor})
}

// TicketStats are the organization's totals, of the tickets the caller may see.
type TicketStats struct {
	Total                int            `json:"total"`
	Open                 int            `json:"open" doc:"Neither resolved, closed nor cancelled."`
	Unassigned           int            `json:"unassigned" doc:"Open ones that nobody has."`
	ByStatus             map[string]int `json:"by_status"`
	ByPriority           map[string]int `json:"by_priority"`
	ByCategory           map[string]int `json:"by_category"`
	CreatedLast24Hours   int            `json:"created_last_24h"`
	ClosedLast24Hours    int            `json:"closed_last_24h"`
	MeanFirstResponseSec *float64       `json:"mean_first_response_seconds"`
	MeanResolutionSec    *float64       `json:"mean_resolution_seconds"`
}

func (s *Server) ticketStats(ctx context.Context, _ *struct{}) (*struct{ Body TicketStats }, error) {
	caller := callerOf(ctx)
	stats, err := s.TicketRows.Stats(ctx, caller.Org, ownOnly(caller))
	if err != nil {
		return nil, err
	}
	return &struct{ Body TicketStats }{TicketStats{
		Total: stats.Total, Open: stats.Open, Unassigned: stats.Unassigned, ByStatus: stats.Status, ByPriority: stats.Priority,
		ByCategory: stats.Category, CreatedLast24Hours: stats.CreatedLast24Hours, ClosedLast24Hours: stats.ClosedLast24Hours,
		MeanFirstResponseSec: stats.MeanSecondsToFirstResponse, MeanResolutionSec: stats.MeanSecondsToResolution,
	}}, nil
}

// ownOnly answers whom a list must be restricted to; nobody when the caller may see all.
func ownOnly(c domain.Caller) domain.UserID {
	if domain.ScopeOf(c.Role, domain.ReadTickets) == domain.All {
		return domain.UserID{}
	}
	return c.User
}
