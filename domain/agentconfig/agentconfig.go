package agentconfig

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
)

// State is what Decide needs to know, and nothing more: screens read projections.
type State struct {
	Config   Config               // what holds; nothing before Adopted, when the defaults do
	Version  int                  // of the stream, which is that of the configuration
	Versions domain.Chain[Config] // what every version said, for a roll-back
	Shadow   Shadow               // what is tried beside it; zero: nothing
}

// Decider is the aggregate of one agent's configuration. Version 1 is the program's defaults, for which nothing is
// stored: the first change says what they were, and itself becomes version 2.
var Decider = domain.Decider[State, Command, Event]{Category: "agent_config", Decide: Decide, Evolve: Evolve}

// StreamID names the stream of an agent's configuration. It follows from what it is, so that nobody looks it up, and two
// who make the first change at once meet in one stream.
func StreamID(org domain.OrgID, agent domain.Agent) uuid.UUID {
	return uuid.NewSHA1(org.UUID, []byte("agent_config/"+agent))
}

// Command asks a configuration to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface {
	isCommand()

	// Of is the agent whose configuration shall change.
	Of() domain.Agent
}

// Change asks to change what is present, all of it or nothing.
type Change struct {
	Agent        domain.Agent
	Model        *string
	Temperature  *float64
	MaxTokens    *int
	Timeout      *int // seconds
	SystemPrompt *string
	Tools        *[]string
	By           domain.Actor
}

// RollBack asks for what an earlier version said.
type RollBack struct {
	Agent domain.Agent
	To    int
	By    domain.Actor
}

func (Change) isCommand()      {}
func (RollBack) isCommand()    {}
func (SetShadow) isCommand()   {}
func (ClearShadow) isCommand() {}

// Of implements Command.
func (c Change) Of() domain.Agent { return c.Agent }

// Of implements Command.
func (c RollBack) Of() domain.Agent { return c.Agent }

// The refusals. A configuration that is not valid is answered like a reference that leads nowhere, with 400.
var (
	ErrNotFound  = &domain.Error{Kind: domain.NotFound, Code: "agent_config_not_found", Message: "There is no configuration of this name."}
	ErrNoVersion = &domain.Error{Kind: domain.NotFound, Code: "agent_config_version_not_found", Message: "The configuration has no such version."}
	ErrInvalid   = &domain.Error{Kind: domain.BadReference, Code: "agent_config_invalid", Message: "The configuration did not pass validation."}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case Change:
		return change(s, c)
	case RollBack:
		return rollBack(s, c)
	case SetShadow:
		return setShadow(s, c)
	case ClearShadow:
		return clearShadow(s, c)
	default:
		panic(fmt.Sprintf("agentconfig: unknown command %T", c))
	}
}

// may refuses those who may not change the configuration, and what is no agent.
func may(by domain.Actor, agent domain.Agent) error {
	switch {
	case !by.May(domain.ManageAgentConfig):
		return domain.ErrForbidden
	case !slices.Contains(domain.Agents, agent):
		return Unknown(string(agent))
	}
	return nil
}

// Unknown is ErrNotFound in the words of the contract.
func Unknown(agent string) error {
	return ErrNotFound.With(fmt.Sprintf("Configuration for %s not found", agent))
}

// NoVersion is ErrNoVersion with what was asked for, and what there is.
func NoVersion(version, latest int) error {
	return ErrNoVersion.With(fmt.Sprintf("The configuration has no version %d; the latest is %d.", version, latest))
}

func change(s State, c Change) ([]Event, error) {
	if err := may(c.By, c.Agent); err != nil {
		return nil, err
	}
	wanted := c.fact()
	if err := wanted.check(); err != nil {
		return nil, err
	}
	adopted, holds := s.adopt(c.Agent)
	differs := wanted.from(holds)
	if differs.empty() {
		return nil, nil
	}
	return append(adopted, differs), nil
}

// fact is the change as it would be told.
func (c Change) fact() Changed {
	return Changed{
		By: c.By.User, Model: c.Model, Temperature: c.Temperature, MaxTokens: c.MaxTokens, Timeout: c.Timeout,
		SystemPrompt: c.SystemPrompt, Tools: c.Tools,
	}
}

