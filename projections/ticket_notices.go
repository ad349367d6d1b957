package projections

import (
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// The data of the ticket notices. Their names and fields are the wire contract's.
type (
	// TicketCreatedNotice is the data of ticket_created.
	TicketCreatedNotice struct {
		TicketID  uuid.UUID `json:"ticket_id"`
		Number    int64     `json:"number"`
		Title     string    `json:"title"`
		Status    string    `json:"status"`
		Priority  string    `json:"priority"`
		Category  string    `json:"category"`
		CreatedBy string    `json:"created_by"`
		Timestamp string    `json:"timestamp"`
	}

	// TicketUpdatedNotice is the data of ticket_updated. Changed names the fields that are different now.
	TicketUpdatedNotice struct {
		TicketID  uuid.UUID `json:"ticket_id"`
		Changed   []string  `json:"changed"`
		UpdatedBy string    `json:"updated_by"`
		Version   int       `json:"version"`
		Deleted   bool      `json:"deleted,omitempty"`
		Timestamp string    `json:"timestamp"`
	}

	// TicketCategorizedNotice is the data of ai_categorization_complete.
	TicketCategorizedNotice struct {
		TicketID   uuid.UUID `json:"ticket_id"`
		Category   string    `json:"category"`
		Priority   string    `json:"priority"`
		Confidence float64   `json:"confidence"`
		Agent      string    `json:"agent_type"`
		Provider   string    `json:"provider"`
		RunID      uuid.UUID `json:"run_id"`
		Timestamp  string    `json:"timestamp"`
	}

	// TicketStatusNotice is the data of ticket_status_update.
	TicketStatusNotice struct {
		TicketID  uuid.UUID `json:"ticket_id"`
		Status    string    `json:"status"`
		UpdatedBy string    `json:"updated_by"`
		Timestamp string    `json:"timestamp"`
	}

	// TicketAssignedNotice is the data of ticket_assigned; assigned_to is null when nobody has the ticket any more.
	TicketAssignedNotice struct {
		TicketID   uuid.UUID  `json:"ticket_id"`
		AssignedTo *uuid.UUID `json:"assigned_to"`
		AssignedBy string     `json:"assigned_by"`
		Timestamp  string     `json:"timestamp"`
	}

	// TicketCommentNotice is the data of ticket_comment_added.
	TicketCommentNotice struct {
		TicketID  uuid.UUID `json:"ticket_id"`
		CommentID uuid.UUID `json:"comment_id"`
		Author    string    `json:"author"`
		Content   string    `json:"content"`
		Internal  bool      `json:"internal"`
		Timestamp string    `json:"timestamp"`
	}
)

// Millis is how times are written on the wire: RFC 3339, UTC, milliseconds.
const Millis = "2006-01-02T15:04:05.000Z07:00"

// aboutTicket says what happened to a ticket, to those whose own it is.
func (n Notice) aboutTicket(event ticket.Event, r eventstore.Recorded, owners []domain.UserID) Notice {
	n.Protocol, n.Needs, n.Owners = "ticket", domain.ReadTickets, owners
	at, by := r.At.Format(Millis), r.Metadata.Actor.Person().String()
	if r.Metadata.Actor.Type == string(domain.BySystem) {
		by = r.Metadata.Actor.Type
	}
	changed := func(fields ...string) {
		n.Type = "ticket_updated"
		n.Data = TicketUpdatedNotice{TicketID: r.Stream, Changed: fields, UpdatedBy: by, Version: r.Version, Timestamp: at}
	}
	switch e := event.(type) {
	case ticket.Opened:
		n.Type = "ticket_created"
		n.Data = TicketCreatedNotice{
			TicketID: r.Stream, Number: e.Number, Title: e.Title, Status: string(ticket.Open), Priority: string(e.Priority),
			Category: string(e.Category), CreatedBy: e.CreatedBy.String(), Timestamp: at,
		}
	case ticket.Categorized:
		n.Type = "ai_categorization_complete"
		n.Data = TicketCategorizedNotice{
			TicketID: r.Stream, Category: string(e.Category), Priority: string(e.Priority), Confidence: e.Confidence, Agent: string(e.Agent), Provider: e.Provider,
			RunID: e.Run, Timestamp: at,
		}
	case ticket.Corrected:
		changed("ai")
	case ticket.Edited:
		changed(editedFields(e)...)
	case ticket.StatusChanged:
		n.Type = "ticket_status_update"
		n.Data = TicketStatusNotice{TicketID: r.Stream, Status: string(e.To), UpdatedBy: by, Timestamp: at}
	case ticket.Summarized:
		changed("resolution_summary")
	case ticket.Assigned:
		n.Type = "ticket_assigned"
		n.Data = TicketAssignedNotice{TicketID: r.Stream, AssignedTo: &e.Assignee.UUID, AssignedBy: by, Timestamp: at}
	case ticket.Unassigned: // whoever had it must hear that it is gone, though it is no longer theirs
		n.Owners = append(slices.Clip(n.Owners), e.From)
		n.Type = "ticket_assigned"
		n.Data = TicketAssignedNotice{TicketID: r.Stream, AssignedBy: by, Timestamp: at}
	case ticket.Commented:
		n.Type = "ticket_comment_added"
		n.Data = TicketCommentNotice{
			TicketID: r.Stream, CommentID: e.CommentID, Author: e.Author.String(), Content: e.Content, Internal: e.Internal, Timestamp: at,
		}
		if e.Internal {
			n.Needs = domain.CommentInternally
		}
	case ticket.Attached, ticket.Detached:
		changed("attachments")
	case ticket.Routed, ticket.DeliveryNoted:
		changed("integration_result")
	case ticket.WordsErased:
		changed("title", "description", "custom_fields", "resolution_summary", "comments")
	case ticket.Deleted:
		n.Type = "ticket_updated"
		n.Data = TicketUpdatedNotice{TicketID: r.Stream, Changed: []string{"deleted"}, UpdatedBy: by, Version: r.Version, Deleted: true, Timestamp: at}
	}
	return n
}

func editedFields(e ticket.Edited) []string {
	var fields []string
	for _, f := range []struct {
		name    string
		changed bool
	}{
		{"title", e.Title != nil},
		{"description", e.Description != nil},
		{"priority", e.Priority != nil},
		{"urgency", e.Urgency != nil},
		{"category", e.Category != nil},
		{"subcategory", e.Subcategory != nil},
		{"department", e.Department != nil},
		{"tags", e.Tags != nil},
		{"custom_fields", e.CustomFields != nil},
	} {
		if f.changed {
			fields = append(fields, f.name)
		}
	}
	return fields
}
