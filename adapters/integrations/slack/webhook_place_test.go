package slack_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/slack"
	"ticketd/commands"
)

// An event comes from the place of those whom it concerns, and of nobody else.
func TestAnEventNamesItsChannel(t *testing.T) {
	t.Parallel()
	var p slack.Platform
	from := func(body string) string { return p.From(commands.Webhook{Body: []byte(body)}) }
	require.Equal(t, "C1", p.Place(commands.Account{Settings: map[string]string{"channel": "C1"}}))
	require.Equal(t, "C1", from(`{"type":"event_callback","event":{"type":"message","channel":"C1"}}`))
	require.Equal(t, "C1", from(`{"type":"event_callback","event":{"type":"reaction_added","item":{"type":"message","channel":"C1"}}}`))
	require.Empty(t, from(`{"type":"url_verification","challenge":"x"}`))
	require.Empty(t, from(`{`))
}
