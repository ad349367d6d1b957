package ticket

import (
	"slices"
	"strings"

	"github.com/google/uuid"
)

// ID names a ticket.
type ID struct{ uuid.UUID }

// Status is where a ticket is in its life.
type Status string

// The statuses.
const (
	New        Status = "new"
	Open       Status = "open"
	InProgress Status = "in_progress"
	Pending    Status = "pending"
	Resolved   Status = "resolved"
	Closed     Status = "closed"
	Cancelled  Status = "cancelled"
)

// Statuses lists them in the order of a ticket's life.
var Statuses = []Status{New, Open, InProgress, Pending, Resolved, Closed, Cancelled}

// Next lists the statuses that s may move to.
func (s Status) Next() []Status {
	switch s {
	case New, Open, InProgress, Pending:
		all := []Status{New, Open, InProgress, Pending, Resolved, Closed, Cancelled}
		return slices.DeleteFunc(all, func(to Status) bool { return to == s })
	case Resolved:
		return []Status{Closed, Open}
	case Closed, Cancelled:
		return []Status{Open}
	}
	return nil
}

// Ended reports a status in which nobody is expected to work on the ticket.
func (s Status) Ended() bool {
	switch s {
	case Resolved, Closed, Cancelled:
		return true
	case New, Open, InProgress, Pending:
	}
	return false
}

// DeliveryState is how far a ticket is on its way to an integration.
type DeliveryState string

// How far it is.
const (
	DeliveryPending DeliveryState = "pending" // it is tried again and again, or waits for the integration
	DeliveryCreated DeliveryState = "created" // it lives there
	DeliveryFailed  DeliveryState = "failed"  // it waits for a person
	DeliverySkipped DeliveryState = "skipped" // it was given up
)

// Level grades priority and urgency.
type Level string

// The levels.
const (
	Low      Level = "low"
	Medium   Level = "medium"
	High     Level = "high"
	Critical Level = "critical"
)

// Levels lists them, lowest first.
var Levels = []Level{Low, Medium, High, Critical}

// Category is what a ticket is about.
type Category string

// General is the category of a ticket that nobody has categorized.
const General Category = "general"

// Categories lists what a ticket can be about.
var Categories = []Category{
	"technical", "billing", "feature_request", "bug", "user_access", General, "integration", "performance", "security",
}

// Limits on what a ticket may hold, in characters and in numbers.
const (
	MaxTitle       = 500
	MaxDescription = 50_000
	MaxComment     = 50_000
	MaxLabel       = 100 // department, subcategory, source channel, one tag
	MaxTags        = 50
	MaxAttachments = 50
	MaxFields      = 100
)

func joined[S ~string](values []S) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}
