package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain/integration"
)

// Credentials that were given for one address are not handed on to another.
func TestAnotherAddressNeedsTheCredentialsAnew(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	to := p.connected(both)
	elsewhere := integration.Change{BaseURL: new("https://evil.example")}
	_, err := p.integrations.Change(t.Context(), p.by(p.ann), to, elsewhere, nil)
	require.ErrorIs(t, err, integration.ErrInvalid)
	_, err = p.integrations.Change(t.Context(), p.by(p.ann), to, elsewhere, map[string]string{"email": "a@b.c"})
	require.ErrorContains(t, err, "api_token is missing")
	_, err = p.integrations.Change(t.Context(), p.by(p.ann), to, integration.Change{Settings: &map[string]string{"project_key": "HELP", "site": "evil"}}, nil)
	require.ErrorIs(t, err, integration.ErrInvalid)
	_, err = p.integrations.Change(t.Context(), p.by(p.ann), to, elsewhere, map[string]string{"email": "a@b.c", "api_token": "u"})
	require.NoError(t, err)
	_, err = p.integrations.Change(t.Context(), p.by(p.ann), to, elsewhere, nil)
	require.NoError(t, err, "the same address")

	id := commands.NewID()
	_, err = p.integrations.Connect(t.Context(), p.by(p.ann), id, integration.Connect{
		Platform: integration.Jira, AuthType: integration.OAuth2, Config: integration.Config{Name: "Jira", Settings: map[string]string{"project_key": "HELP"}},
	}, map[string]string{"client_id": "a", "client_secret": "b", "refresh_token": "c"})
	require.NoError(t, err)
	stream, err := p.integrations.Change(t.Context(), p.by(p.ann), id, elsewhere, map[string]string{"client_id": "a", "client_secret": "b"})
	require.NoError(t, err)
	var set integration.CredentialsSet
	for _, r := range stream.Events {
		if e, ok := r.Event.(integration.CredentialsSet); ok {
			set = e
		}
	}
	require.Equal(t, []string{"refresh_token"}, set.Removed, "nor what was given on their strength")
}
