package catalog

import (
	"ticketd/domain/organization"
	"ticketd/eventstore"
)

var organizationEvents = []eventstore.Entry{
	eventstore.Type[organization.Founded]("organization.founded"),
	eventstore.Type[organization.Renamed]("organization.renamed"),
	eventstore.Type[organization.AdminAdded]("organization.admin_added"),
	eventstore.Type[organization.AdminRemoved]("organization.admin_removed"),
	eventstore.Type[organization.WordsErased]("organization.words_erased"),
	eventstore.Type[organization.RetentionSet]("organization.retention_set"),
	eventstore.Type[organization.BudgetReached]("organization.budget_reached"),
}
