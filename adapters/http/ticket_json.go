package http

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/projections"
)

// Timestamp writes a time as the contract wants it: RFC 3339, UTC, milliseconds.
type Timestamp time.Time

// MarshalText implements encoding.TextMarshaler.
func (t Timestamp) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, projections.Millis), nil
}

// Schema implements huma.SchemaProvider.
func (Timestamp) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Examples: []any{"2026-11-21T10:00:00.123Z"}}
}

func optionalTime(t *time.Time) *Timestamp { return (*Timestamp)(t) }

// Person is a member as other things show them.
type Person struct {
	ID       uuid.UUID `json:"id" format:"uuid"`
	Username string    `json:"username"`
	FullName string    `json:"full_name"`
}

// AttachmentRef is a reference to an upload.
type AttachmentRef struct {
	FileID uuid.UUID `json:"file_id" format:"uuid"`
}

// TicketFile is an upload that a ticket refers to.
type TicketFile struct {
	ID           uuid.UUID `json:"id" format:"uuid"`
	Filename     string    `json:"filename"`
	FileSize     int64     `json:"file_size"`
	MIMEType     string    `json:"mime_type"`
	FileCategory string    `json:"file_category"`
	Status       string    `json:"status" enum:"uploaded,processing,processed,failed,quarantined,deleted"`
	URL          *string   `json:"url" doc:"null: its bytes are gone."`
}

// TicketAI is what an agent made of a ticket.
type TicketAI struct {
	AgentType     string  `json:"agent_type"`
	ConfigVersion int     `json:"config_version"`
	Provider      string  `json:"provider"`
	Model         string  `json:"model"`
	Category      string  `json:"category" doc:"What the agent said, whatever holds now."`
	Priority      string  `json:"priority"`
	Confidence    float64 `json:"confidence"`
	Reasoning     string  `json:"reasoning"`
	Corrected     bool    `json:"corrected" doc:"Somebody knew better."`
	RunID         string  `json:"run_id" format:"uuid"`
}

// Ticket is a ticket as clients see it.
type Ticket struct {
	ID                uuid.UUID          `json:"id" format:"uuid"`
	Number            int64              `json:"number" doc:"Counts the organization's tickets, with gaps. Every {ticket_id} takes it too."`
	Title             string             `json:"title"`
	Description       string             `json:"description"`
	Status            string             `json:"status" enum:"new,open,in_progress,pending,resolved,closed,cancelled"`
	Priority          string             `json:"priority" enum:"low,medium,high,critical"`
	Urgency           string             `json:"urgency" enum:"low,medium,high,critical"`
	Category          string             `json:"category"`
	Subcategory       *string            `json:"subcategory"`
	Department        *string            `json:"department"`
	Tags              []string           `json:"tags"`
	CustomFields      map[string]any     `json:"custom_fields"`
	SourceChannel     string             `json:"source_channel"`
	CreatedBy         Person             `json:"created_by"`
	Creator           Person             `json:"creator" doc:"The same as created_by."`
	AssignedTo        *uuid.UUID         `json:"assigned_to_id"`
	Attachments       []AttachmentRef    `json:"attachments"`
	Files             []TicketFile       `json:"files" doc:"What the attachments refer to."`
	FileCount         int                `json:"file_count"`
	AI                *TicketAI          `json:"ai" doc:"null: no agent has worked on it."`
	AIGenerated       bool               `json:"ai_generated" doc:"An agent made it, or somebody with a tool over MCP."`
	ResolutionSummary *string            `json:"resolution_summary"`
	FirstResponseAt   *Timestamp         `json:"first_response_at"`
	ResolvedAt        *Timestamp         `json:"resolved_at"`
	ClosedAt          *Timestamp         `json:"closed_at"`
	LastActivityAt    Timestamp          `json:"last_activity_at"`
	CommentCount      int                `json:"comment_count" doc:"The comments you may read."`
	IntegrationID     *uuid.UUID         `json:"integration_id" doc:"null: it lives only here."`
	ExternalTicketID  *string            `json:"external_ticket_id"`
	ExternalTicketURL *string            `json:"external_ticket_url"`
	IntegrationResult *IntegrationResult `json:"integration_result" doc:"null: it was sent nowhere."`
	Version           int                `json:"version"`
	CreatedAt         Timestamp          `json:"created_at"`
	UpdatedAt         Timestamp          `json:"updated_at"`
}

