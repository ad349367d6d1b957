package domain

import (
	"time"

	"github.com/google/uuid"
)

// ActorType says what kind of hand caused an event.
type ActorType string

// The kinds of actor.
const (
	ByUser        ActorType = "user"
	ByAPIToken    ActorType = "api_token"
	ByAgent       ActorType = "agent"
	ByIntegration ActorType = "integration"
	BySystem      ActorType = "system"
)

// Role is what a member is in the organization.
type Role string

// The roles.
const (
	Admin   Role = "admin"
	Support Role = "support"
	Member  Role = "member"
	Auditor Role = "auditor"
)

// Roles lists them in the order people read them.
var Roles = []Role{Admin, Support, Member, Auditor}

// Valid reports whether the role is one of Roles.
func (r Role) Valid() bool {
	switch r {
	case Admin, Support, Member, Auditor:
		return true
	}
	return false
}

// Actor is who acts, and with whose rights.
type Actor struct {
	Type ActorType
	ID   uuid.UUID // the token's, agent's or integration's id; the user's own for ByUser
	User UserID    // the person whose rights are used; zero for the system
	Role Role      // that person's role; the system needs none
}

// System acts on behalf of nobody: reactions and maintenance.
var System = Actor{Type: BySystem}

// Caller is an actor who has proved who they are: to which organization they belong, and until when the proof holds.
type Caller struct {
	Actor
	Org     OrgID
	Session uuid.UUID // the login; zero for an API token
	Expires time.Time
}
