package main

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/eventstore"
)

// A run of a candidate, for which nobody waits, is not taken up before those for which somebody does.
func TestARunOfACandidateIsTakenUpAside(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) { c.AgentWorkers = 0 })
	ada := i.founder("ada")
	queues := map[string]string{}
	for purpose, queue := range map[agentrun.Purpose]string{agentrun.Shadow: "aside", agentrun.CategorizeTicket: "agents"} {
		id := commands.NewID()
		queues[id.String()] = queue
		_, err := i.store.Append(t.Context(), eventstore.Metadata{Actor: eventstore.Actor{Type: "system"}}, eventstore.Write{
			Stream: eventstore.Stream{Org: uuid.MustParse(ada.org), ID: id}, Events: []any{agentrun.Started{
				Agent: domain.Categorization, ConfigVersion: 1, Purpose: purpose, RequestedBy: domain.UserID{UUID: uuid.MustParse(ada.user)}, Ticket: commands.NewID(),
			}},
		})
		require.NoError(t, err)
	}
	require.NoError(t, i.takeUp(t.Context(), 0))
	for id, want := range queues {
		var queue string
		require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT queue FROM jobs.river_job WHERE args->>'run_id' = $1`, id).Scan(&queue))
		require.Equal(t, want, queue)
	}
}
