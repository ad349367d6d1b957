// Package catalog lists every fact the system records, its stored name, and how older versions read today.
// One file a noun, one line an event.
package catalog

import (
	"slices"

	"ticketd/eventstore"
)

// Codec knows every event.
var Codec = eventstore.NewCodec(slices.Concat(
	agentConfigEvents,
	agentRunEvents,
	articleEvents,
	backtestEvents,
	deliveryEvents,
	fileEvents,
	integrationEvents,
	loginEvents,
	organizationEvents,
	sessionEvents,
	syncEvents,
	threadEvents,
	ticketEvents,
	userEvents,
	webhookEvents,
)...)
