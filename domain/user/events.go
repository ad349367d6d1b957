// Package user is a person in exactly one organization: how they came, who they are and what they may sign in with.
package user

import (
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
)

// Event is a fact about one person. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning. A field tagged personal:"<field>" is sealed with the key of the person
// whom that other field of the same event names. Tokens are never stored, only their hashes.
//
//sumtype:decl
type Event interface{ isEvent() }

// Registered starts a person who came alone.
type Registered struct {
	UserID       domain.UserID `json:"user_id"`
	Username     string        `json:"username" personal:"user_id"`
	Email        string        `json:"email,omitempty" personal:"user_id"`
	FullName     string        `json:"full_name,omitempty" personal:"user_id"`
	PasswordHash string        `json:"password_hash" personal:"user_id"`
	Role         domain.Role   `json:"role"`
}

// Invited starts a person who was asked to come.
type Invited struct {
	UserID    domain.UserID `json:"user_id"`
	Email     string        `json:"email" personal:"user_id"`
	Role      domain.Role   `json:"role"`
	TokenHash string        `json:"token_hash"`
	ExpiresAt time.Time     `json:"expires_at"`
	InvitedBy domain.UserID `json:"invited_by,omitzero"`
}

// Joined accepts the invitation.
type Joined struct {
	UserID       domain.UserID `json:"user_id"`
	Username     string        `json:"username" personal:"user_id"`
	FullName     string        `json:"full_name,omitempty" personal:"user_id"`
	PasswordHash string        `json:"password_hash" personal:"user_id"`
}

// ProfileChanged changes what a person says about themself. Only the fields present have changed; an empty value clears.
type ProfileChanged struct {
	UserID      domain.UserID   `json:"user_id"`
	Username    *string         `json:"username,omitempty" personal:"user_id"`
	Email       *string         `json:"email,omitempty" personal:"user_id"`
	FullName    *string         `json:"full_name,omitempty" personal:"user_id"`
	Preferences *map[string]any `json:"preferences,omitempty" personal:"user_id"`
}

// PasswordChanged replaces the password.
type PasswordChanged struct {
	UserID       domain.UserID `json:"user_id"`
	PasswordHash string        `json:"password_hash" personal:"user_id"`
}

// RoleChanged changes what the person may do.
type RoleChanged struct {
	From domain.Role `json:"from"`
	To   domain.Role `json:"to"`
}

// Deactivated locks a person out.
type Deactivated struct{}

// Reactivated lets a person in again.
type Reactivated struct{}

// Removed ends a membership, or withdraws an invitation, for good.
type Removed struct{}

// ErasureRequested asks that whatever is known of the person be forgotten. It comes after Removed.
type ErasureRequested struct {
	By domain.UserID `json:"by,omitzero"`
	Of domain.UserID `json:"of"`
}

// Erases answers whose words are gone in this stream.
func (e ErasureRequested) Erases() uuid.UUID { return e.Of.UUID }

// Erased says that nothing of the person can be read any more, and where their words were.
type Erased struct {
	Tickets       int `json:"tickets"`         // whose words were theirs, in part
	Files         int `json:"files,omitempty"` // they uploaded
	Threads       int `json:"threads,omitempty"`
	Runs          int `json:"runs,omitempty"` // of agents: made for them, or holding what they wrote
	Organizations int `json:"organizations"`  // whose name they had given
	Answers       int `json:"answers"`        // kept for repeated requests

	Tables []string `json:"tables"` // swept of old versions of their rows, and of the planner's samples
}

// TokenCreated gives a person's programs a way to sign in.
type TokenCreated struct {
	UserID    domain.UserID `json:"user_id"`
	TokenID   uuid.UUID     `json:"token_id"`
	Name      string        `json:"name" personal:"user_id"`
	Hash      string        `json:"hash"`
	ExpiresAt time.Time     `json:"expires_at"`
}

// TokenRenamed gives a token another name.
type TokenRenamed struct {
	UserID  domain.UserID `json:"user_id"`
	TokenID uuid.UUID     `json:"token_id"`
	Name    string        `json:"name" personal:"user_id"`
}

// TokenRevoked ends a token before its time.
type TokenRevoked struct {
	TokenID uuid.UUID `json:"token_id"`
}

func (Registered) isEvent()       {}
func (Invited) isEvent()          {}
func (Joined) isEvent()           {}
func (ProfileChanged) isEvent()   {}
func (PasswordChanged) isEvent()  {}
func (RoleChanged) isEvent()      {}
func (Deactivated) isEvent()      {}
func (Reactivated) isEvent()      {}
func (Removed) isEvent()          {}
func (ErasureRequested) isEvent() {}
func (Erased) isEvent()           {}
func (TokenCreated) isEvent()     {}
func (TokenRenamed) isEvent()     {}
func (TokenRevoked) isEvent()     {}
