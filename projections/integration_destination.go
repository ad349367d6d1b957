package projections

import (
	"context"

	"ticketd/domain"
	"ticketd/domain/integration"
)

// Destination answers the oldest integration of the organization that meets a wish and can be used, or why there is none.
func (t *Integrations) Destination(ctx context.Context, org domain.OrgID, w integration.Wish) (integration.Destination, error) {
	rows, err := t.List(ctx, org)
	if err != nil {
		return integration.Destination{}, err
	}
	candidates := make([]integration.Candidate, len(rows))
	for i, row := range rows {
		candidates[i] = integration.Candidate{ID: row.ID.UUID, Platform: row.State.Platform, Status: row.State.Status()}
	}
	return w.Among(candidates), nil
}
