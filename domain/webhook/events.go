// Package webhook is an organization's subscription of an address to its events: what happens here is sent there.
//
// # Why
//
// What an administrator decides about a subscription is a fact. How far it has come is none: that changes with every
// request, and is kept beside the log. The secret that signs the requests is kept there too, sealed, where it can be
// destroyed; an event tells only that there is another one.
package webhook

import (
	"github.com/google/uuid"

	"ticketd/domain"
)

// Event is a fact about one webhook. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning. A webhook is the organization's, and outlives whoever made it.
//
//sumtype:decl
type Event interface{ isEvent() }

// Subscribed begins a webhook. It is sent what happens from then on.
type Subscribed struct {
	By          domain.UserID `json:"by,omitzero"`
	URL         string        `json:"url"`
	Events      []string      `json:"events"` // patterns: ticket.opened, ticket.*, *
	Description string        `json:"description,omitempty"`
}

// Changed changes where it goes, or what. Only the fields present have changed.
type Changed struct {
	By          domain.UserID `json:"by,omitzero"`
	URL         *string       `json:"url,omitempty"`
	Events      *[]string     `json:"events,omitempty"`
	Description *string       `json:"description,omitempty"`
}

// SecretRotated says that another secret signs from now on. The one before goes on beside it for RotationOverlap.
type SecretRotated struct {
	By       domain.UserID `json:"by,omitzero"`
	Rotation uuid.UUID     `json:"rotation"` // so that the same one is not made twice
}

// Paused keeps everything back. What happens meanwhile is sent after a Resumed.
type Paused struct {
	By     domain.UserID `json:"by,omitzero"` // zero: the program itself
	Code   PauseCode     `json:"code"`
	Reason string        `json:"reason,omitempty"` // in words
}

// Resumed goes on where it stood.
type Resumed struct {
	By domain.UserID `json:"by,omitzero"`
}

// Replayed goes on from another position: before, to send again, or behind, to pass over.
type Replayed struct {
	By     domain.UserID `json:"by,omitzero"`
	Replay uuid.UUID     `json:"replay"` // so that the same one is not done twice
	From   int64         `json:"from"`   // the first position that is sent
}

// Deleted ends the webhook. Its secrets are destroyed.
type Deleted struct {
	By domain.UserID `json:"by,omitzero"`
}

func (Subscribed) isEvent()    {}
func (Changed) isEvent()       {}
func (SecretRotated) isEvent() {}
func (Paused) isEvent()        {}
func (Resumed) isEvent()       {}
func (Replayed) isEvent()      {}
func (Deleted) isEvent()       {}
