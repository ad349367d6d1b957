package user

import (
	"time"

	"github.com/google/uuid"
)

// Status is where a person is in their membership. The zero Status is nobody.
type Status string

// The statuses. They carry a prefix because the facts that lead to them have taken the short names.
const (
	StatusInvited  Status = "invited"
	StatusActive   Status = "active"
	StatusInactive Status = "inactive"
	StatusRemoved  Status = "removed"
)

// Present reports a person who is in the organization, or asked to be.
func (s Status) Present() bool {
	switch s {
	case StatusInvited, StatusActive, StatusInactive:
		return true
	case StatusRemoved:
	}
	return false
}

// Erasure is how far a person has been forgotten. The zero Erasure is nobody asked.
type Erasure string

// The states of an erasure.
const (
	ErasurePending  Erasure = "requested"
	ErasureComplete Erasure = "complete"
)

// Invitation is what an invited person presents to join.
type Invitation struct {
	TokenHash string
	ExpiresAt time.Time
}

// Token lets a person's programs in.
type Token struct {
	ID        uuid.UUID
	Name      string
	Hash      string
	ExpiresAt time.Time
	Revoked   bool
}

// Usable reports a token that still opens the door.
func (t Token) Usable(now time.Time) bool { return !t.Revoked && now.Before(t.ExpiresAt) }

// Limits on what a person may hold, in characters and in numbers.
const (
	MinUsername    = 3
	MaxUsername    = 100
	MaxEmail       = 254
	MaxFullName    = 200
	MaxPreferences = 100
	MaxTokenName   = 100
	MaxTokens      = 10 // usable at one time
)

// How long a token may live. The slack forgives clocks and the time that a request takes.
const (
	MinTokenLife   = 24 * time.Hour
	MaxTokenLife   = 365 * 24 * time.Hour
	tokenLifeSlack = time.Minute
)
