package syncing

import (
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"ticketd/domain"
)

// State is what Decide needs to know, and nothing more: screens read projections.
type State struct {
	Started Started
	Exists  bool
	Over    bool
	Counts  Counts
	seen    domain.Chain[uuid.UUID]
}

// Seen answers the tickets that need not be looked at again.
func (s State) Seen() map[uuid.UUID]bool {
	seen := map[uuid.UUID]bool{}
	for id := range s.seen.Backward() {
		seen[id] = true
	}
	return seen
}

// IDOf answers the id of an integration's sync. It follows from its number, so of two that begin at once one finds the other.
func IDOf(integration uuid.UUID, number int) uuid.UUID {
	return uuid.NewSHA1(integration, []byte("sync "+strconv.Itoa(number)))
}

// Decider is the sync aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "sync", Decide: Decide, Evolve: Evolve}

// Command asks a sync to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// Start asks for a sync.
type Start struct {
	Integration uuid.UUID
	Number      int
	DryRun      bool
	Tickets     int
	Request     uuid.UUID
	By          domain.Actor
}

// Look tells what came of looks at tickets. The program sends it, and what follows.
type Look struct{ Facts []Looked }

// Complete ends the sync when every ticket was looked at.
type Complete struct{}

// Fail ends it before.
type Fail struct {
	Code string
	Why  string
}

func (Start) isCommand()    {}
func (Look) isCommand()     {}
func (Complete) isCommand() {}
func (Fail) isCommand()     {}

// The refusals.
var (
	ErrNotFound = &domain.Error{Kind: domain.NotFound, Code: "sync_not_found", Message: "There is no such sync."}
	ErrOver     = &domain.Error{Kind: domain.Conflict, Code: "sync_over", Message: "The sync has ended."}
	ErrRunning  = &domain.Error{Kind: domain.Conflict, Code: "sync_running", Message: "The integration is being synced already."}
	ErrUnusable = &domain.Error{Kind: domain.Conflict, Code: "integration_unusable", Message: "The integration cannot be used as it is."}
)

// Running is ErrRunning with the name of the sync that is under way.
func Running(id uuid.UUID) error {
	return ErrRunning.With("The integration is being synced already: " + id.String() + ".")
}

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	if c, ok := c.(Start); ok {
		return start(s, c)
	}
	if !s.Exists {
		return nil, ErrNotFound
	}
	switch c := c.(type) {
	case Look:
		return look(s, c)
	case Complete:
		return s.end(Ended{Integration: s.Started.Integration, Counts: s.Counts}), nil
	case Fail:
		return s.end(Failed{Integration: s.Started.Integration, Tickets: s.Started.Tickets, Counts: s.Counts, Code: c.Code, Why: c.Why}), nil
	case Start: // answered above
	}
	panic(fmt.Sprintf("syncing: unknown command %T", c))
}

func start(s State, c Start) ([]Event, error) {
	switch {
	case !c.By.Can(domain.ManageDeliveries):
		return nil, domain.ErrForbidden
	case s.Exists && s.Started.Request != c.Request:
		return nil, Running(IDOf(s.Started.Integration, s.Started.Number))
	case s.Exists:
		return nil, nil
	}
	return []Event{Started{Integration: c.Integration, Number: c.Number, DryRun: c.DryRun, Tickets: c.Tickets, By: c.By.User, Request: c.Request}}, nil
}

// look leaves out what was told before, after an answer that was lost.
func look(s State, c Look) ([]Event, error) {
	if s.Over {
		return nil, ErrOver
	}
	seen, counts := s.Seen(), s.Counts
	var events []Event
	for _, fact := range c.Facts {
		if !seen[fact.Ticket] {
			seen[fact.Ticket] = true
			counts = counts.and(fact.Outcome)
			events = append(events, fact)
		}
	}
	if len(events) == 0 {
		return nil, nil
	}
	return append(events, Progressed{Integration: s.Started.Integration, Tickets: max(s.Started.Tickets, counts.Done()), Counts: counts}), nil
}

// end ends the sync. Whoever ends it again changes nothing.
func (s State) end(fact Event) []Event {
	if s.Over {
		return nil
	}
	return []Event{fact}
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Started:
		s.Started, s.Exists = e, true
	case Looked:
		s.seen, s.Counts = s.seen.And(e.Ticket), s.Counts.and(e.Outcome)
	case Progressed: // for those who watch
	case Ended, Failed:
		s.Over = true
	}
	return s
}
