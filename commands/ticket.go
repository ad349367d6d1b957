package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// Files knows the uploads of an organization.
type Files interface {
	// Missing answers those ids that cannot be referred to: unknown, another organization's, deleted or quarantined.
	Missing(ctx context.Context, org domain.OrgID, ids []domain.FileID) ([]domain.FileID, error)
}

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

// The refusals that need more than the ticket to decide.
var (
	ErrUnknownFiles    = &domain.Error{Kind: domain.BadReference, Code: "unknown_files", Message: "Invalid or inaccessible files.", Field: "attachments"}
	ErrUnknownAssignee = &domain.Error{Kind: domain.Invalid, Code: "unknown_assignee", Message: "The assignee is no active member of this organization.", Field: "assigned_to_id"}
)

// Tickets answers commands to tickets.
type Tickets struct {
	handler Handler[ticket.State, ticket.Command, ticket.Event]
	files   Files
	members Members
	numbers Numbers
}

// NewTickets wires the ticket decider to the log and to what it refers to.
func NewTickets(log eventstore.Log, files Files, members Members, numbers Numbers) Tickets {
	t := Tickets{handler: NewHandler(log, ticket.Decider), files: files, members: members, numbers: numbers}
	t.handler.check = t.checkReferences
	return t
}

// Handle answers one command and the ticket's stream as it then stands. Errors: the refusals of package ticket,
// ErrUnknownFiles, ErrUnknownAssignee, ErrStale, ErrBusy.
func (t Tickets) Handle(ctx context.Context, r Request, id ticket.ID, cmd ticket.Command) (eventstore.Stream, error) {
	open, isNew := cmd.(ticket.OpenTicket)
	if !isNew {
		return t.handler.Handle(ctx, r, id.UUID, cmd)
	}
	if !r.By.Can(domain.CreateTickets) {
		return eventstore.Stream{}, domain.ErrForbidden
	}
	number, err := t.numbers.Next(ctx, r.Org)
	if err != nil {
		return eventstore.Stream{}, err
	}
	open.Number = number
	return t.handler.Create(ctx, r, id.UUID, open)
}

func (t Tickets) checkReferences(ctx context.Context, org domain.OrgID, cmd ticket.Command) error {
	attachments, assignee := references(cmd)
	if err := t.checkFiles(ctx, org, attachments); err != nil {
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

// references answers what a command points at outside the ticket.
func references(cmd ticket.Command) (attachments []ticket.Attachment, assignee domain.UserID) {
	switch c := cmd.(type) {
	case ticket.OpenTicket:
		return c.Attachments, c.Assignee
	case ticket.Edit:
		if c.Assignee != nil {
			assignee = *c.Assignee
		}
	case ticket.Assign:
		assignee = c.Assignee
	case ticket.AddComment:
		attachments = c.Attachments
	case ticket.Attach:
		attachments = c.Attachments
	case ticket.ChangeStatus, ticket.Release, ticket.Detach, ticket.Delete, ticket.EraseWords: // they point at nothing
	}
	return attachments, assignee
}

func (t Tickets) checkFiles(ctx context.Context, org domain.OrgID, attachments []ticket.Attachment) error {
	if len(attachments) == 0 {
		return nil
	}
	var ids []domain.FileID
	for _, a := range attachments {
		if !slices.Contains(ids, a.FileID) {
			ids = append(ids, a.FileID)
		}
	}
	missing, err := t.files.Missing(ctx, org, ids)
	if err != nil {
		return fmt.Errorf("look up files: %w", err)
	}
	if len(missing) == 0 {
		return nil
	}
	names := make([]string, len(missing))
	for i, id := range missing {
		names[i] = id.String()
	}
	return ErrUnknownFiles.With(fmt.Sprintf("Invalid or inaccessible files: {%s}", strings.Join(names, ", ")))
}

// NoFiles is the directory of a program that takes no uploads: whatever is referred to is missing.
type NoFiles struct{}

// Missing answers all ids.
func (NoFiles) Missing(_ context.Context, _ domain.OrgID, ids []domain.FileID) ([]domain.FileID, error) {
	return ids, nil
}

// NewID makes the id of something new: UUIDv7, so that new rows lie side by side in every index.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
