package http

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
)

// aiConfigJSON is a body about a configuration. It is read by hand, because the contract answers what is wrong with it
// with 400 and the word validation, where a schema would answer 422.
type aiConfigJSON = json.RawMessage

// aiConfigBody is what a change may say.
type aiConfigBody struct {
	Model        Optional[string]   `json:"model,omitzero" minLength:"1" maxLength:"100" example:"gpt-4o"`
	Temperature  Optional[float64]  `json:"temperature,omitzero" minimum:"0" maximum:"2" example:"0.3"`
	MaxTokens    Optional[int]      `json:"max_tokens,omitzero" minimum:"1" maximum:"128000" doc:"Of an answer."`
	Timeout      Optional[int]      `json:"timeout,omitzero" minimum:"1" maximum:"600" doc:"Seconds."`
	SystemPrompt Optional[string]   `json:"system_prompt,omitzero" minLength:"1" maxLength:"50000"`
	ToolsEnabled Optional[[]string] `json:"tools_enabled,omitzero" doc:"Names of tools, as the MCP server lists them, each once."`
}

// configField is a field that a body may have.
type configField struct {
	name     string
	into     any
	wants    string // completes a sentence that begins with the name
	required bool
}

func (b *aiConfigBody) fields() []configField {
	return []configField{
		{name: "model", into: &b.Model, wants: "must be text"},
		{name: "temperature", into: &b.Temperature, wants: "must be a number"},
		{name: "max_tokens", into: &b.MaxTokens, wants: "must be a whole number"},
		{name: "timeout", into: &b.Timeout, wants: "must be a whole number of seconds"},
		{name: "system_prompt", into: &b.SystemPrompt, wants: "must be text"},
		{name: "tools_enabled", into: &b.ToolsEnabled, wants: "must be a list of names"},
	}
}

// change is the command for it. null asks for the default: a configuration has no field that could be empty.
func (b *aiConfigBody) change(agent domain.Agent, by domain.Actor) agentconfig.Change {
	defaults := agentconfig.Defaults(agent)
	return agentconfig.Change{
		Agent: agent, By: by, Model: orDefault(b.Model, defaults.Model), Temperature: orDefault(b.Temperature, defaults.Temperature),
		MaxTokens: orDefault(b.MaxTokens, defaults.MaxTokens), Timeout: orDefault(b.Timeout, defaults.Timeout),
		SystemPrompt: orDefault(b.SystemPrompt, defaults.SystemPrompt), Tools: orDefault(b.ToolsEnabled, defaults.Tools),
	}
}

func orDefault[T any](o Optional[T], normal T) *T {
	if o.Null {
		return &normal
	}
	return o.ptr()
}

// aiRollbackBody names the version that shall hold again.
type aiRollbackBody struct {
	Version int `json:"version" minimum:"1" example:"1"`
}

func (b *aiRollbackBody) fields() []configField {
	return []configField{{name: "version", into: &b.Version, wants: "must be the number of a version", required: true}}
}

// readConfigBody fills the fields that a body has. Errors: agentconfig.ErrInvalid for what is no object, for a field that
// is missing or of another type, and for one that there is not.
func readConfigBody(body aiConfigJSON, fields []configField) error {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(body, &given); err != nil || given == nil {
		return agentconfig.ErrInvalid.With("The configuration did not pass validation: the body must be a JSON object.")
	}
	for _, f := range fields {
		value, present := given[f.name]
		missing := f.required && (!present || string(value) == "null")
		if missing || present && json.Unmarshal(value, f.into) != nil {
			return agentconfig.Invalid(f.name, f.wants)
		}
		delete(given, f.name)
	}
	if unknown := slices.Sorted(maps.Keys(given)); len(unknown) > 0 {
		return agentconfig.Invalid(fmt.Sprintf("%.60s", unknown[0]), "is not among the fields of this body")
	}
	return nil
}
