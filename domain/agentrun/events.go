// Package agentrun is one execution of an agent: what it was asked, what it did, what came of it and what it cost.
package agentrun

import (
	"github.com/google/uuid"

	"ticketd/domain"
)

// Event is a fact about one run. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning. A field tagged personal:"<field>" is sealed with the key of the person
// whom that other field of the same event names.
//
//sumtype:decl
type Event interface{ isEvent() }

// Started says what an agent is asked, on whose behalf, and by which version of its configuration.
type Started struct {
	Agent         domain.Agent    `json:"agent"`
	ConfigVersion int             `json:"config_version"`
	Purpose       Purpose         `json:"purpose"`
	RequestedBy   domain.UserID   `json:"requested_by"`
	Input         map[string]any  `json:"input,omitempty" personal:"requested_by"`
	Files         []domain.FileID `json:"files,omitempty"`
	Ticket        uuid.UUID       `json:"ticket,omitzero"`  // it is about
	Thread        uuid.UUID       `json:"thread,omitzero"`  // it answers in
	Message       uuid.UUID       `json:"message,omitzero"` // it answers
}

// ModelAsked says what one turn of a model took, and what it said: a run that is taken up again goes on from there.
type ModelAsked struct {
	Turn         int            `json:"turn"` // from 1
	RequestedBy  domain.UserID  `json:"requested_by"`
	Provider     string         `json:"provider"`
	Model        string         `json:"model"`
	Stop         string         `json:"stop"`                                   // "answer", "tools", "length" or "refusal"
	Said         map[string]any `json:"said,omitempty" personal:"requested_by"` // "text", and "calls" with a "tool" and "arguments" each
	InputTokens  int            `json:"input_tokens"`
	OutputTokens int            `json:"output_tokens"`
	Cost         int64          `json:"cost"` // millionths of a dollar
	Millis       int            `json:"millis"`
	Cached       bool           `json:"cached,omitempty"`
	Replaced     map[string]int `json:"replaced,omitempty"` // values of each kind that stood as placeholders in what it was sent
}

// ProviderFailed says why a provider was passed over.
type ProviderFailed struct {
	Turn     int            `json:"turn"`
	Provider string         `json:"provider"` // empty: all of them
	Code     string         `json:"code"`     // "rate_limited", "unavailable", "timeout", "budget" ...
	Millis   int            `json:"millis"`
	Replaced map[string]int `json:"replaced,omitempty"` // as in ModelAsked, for it may have been sent something
}

// ToolCalled says what a tool was asked and what it said; of a long result the beginning.
type ToolCalled struct {
	Turn        int            `json:"turn"`
	CallID      string         `json:"call_id"`
	Tool        string         `json:"tool"`
	RequestedBy domain.UserID  `json:"requested_by"`
	Arguments   map[string]any `json:"arguments,omitempty" personal:"requested_by"`
	Result      string         `json:"result,omitempty" personal:"requested_by"`
	ResultHash  string         `json:"result_hash"`     // SHA-256 of the whole result, in hex
	Named       []uuid.UUID    `json:"named,omitempty"` // the first ids in what the model was shown of the result
	Failed      bool           `json:"failed,omitempty"`
	Millis      int            `json:"millis"`
}

// Completed says what came of it.
type Completed struct {
	RequestedBy domain.UserID  `json:"requested_by"`
	Result      map[string]any `json:"result,omitempty" personal:"requested_by"`
	Provider    string         `json:"provider"`
	Model       string         `json:"model"`
	Confidence  *float64       `json:"confidence,omitempty"` // from 0 to 1
	Ticket      uuid.UUID      `json:"ticket,omitzero"`      // that was made
	Millis      int            `json:"millis"`               // since it started
}

// Failed says why nothing came of it. Code is ProviderFailed's when no model answered, or "agent_refused" (the model declined),
// "agent_too_much" (a limit of a run), "invalid_answer", "tools_unavailable", "internal", or that of what refused.
type Failed struct {
	RequestedBy domain.UserID `json:"requested_by"`
	Code        string        `json:"code"`
	Reason      string        `json:"reason" personal:"requested_by"` // a sentence for a person
	Millis      int           `json:"millis"`
}

// WordsErased says that what a person said in the run is gone for ever; with no person, that everything in it is.
type WordsErased struct {
	Of domain.UserID `json:"of,omitzero"`
}

// Erases answers whose words; uuid.Nil when the run's own key goes.
func (e WordsErased) Erases() uuid.UUID { return e.Of.UUID }

// Purpose is what a run is for.
type Purpose string

// The purposes.
const (
	CreateTicket     Purpose = "create_ticket"
	CategorizeTicket Purpose = "categorize_ticket" // that exists
	CategorizeText   Purpose = "categorize_text"
	AnalyzeFiles     Purpose = "analyze_files"
	Reply            Purpose = "reply"
	Title            Purpose = "title"
	Test             Purpose = "test"   // of a configuration
	Shadow           Purpose = "shadow" // of a candidate, beside what holds
)

func (Started) isEvent()        {}
func (ModelAsked) isEvent()     {}
func (ProviderFailed) isEvent() {}
func (ToolCalled) isEvent()     {}
func (Completed) isEvent()      {}
func (Failed) isEvent()         {}
func (WordsErased) isEvent()    {}
