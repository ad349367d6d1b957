package catalog

import (
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// A ticket has a key of its own, so that a retention rule can erase its words.
var ticketEvents = eventstore.WithOwnKeys(
	eventstore.Type[ticket.Opened]("ticket.opened", allWasChosen),
	eventstore.Type[ticket.Categorized]("ticket.categorized"),
	eventstore.Type[ticket.Corrected]("ticket.corrected"),
	eventstore.Type[ticket.Edited]("ticket.edited", byPeople),
	eventstore.Type[ticket.StatusChanged]("ticket.status_changed"),
	eventstore.Type[ticket.Summarized]("ticket.summarized"),
	eventstore.Type[ticket.Assigned]("ticket.assigned"),
	eventstore.Type[ticket.Unassigned]("ticket.unassigned"),
	eventstore.Type[ticket.Commented]("ticket.commented", fileIDsToAttachments, saidHere),
	eventstore.Type[ticket.Attached]("ticket.attached", fileIDsToAttachments),
	eventstore.Type[ticket.Detached]("ticket.detached"),
	eventstore.Type[ticket.Routed]("ticket.routed"),
	eventstore.Type[ticket.DeliveryNoted]("ticket.delivery_noted"),
	eventstore.Type[ticket.Deleted]("ticket.deleted"),
	eventstore.Type[ticket.WordsErased]("ticket.words_erased"),
)

// allWasChosen keeps agents from tickets that were opened before there were any.
func allWasChosen(fields map[string]any) {
	fields["chosen"] = map[string]any{"category": true, "priority": true}
}

// saidHere knows that nobody spoke from elsewhere before there were integrations.
func saidHere(fields map[string]any) {
	delete(fields, "integration")
	delete(fields, "said_by")
}

// byPeople knows that nobody else edited tickets before there were agents.
func byPeople(fields map[string]any) { fields["by_agent"] = false }

// fileIDsToAttachments reads references to uploads as they were once written, a list of ids, and loses none: it is also
// given events that were written the new way already.
func fileIDsToAttachments(fields map[string]any) {
	ids, old := fields["file_ids"].([]any)
	delete(fields, "file_ids")
	if !old {
		return
	}
	attachments, _ := fields["attachments"].([]any)
	for _, id := range ids {
		attachments = append(attachments, map[string]any{"file_id": id})
	}
	fields["attachments"] = attachments
}
