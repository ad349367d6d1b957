package commands

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// Members knows the people of an organization.
type Members interface {
	// Active reports whether the user is an active member.
	Active(ctx context.Context, org domain.OrgID, user domain.UserID) (bool, error)
}

// Numbers gives out ticket numbers.
type Numbers interface {
	// Next answers a number that the organization has not used; gaps are fine.
	Next(ctx context.Context, org domain.OrgID) (int64, error)
}

// ErrUnknownAssignee needs more than the ticket to decide.
var ErrUnknownAssignee = &domain.Error{Kind: domain.Invalid, Code: "unknown_assignee", Message: "The assignee is no active member of this organization.", Field: "assigned_to_id"}

// Tickets answers commands to tickets.
type Tickets struct {
	handler      Handler[ticket.State, ticket.Command, ticket.Event]
	integrations Handler[integration.State, integration.Command, integration.Event]
	files        AttachableFiles
	members      Members
	numbers      Numbers
}

// NewTickets wires the ticket decider to the log and to what it refers to.
func NewTickets(log eventstore.Log, files AttachableFiles, members Members, numbers Numbers) Tickets {
	t := Tickets{handler: NewHandler(log, ticket.Decider), integrations: NewHandler(log, integration.Decider), files: files, members: members, numbers: numbers}
	t.handler.check = t.checkReferences
	return t
}

// attaching answers what attaching an upload to a ticket would write, for whoever appends the upload with it: no table
// knows that one yet.
func (t Tickets) attaching(ctx context.Context, r Request, id ticket.ID, file domain.FileID) (eventstore.Write, error) {
	unchecked := t.handler
	unchecked.check = nil
	return unchecked.Decide(ctx, r.Org, id.UUID, ticket.Attach{Attachments: []ticket.Attachment{{FileID: file}}, By: r.By})
}

// Handle answers one command and the ticket's stream as it then stands. Errors: the refusals of package ticket,
// ErrUnknownFiles, ErrUnknownAssignee, ErrUnknownIntegration, ErrStale, ErrBusy.
func (t Tickets) Handle(ctx context.Context, r Request, id ticket.ID, cmd ticket.Command) (eventstore.Stream, error) {
	open, isNew := cmd.(ticket.OpenTicket)
	if !isNew {
		return t.handler.Handle(ctx, r, id.UUID, cmd)
	}
	if !r.By.Can(domain.CreateTickets) {
		return eventstore.Stream{}, domain.ErrForbidden
	}
	if open.Integration != uuid.Nil {
		platform, err := t.destination(ctx, r.Org, open.Integration)
		if err != nil {
			return eventstore.Stream{}, err
		}
		open.Platform = platform
	}
	number, err := t.numbers.Next(ctx, r.Org)
	if err != nil {
		return eventstore.Stream{}, err
	}
	open.Number = number
	return t.handler.Create(ctx, r, id.UUID, open)
}

func (t Tickets) checkReferences(ctx context.Context, org domain.OrgID, cmd ticket.Command) error {
	attachments, by, assignee := references(cmd)
	if err := t.checkFiles(ctx, org, by, attachments); err != nil {
		return err
	}
	if assignee.IsZero() {
		return nil
	}
	active, err := t.members.Active(ctx, org, assignee)
	if err != nil {
		return fmt.Errorf("look up assignee: %w", err)
	}
	if !active {
		return ErrUnknownAssignee
	}
	return nil
}

// references answers what a command points at outside the ticket, and who refers to the attachments.
func references(cmd ticket.Command) (attachments []ticket.Attachment, by domain.Actor, assignee domain.UserID) {
	switch c := cmd.(type) {
	case ticket.OpenTicket:
		return c.Attachments, c.By, c.Assignee
	case ticket.Edit:
		if c.Assignee != nil {
			assignee = *c.Assignee
		}
	case ticket.Assign:
		assignee = c.Assignee
	case ticket.AddComment:
		attachments, by = c.Attachments, c.By
	case ticket.Attach:
		attachments, by = c.Attachments, c.By
	case ticket.ChangeStatus, ticket.Categorize, ticket.Release, ticket.Detach, ticket.RouteTo, ticket.NoteDelivery, ticket.Delete, ticket.EraseWords: // they point at nothing
	}
	return attachments, by, assignee
}

func (t Tickets) checkFiles(ctx context.Context, org domain.OrgID, by domain.Actor, attachments []ticket.Attachment) error {
	ids := make([]domain.FileID, len(attachments))
	for i, a := range attachments {
		ids[i] = a.FileID
	}
	return checkFiles(ctx, t.files, org, by, ids)
}

// NewID makes the id of something new: UUIDv7, so that new rows lie side by side in every index.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
