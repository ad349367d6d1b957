package projections

import (
	"time"

	"ticketd/domain"
	"ticketd/domain/organization"
	"ticketd/eventstore"
)

// OrganizationRow is an organization as its members see it. It is folded when somebody asks: there is one a tenant, and
// its stream is short.
type OrganizationRow struct {
	ID        domain.OrgID
	Version   int
	Name      string
	FoundedBy domain.UserID
	Retention int // days from the closing of a ticket to the erasure of its words; 0: never
	CreatedAt time.Time
	UpdatedAt time.Time
}

// ApplyOrganization folds one event into the row.
func ApplyOrganization(o OrganizationRow, r eventstore.Recorded) OrganizationRow {
	event, ok := r.Event.(organization.Event)
	if !ok {
		return o
	}
	o.Version = r.Version
	switch e := event.(type) {
	case organization.Founded:
		o.ID, o.Name, o.FoundedBy, o.CreatedAt = domain.OrgID{UUID: r.Org}, e.Name, e.FoundedBy, r.At
	case organization.Renamed:
		o.Name = e.Name
	case organization.RetentionSet:
		o.Retention = e.Days
	case organization.WordsErased: // the name reads as erased already
	case organization.AdminAdded, organization.AdminRemoved: // the members' roles show them
		return o
	case organization.BudgetReached: // nothing that anybody has set
		return o
	}
	o.UpdatedAt = r.At
	return o
}
