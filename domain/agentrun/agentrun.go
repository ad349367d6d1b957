package agentrun

import (
	"fmt"
	"maps"

	"github.com/google/uuid"

	"ticketd/domain"
)

// State is what Decide needs to know, and nothing more: screens read projections.
type State struct {
	Exists      bool
	Ended       bool
	Erased      bool
	Started     Started
	Turns       int
	Called      map[string]ToolCalled // by the call's id, so that a run that is taken over repeats none
	RequestedBy domain.UserID
}

// Decider is the agent_run aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "agent_run", Decide: Decide, Evolve: Evolve}

// Command asks a run to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// Start asks for a run on behalf of whoever it is for. By may be the system's; For is whose rights and words they are.
type Start struct {
	Agent         domain.Agent
	ConfigVersion int
	Purpose       Purpose
	Input         map[string]any
	Files         []domain.FileID
	Ticket        uuid.UUID
	Thread        uuid.UUID
	Message       uuid.UUID
	For           domain.UserID
	By            domain.Actor
}

// Note tells what happened in a run: a ModelAsked, a ProviderFailed or a ToolCalled. The program sends it, and what follows.
// A turn of the model can be told once only, so whoever is late learns that somebody else is at the run.
type Note struct{ Fact Event }

// Complete ends the run with what came of it.
type Complete struct {
	Result     map[string]any
	Provider   string
	Model      string
	Confidence *float64
	Ticket     uuid.UUID
	Millis     int
}

// Fail ends the run with why nothing came of it.
type Fail struct {
	Code   string
	Reason string
	Millis int
}

// EraseWords makes what a person said in the run unreadable for ever; with the zero id, whatever was said and shown in it,
// whoever's that is. Only the system sends it.
type EraseWords struct {
	Of domain.UserID
	By domain.Actor
}

func (Start) isCommand()      {}
func (Note) isCommand()       {}
func (Complete) isCommand()   {}
func (Fail) isCommand()       {}
func (EraseWords) isCommand() {}

// The refusals.
var (
	ErrExists   = &domain.Error{Kind: domain.Conflict, Code: "run_exists", Message: "There is another run with this id."}
	ErrNotFound = &domain.Error{Kind: domain.NotFound, Code: "run_not_found", Message: "There is no such run."}
	ErrEnded    = &domain.Error{Kind: domain.Conflict, Code: "run_ended", Message: "The run has ended."}
	ErrTaken    = &domain.Error{Kind: domain.Conflict, Code: "run_taken_over", Message: "Somebody else goes on with the run."}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Start:
		return start(s, c)
	case Note:
		return note(s, c.Fact)
	case Complete:
		return s.end(Completed{
			RequestedBy: s.RequestedBy, Result: c.Result, Provider: c.Provider, Model: c.Model, Confidence: c.Confidence, Ticket: c.Ticket, Millis: c.Millis,
		})
	case Fail:
		return s.end(Failed{RequestedBy: s.RequestedBy, Code: c.Code, Reason: c.Reason, Millis: c.Millis})
	case EraseWords:
		return eraseWords(s, c)
	default:
		panic(fmt.Sprintf("agentrun: unknown command %T", c))
	}
}

// Visible reports whether the actor may know of the run.
func (s State) Visible(to domain.Actor) bool {
	return s.Exists && to.May(domain.ReadRuns, s.RequestedBy)
}

func start(s State, c Start) ([]Event, error) {
	switch {
	case !c.By.Can(domain.UseAgents):
		return nil, domain.ErrForbidden
	case s.Exists && s.RequestedBy != c.For:
		return nil, ErrExists
	case s.Exists:
		return nil, nil
	}
	return []Event{Started{
		Agent: c.Agent, ConfigVersion: c.ConfigVersion, Purpose: c.Purpose, RequestedBy: c.For, Input: c.Input, Files: c.Files, Ticket: c.Ticket,
		Thread: c.Thread, Message: c.Message,
	}}, nil
}

// going refuses to change a run that is not under way.
func (s State) going() error {
	switch {
	case !s.Exists || s.Erased: // whoever's words these are is gone, and with them the run
		return ErrNotFound
	case s.Ended:
		return ErrEnded
	}
	return nil
}

func note(s State, fact Event) ([]Event, error) {
	if err := s.going(); err != nil {
		return nil, err
	}
	switch e := fact.(type) {
	case ToolCalled:
		if _, again := s.Called[e.CallID]; again {
			return nil, nil
		}
		e.RequestedBy = s.RequestedBy
		return []Event{e}, nil
	case ModelAsked:
		if e.Turn <= s.Turns { // two are at it, and a model does not say the same twice
			return nil, ErrTaken
		}
		e.RequestedBy = s.RequestedBy
		return []Event{e}, nil
	case ProviderFailed:
		return []Event{e}, nil
	case Started, Completed, Failed, WordsErased: // have commands of their own
	}
	panic(fmt.Sprintf("agentrun: %T is no note", fact))
}

// end ends the run. Whoever ends it again, after an answer that was lost, changes nothing.
func (s State) end(fact Event) ([]Event, error) {
	if !s.Exists || s.Erased {
		return nil, ErrNotFound
	}
	if s.Ended {
		return nil, nil
	}
	return []Event{fact}, nil
}

func eraseWords(s State, c EraseWords) ([]Event, error) {
	switch {
	case c.By.Type != domain.BySystem:
		return nil, domain.ErrForbidden
	case !s.Exists:
		return nil, ErrNotFound
	case s.Erased || !c.Of.IsZero() && c.Of != s.RequestedBy:
		return nil, nil
	}
	return []Event{WordsErased{Of: c.Of}}, nil
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Started:
		s.Exists, s.Started, s.RequestedBy = true, e, e.RequestedBy
	case ModelAsked:
		s.Turns = max(s.Turns, e.Turn)
	case ProviderFailed: // changes no rule
	case ToolCalled:
		called := map[string]ToolCalled{e.CallID: e}
		maps.Copy(called, s.Called)
		s.Called = called
	case Completed, Failed:
		s.Ended = true
	case WordsErased:
		s.Erased = true
	}
	return s
}
