package delivery

import (
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
)

// State is what Decide needs to know, and nothing more: screens read projections.
type State struct {
	Exists      bool
	Integration uuid.UUID
	Ticket      uuid.UUID
	Route       int           // the version of the ticket that asked for it last
	CreatedBy   domain.UserID // the ticket
	Fallback    []uuid.UUID   // where it goes if it cannot get there, in this order
	Instead     uuid.UUID     // the integration that it could not get to
	External    string        // what the vendor calls the ticket; empty: it was not made
	Place       string
	URL         string
	Words       int                  // the version of the ticket whose words stand there
	Status      string               // that was agreed last
	Made        map[uuid.UUID]bool   // comments and files that are there, or were given up, or came from there
	Heard       map[string]uuid.UUID // comments there, ours and theirs, by what the vendor calls them
	InDoubt     *Step                // it was attempted, and nothing is known of its outcome
	Tries       int                  // of the step that is being made
	Waiting     *Waiting             // nil: nothing is wrong
	Held        string               // why everything waits
	Unheard     string               // why the vendor does not tell how the ticket stands there; empty: it does
	Limits      int                  // how often in a row the vendor has put the step off
	Ended       string
	Erased      bool // what the vendor said
}

// Waiting is why a step is not made at once.
type Waiting struct {
	Step    Step
	Code    string
	Parked  bool      // for a person
	RetryAt time.Time // otherwise
}

// Created reports whether the ticket is there.
func (s State) Created() bool { return s.External != "" }

// Knows reports a comment of ours that the vendor has a name for.
func (s State) Knows(comment uuid.UUID) bool {
	for _, known := range s.Heard {
		if known == comment {
			return true
		}
	}
	return false
}

// Over reports that nothing is done any more.
func (s State) Over() bool { return s.Ended != "" }

// CodeLimited is the code of a step that the vendor has put off.
const CodeLimited = "rate_limited"

// IDOf answers the id of a ticket's delivery to an integration: there is one, however often it is asked for.
func IDOf(integration, ticket uuid.UUID) uuid.UUID { return uuid.NewSHA1(integration, ticket[:]) }

// Decider is the delivery aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "delivery", Decide: Decide, Evolve: Evolve}

// Command asks a delivery to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// Begin asks for the ticket to live with an integration. Only the system sends it, and what follows but Retry and Drop.
type Begin struct {
	Integration uuid.UUID
	Ticket      uuid.UUID
	Route       int
	CreatedBy   domain.UserID
	Fallback    []uuid.UUID
	Instead     uuid.UUID
}

// Attempt notes that a step is made now.
type Attempt struct{ Step Step }

// Progress notes how much of the file has been sent that is being attached.
type Progress struct {
	File    uuid.UUID
	Percent int
}

// Succeed notes what the step made that was attempted.
type Succeed struct{ Done Done }

// Fail notes why it was not done.
type Fail struct {
	Step    Step
	Code    string
	Message string
	Unsure  bool
	RetryAt time.Time
}

// Park leaves the step to a person.
type Park struct {
	Step    Step
	Code    string
	Message string
	Unsure  bool
}

// Hold notes that the integration cannot be used.
type Hold struct{ Code string }

// HearStatus notes where the ticket stands there.
type HearStatus struct{ Status string }

// HearComment notes that a comment there is one here.
type HearComment struct {
	External string
	Comment  uuid.UUID
}

// HearNothing notes why the vendor did not tell how the ticket stands there.
type HearNothing struct{ Code, Message string }

// HearAgain notes that it does tell.
type HearAgain struct{}

// Release notes that nothing waits any more.
type Release struct{}

// EraseWords makes what the vendor said unreadable for ever, for a person whose ticket it is, or with the zero id for anybody.
type EraseWords struct {
	Of domain.UserID
	By domain.Actor
}

// Reroute sends the ticket elsewhere.
type Reroute struct{ To uuid.UUID }

// End ends the delivery.
type End struct{ Code string }

// Retry lets a step that waits be tried again at once.
type Retry struct{ By domain.Actor }

// Drop gives the step up that waits.
type Drop struct{ By domain.Actor }

func (Begin) isCommand()       {}
func (Attempt) isCommand()     {}
func (Progress) isCommand()    {}
func (Succeed) isCommand()     {}
func (Fail) isCommand()        {}
func (Park) isCommand()        {}
func (Hold) isCommand()        {}
func (HearStatus) isCommand()  {}
func (HearComment) isCommand() {}
func (HearNothing) isCommand() {}
func (HearAgain) isCommand()   {}
func (Release) isCommand()     {}
func (EraseWords) isCommand()  {}
func (Reroute) isCommand()     {}
func (End) isCommand()         {}
func (Retry) isCommand()       {}
func (Drop) isCommand()        {}

