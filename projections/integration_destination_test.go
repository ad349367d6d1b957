package projections_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/integration"
)

func TestADestinationIsTheOldestOfTheOrganization(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.connect(integration.Disabled{})
	h.connect(integration.Disconnected{})
	oldest := h.connect()
	newest := h.connect(integration.Checked{OK: true})
	to := func(org domain.OrgID, w integration.Wish) integration.Destination {
		found, err := h.integrations.Destination(t.Context(), org, w)
		require.NoError(t, err)
		return found
	}
	require.Equal(t, integration.Destination{Integration: oldest, Platform: integration.Jira}, to(h.org, integration.Wish{Platform: integration.Jira}))
	require.Equal(t, newest, to(h.org, integration.Wish{Integration: newest}).Integration)
	require.Zero(t, to(domain.OrgID{UUID: uuid.New()}, integration.Wish{Integration: newest}).Integration, "another organization's")
	require.NotEmpty(t, to(h.org, integration.Wish{Platform: integration.Slack}).Why)
	_, err := h.pool.Exec(t.Context(), `ALTER TABLE integrations RENAME TO bridges`)
	require.NoError(t, err)
	_, err = h.integrations.Destination(t.Context(), h.org, integration.Wish{Platform: integration.Jira})
	require.Error(t, err)
}
