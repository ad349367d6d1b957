package integration_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain/integration"
)

func TestATicketGoesToTheFirstThatCanBeUsed(t *testing.T) {
	t.Parallel()
	a, b, c, other := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	jira := func(id uuid.UUID, s integration.Status) integration.Candidate {
		return integration.Candidate{ID: id, Platform: integration.Jira, Status: s}
	}
	slack := integration.Candidate{ID: other, Platform: integration.Slack, Status: integration.Active}
	wanted := integration.Wish{Platform: integration.Jira}
	for name, test := range map[string]struct {
		wish  integration.Wish
		among []integration.Candidate
		where uuid.UUID
		why   string
	}{
		"the first":              {wanted, []integration.Candidate{slack, jira(a, integration.Active), jira(b, integration.Active)}, a, ""},
		"not checked yet":        {wanted, []integration.Candidate{jira(a, integration.Pending), jira(b, integration.Active)}, a, ""},
		"a check that failed":    {wanted, []integration.Candidate{jira(a, integration.Error)}, a, ""},
		"the first is disabled":  {wanted, []integration.Candidate{jira(a, integration.Inactive), jira(b, integration.Active)}, b, ""},
		"one that is named":      {integration.Wish{Integration: b}, []integration.Candidate{jira(a, integration.Active), jira(b, integration.Active)}, b, ""},
		"both agree":             {integration.Wish{Platform: integration.Jira, Integration: b}, []integration.Candidate{jira(a, integration.Active), jira(b, integration.Active)}, b, ""},
		"none":                   {wanted, []integration.Candidate{slack}, uuid.Nil, "No Jira integration is connected, so nothing was sent there."},
		"none at all":            {wanted, nil, uuid.Nil, "No Jira integration is connected, so nothing was sent there."},
		"none can be used":       {wanted, []integration.Candidate{jira(a, integration.HasExpired), jira(b, integration.Inactive), jira(c, integration.Inactive)}, uuid.Nil, "No Jira integration can be used (expired, inactive), so nothing was sent there."},
		"the named cannot":       {integration.Wish{Integration: a}, []integration.Candidate{jira(a, integration.IsSuspended), jira(b, integration.Active)}, uuid.Nil, "The integration cannot be used (suspended), so nothing was sent there."},
		"the named is no more":   {integration.Wish{Integration: uuid.New()}, []integration.Candidate{jira(a, integration.Active)}, uuid.Nil, "There is no such integration, so nothing was sent there."},
		"the named is elsewhere": {integration.Wish{Platform: integration.Jira, Integration: other}, []integration.Candidate{slack}, uuid.Nil, "There is no such Jira integration, so nothing was sent there."},
		"nothing makes sense":    {integration.Wish{}, []integration.Candidate{jira(a, integration.Active)}, uuid.Nil, "There is no such integration, so nothing was sent there."},
	} {
		to := test.wish.Among(test.among)
		require.Equal(t, test.where, to.Integration, name)
		require.Equal(t, test.why, to.Why, name)
		if to.Integration != uuid.Nil {
			require.Equal(t, integration.Jira, to.Platform, name)
		}
	}
}

func TestAWishIsAPlatformOrAnIntegration(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	require.Equal(t, integration.Wish{Integration: id}, integration.WishFor(" "+strings.ToUpper(id.String())+" "))
	for _, p := range integration.Platforms {
		require.Equal(t, integration.Wish{Platform: p}, integration.WishFor(strings.ToUpper(string(p))))
	}
	for _, text := range []string{"", "fax", "jira and slack", "00000000"} {
		require.Zero(t, integration.WishFor(text), text)
	}
	require.Zero(t, integration.WishFor(uuid.Nil.String()))
	require.False(t, integration.Wish{}.MetBy(id, integration.Jira))
}
