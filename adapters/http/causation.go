package http

import (
	"context"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/eventstore"
	"ticketd/projections"
)

// Causation is everything that one request caused.
type Causation struct {
	CorrelationID string         `json:"correlation_id" doc:"The X-Request-ID of the request."`
	BeganAt       Timestamp      `json:"began_at"`
	EndedAt       Timestamp      `json:"ended_at" doc:"When the last of these events was recorded."`
	Events        int            `json:"events" doc:"How many there are in the tree."`
	Cut           bool           `json:"cut" doc:"true when there are more: the tree holds the first 5,000."`
	Roots         []*CausedEvent `json:"roots" doc:"What the request did itself."`
}

// CausedEvent is one event, with those that were caused by it.
type CausedEvent struct {
	Position   int64          `json:"position"`
	Type       string         `json:"type" example:"ticket.unassigned"`
	Command    string         `json:"command" doc:"What was asked for."`
	Stream     uuid.UUID      `json:"stream" format:"uuid"`
	Version    int            `json:"version"`
	OccurredAt Timestamp      `json:"occurred_at"`
	Actor      HistoryActor   `json:"actor"`
	Note       string         `json:"note,omitempty" doc:"Why this program cannot read the event, when it cannot."`
	Causes     []*CausedEvent `json:"causes" doc:"What was done because of it."`
}

// mostCaused is how many events a tree shows. No request makes nearly as many.
const mostCaused = 5000

// errNothingCaused answers whoever names a request that changed nothing.
var errNothingCaused = &domain.Error{Kind: domain.NotFound, Code: "correlation_not_found", Message: "No request with this id has caused anything."}

func (s *Server) causation(ctx context.Context, in *struct {
	CorrelationID string `path:"correlation_id" maxLength:"128" doc:"The X-Request-ID of a request, percent-encoded where it is no plain text."`
},
) (*struct{ Body Causation }, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ReadAudit) {
		return nil, domain.ErrForbidden
	}
	if !printable(in.CorrelationID, maxRequestID) { // no request has such an id
		return nil, errNothingCaused
	}
	events, err := s.Events.Read(ctx, caller.Org, eventstore.Query{Correlation: in.CorrelationID, Limit: mostCaused + 1, Unreadable: true})
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, errNothingCaused
	}
	cut := len(events) > mostCaused
	events = events[:min(mostCaused, len(events))]
	people, err := s.People.Names(ctx, caller.Org, actorsOf(events))
	if err != nil {
		return nil, err
	}
	return &struct{ Body Causation }{Causation{
		CorrelationID: in.CorrelationID, BeganAt: Timestamp(events[0].At), EndedAt: Timestamp(events[len(events)-1].At),
		Events: len(events), Cut: cut, Roots: causationTree(events, people),
	}}, nil
}

// causationTree hangs each event, in the log's order, under the one that it was a reaction to. What has no such cause is
// the request's own doing, and a request that calls itself by a number is no event.
func causationTree(events []eventstore.Recorded, people map[domain.UserID]projections.Person) []*CausedEvent {
	roots, seen := []*CausedEvent{}, make(map[string]*CausedEvent, len(events))
	for _, r := range events {
		event := &CausedEvent{
			Position: r.Position, Type: r.Type, Command: r.Metadata.Command, Stream: r.Stream, Version: r.Version, OccurredAt: Timestamp(r.At),
			Actor: renderActor(r.Metadata.Actor, people), Note: noteOn(r), Causes: []*CausedEvent{},
		}
		cause := seen[r.Metadata.CausationID]
		if cause == nil || r.Metadata.CausationID == r.Metadata.CorrelationID {
			roots = append(roots, event)
		} else {
			cause.Causes = append(cause.Causes, event)
		}
		seen[r.Cause()] = event
	}
	return roots
}
