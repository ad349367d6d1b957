package commands

import (
	"context"
	"encoding/json"
	"time"

	"ticketd/domain"
)

// Model answers prompts: one provider, or a chain of them.
type Model interface {
	// Complete answers the next turn. Errors: a *ModelError, after whatever retries and fallbacks there are; the context's.
	Complete(ctx context.Context, p Prompt) (Completion, error)
}

// Prompt is what a model is asked. Org is never sent: answers and budgets are kept apart by it.
type Prompt struct {
	Org         domain.OrgID
	Model       string
	Temperature float64
	MaxTokens   int           // of the answer
	Timeout     time.Duration // of one attempt, if the context's deadline leaves so much
	System      string
	Turns       []Turn
	Tools       []Tool
	Answer      *Schema // what a final answer must look like; nil: text

	// Check answers what is wrong with a final answer, which is then not remembered: asked again, a model may do better.
	// nil: nothing is.
	Check func(text string) error
}

// Turn is one message of the conversation.
type Turn struct {
	Role   TurnRole
	Text   string
	Calls  []ToolCall // of an assistant
	CallID string     // that a tool's text answers
}

// TurnRole is who speaks in a turn.
type TurnRole string

// Who speaks.
const (
	UserTurn      TurnRole = "user"
	AssistantTurn TurnRole = "assistant"
	ToolTurn      TurnRole = "tool"
)

// Tool is something an agent may call.
type Tool struct {
	Name        string
	Description string
	Input       json.RawMessage // JSON schema of the arguments
	ReadOnly    bool            // calls may run side by side
}

// ToolCall is a model's wish to call a tool. Arguments may be anything: models err.
type ToolCall struct {
	ID        string
	Name      string
	Arguments string
}

// Schema is a JSON schema with a name, for structured answers.
type Schema struct {
	Name   string
	Schema json.RawMessage
}

// Stop is why a model stopped.
type Stop string

// Why a model stops.
const (
	StopAnswer  Stop = "answer"
	StopTools   Stop = "tools"
	StopLength  Stop = "length" // it was cut off
	StopRefusal Stop = "refusal"
)

// Completion is what a model answered.
type Completion struct {
	Provider     string
	Model        string
	Text         string // of a refusal: its words
	Calls        []ToolCall
	Stop         Stop
	InputTokens  int
	OutputTokens int
	Cost         int64 // millionths of a dollar
	Cached       bool
	PassedOver   []PassedOver // providers that were asked first, or would have been
}

// PassedOver is a provider that gave no answer.
type PassedOver struct {
	Provider string
	Code     string // of the ModelError
	Took     time.Duration
}

// ModelError is why no provider answered. Code is of the last one that was asked.
type ModelError struct {
	Code       string // "rate_limited", "unavailable", "timeout", "refused_key", "invalid_request", "budget", "circuit_open", "none"
	Message    string // one sentence, without words of the prompt or of a key
	PassedOver []PassedOver
}

func (e *ModelError) Error() string { return "model: " + e.Code + ": " + e.Message }
