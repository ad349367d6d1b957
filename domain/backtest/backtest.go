package backtest

import (
	"fmt"

	"github.com/google/uuid"

	"ticketd/domain"
)

// The limits on how many tickets are tried.
const (
	DefaultSample = 100
	MaxSample     = 1000
)

// State is what Decide needs to know, and nothing more: screens read projections.
type State struct {
	Exists  bool
	Ended   bool
	Started Started
	Judged  domain.Chain[uuid.UUID] // the tickets that need not be tried again
}

// Decider is the backtest aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "backtest", Decide: Decide, Evolve: Evolve}

// Command asks a backtest to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// Start asks for a backtest.
type Start struct {
	Agent     domain.Agent
	Version   int // 0: a draft
	Candidate Candidate
	Tickets   []uuid.UUID
	By        domain.Actor
}

// Judge tells what was made of tickets. The program sends it, and what follows.
type Judge struct{ Facts []Judged }

// Complete ends the backtest when all tickets were tried.
type Complete struct{}

// Stop ends it before.
type Stop struct {
	Code   string
	Reason string
}

// Cancel asks to end it before.
type Cancel struct{ By domain.Actor }

func (Start) isCommand()    {}
func (Judge) isCommand()    {}
func (Complete) isCommand() {}
func (Stop) isCommand()     {}
func (Cancel) isCommand()   {}

// The refusals.
var (
	ErrExists   = &domain.Error{Kind: domain.Conflict, Code: "backtest_exists", Message: "There is another backtest with this id."}
	ErrNotFound = &domain.Error{Kind: domain.NotFound, Code: "backtest_not_found", Message: "There is no such backtest."}
	ErrEnded    = &domain.Error{Kind: domain.Conflict, Code: "backtest_ended", Message: "The backtest has ended."}
	ErrEmpty    = &domain.Error{Kind: domain.Conflict, Code: "backtest_empty", Message: "No ticket of the organization has been categorized by an agent, so there is nothing to compare with."}
	ErrRunning  = &domain.Error{Kind: domain.Conflict, Code: "backtest_running", Message: "Another backtest of this agent is under way; wait for it, or cancel it."}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Start:
		return start(s, c)
	case Judge:
		return judge(s, c)
	case Complete:
		return s.end(Completed{})
	case Stop:
		return s.end(Stopped{Code: c.Code, Reason: c.Reason})
	case Cancel:
		if !c.By.May(domain.ManageAgentConfig) {
			return nil, domain.ErrForbidden
		}
		return s.end(Cancelled{By: c.By.User})
	default:
		panic(fmt.Sprintf("backtest: unknown command %T", c))
	}
}

func start(s State, c Start) ([]Event, error) {
	switch {
	case !c.By.May(domain.ManageAgentConfig):
		return nil, domain.ErrForbidden
	case s.Exists && s.Started.By != c.By.User:
		return nil, ErrExists
	case s.Exists:
		return nil, nil
	case len(c.Tickets) == 0:
		return nil, ErrEmpty
	}
	return []Event{Started{Agent: c.Agent, Version: c.Version, Candidate: c.Candidate, Tickets: c.Tickets, By: c.By.User}}, nil
}

// judge leaves out what was judged before, after an answer that was lost.
func judge(s State, c Judge) ([]Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case s.Ended:
		return nil, ErrEnded
	}
	before := s.judged()
	var events []Event
	for _, fact := range c.Facts {
		if !before[fact.Ticket] {
			before[fact.Ticket] = true
			events = append(events, fact)
		}
	}
	return events, nil
}

func (s State) judged() map[uuid.UUID]bool {
	judged := map[uuid.UUID]bool{}
	for id := range s.Judged.Backward() {
		judged[id] = true
	}
	return judged
}

// Left answers the tickets that are still to be tried, in the order of the sample.
func (s State) Left() []uuid.UUID {
	judged := s.judged()
	var left []uuid.UUID
	for _, id := range s.Started.Tickets {
		if !judged[id] {
			left = append(left, id)
		}
	}
	return left
}

// end ends the backtest. Whoever ends it again changes nothing.
func (s State) end(fact Event) ([]Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case s.Ended:
		return nil, nil
	}
	return []Event{fact}, nil
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Started:
		s.Exists, s.Started = true, e
	case Judged:
		s.Judged = s.Judged.And(e.Ticket)
	case Completed, Stopped, Cancelled:
		s.Ended = true
	}
	return s
}
