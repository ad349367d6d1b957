// Package thread is a conversation of a person with an agent.
package thread

import (
	"github.com/google/uuid"

	"ticketd/domain"
)

// Event is a fact about one thread. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning. A field tagged personal:"<field>" is sealed with the key of the person
// whom that other field of the same event names.
//
//sumtype:decl
type Event interface{ isEvent() }

// Started begins a thread.
type Started struct {
	Agent     domain.Agent  `json:"agent"`
	CreatedBy domain.UserID `json:"created_by"`
	Title     string        `json:"title,omitempty" personal:"created_by"`
}

// Renamed gives a thread a title: a person's, or one that an agent found.
type Renamed struct {
	CreatedBy domain.UserID `json:"created_by"` // whose words the title is made of
	Title     string        `json:"title" personal:"created_by"`
	ByAgent   bool          `json:"by_agent,omitempty"`
}

// MessageAdded says what the person said.
type MessageAdded struct {
	MessageID   uuid.UUID      `json:"message_id"`
	Role        Role           `json:"role"`
	Author      domain.UserID  `json:"author"`
	Content     string         `json:"content" personal:"author"`
	Attachments []Attachment   `json:"attachments,omitempty"`
	Metadata    map[string]any `json:"message_metadata,omitempty" personal:"author"`
}

// Replied says what the agent answered. It quotes the person, so it is theirs to erase.
type Replied struct {
	MessageID uuid.UUID     `json:"message_id"`
	InReplyTo uuid.UUID     `json:"in_reply_to"`
	Run       uuid.UUID     `json:"run"`
	CreatedBy domain.UserID `json:"created_by"` // the thread's
	Content   string        `json:"content" personal:"created_by"`
}

// ReplyFailed says why there is no answer.
type ReplyFailed struct {
	InReplyTo uuid.UUID `json:"in_reply_to"`
	Run       uuid.UUID `json:"run"`
	Code      string    `json:"code"`
}

// Deleted hides a thread.
type Deleted struct{}

// WordsErased says that what a person said in the thread, and what was answered, is gone for ever.
type WordsErased struct {
	Of domain.UserID `json:"of,omitzero"`
}

// Erases answers whose words.
func (e WordsErased) Erases() uuid.UUID { return e.Of.UUID }

// Role is who speaks.
type Role string

// The roles.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// Attachment is a reference from a message to an upload.
type Attachment struct {
	FileID domain.FileID `json:"file_id"`
}

func (Started) isEvent()      {}
func (Renamed) isEvent()      {}
func (MessageAdded) isEvent() {}
func (Replied) isEvent()      {}
func (ReplyFailed) isEvent()  {}
func (Deleted) isEvent()      {}
func (WordsErased) isEvent()  {}
