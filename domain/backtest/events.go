// Package backtest is a trial of a configuration on tickets of the past: what it would have said when each was first
// categorized, and what people finally set.
//
// # Why
//
// What a change of a prompt is worth shows on tickets whose answer is known. The trial is an aggregate of its own: each
// answer is a fact in it, so it is paid for once however often the work is taken up again, and what was measured stays
// what it was, whatever becomes of the tickets. It holds no words of theirs: nothing of it has to be erased.
package backtest

import (
	"github.com/google/uuid"

	"ticketd/domain"
)

// Event is a fact about one backtest. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning.
//
//sumtype:decl
type Event interface{ isEvent() }

// Started says which configuration is tried on which tickets.
type Started struct {
	Agent     domain.Agent  `json:"agent"`
	Version   int           `json:"version"` // of the configuration; 0: a draft
	Candidate Candidate     `json:"candidate"`
	Tickets   []uuid.UUID   `json:"tickets"` // the most recent first
	By        domain.UserID `json:"by,omitzero"`
}

// Candidate is what the configuration says that is tried, as package agentconfig has it.
type Candidate struct {
	Model        string   `json:"model"`
	Temperature  float64  `json:"temperature"`
	MaxTokens    int      `json:"max_tokens"`
	Timeout      int      `json:"timeout"` // seconds
	SystemPrompt string   `json:"system_prompt"`
	Tools        []string `json:"tools_enabled"`
}

// Judged says what the candidate made of a ticket, and what it should have.
type Judged struct {
	Ticket   uuid.UUID `json:"ticket"`
	Then     Verdict   `json:"then,omitzero"`  // what was said when it was first categorized
	Said     Verdict   `json:"said,omitzero"`  // by the candidate; zero: it was not asked, or gave no answer
	Right    Verdict   `json:"right,omitzero"` // what people finally set; an empty field: nobody knows
	Basis    Basis     `json:"basis,omitempty"`
	Unjudged string    `json:"unjudged,omitempty"` // why what it said cannot be compared with people; empty: it can
	Provider string    `json:"provider,omitempty"`
	Model    string    `json:"model,omitempty"`
	Tokens   int       `json:"tokens,omitempty"`
	Cost     int64     `json:"cost,omitempty"` // millionths of a dollar
	Millis   int       `json:"millis,omitempty"`
}

// Verdict is what a ticket is taken for.
type Verdict struct {
	Category   string  `json:"category,omitempty"`
	Priority   string  `json:"priority,omitempty"`
	Confidence float64 `json:"confidence,omitempty"` // from 0 to 1, of the category
}

// Basis is how the right category is known.
type Basis string

// The bases.
const (
	Chosen Basis = "set"   // a person set it
	Stood  Basis = "stood" // nobody had changed it when the ticket was resolved or closed, which is the weaker proof
)

// Why a ticket cannot be judged; or the code of what went wrong with the question.
const (
	NotCategorized = "not_categorized"
	Deleted        = "deleted"
	Erased         = "erased"
	Undecided      = "undecided"   // it is not resolved, and nobody has set its category
	OutOfTime      = "out_of_time" // of the whole comparison
)

// Completed says that every ticket was tried.
type Completed struct{}

// Stopped says why the rest was not tried.
type Stopped struct {
	Code   string `json:"code"`   // "budget", "given_up"
	Reason string `json:"reason"` // a sentence for a person
}

// Cancelled says that somebody did not want the rest any more.
type Cancelled struct {
	By domain.UserID `json:"by,omitzero"`
}

func (Started) isEvent()   {}
func (Judged) isEvent()    {}
func (Completed) isEvent() {}
func (Stopped) isEvent()   {}
func (Cancelled) isEvent() {}
