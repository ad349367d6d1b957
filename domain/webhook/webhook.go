package webhook

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
)

// State is what Decide needs to know, and nothing more: screens read projections.
type State struct {
	Content
	Exists   bool
	Deleted  bool
	Paused   bool
	By       domain.UserID // who made it
	Rotation uuid.UUID     // the last one
	Replay   uuid.UUID     // the last one
}

// Decider is the webhook aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "webhook", Decide: Decide, Evolve: Evolve}

// Command asks a webhook to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// Subscribe asks for a new webhook.
type Subscribe struct {
	Content
	By domain.Actor
}

// Change asks to change what is present, all of it or nothing.
type Change struct {
	URL         *string
	Events      *[]string
	Description *string
	Paused      *bool
	Reason      string // of a pause
	By          domain.Actor
}

// Rotate asks for another secret.
type Rotate struct {
	Rotation uuid.UUID // new for each that is asked for
	By       domain.Actor
}

// Replay asks to go on from another position.
type Replay struct {
	Replay uuid.UUID // new for each that is asked for
	From   int64     // the first position that is sent
	Head   int64     // the last position there is
	By     domain.Actor
}

// GiveUp asks for a pause because of the receiver. Only the program itself does.
type GiveUp struct {
	Code   PauseCode
	Reason string
	By     domain.Actor
}

// Delete ends the webhook.
type Delete struct{ By domain.Actor }

func (Subscribe) isCommand() {}
func (Change) isCommand()    {}
func (Rotate) isCommand()    {}
func (Replay) isCommand()    {}
func (GiveUp) isCommand()    {}
func (Delete) isCommand()    {}

// The refusals.
var (
	ErrExists   = &domain.Error{Kind: domain.Conflict, Code: "webhook_exists", Message: "There is another webhook with this id."}
	ErrNotFound = &domain.Error{Kind: domain.NotFound, Code: "webhook_not_found", Message: "There is no such webhook."}
	ErrInvalid  = &domain.Error{Kind: domain.Invalid, Code: "webhook_invalid", Message: "The webhook is not valid."}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Subscribe:
		return subscribe(s, c)
	case Change:
		return change(s, c)
	case Rotate:
		if err := s.mayChange(c.By); err != nil || c.Rotation == s.Rotation {
			return nil, err
		}
		return []Event{SecretRotated{By: c.By.User, Rotation: c.Rotation}}, nil
	case Replay:
		return replay(s, c)
	case GiveUp:
		return giveUp(s, c)
	case Delete:
		if s.Deleted && c.By.Can(domain.ManageWebhooks) {
			return nil, nil
		}
		if err := s.mayChange(c.By); err != nil {
			return nil, err
		}
		return []Event{Deleted{By: c.By.User}}, nil
	default:
		panic(fmt.Sprintf("webhook: unknown command %T", c))
	}
}

func subscribe(s State, c Subscribe) ([]Event, error) {
	if !c.By.Can(domain.ManageWebhooks) {
		return nil, domain.ErrForbidden
	}
	content := c.trimmed()
	if err := content.validate(); err != nil {
		return nil, err
	}
	switch {
	case !s.Exists:
		return []Event{Subscribed{By: c.By.User, URL: content.URL, Events: content.Events, Description: content.Description}}, nil
	case s.By != c.By.User:
		return nil, ErrExists
	}
	return nil, nil // a client that never saw the first answer
}

func change(s State, c Change) ([]Event, error) {
	if err := s.mayChange(c.By); err != nil {
		return nil, err
	}
	asked := s.Content
	domain.Set(&asked.URL, c.URL)
	domain.Set(&asked.Events, c.Events)
	domain.Set(&asked.Description, c.Description)
	next := asked.trimmed()
	if err := next.validate(); err != nil {
		return nil, err
	}
	if err := domain.CheckText(ErrInvalid, "reason", c.Reason, 0, MaxReason); err != nil {
		return nil, err
	}
	var events []Event
	e := Changed{By: c.By.User}
	if next.URL != s.URL {
		e.URL = &next.URL
	}
	if !slices.Equal(next.Events, s.Events) {
		e.Events = &next.Events
	}
	if next.Description != s.Description {
		e.Description = &next.Description
	}
	if e.URL != nil || e.Events != nil || e.Description != nil {
		events = append(events, e)
	}
	switch {
	case c.Paused == nil || *c.Paused == s.Paused:
	case *c.Paused:
		events = append(events, Paused{By: c.By.User, Code: ByPerson, Reason: c.Reason})
	default:
		events = append(events, Resumed{By: c.By.User})
	}
	return events, nil
}

func replay(s State, c Replay) ([]Event, error) {
	if err := s.mayChange(c.By); err != nil || c.Replay == s.Replay {
		return nil, err
	}
	if c.From < 1 || c.From > c.Head+1 {
		return nil, ErrInvalid.On("from", fmt.Sprintf("from must be a position of the log: 1 is the first, %d the one that comes next.", c.Head+1))
	}
	return []Event{Replayed{By: c.By.User, Replay: c.Replay, From: c.From}}, nil
}

func giveUp(s State, c GiveUp) ([]Event, error) {
	switch {
	case c.By.Type != domain.BySystem:
		return nil, domain.ErrForbidden
	case !s.Exists || s.Deleted:
		return nil, ErrNotFound
	case s.Paused:
		return nil, nil
	}
	return []Event{Paused{Code: c.Code, Reason: c.Reason}}, nil
}

// mayChange refuses those who may not manage webhooks, who learn nothing else, and what is not there.
func (s State) mayChange(by domain.Actor) error {
	switch {
	case !by.Can(domain.ManageWebhooks):
		return domain.ErrForbidden
	case !s.Exists || s.Deleted:
		return ErrNotFound
	}
	return nil
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case Subscribed:
		s.Exists, s.By, s.Content = true, e.By, Content{URL: e.URL, Events: e.Events, Description: e.Description}
	case Changed:
		domain.Set(&s.URL, e.URL)
		domain.Set(&s.Events, e.Events)
		domain.Set(&s.Description, e.Description)
	case SecretRotated:
		s.Rotation = e.Rotation
	case Paused:
		s.Paused = true
	case Resumed:
		s.Paused = false
	case Replayed:
		s.Replay = e.Replay
	case Deleted:
		s.Deleted = true
	}
	return s
}