// Wordless answers the command without what a vendor said.
func Wordless(c Command) Command {
	switch c := c.(type) { //nolint:gochecksumtype // the others hold no words
	case Succeed:
		c.Done.Note = ""
		return c
	case Fail:
		c.Message = ""
		return c
	case Park:
		c.Message = ""
		return c
	case HearNothing:
		c.Message = ""
		return c
	}
	return c
}

// The refusals.
var (
	ErrNotFound   = &domain.Error{Kind: domain.NotFound, Code: "delivery_not_found", Message: "There is no such delivery."}
	ErrOver       = &domain.Error{Kind: domain.Conflict, Code: "delivery_over", Message: "Nothing is delivered any more: the delivery has ended."}
	ErrNotWaiting = &domain.Error{Kind: domain.Conflict, Code: "delivery_not_waiting", Message: "Nothing of this delivery waits."}
	ErrSuperseded = &domain.Error{Kind: domain.Conflict, Code: "step_superseded", Message: "Another worker has gone on with this delivery."}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Begin:
		return begin(s, c)
	case Retry:
		return retry(s, c)
	case Drop:
		return drop(s, c)
	case Attempt:
		return s.underWay(func() ([]Event, error) { return attempt(s, c) })
	case Progress:
		return s.underWay(func() ([]Event, error) { return progress(s, c) })
	case Succeed:
		c.Done.CreatedBy = s.CreatedBy
		return s.ofAttempt(c.Done.Step, c.Done)
	case Fail:
		return s.ofAttempt(c.Step, Failed{Step: c.Step, Code: c.Code, CreatedBy: s.CreatedBy, Message: c.Message, Unsure: c.Unsure, RetryAt: c.RetryAt})
	case Park:
		return s.ofAttempt(c.Step, Parked{Step: c.Step, Code: c.Code, CreatedBy: s.CreatedBy, Message: c.Message, Unsure: c.Unsure})
	case Hold:
		return s.unless(s.Held == c.Code, Held{Code: c.Code})
	case HearStatus:
		return s.unless(s.Status == c.Status, StatusHeard{Status: c.Status})
	case HearComment:
		_, known := s.Heard[c.External]
		return s.unless(known, CommentHeard{External: c.External, Comment: c.Comment})
	case HearNothing:
		return s.unless(s.Unheard == c.Code, Unheard{Code: c.Code, CreatedBy: s.CreatedBy, Message: c.Message})
	case HearAgain:
		return s.unless(s.Unheard == "", HeardAgain{})
	case Release:
		return s.unless(s.Waiting == nil && s.Held == "", Released{})
	case EraseWords:
		return eraseWords(s, c)
	case Reroute:
		return s.underWay(func() ([]Event, error) { return []Event{Rerouted{To: c.To}, Ended{Code: "rerouted"}}, nil })
	case End:
		return s.unless(false, Ended{Code: c.Code})
	default:
		panic(fmt.Sprintf("delivery: unknown command %T", c))
	}
}

// underWay refuses what is not there, and what is over.
func (s State) underWay(rule func() ([]Event, error)) ([]Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case s.Over():
		return nil, ErrOver
	}
	return rule()
}

// unless answers the fact, if it is news.
func (s State) unless(so bool, e Event) ([]Event, error) {
	return s.underWay(func() ([]Event, error) {
		if so {
			return nil, nil
		}
		return []Event{e}, nil
	})
}

// begin also begins again what has ended, when somebody wants it again: what was agreed still holds.
func begin(s State, c Begin) ([]Event, error) {
	if s.Exists && (!s.Over() || c.Route <= s.Route) {
		return nil, nil
	}
	return []Event{Begun(c)}, nil
}

func attempt(s State, c Attempt) ([]Event, error) {
	if s.InDoubt != nil && *s.InDoubt != c.Step {
		return nil, ErrSuperseded
	}
	tries := 1
	if s.Waiting != nil && s.Waiting.Step == c.Step || s.InDoubt != nil {
		tries += s.Tries
	}
	return []Event{Attempted{Step: c.Step, Try: tries}}, nil
}

func progress(s State, c Progress) ([]Event, error) {
	if s.InDoubt == nil || s.InDoubt.Key != c.File {
		return nil, ErrSuperseded
	}
	return []Event{Progressed(c)}, nil
}

// ofAttempt answers the outcome of the attempt that is under way.
func (s State) ofAttempt(step Step, outcome Event) ([]Event, error) {
	return s.underWay(func() ([]Event, error) {
		if s.InDoubt == nil || *s.InDoubt != step {
			return nil, ErrSuperseded
		}
		return []Event{outcome}, nil
	})
}

// mayManage refuses those who may not see deliveries, and those who may only see them.
func (s State) mayManage(by domain.Actor) error {
	switch {
	case !s.Exists || !by.Can(domain.ReadDeliveries):
		return ErrNotFound
	case !by.Can(domain.ManageDeliveries):
		return domain.ErrForbidden
	}
	return nil
}

func retry(s State, c Retry) ([]Event, error) {
	if err := s.mayManage(c.By); err != nil {
		return nil, err
	}
	if s.Waiting == nil || s.Over() {
		return nil, ErrNotWaiting
	}
	return []Event{Retried{By: c.By.User}}, nil
}

