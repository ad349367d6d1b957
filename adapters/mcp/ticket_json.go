package mcp

import (
	"context"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

// Timestamp is a time as everybody reads it from us: UTC, with milliseconds.
type Timestamp time.Time

// MarshalText implements encoding.TextMarshaler.
func (t Timestamp) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(projections.Millis)), nil
}

// Ticket is a ticket as tools show it.
type Ticket struct {
	ID                   uuid.UUID       `json:"id"`
	Number               int64           `json:"number"`
	Title                string          `json:"title"`
	Description          string          `json:"description"`
	DescriptionTruncated bool            `json:"description_truncated" doc:"There is more of it than is shown here; get_ticket shows all."`
	Status               ticket.Status   `json:"status"`
	Category             ticket.Category `json:"category"`
	Priority             ticket.Level    `json:"priority"`
	Urgency              ticket.Level    `json:"urgency"`
	Subcategory          string          `json:"subcategory,omitempty"`
	Department           string          `json:"department,omitempty"`
	Tags                 []string        `json:"tags"`
	SourceChannel        string          `json:"source_channel" doc:"How it came in."`
	CreatedBy            Person          `json:"created_by"`
	AssignedTo           *Person         `json:"assigned_to,omitempty"`
	Attachments          []AttachedFile  `json:"attachments"`
	ResolutionSummary    string          `json:"resolution_summary,omitempty"`
	CommentCount         int             `json:"comment_count" doc:"The comments that the caller may read."`
	Version              int             `json:"version"`
	CreatedAt            Timestamp       `json:"created_at"`
	UpdatedAt            Timestamp       `json:"updated_at"`
}

// Person is somebody in the organization.
type Person struct {
	ID       uuid.UUID `json:"id"`
	Username string    `json:"username"`
	FullName string    `json:"full_name"`
}

// AttachedFile is an upload that a ticket refers to.
type AttachedFile struct {
	FileID   uuid.UUID `json:"file_id" doc:"For analyze_file."`
	Filename string    `json:"filename"`
	MIMEType string    `json:"mime_type"`
	Status   string    `json:"status" enum:"uploaded,processing,processed,failed,quarantined,deleted"`
}

// showTicket shows one ticket with its whole description.
func (s *Server) showTicket(ctx context.Context, c call, row projections.TicketRow) (Ticket, error) {
	shown, err := s.showTickets(ctx, c, ticket.MaxDescription, row)
	if err != nil {
		return Ticket{}, err
	}
	return shown[0], nil
}

// showTickets shows tickets, each with so many characters of its long texts, with two queries for all.
func (s *Server) showTickets(ctx context.Context, c call, most int, rows ...projections.TicketRow) ([]Ticket, error) {
	var people []domain.UserID
	var files []domain.FileID
	for _, row := range rows {
		people = append(people, row.CreatedBy, row.Assignee)
		for _, a := range row.Attachments {
			files = append(files, a.FileID)
		}
	}
	names, err := s.People.Names(ctx, c.caller.Org, people)
	if err != nil {
		return nil, err
	}
	uploads, err := s.FileRows.Named(ctx, c.caller.Org, files)
	if err != nil {
		return nil, err
	}
	shown := make([]Ticket, len(rows))
	for i, row := range rows {
		shown[i] = renderTicket(row, c.caller.Actor, names, uploads)
		shown[i].Description, shown[i].DescriptionTruncated = cut(row.Description, most)
		shown[i].ResolutionSummary, _ = cut(row.ResolutionSummary, most)
	}
	return shown, nil
}

func renderTicket(t projections.TicketRow, to domain.Actor, names map[domain.UserID]projections.Person, files map[domain.FileID]projections.FileRow) Ticket {
	shown := Ticket{
		ID: t.ID.UUID, Number: t.Number, Title: t.Title, Status: t.Status, Category: t.Category, Priority: t.Priority, Urgency: t.Urgency,
		Subcategory: t.Subcategory, Department: t.Department, Tags: orEmpty(t.Tags), SourceChannel: t.SourceChannel, CreatedBy: renderPerson(t.CreatedBy, names),
		Attachments: make([]AttachedFile, len(t.Attachments)), ResolutionSummary: t.ResolutionSummary, CommentCount: t.Comments,
		Version: t.Version, CreatedAt: Timestamp(t.CreatedAt), UpdatedAt: Timestamp(t.UpdatedAt),
	}
	if !t.Assignee.IsZero() {
		shown.AssignedTo = new(renderPerson(t.Assignee, names))
	}
	if to.Can(domain.ReadInternal) {
		shown.CommentCount += t.InternalComments
	}
	for i, a := range t.Attachments {
		f, known := files[a.FileID]
		shown.Attachments[i] = AttachedFile{FileID: a.FileID.UUID, Filename: f.Filename, MIMEType: f.MIMEType, Status: string(f.Status)}
		if !known {
			shown.Attachments[i].Status = string(projections.FileDeleted)
		}
		if f.Filename == eventstore.Erased {
			shown.Attachments[i].Filename = ""
		}
	}
	return shown
}

func renderPerson(id domain.UserID, names map[domain.UserID]projections.Person) Person {
	return Person{ID: id.UUID, Username: names[id].Username, FullName: names[id].FullName}
}

// cutMark ends a text that goes on.
const cutMark = " […]"

// cut answers the beginning of a text, with a mark when there is more.
func cut(text string, most int) (string, bool) {
	beginning := file.Cut(text, most)
	if len(beginning) == len(text) {
		return text, false
	}
	return beginning + cutMark, true
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
