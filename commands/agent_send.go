package commands

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
)

// Destinations knows where tickets can be sent.
type Destinations interface {
	// Destination answers the integration that is wished for, or why there is none.
	Destination(ctx context.Context, org domain.OrgID, w integration.Wish) (integration.Destination, error)
}

// send has the ticket live where the request wants it, if that can be. It waits for nobody: whoever looks at the ticket sees
// what comes of it. A ticket that was sent there is not sent again, whether the model has done so or the run before it was
// taken up again, and whatever came of it.
func (w *agentWork) send(ctx context.Context, id uuid.UUID) error {
	if w.ask.Integration == "" {
		return nil
	}
	wish := integration.WishFor(w.ask.Integration)
	state, err := w.tickets.handler.State(ctx, w.request.Org, id)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(state.Routes, func(r ticket.Route) bool { return wish.MetBy(r.Integration, integration.Platform(r.Platform)) }) {
		return nil
	}
	to, err := w.places.Destination(ctx, w.request.Org, wish)
	if err != nil || to.Integration == uuid.Nil {
		return err
	}
	_, err = w.tickets.Handle(ctx, w.request, ticket.ID{UUID: id}, ticket.RouteTo{Integration: to.Integration, Platform: string(to.Platform), By: w.caller.Actor})
	return err
}