// renderTicket shows a row to somebody, with the files it refers to.
func renderTicket(t projections.TicketRow, to domain.Actor, people map[domain.UserID]projections.Person, files map[domain.FileID]projections.FileRow) Ticket {
	creator := renderPerson(t.CreatedBy, people)
	shown := Ticket{
		ID: t.ID.UUID, Number: t.Number, Title: t.Title, Description: t.Description, Status: string(t.Status), Priority: string(t.Priority),
		Urgency: string(t.Urgency), Category: string(t.Category), Subcategory: unlessBlank(t.Subcategory), Department: unlessBlank(t.Department),
		Tags: orEmpty(t.Tags), CustomFields: t.CustomFields, SourceChannel: t.SourceChannel, CreatedBy: creator, Creator: creator,
		Attachments: renderAttachments(t.Attachments), Files: renderFilesOf(t.Attachments, files), FileCount: len(t.Attachments), ResolutionSummary: unlessBlank(t.ResolutionSummary),
		FirstResponseAt: optionalTime(t.FirstResponseAt), ResolvedAt: optionalTime(t.ResolvedAt), ClosedAt: optionalTime(t.ClosedAt),
		LastActivityAt: Timestamp(t.LastActivityAt), CommentCount: t.Comments, Version: t.Version,
		CreatedAt: Timestamp(t.CreatedAt), UpdatedAt: Timestamp(t.UpdatedAt),
	}
	if shown.CustomFields == nil {
		shown.CustomFields = map[string]any{}
	}
	if !t.Assignee.IsZero() {
		shown.AssignedTo = &t.Assignee.UUID
	}
	if t.AI != nil {
		shown.AI = &TicketAI{
			AgentType: string(t.AI.Agent), ConfigVersion: t.AI.ConfigVersion, Provider: t.AI.Provider, Model: t.AI.Model, Category: string(t.AI.Category),
			Priority: string(t.AI.Priority), Confidence: t.AI.Confidence, Reasoning: t.AI.Reasoning, Corrected: t.AI.Corrected, RunID: t.AI.Run.String(),
		}
	}
	shown.IntegrationID, shown.ExternalTicketID, shown.ExternalTicketURL, shown.IntegrationResult = renderRoutes(t)
	shown.AIGenerated = madeByPrograms(t.SourceChannel)
	if to.Can(domain.ReadInternal) {
		shown.CommentCount += t.InternalComments
	}
	return shown
}

// madeByPrograms reports a source channel of tickets that agents or tools make. Nobody else may say so.
func madeByPrograms(channel string) bool {
	return channel == commands.AgentChannel || channel == commands.MCPChannel
}

func renderPerson(id domain.UserID, people map[domain.UserID]projections.Person) Person {
	p := people[id]
	return Person{ID: id.UUID, Username: p.Username, FullName: p.FullName}
}

func renderAttachments(attachments []ticket.Attachment) []AttachmentRef {
	refs := make([]AttachmentRef, len(attachments))
	for i, a := range attachments {
		refs[i].FileID = a.FileID.UUID
	}
	return refs
}

func unlessBlank(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Optional is a field of a partial update: absent, null or a value.
type Optional[T any] struct {
	Present bool
	Null    bool
	Value   T
}

// UnmarshalJSON implements json.Unmarshaler; it is called only for a field that is there.
func (o *Optional[T]) UnmarshalJSON(text []byte) error {
	o.Present = true
	if string(text) == "null" {
		o.Null = true
		return nil
	}
	return json.Unmarshal(text, &o.Value)
}

// Schema implements huma.SchemaProvider: T's own, or null.
func (o Optional[T]) Schema(r huma.Registry) *huma.Schema {
	schema := *huma.SchemaFromType(r, reflect.TypeFor[T]())
	schema.Nullable = true
	return &schema
}

// ptr answers what to change: nothing when the field is absent, the zero value when it is null.
func (o Optional[T]) ptr() *T {
	if !o.Present {
		return nil
	}
	return &o.Value
}
