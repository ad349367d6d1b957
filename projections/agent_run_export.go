package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ticketd/domain"
)

// OfPerson answers a page of the runs that were made for a person, newest first.
func (a *AgentRuns) OfPerson(ctx context.Context, org domain.OrgID, person domain.UserID, after *StartedCursor, limit int) ([]AgentRunRow, error) {
	from := newest
	if after != nil {
		from = *after
	}
	rows, err := a.pool.Query(ctx, `
		SELECT `+agentRunColumns+` FROM agent_runs WHERE org_id = $1 AND requested_by = $2 AND (started_at, id) < ($3, $4)
		ORDER BY started_at DESC, id DESC LIMIT $5`, [16]byte(org.UUID), [16]byte(person.UUID), from.At, [16]byte(from.ID), limit)
	if err != nil {
		return nil, fmt.Errorf("list a person's runs: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanAgentRun)
	if err != nil {
		return nil, fmt.Errorf("list a person's runs: %w", err)
	}
	return list, nil
}
