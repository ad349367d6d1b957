package commands

import (
	"context"

	"ticketd/domain"
	"ticketd/eventstore"
)

// Reaction answers facts with commands or jobs. It may meet the same fact again after a crash, so what it does must be
// harmless to repeat: its commands say what shall be so, not what shall change. It does no slow work itself.
type Reaction struct {
	Name  string   // of its place in the log; never changed, or it starts again from the first event
	Facts []string // stored names of the events it wants
	React func(ctx context.Context, r eventstore.Recorded) error
}

// because is the request of a reaction: the system acts, on behalf of whoever started it all.
func because(r eventstore.Recorded) Request {
	return Request{
		Org: domain.OrgID{UUID: r.Org}, By: domain.System, Correlation: r.Metadata.CorrelationID, Causation: r.Cause(),
	}
}
