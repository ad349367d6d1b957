package commands

import (
	"ticketd/domain/organization"
	"ticketd/eventstore"
)

// Organizations answers commands to organizations.
type Organizations = Handler[organization.State, organization.Command, organization.Event]

// NewOrganizations ties the organization decider to the log.
func NewOrganizations(log eventstore.Log) Organizations {
	return NewHandler(log, organization.Decider)
}
