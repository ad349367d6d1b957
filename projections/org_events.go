package projections

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/eventstore"
)

// Events is the log as those see it who answer for one organization at a time.
type Events interface {
	// Read answers the organization's events that q selects, in position order, at most q.Limit (0: all).
	Read(ctx context.Context, org domain.OrgID, q eventstore.Query) ([]eventstore.Recorded, error)
}

// OrgEvents is the log, one organization at a time. It implements Events.
//
// # Why
//
// A Query may leave the organization out, for those who follow the whole log: a field forgotten there would answer with
// everybody's events.
type OrgEvents struct{ Log eventstore.Reader }

var errNoOrg = errors.New("read events: of no organization")

// Read implements Events. What q itself says of an organization does not count.
func (e OrgEvents) Read(ctx context.Context, org domain.OrgID, q eventstore.Query) ([]eventstore.Recorded, error) {
	if org.UUID == uuid.Nil {
		return nil, errNoOrg
	}
	q.Org = org.UUID
	return e.Log.Read(ctx, q)
}

// Head is the position of the last event, of whatever organization.
func (e OrgEvents) Head(ctx context.Context) (int64, error) { return e.Log.Head(ctx) }
