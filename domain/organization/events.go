// Package organization is a tenant: the people who share tickets, and everything that belongs to them.
package organization

import (
	"github.com/google/uuid"

	"ticketd/domain"
)

// Event is a fact about one organization. The JSON of these structs is stored for ever: to change one, add an upcaster
// in eventstore/catalog, never a second meaning. A field tagged personal:"<field>" is sealed with the key of the person
// whom that other field of the same event names.
//
//sumtype:decl
type Event interface{ isEvent() }

// Founded starts an organization.
type Founded struct {
	Name      string        `json:"name" personal:"founded_by"`
	FoundedBy domain.UserID `json:"founded_by"`
}

// Renamed gives an organization another name.
type Renamed struct {
	Name string        `json:"name" personal:"by"`
	By   domain.UserID `json:"by,omitzero"`
}

// AdminAdded makes a member one of those who run the organization.
type AdminAdded struct {
	UserID domain.UserID `json:"user_id"`
}

// AdminRemoved takes a member from those who run the organization.
type AdminRemoved struct {
	UserID domain.UserID `json:"user_id"`
}

// WordsErased says that the name is gone for ever, because who gave it was erased.
type WordsErased struct {
	Of domain.UserID `json:"of"`
}

// Erases answers whose words.
func (e WordsErased) Erases() uuid.UUID { return e.Of.UUID }

// RetentionSet says after how many days from its closing the words of a ticket are erased; 0 is never.
type RetentionSet struct {
	Days int `json:"days"`
}

// BudgetReached says that an organization has spent so much of a month's budget for models that somebody should know.
type BudgetReached struct {
	Month  string      `json:"month"` // in UTC: "2026-11"
	Level  BudgetLevel `json:"level"`
	Spent  int64       `json:"spent"` // millionths of a dollar
	Budget int64       `json:"budget"`
}

// BudgetLevel is how much of a budget is spent.
type BudgetLevel string

// The levels.
const (
	BudgetAlert BudgetLevel = "alert" // most of it
	BudgetStop  BudgetLevel = "stop"  // no model is asked any more this month
)

func (Founded) isEvent()       {}
func (Renamed) isEvent()       {}
func (AdminAdded) isEvent()    {}
func (AdminRemoved) isEvent()  {}
func (WordsErased) isEvent()   {}
func (RetentionSet) isEvent()  {}
func (BudgetReached) isEvent() {}
