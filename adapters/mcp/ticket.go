package mcp

import (
	"context"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

func (s *Server) ticketTools() {
	add(s, description{
		name: "create_ticket", title: "Create a ticket", needs: domain.CreateTickets, writes: true, outside: true,
		text: "Creates a ticket and answers its id and number. With an integration it sends it there afterwards, and says in integration_result what has come of it. Repeated with the same _meta.idempotency_key it answers the same ticket again.",
	}, s.createTicket)
	add(s, description{
		name: "update_ticket", title: "Change a ticket", needs: domain.EditTickets, writes: true, repeatable: true,
		text: "Changes the fields that are given. A field that is left out stays as it is, and none can be cleared.",
	}, s.updateTicket)
	add(s, description{
		name: "get_ticket", title: "Get a ticket", needs: domain.ReadTickets,
		text: "Answers one ticket with its whole description.",
	}, s.getTicket)
}

// attachment refers to an upload.
type attachment struct {
	FileID uuid.UUID `json:"file_id" doc:"The id that the upload answered."`
}

// newTicket is what a ticket begins with.
type newTicket struct {
	Title       string          `json:"title" minLength:"1" maxLength:"500" doc:"What is wrong or wanted, in one line."`
	Description string          `json:"description" minLength:"1" maxLength:"50000" doc:"What somebody who can help must know: what happens, since when, how to see it."`
	Category    ticket.Category `json:"category,omitempty" default:"general"`
	Priority    ticket.Level    `json:"priority,omitempty" default:"medium"`
	Urgency     ticket.Level    `json:"urgency,omitempty" default:"medium"`
	Subcategory string          `json:"subcategory,omitempty" maxLength:"100"`
	Department  string          `json:"department,omitempty" maxLength:"100" doc:"Who it should go to."`
	Tags        []string        `json:"tags,omitempty" maxItems:"50" minLength:"1" maxLength:"100"`
	AssignedTo  *uuid.UUID      `json:"assigned_to_id,omitempty" doc:"A member of the organization."`
	Attachments []attachment    `json:"attachments,omitempty" maxItems:"50" doc:"Uploads that belong to it."`
}

type createTicketArguments struct {
	newTicket
	Integration integration.Platform `json:"integration,omitempty" doc:"Where the ticket shall live too."`
	certain
}

// CreatedTicket says that a ticket was made.
type CreatedTicket struct {
	Status            string                `json:"status" enum:"created"`
	TicketID          uuid.UUID             `json:"ticket_id"`
	Number            int64                 `json:"number" doc:"What people call the ticket in this organization."`
	ExternalID        *string               `json:"external_id" doc:"What the integration calls it; null: it lives only here."`
	Integration       *integration.Platform `json:"integration" doc:"The integration that was asked for."`
	IntegrationResult *IntegrationResult    `json:"integration_result,omitempty" doc:"What came of sending it there."`
	Ticket            Ticket                `json:"ticket"`
}

func (s *Server) createTicket(ctx context.Context, c call, in createTicketArguments) (answer CreatedTicket, err error) {
	row, err := s.open(ctx, c, in.newTicket)
	if err != nil {
		return answer, err
	}
	answer = CreatedTicket{Status: "created", TicketID: row.ID.UUID, Number: row.Number}
	if w := in.wish(in.Integration); w != (integration.Wish{}) {
		sent, err := s.deliver(ctx, c, row, w, begun)
		if err != nil {
			return answer, err
		}
		row, answer.ExternalID, answer.IntegrationResult = sent.row, sent.externalID(), new(sent.result())
	}
	if in.Integration != "" {
		answer.Integration = &in.Integration
	}
	answer.Ticket, err = s.showTicket(ctx, c, row)
	return answer, err
}

var errMadeAndDeleted = &domain.Error{Kind: domain.NotFound, Code: "ticket_not_found", Message: "The ticket that this idempotency_key made was deleted since."}

// open makes a ticket, and answers what was made.
func (s *Server) open(ctx context.Context, c call, in newTicket) (projections.TicketRow, error) {
	stream, err := s.Tickets.Handle(ctx, c.request, ticket.ID{UUID: c.newID()}, ticket.OpenTicket{
		Content: ticket.Content{
			Title: in.Title, Description: in.Description, Priority: in.Priority, Urgency: in.Urgency, Category: in.Category,
			Subcategory: in.Subcategory, Department: in.Department, Tags: in.Tags,
		},
		SourceChannel: c.channel(), Assignee: userID(in.AssignedTo), Attachments: attachmentsOf(in.Attachments), By: c.caller.Actor,
	})
	if err != nil {
		return projections.TicketRow{}, err
	}
	row := rowOf(stream)
	if row.Deleted {
		return row, errMadeAndDeleted
	}
	return row, nil
}

func attachmentsOf(in []attachment) []ticket.Attachment {
	var attachments []ticket.Attachment
	for _, a := range in {
		attachments = append(attachments, ticket.Attachment{FileID: domain.FileID{UUID: a.FileID}})
	}
	return attachments
}

func userID(id *uuid.UUID) domain.UserID {
	if id == nil {
		return domain.UserID{}
	}
	return domain.UserID{UUID: *id}
}

func rowOf(stream eventstore.Stream) projections.TicketRow {
	return projections.Fold(projections.ApplyTicket, stream.Events)
}

// ticketRef names a ticket.
type ticketRef struct {
	Ticket string `json:"ticket_id" minLength:"1" maxLength:"64" doc:"The ticket's id, or its number as a text."`
}

// find answers the ticket that is named, if the caller may see it.
func (s *Server) find(ctx context.Context, c call, in ticketRef) (projections.TicketRow, error) {
	return s.TicketRows.FindVisible(ctx, c.caller, in.Ticket)
}

type updateTicketArguments struct {
	ticketRef
	Title             *string          `json:"title,omitempty" minLength:"1" maxLength:"500"`
	Description       *string          `json:"description,omitempty" minLength:"1" maxLength:"50000"`
	Status            *ticket.Status   `json:"status,omitempty" doc:"Where the ticket shall be in its life. What is resolved can be closed or opened again; what is closed or cancelled only opened again."`
	ResolutionSummary *string          `json:"resolution_summary,omitempty" minLength:"1" maxLength:"50000" doc:"What was done about it."`
	Category          *ticket.Category `json:"category,omitempty"`
	Priority          *ticket.Level    `json:"priority,omitempty"`
	Urgency           *ticket.Level    `json:"urgency,omitempty"`
	Subcategory       *string          `json:"subcategory,omitempty" minLength:"1" maxLength:"100"`
	Department        *string          `json:"department,omitempty" minLength:"1" maxLength:"100"`
	Tags              *[]string        `json:"tags,omitempty" minItems:"1" maxItems:"50" minLength:"1" maxLength:"100" doc:"Instead of those it has."`
	AssignedTo        *uuid.UUID       `json:"assigned_to_id,omitempty" doc:"A member of the organization."`
}

// UpdatedTicket says that a ticket is as it was asked for.
type UpdatedTicket struct {
	Status string `json:"status" enum:"updated"`
	Ticket Ticket `json:"ticket"`
}

func (s *Server) updateTicket(ctx context.Context, c call, in updateTicketArguments) (answer UpdatedTicket, err error) {
	row, err := s.find(ctx, c, in.ticketRef)
	if err != nil {
		return answer, err
	}
	edit := ticket.Edit{
		Changes: ticket.Changes{
			Title: in.Title, Description: in.Description, Priority: in.Priority, Urgency: in.Urgency, Category: in.Category,
			Subcategory: in.Subcategory, Department: in.Department, Tags: in.Tags,
		},
		Status: in.Status, ResolutionSummary: in.ResolutionSummary, By: c.caller.Actor,
	}
	if in.AssignedTo != nil {
		edit.Assignee = new(userID(in.AssignedTo))
	}
	stream, err := s.Tickets.Handle(ctx, c.request, row.ID, edit)
	if err != nil {
		return answer, err
	}
	answer.Status = "updated"
	answer.Ticket, err = s.showTicket(ctx, c, rowOf(stream))
	return answer, err
}

// FoundTicket is one ticket.
type FoundTicket struct {
	Ticket Ticket `json:"ticket"`
}

func (s *Server) getTicket(ctx context.Context, c call, in ticketRef) (answer FoundTicket, err error) {
	row, err := s.find(ctx, c, in)
	if err != nil {
		return answer, err
	}
	answer.Ticket, err = s.showTicket(ctx, c, row)
	return answer, err
}
