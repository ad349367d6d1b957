// Package agentconfig is what an organization has decided about one of its agents: model, prompt, limits and tools.
package agentconfig

import "ticketd/domain"

// Event is a fact about one agent's configuration. The JSON of these structs is stored for ever: to change one, add an
// upcaster in eventstore/catalog, never a second meaning. A prompt is the organization's, and outlives whoever wrote it.
//
//sumtype:decl
type Event interface{ isEvent() }

// Adopted says what the program's defaults were when the organization first changed something: version 1.
type Adopted struct {
	Agent  domain.Agent `json:"agent"`
	Config Config       `json:"config"`
}

// Changed says what an administrator changed. Only the fields present have changed.
type Changed struct {
	By           domain.UserID `json:"by,omitzero"`
	Model        *string       `json:"model,omitempty"`
	Temperature  *float64      `json:"temperature,omitempty"`
	MaxTokens    *int          `json:"max_tokens,omitempty"`
	Timeout      *int          `json:"timeout,omitempty"` // seconds
	SystemPrompt *string       `json:"system_prompt,omitempty"`
	Tools        *[]string     `json:"tools_enabled,omitempty"`
}

// RolledBack says that an earlier version holds again, and what that says.
type RolledBack struct {
	By     domain.UserID `json:"by,omitzero"`
	To     int           `json:"to"`
	Config Config        `json:"config"`
}

// ShadowSet says that a candidate is tried beside what holds, and what it says. It is a version of its own, by which the
// runs of the candidate are known; what holds stays.
type ShadowSet struct {
	By     domain.UserID `json:"by,omitzero"`
	Of     int           `json:"of"` // the version that is tried; 0: a draft
	Config Config        `json:"config"`
}

// ShadowCleared says that no candidate is tried any more.
type ShadowCleared struct {
	By domain.UserID `json:"by,omitzero"`
}

// Config is everything that can be decided about an agent.
type Config struct {
	Model        string   `json:"model"`
	Temperature  float64  `json:"temperature"`
	MaxTokens    int      `json:"max_tokens"`
	Timeout      int      `json:"timeout"` // seconds
	SystemPrompt string   `json:"system_prompt"`
	Tools        []string `json:"tools_enabled"`
}

func (Adopted) isEvent()       {}
func (Changed) isEvent()       {}
func (RolledBack) isEvent()    {}
func (ShadowSet) isEvent()     {}
func (ShadowCleared) isEvent() {}
