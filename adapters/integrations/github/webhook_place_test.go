package github_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/github"
	"ticketd/commands"
)

// A webhook comes from the place of those whom it concerns, and of nobody else.
func TestAWebhookNamesItsRepository(t *testing.T) {
	t.Parallel()
	var g github.GitHub
	at := func(owner, repo string) commands.Account {
		return commands.Account{Settings: map[string]string{"owner": owner, "repo": repo}}
	}
	from := func(body string) string {
		header := map[string]string{"Content-Type": "application/json", "X-GitHub-Event": "issues"}
		return g.From(commands.Webhook{Header: func(name string) string { return header[name] }, Body: []byte(body)})
	}
	require.Equal(t, g.Place(at("octo", "help")), from(`{"repository":{"full_name":"Octo/Help"},"issue":{"number":7}}`))
	require.NotEqual(t, g.Place(at("octo", "other")), from(`{"repository":{"full_name":"octo/help"}}`))
	require.Empty(t, g.Place(at("", "")), "it may be anywhere")
	for _, body := range []string{`{"zen":"Keep it logically awesome."}`, `{`, ``} {
		require.Empty(t, from(body), body)
	}
}
