// Package ticket is a request for help, from opening to closing.
package ticket

import (
	"github.com/google/uuid"

	"ticketd/domain"
)

// Event is a fact about one ticket. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning. A field tagged personal:"<field>" is sealed with the key of the person
// whom that other field of the same event names.
//
//sumtype:decl
type Event interface{ isEvent() }

// Opened starts a ticket.
type Opened struct {
	Number        int64          `json:"number"`
	Title         string         `json:"title" personal:"created_by"`
	Description   string         `json:"description" personal:"created_by"`
	Priority      Level          `json:"priority"`
	Urgency       Level          `json:"urgency"`
	Category      Category       `json:"category"`
	Subcategory   string         `json:"subcategory,omitempty"`
	Department    string         `json:"department,omitempty"`
	Tags          []string       `json:"tags,omitempty"`
	CustomFields  map[string]any `json:"custom_fields,omitempty" personal:"created_by"`
	SourceChannel string         `json:"source_channel"`
	CreatedBy     domain.UserID  `json:"created_by"`
	Chosen        Chosen         `json:"chosen"`
}

// Chosen says which of the two a person has chosen, so that no agent changes it. What an agent sets in a person's name is
// no such choice, for agents are measured by what people choose. What was opened before agents came counts as chosen.
type Chosen struct {
	Category bool `json:"category"`
	Priority bool `json:"priority"`
}

// Categorized says what an agent takes the ticket for. What nobody had chosen is so from now on.
type Categorized struct {
	Run           uuid.UUID     `json:"run"`
	Agent         domain.Agent  `json:"agent"`
	ConfigVersion int           `json:"config_version"`
	Provider      string        `json:"provider"`
	Model         string        `json:"model"`
	Category      Category      `json:"category"`
	Priority      Level         `json:"priority"`
	Confidence    float64       `json:"confidence"` // from 0 to 1, of the category
	CreatedBy     domain.UserID `json:"created_by"`
	Reasoning     string        `json:"reasoning" personal:"created_by"` // it may quote the ticket
	Applied       Chosen        `json:"applied"`
}

// Corrected says that a person knew better than the agent: from what it said last. The change itself is told beside it.
type Corrected struct {
	Run          uuid.UUID     `json:"run"`
	By           domain.UserID `json:"by,omitzero"`
	FromCategory Category      `json:"from_category,omitempty"`
	ToCategory   Category      `json:"to_category,omitempty"`
	FromPriority Level         `json:"from_priority,omitempty"`
	ToPriority   Level         `json:"to_priority,omitempty"`
}

// Edited changes what a ticket says. Only the fields present have changed; an empty value clears.
type Edited struct {
	CreatedBy    domain.UserID   `json:"created_by"` // whose words the sealed fields are
	Title        *string         `json:"title,omitempty" personal:"created_by"`
	Description  *string         `json:"description,omitempty" personal:"created_by"`
	Priority     *Level          `json:"priority,omitempty"`
	Urgency      *Level          `json:"urgency,omitempty"`
	Category     *Category       `json:"category,omitempty"`
	Subcategory  *string         `json:"subcategory,omitempty"`
	Department   *string         `json:"department,omitempty"`
	Tags         *[]string       `json:"tags,omitempty"`
	CustomFields *map[string]any `json:"custom_fields,omitempty" personal:"created_by"`
	ByAgent      bool            `json:"by_agent,omitempty"` // no person has chosen it
}

// StatusChanged moves a ticket through its life.
type StatusChanged struct {
	From              Status        `json:"from"`
	To                Status        `json:"to"`
	By                domain.UserID `json:"by,omitzero"`
	ResolutionSummary *string       `json:"resolution_summary,omitempty" personal:"by"`
}

// Summarized changes how a ticket was resolved, without a step in its life; an empty text clears it.
type Summarized struct {
	ResolutionSummary string        `json:"resolution_summary" personal:"by"`
	By                domain.UserID `json:"by,omitzero"`
}

// Assigned gives a ticket to a member.
type Assigned struct {
	Assignee domain.UserID `json:"assignee"`
	By       domain.UserID `json:"by,omitzero"`
	Reason   string        `json:"reason,omitempty" personal:"by"`
}

// Unassigned takes a ticket from its assignee.
type Unassigned struct {
	From   domain.UserID `json:"from"`
	By     domain.UserID `json:"by,omitzero"`
	Reason string        `json:"reason,omitempty" personal:"by"`
}

// Commented adds somebody's words. Internal ones are for the staff alone.
type Commented struct {
	CommentID   uuid.UUID     `json:"comment_id"`
	Author      domain.UserID `json:"author"`
	Content     string        `json:"content" personal:"author"`
	Internal    bool          `json:"internal"`
	Attachments []Attachment  `json:"attachments,omitempty"`
	Integration uuid.UUID     `json:"integration,omitzero"`                // where it was said, which is its author then
	SaidBy      string        `json:"said_by,omitempty" personal:"author"` // whoever said it there
}

// Attached refers to uploads from the ticket.
type Attached struct {
	Attachments []Attachment `json:"attachments"`
}

// Detached removes a reference; the upload stays.
type Detached struct {
	FileID domain.FileID `json:"file_id"`
}

// Routed says that the ticket shall live with an integration too, or with Send false only names it.
type Routed struct {
	Integration uuid.UUID     `json:"integration"`
	Platform    string        `json:"platform"`
	Send        bool          `json:"send"`
	By          domain.UserID `json:"by,omitzero"`
}

// DeliveryNoted says what has come of that.
type DeliveryNoted struct {
	Integration uuid.UUID     `json:"integration"`
	Status      DeliveryState `json:"status"`
	Code        string        `json:"code,omitempty"` // why it waits, or was given up
	ExternalID  string        `json:"external_id,omitempty"`
	ExternalURL string        `json:"external_url,omitempty"`
}

// Deleted hides a ticket. Its history stays.
type Deleted struct{}

// WordsErased says that what a person wrote in the ticket is gone for ever; without a person, what everybody wrote.
type WordsErased struct {
	Of domain.UserID `json:"of,omitzero"`
}

// Erases answers whose words: the zero id is everybody's.
func (e WordsErased) Erases() uuid.UUID { return e.Of.UUID }

// Attachment is a reference from a ticket or a comment to an upload.
type Attachment struct {
	FileID domain.FileID `json:"file_id"`
}

func (Opened) isEvent()        {}
func (Categorized) isEvent()   {}
func (Corrected) isEvent()     {}
func (Edited) isEvent()        {}
func (StatusChanged) isEvent() {}
func (Summarized) isEvent()    {}
func (Assigned) isEvent()      {}
func (Unassigned) isEvent()    {}
func (Commented) isEvent()     {}
func (Attached) isEvent()      {}
func (Detached) isEvent()      {}
func (Routed) isEvent()        {}
func (DeliveryNoted) isEvent() {}
func (Deleted) isEvent()       {}
func (WordsErased) isEvent()   {}
