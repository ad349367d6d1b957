// Package session is one login of one person, from signing in to signing out, over many refreshes.
package session

import (
	"time"

	"ticketd/domain"
)

// Event is a fact about one session. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning. Tokens are never stored, only their hashes.
//
//sumtype:decl
type Event interface{ isEvent() }

// Started begins a session with its first refresh token.
type Started struct {
	UserID    domain.UserID `json:"user_id"`
	TokenHash string        `json:"token_hash"`
	ExpiresAt time.Time     `json:"expires_at"`
}

// Refreshed replaces the refresh token.
type Refreshed struct {
	TokenHash string `json:"token_hash"`
}

// Revoked ends a session before its time.
type Revoked struct {
	Reason string `json:"reason,omitempty"`
}

func (Started) isEvent()   {}
func (Refreshed) isEvent() {}
func (Revoked) isEvent()   {}
