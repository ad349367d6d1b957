// Package syncing is a look at every ticket that lives with an integration: what was brought up to date on either side, and
// what could not be.
//
// # Why
//
// Deliveries bring both sides up to date by themselves, as long as they hear of what changes. Whether they did, and what they
// missed, is asked for by a person, who wants an answer for each ticket. What was looked at is a fact, so whoever takes a sync
// up after a crash goes on with the tickets that are left.
package syncing

import (
	"github.com/google/uuid"

	"ticketd/domain"
)

// Event is a fact about one sync. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning. A field tagged personal:"<field>" is sealed with the key of the person whom that
// other field of the same event names: a vendor's words may quote the ticket.
//
//sumtype:decl
type Event interface{ isEvent() }

// Started says that both sides of an integration are compared.
type Started struct {
	Integration uuid.UUID     `json:"integration"`
	Number      int           `json:"number"`  // from 1, of the integration's
	DryRun      bool          `json:"dry_run"` // nothing is changed on either side
	Tickets     int           `json:"tickets"` // how many there are to look at
	By          domain.UserID `json:"by,omitzero"`
	Request     uuid.UUID     `json:"request"` // that asked for it: the same again is no other sync
}

// Looked says what came of a look at a ticket.
type Looked struct {
	Ticket    uuid.UUID      `json:"ticket"`
	Delivery  uuid.UUID      `json:"delivery,omitzero"` // zero: the ticket only names the integration
	Outcome   Outcome        `json:"outcome"`
	Code      string         `json:"code,omitempty"` // of why it was skipped, or failed
	Did       map[string]int `json:"did,omitempty"`  // kinds of what was done, or would be, and how often
	CreatedBy domain.UserID  `json:"created_by"`     // the ticket
	Reason    string         `json:"reason,omitempty" personal:"created_by"`
}

// Outcome is what came of a look at a ticket.
type Outcome string

// The outcomes.
const (
	WasCreated  Outcome = "created"
	WasUpdated  Outcome = "updated"
	WasSkipped  Outcome = "skipped"
	HasFailed   Outcome = "failed"
	WouldCreate Outcome = "would_create" // in a dry run
	WouldUpdate Outcome = "would_update" // in a dry run
)

// What may have been done with a ticket, besides the steps of package delivery.
const (
	HeardComment = "comment_heard"
	HeardStatus  = "status_heard"
)

// Why a ticket was skipped, or could not be brought up to date. Others are codes of vendors, and of how a delivery ended.
const (
	Equal     = "equal"
	NamedOnly = "named_only"
	OutOfTime = "out_of_time"
)

// Progressed says how far the sync is. It follows what was looked at.
type Progressed struct {
	Integration uuid.UUID `json:"integration"`
	Tickets     int       `json:"tickets"`
	Counts      Counts    `json:"counts"`
}

// Counts is how many tickets had which outcome. What a dry run would do counts as done.
type Counts struct {
	Created int `json:"created"`
	Updated int `json:"updated"`
	Skipped int `json:"skipped"`
	Failed  int `json:"failed"`
}

// Ended says that every ticket was looked at.
type Ended struct {
	Integration uuid.UUID `json:"integration"`
	Counts      Counts    `json:"counts"`
}

// Failed says why the rest was not looked at.
type Failed struct {
	Integration uuid.UUID `json:"integration"`
	Tickets     int       `json:"tickets"`
	Counts      Counts    `json:"counts"`
	Code        string    `json:"code"`
	Why         string    `json:"why"` // a sentence of the program
}

func (Started) isEvent()    {}
func (Looked) isEvent()     {}
func (Progressed) isEvent() {}
func (Ended) isEvent()      {}
func (Failed) isEvent()     {}

// Done answers how many tickets were looked at.
func (c Counts) Done() int { return c.Created + c.Updated + c.Skipped + c.Failed }

// and counts one more.
func (c Counts) and(o Outcome) Counts {
	switch o {
	case WasCreated, WouldCreate:
		c.Created++
	case WasUpdated, WouldUpdate:
		c.Updated++
	case WasSkipped:
		c.Skipped++
	case HasFailed:
		c.Failed++
	}
	return c
}