// drop gives up the step that waits. A ticket that was never made there is all of it.
func drop(s State, c Drop) ([]Event, error) {
	if err := s.mayManage(c.By); err != nil {
		return nil, err
	}
	if s.Waiting == nil || s.Over() {
		return nil, ErrNotWaiting
	}
	dropped := Dropped{Step: s.Waiting.Step, By: c.By.User}
	if dropped.Step.Kind == Create {
		return []Event{dropped, Ended{Code: "dropped"}}, nil
	}
	return []Event{dropped}, nil
}

func eraseWords(s State, c EraseWords) ([]Event, error) {
	switch {
	case c.By.Type != domain.BySystem:
		return nil, domain.ErrForbidden
	case !s.Exists:
		return nil, ErrNotFound
	case s.Erased || !c.Of.IsZero() && c.Of != s.CreatedBy:
		return nil, nil
	}
	return []Event{WordsErased{Of: c.Of}}, nil
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Begun:
		s.Exists, s.Integration, s.Ticket, s.Route, s.CreatedBy, s.Fallback, s.Instead, s.Ended = true, e.Integration, e.Ticket, e.Route, e.CreatedBy, e.Fallback, e.Instead, ""
	case Attempted:
		s.InDoubt, s.Tries, s.Held = &e.Step, e.Try, ""
	case Progressed: // for those who watch
	case Done:
		s = s.done(e)
	case Failed:
		s.Waiting = &Waiting{Step: e.Step, Code: e.Code, RetryAt: e.RetryAt}
		s = s.limited(e.Code == CodeLimited).settled(e.Unsure)
	case Parked:
		s.Waiting = &Waiting{Step: e.Step, Code: e.Code, Parked: true}
		s = s.settled(e.Unsure)
	case Held:
		s.Held = e.Code
	case Retried:
		s.Waiting, s.Tries, s.Limits = nil, 0, 0
	case Dropped:
		s = s.without(e.Step)
	case StatusHeard:
		s.Status = e.Status
	case CommentHeard:
		s = s.knows(e.External, e.Comment)
	case Released:
		s.Waiting, s.Held, s.Tries, s.Limits = nil, "", 0, 0
	case Unheard:
		s.Unheard = e.Code
	case HeardAgain:
		s.Unheard = ""
	case Rerouted: // it has ended with it
	case Ended:
		s.Ended, s.Waiting = e.Code, nil
		if s.InDoubt != nil && s.InDoubt.Kind != Create {
			s.InDoubt = nil
		}
	case WordsErased:
		s.Erased = true
	}
	return s
}

// fewLimits is how often in a row a step may be put off before that counts as a failed try: a vendor that only ever says "later"
// is as good as down.
const fewLimits = 10

// limited counts how often a step was put off: waiting for one's turn is no failure.
func (s State) limited(so bool) State {
	if !so {
		s.Limits = 0
		return s
	}
	if s.Limits++; s.Limits <= fewLimits {
		s.Tries--
	}
	return s
}

// settled leaves a step in doubt only if nobody knows whether it was done.
func (s State) settled(unsure bool) State {
	if !unsure {
		s.InDoubt = nil
	}
	return s
}

func (s State) done(e Done) State {
	s.InDoubt, s.Waiting, s.Tries, s.Limits, s.Held = nil, nil, 0, 0, ""
	switch e.Step.Kind {
	case Create:
		s.External, s.Place, s.URL, s.Words, s.Status = e.External, e.Place, e.URL, e.Step.Words, e.Step.Status
	case Update:
		s.Words = e.Step.Words
	case Move:
		s.Status = e.Step.Status
	case Comment:
		s = s.knows(e.External, e.Step.Key)
	case File:
		s.Made = with(s.Made, e.Step.Key)
	}
	return s
}

// without is the state in which a step counts as done, for nobody wants it any more. Whether the ticket was made there stays in
// doubt: whoever sends it again finds out first.
func (s State) without(step Step) State {
	s.Waiting, s.Tries, s.Limits = nil, 0, 0
	if step.Kind != Create {
		s.InDoubt = nil
	}
	switch step.Kind {
	case Create: // nothing can follow
	case Update:
		s.Words = step.Words
	case Move:
		s.Status = step.Status
	case Comment, File:
		s.Made = with(s.Made, step.Key)
	}
	return s
}

func (s State) knows(external string, comment uuid.UUID) State {
	s.Made = with(s.Made, comment)
	heard := maps.Clone(s.Heard)
	if heard == nil {
		heard = map[string]uuid.UUID{}
	}
	heard[external] = comment
	s.Heard = heard
	return s
}

func with(set map[uuid.UUID]bool, key uuid.UUID) map[uuid.UUID]bool {
	more := maps.Clone(set)
	if more == nil {
		more = map[uuid.UUID]bool{}
	}
	more[key] = true
	return more
}
