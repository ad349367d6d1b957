package commands_test

import (
	"maps"
	"slices"
	"testing"
	"time"

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

// Whatever a connection brings with it, the other address is told none of it: neither a secret that nobody needs, nor a token
// that the vendor gave.
func TestAnotherAddressIsToldNothingThatWasGivenForTheOneBefore(t *testing.T) {
	t.Parallel()
	jiraAt := integration.Config{Name: "J", Settings: map[string]string{"project_key": "OPS"}}
	for name, c := range map[string]struct {
		connect integration.Connect
		needed  map[string]string
		kept    map[string]string // beside what is needed
		named   []string          // of those, what a person gave
	}{
		"a webhook's secret": {
			integration.Connect{Platform: integration.Jira, AuthType: integration.APIKey, Config: jiraAt},
			map[string]string{"email": "a@b.c", "api_token": "t"},
			map[string]string{"webhook_secret": "hook"},
			[]string{"webhook_secret"},
		},
		"what a consent brought": {
			integration.Connect{Platform: integration.Jira, AuthType: integration.OAuth2, Config: jiraAt},
			map[string]string{"client_id": "i", "client_secret": "s"},
			map[string]string{"refresh_token": "r", "access_token": "a", "webhook_secret": "hook"},
			[]string{"refresh_token", "webhook_secret"},
		},
		"an app's token": {
			integration.Connect{Platform: integration.GitHub, AuthType: integration.App, Config: integration.Config{Name: "G", Settings: map[string]string{"owner": "o", "repo": "r"}}},
			map[string]string{"app_id": "1", "installation_id": "2", "private_key": "pem"},
			map[string]string{"access_token": "minted", "webhook_secret": "hook"},
			[]string{"webhook_secret"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, id, given := newBoard(t), commands.NewID(), maps.Clone(c.needed)
			for _, field := range c.named {
				given[field] = c.kept[field]
			}
			require.NoError(t, second(b.desk.Connect(t.Context(), b.request(), id, c.connect, given)))
			held := b.vault.held[id]
			held.Ends = b.now.Add(time.Hour)
			maps.Copy(held.Fields, c.kept)
			b.vault.held[id] = held

			elsewhere := integration.Change{BaseURL: new("https://evil.example")}
			require.NoError(t, second(b.desk.Change(t.Context(), b.request(), id, elsewhere, c.needed)))
			require.Equal(t, c.needed, b.vault.held[id].Fields)
			require.Zero(t, b.vault.held[id].Ends)
			require.Equal(t, slices.Sorted(maps.Keys(c.needed)), b.state(id).Credentials)

			back := integration.Change{BaseURL: new("https://good.example")}
			require.NoError(t, second(b.desk.Change(t.Context(), b.request(), id, back, given)))
			require.Equal(t, given, b.vault.held[id].Fields, "what is given anew is kept")
		})
	}
}

// An address of Intercom's is a region, and its tokens are not renewed.
func TestAVendorWhoseTokensDoNotEndIsMovedToo(t *testing.T) {
	t.Parallel()
	b, id := newBoard(t), commands.NewID()
	parts := b.desk.IntegrationParts
	parts.Platforms = map[integration.Platform]commands.Platform{integration.Intercom: b.vendor}
	b.desk = commands.NewIntegrations(b.log, parts)
	needed := map[string]string{"client_id": "i", "client_secret": "s"}
	require.NoError(t, second(b.desk.Connect(t.Context(), b.request(), id, integration.Connect{
		Platform: integration.Intercom, AuthType: integration.OAuth2, Config: integration.Config{Name: "I", Settings: map[string]string{"ticket_type_id": "1"}},
	}, needed)))
	b.vault.held[id].Fields[commands.AccessToken] = "given by the vendor"
	settings := map[string]string{"ticket_type_id": "1", "region": "eu"}
	require.NoError(t, second(b.desk.Change(t.Context(), b.request(), id, integration.Change{Settings: &settings}, needed)))
	require.Equal(t, needed, b.vault.held[id].Fields)
}
