package agentconfig

import "ticketd/domain"

// Shadow is a candidate that is tried beside what holds: it is asked the same, and only what it says is recorded.
type Shadow struct {
	Version int    `json:"version"` // at which it was set, and by which its runs are known; 0: nothing is tried
	Of      int    `json:"of"`      // the version that is tried; 0: a draft
	Config  Config `json:"config"`
}

// SetShadow asks to try a version beside what holds, or a draft: what holds after a change that is not made.
type SetShadow struct {
	Agent domain.Agent
	Try   int    // the version; 0: the draft
	Draft Change // of its fields those that are present
	By    domain.Actor
}

// ClearShadow asks to try nothing any more.
type ClearShadow struct {
	Agent domain.Agent
	By    domain.Actor
}

// Of implements Command.
func (c SetShadow) Of() domain.Agent { return c.Agent }

// Of implements Command.
func (c ClearShadow) Of() domain.Agent { return c.Agent }

// ErrNotCompared refuses to compare configurations of agents that decide nothing about tickets by themselves.
var ErrNotCompared = &domain.Error{
	Kind: domain.BadReference, Code: "agent_not_compared",
	Message: "The configuration did not pass validation: only categorization_agent decides what can be compared with what people set.",
}

// Compared answers ErrNotCompared for an agent whose decisions cannot be compared with what people finally set.
func Compared(agent domain.Agent) error {
	if agent != domain.Categorization {
		return ErrNotCompared
	}
	return nil
}

func setShadow(s State, c SetShadow) ([]Event, error) {
	if err := may(c.By, c.Agent); err != nil {
		return nil, err
	}
	if err := Compared(c.Agent); err != nil {
		return nil, err
	}
	adopted, holds := s.adopt(c.Agent)
	candidate, err := s.candidate(c, holds)
	if err != nil {
		return nil, err
	}
	if s.Shadow.Version > 0 && s.Shadow.Of == c.Try && s.Shadow.Config.Equal(candidate) {
		return nil, nil
	}
	return append(adopted, ShadowSet{By: c.By.User, Of: c.Try, Config: candidate}), nil
}

// candidate answers what shall be tried.
func (s State) candidate(c SetShadow, holds Config) (Config, error) {
	if c.Try == 0 {
		return c.Draft.On(holds)
	}
	said, known := s.at(c.Try, holds)
	if !known {
		return Config{}, NoVersion(c.Try, max(1, s.Version))
	}
	return said, nil
}

func clearShadow(s State, c ClearShadow) ([]Event, error) {
	if err := may(c.By, c.Agent); err != nil {
		return nil, err
	}
	if s.Shadow.Version == 0 {
		return nil, nil
	}
	return []Event{ShadowCleared{By: c.By.User}}, nil
}

// After is what is tried once a fact has happened, which made that version.
func (s Shadow) After(e Event, version int) Shadow {
	switch e := e.(type) {
	case ShadowSet:
		return Shadow{Version: version, Of: e.Of, Config: e.Config}
	case ShadowCleared:
		return Shadow{}
	case Adopted, Changed, RolledBack: // of what holds
	}
	return s
}
