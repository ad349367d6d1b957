package login

import (
	"fmt"

	"ticketd/domain"
)

// Kind says what the name is.
type Kind string

// The kinds of name.
const (
	Username Kind = "username"
	Email    Kind = "email"
)

// State is what Decide and whoever signs somebody in need to know. A zero owner is a free name.
type State struct {
	Owner domain.UserID
	Org   domain.OrgID // the owner's
	Kind  Kind
}

// Decider is the login aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "login", Decide: Decide, Evolve: Evolve}

// Command asks for a name. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// Claim asks for the name.
type Claim struct {
	UserID domain.UserID
	OrgID  domain.OrgID
	Kind   Kind
}

// Release gives the name back.
type Release struct{ UserID domain.UserID }

func (Claim) isCommand()   {}
func (Release) isCommand() {}

// ErrTaken is the answer to whoever claims the name of somebody else.
var ErrTaken = &domain.Error{Kind: domain.Conflict, Code: "login_taken", Message: "This username or email address is taken."}

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Claim:
		return claim(s, c)
	case Release:
		return release(s, c), nil
	default:
		panic(fmt.Sprintf("login: unknown command %T", c))
	}
}

// claim lets one person use one name twice: an email address is often the username too.
func claim(s State, c Claim) ([]Event, error) {
	switch {
	case s.Owner.IsZero():
		return []Event{Claimed{UserID: c.UserID, OrgID: c.OrgID, Kind: c.Kind}}, nil
	case s.Owner != c.UserID:
		return nil, ErrTaken
	}
	return nil, nil
}

// release ignores whoever does not own the name: it may have a new owner by now.
func release(s State, c Release) []Event {
	if s.Owner.IsZero() || s.Owner != c.UserID {
		return nil
	}
	return []Event{Released{UserID: c.UserID}}
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Claimed:
		s.Owner, s.Org, s.Kind = e.UserID, e.OrgID, e.Kind
	case Released:
		s = State{}
	}
	return s
}
