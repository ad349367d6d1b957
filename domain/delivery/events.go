// Package delivery is the life of one ticket with one integration: what was done there, what is being done, and what came
// back.
//
// # Why
//
// A vendor forgets, repeats and answers late. What was agreed with it is therefore our fact, not its: each step is noted
// before it is made and when it is done, so whoever goes on after a crash knows which single step is in doubt, and asks the
// vendor about that one. What remains to be done is never stored: it follows from how the ticket stands and what was done.
package delivery

import (
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
)

// Event is a fact about one delivery. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning. A field tagged personal:"<field>" is sealed with the key of the person whom that
// other field of the same event names: a vendor's words may quote the ticket.
//
//sumtype:decl
type Event interface{ isEvent() }

// Begun says that a ticket shall live with an integration too.
type Begun struct {
	Integration uuid.UUID     `json:"integration"`
	Ticket      uuid.UUID     `json:"ticket"`
	Route       int           `json:"route"` // the version of the ticket that said so
	CreatedBy   domain.UserID `json:"created_by"`
	Fallback    []uuid.UUID   `json:"fallback,omitempty"` // where it goes if it cannot get there, in this order
	Instead     uuid.UUID     `json:"instead,omitzero"`   // the integration that it could not get to
}

// Attempted says that a step is made now. Until its outcome is told it is in doubt.
type Attempted struct {
	Step Step `json:"step"`
	Try  int  `json:"try"` // from 1, since the step was last done, or a person let it go on
}

// Progressed says how much of a file has been sent.
type Progressed struct {
	File    uuid.UUID `json:"file"`
	Percent int       `json:"percent"`
}

// Done says what a step made there.
type Done struct {
	Step      Step          `json:"step"`
	External  string        `json:"external,omitempty"` // what the vendor calls the ticket or the comment
	Place     string        `json:"place,omitempty"`    // of the ticket
	URL       string        `json:"url,omitempty"`      // of the ticket
	CreatedBy domain.UserID `json:"created_by"`
	Note      string        `json:"note,omitempty" personal:"created_by"` // what could not be done as it was asked
	Linked    bool          `json:"linked,omitempty"`                     // a file that is too large, or of a kind that is not taken: a link was given in its place
	Found     bool          `json:"found,omitempty"`                      // it had been made by an attempt whose answer was lost
}

// Failed says why a step was not done, and when it is tried again.
type Failed struct {
	Step      Step          `json:"step"`
	Code      string        `json:"code"`
	CreatedBy domain.UserID `json:"created_by"`
	Message   string        `json:"message" personal:"created_by"` // a sentence for a person
	Unsure    bool          `json:"unsure,omitempty"`              // it may have been done all the same
	RetryAt   time.Time     `json:"retry_at"`
}

// Parked says that a step waits for a person.
type Parked struct {
	Step      Step          `json:"step"`
	Code      string        `json:"code"`
	CreatedBy domain.UserID `json:"created_by"`
	Message   string        `json:"message" personal:"created_by"` // a sentence for a person
	Unsure    bool          `json:"unsure,omitempty"`
}

// Held says that the integration cannot be used, and why: everything waits until it can.
type Held struct {
	Code string `json:"code"`
}

// Retried says that a person lets a step be tried again.
type Retried struct {
	By domain.UserID `json:"by,omitzero"`
}

// Dropped says that a person has given a step up. What follows it goes on.
type Dropped struct {
	Step Step          `json:"step"`
	By   domain.UserID `json:"by,omitzero"`
}

// StatusHeard says where the ticket stands there.
type StatusHeard struct {
	Status string `json:"status"` // as the vendor calls it
}

// CommentHeard says that a comment there is one here too.
type CommentHeard struct {
	External string    `json:"external"`
	Comment  uuid.UUID `json:"comment"`
}

// Unheard says that the vendor does not tell how the ticket stands there. It is asked again, ever more rarely.
type Unheard struct {
	Code      string        `json:"code"`
	CreatedBy domain.UserID `json:"created_by"`
	Message   string        `json:"message" personal:"created_by"` // a sentence for a person
}

// HeardAgain says that the vendor tells it again.
type HeardAgain struct{}

// Released says that nothing waits any more: what waited is wanted no longer, or the integration can be used again and there is
// nothing to do.
type Released struct{}

// Rerouted says that the ticket goes elsewhere: this integration could not be reached.
type Rerouted struct {
	To uuid.UUID `json:"to"`
}

// Ended says that nothing is done any more, and why: "ticket_deleted", "disconnected", "dropped" or "rerouted".
type Ended struct {
	Code string `json:"code"`
}

// WordsErased says that what a vendor said about the ticket is gone for ever: it may quote the person, or with no person,
// anybody.
type WordsErased struct {
	Of domain.UserID `json:"of,omitzero"`
}

// Erases answers whose words; uuid.Nil when the delivery's own key goes.
func (e WordsErased) Erases() uuid.UUID { return e.Of.UUID }

// Step is one thing to be done at the vendor.
type Step struct {
	Kind   Kind      `json:"kind"`
	Key    uuid.UUID `json:"key,omitzero"`     // of a comment or a file
	Words  int       `json:"words,omitempty"`  // of Create and Update: the version of the ticket whose words they are
	Status string    `json:"status,omitempty"` // of Create and Move, as the vendor calls it
}

// Kind is what kind of step it is.
type Kind string

// The kinds of step.
const (
	Create  Kind = "create"
	Update  Kind = "update"
	Move    Kind = "status"
	Comment Kind = "comment"
	File    Kind = "file"
)

func (Begun) isEvent()        {}
func (Attempted) isEvent()    {}
func (Progressed) isEvent()   {}
func (Done) isEvent()         {}
func (Failed) isEvent()       {}
func (Parked) isEvent()       {}
func (Held) isEvent()         {}
func (Retried) isEvent()      {}
func (Dropped) isEvent()      {}
func (StatusHeard) isEvent()  {}
func (CommentHeard) isEvent() {}
func (Unheard) isEvent()      {}
func (HeardAgain) isEvent()   {}
func (Released) isEvent()     {}
func (Rerouted) isEvent()     {}
func (Ended) isEvent()        {}
func (WordsErased) isEvent()  {}