// On answers what a configuration would be after the change, without changing it: a draft. It returns ErrInvalid.
func (c Change) On(holds Config) (Config, error) {
	wanted := c.fact()
	if err := wanted.check(); err != nil {
		return Config{}, err
	}
	return holds.changed(wanted), nil
}

// adopt answers what holds, and the fact that has to be noted first where nothing is stored yet.
func (s State) adopt(agent domain.Agent) ([]Event, Config) {
	if s.Version > 0 {
		return nil, s.Config
	}
	defaults := Defaults(agent)
	return []Event{Adopted{Agent: agent, Config: defaults}}, defaults
}

// from leaves out of a change what holds already.
func (e Changed) from(c Config) Changed {
	e.Model = unless(e.Model, c.Model)
	e.Temperature = unless(e.Temperature, c.Temperature)
	e.MaxTokens = unless(e.MaxTokens, c.MaxTokens)
	e.Timeout = unless(e.Timeout, c.Timeout)
	e.SystemPrompt = unless(e.SystemPrompt, c.SystemPrompt)
	if e.Tools != nil {
		tools := append([]string{}, *e.Tools...) // none are a list, too: null would change nothing
		e.Tools = &tools
		if slices.Equal(tools, c.Tools) {
			e.Tools = nil
		}
	}
	return e
}

func unless[T comparable](wanted *T, holds T) *T {
	if wanted == nil || *wanted == holds {
		return nil
	}
	return wanted
}

func (e Changed) empty() bool {
	return e.Model == nil && e.Temperature == nil && e.MaxTokens == nil && e.Timeout == nil && e.SystemPrompt == nil && e.Tools == nil
}

func rollBack(s State, c RollBack) ([]Event, error) {
	if err := may(c.By, c.Agent); err != nil {
		return nil, err
	}
	_, holds := s.adopt(c.Agent)
	said, known := s.at(c.To, holds)
	switch {
	case !known:
		return nil, NoVersion(c.To, max(1, s.Version))
	case said.Equal(holds):
		return nil, nil
	}
	return []Event{RolledBack{By: c.By.User, To: c.To, Config: said}}, nil
}

// at answers what a version said. Where nothing is stored the defaults are version 1.
func (s State) at(version int, defaults Config) (Config, bool) {
	if s.Version == 0 {
		return defaults, version == 1
	}
	number := s.Version
	for said := range s.Versions.Backward() {
		if number == version {
			return said, true
		}
		number--
	}
	return Config{}, false
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	s.Config = s.Config.After(e)
	s.Version++
	s.Versions = s.Versions.And(s.Config)
	s.Shadow = s.Shadow.After(e, s.Version)
	return s
}

// After is the configuration once a fact has happened to it.
func (c Config) After(e Event) Config {
	switch e := e.(type) {
	case Adopted:
		c = e.Config
	case Changed:
		c = c.changed(e)
	case RolledBack:
		c = e.Config
	case ShadowSet, ShadowCleared: // what holds stays
	}
	return c
}

func (c Config) changed(e Changed) Config {
	if e.Model != nil {
		c.Model = *e.Model
	}
	if e.Temperature != nil {
		c.Temperature = *e.Temperature
	}
	if e.MaxTokens != nil {
		c.MaxTokens = *e.MaxTokens
	}
	if e.Timeout != nil {
		c.Timeout = *e.Timeout
	}
	if e.SystemPrompt != nil {
		c.SystemPrompt = *e.SystemPrompt
	}
	if e.Tools != nil {
		c.Tools = *e.Tools
	}
	return c
}

// Equal reports whether two configurations say the same.
func (c Config) Equal(other Config) bool {
	return c.Model == other.Model && c.Temperature == other.Temperature && c.MaxTokens == other.MaxTokens && c.Timeout == other.Timeout &&
		c.SystemPrompt == other.SystemPrompt && slices.Equal(c.Tools, other.Tools)
}
