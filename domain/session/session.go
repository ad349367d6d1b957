package session

import (
	"fmt"
	"time"

	"ticketd/domain"
)

// Reuse is the reason of a session that was revoked because somebody presented a refresh token for the second time.
const Reuse = "reuse"

// State is what Decide needs to know, and nothing more.
type State struct {
	Exists    bool
	Revoked   bool
	UserID    domain.UserID
	TokenHash string               // of the refresh token that is good now
	Earlier   domain.Chain[string] // hashes of those that were
	ExpiresAt time.Time
}

// Decider is the session aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "session", Decide: Decide, Evolve: Evolve}

// Command asks a session to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// Start begins a session for somebody who has signed in.
type Start struct {
	UserID    domain.UserID
	TokenHash string
	ExpiresAt time.Time
}

// Refresh trades the refresh token for the next one. Both are hashes.
type Refresh struct {
	Presented string
	Next      string
	Now       time.Time
}

// Revoke ends the session.
type Revoke struct{ Reason string }

func (Start) isCommand()   {}
func (Refresh) isCommand() {}
func (Revoke) isCommand()  {}

// The refusals.
var (
	ErrExists  = &domain.Error{Kind: domain.Conflict, Code: "session_exists", Message: "There is another session with this id."}
	ErrUnknown = &domain.Error{Kind: domain.Unauthenticated, Code: "session_unknown", Message: "The refresh token is unknown or has expired."}
	ErrRevoked = &domain.Error{Kind: domain.Unauthenticated, Code: "session_revoked", Message: "The session has ended; sign in again."}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time,
// except for Refresh: see there.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Start:
		return start(s, c)
	case Refresh:
		return refresh(s, c)
	case Revoke:
		return revoke(s, c)
	default:
		panic(fmt.Sprintf("session: unknown command %T", c))
	}
}

func start(s State, c Start) ([]Event, error) {
	switch {
	case !s.Exists:
		return []Event{Started{UserID: c.UserID, TokenHash: c.TokenHash, ExpiresAt: c.ExpiresAt}}, nil
	case s.UserID != c.UserID || s.TokenHash != c.TokenHash:
		return nil, ErrExists
	}
	return nil, nil
}

// refresh answers a token that was used before by revoking the session: either the thief or the owner holds a copy, and
// nobody can tell which. That is a fact and no refusal, because a refusal would leave no trace; whoever sent the command
// finds State.Revoked. A repeated Refresh is therefore the one repeat that is not harmless.
func refresh(s State, c Refresh) ([]Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrUnknown
	case s.Revoked:
		return nil, ErrRevoked
	case !c.Now.Before(s.ExpiresAt):
		return nil, ErrUnknown
	case c.Presented == s.TokenHash:
		return []Event{Refreshed{TokenHash: c.Next}}, nil
	}
	for used := range s.Earlier.Backward() {
		if used == c.Presented {
			return []Event{Revoked{Reason: Reuse}}, nil
		}
	}
	return nil, ErrUnknown
}

func revoke(s State, c Revoke) ([]Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrUnknown
	case s.Revoked:
		return nil, nil
	}
	return []Event{Revoked{Reason: c.Reason}}, nil
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Started:
		s.Exists, s.UserID, s.TokenHash, s.ExpiresAt = true, e.UserID, e.TokenHash, e.ExpiresAt
	case Refreshed:
		s.Earlier, s.TokenHash = s.Earlier.And(s.TokenHash), e.TokenHash
	case Revoked:
		s.Revoked = true
	}
	return s
}
