package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/ticket"
)

func TestWithoutAModelTheRulesDoWhatTheyCan(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.parts.HasModel = false
	a.agents = a.over(a.log)
	ask := toMake
	ask.Text, ask.Context = "It drops.", []string{"page: /vpn"}
	ask.Files = []domain.FileID{a.file("vpn.log", "tunnel closed"), a.file("scan.pdf", "")}
	id, out, err := a.ask(ask)
	require.NoError(t, err)
	require.Equal(t, []any{commands.Builtin, commands.RulesModel, ticket.Category("bug"), "It says drops."}, []any{out.Provider, out.Model, out.Result.Category, out.Result.Reasoning})
	require.Equal(t, "It drops.\n\nContext: page: /vpn\n\nFrom vpn.log:\ntunnel closed", out.Result.Description)
	require.Equal(t, "Text was read from vpn.log. No text was read from scan.pdf.", out.Result.FileSummary)
	require.Len(t, a.openedTickets(), 1)
	require.Empty(t, only[agentrun.ProviderFailed](a.events(id)))
	require.Empty(t, a.prompts)

	short := toMake
	short.Text = "untitled"
	_, out, err = a.ask(short)
	require.NoError(t, err)
	require.Equal(t, "untitled", out.Result.Title, "their own words")
	require.Len(t, out.Result.NextActions, 1)

	_, out, err = a.ask(commands.Ask{Agent: domain.FileAnalysis, Purpose: agentrun.AnalyzeFiles, Files: ask.Files})
	require.NoError(t, err)
	require.Equal(t, []string{"13 characters of text were read."}, out.Result.Files[0].Insights)
	_, out, err = a.ask(commands.Ask{Agent: domain.TitleGeneration, Purpose: agentrun.Title, Text: "VPN drops"})
	require.NoError(t, err)
	require.Equal(t, "VPN drops", out.Result.Title)
	id, _, err = a.ask(commands.Ask{Agent: domain.TitleGeneration, Purpose: agentrun.Title, Text: "untitled"})
	require.ErrorIs(t, err, commands.ErrAgentFailed)
	require.Equal(t, "none", a.failure(id).Code, "rules invent nothing")
}

func TestWhenNoModelAnswersTheRulesDoAndWhatFailedIsKnown(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.away = &commands.ModelError{Code: "unavailable", Message: "Nobody is there.", PassedOver: []commands.PassedOver{{Provider: "openai", Code: "timeout"}, {Provider: "azure", Code: "unavailable"}}}
	ask := toCategorize
	ask.Text += " Mail ann@example.org."
	id, out, err := a.ask(ask)
	require.NoError(t, err)
	require.Equal(t, commands.Builtin, out.Provider)
	failed := only[agentrun.ProviderFailed](a.events(id))
	require.Len(t, failed, 2)
	require.Equal(t, map[string]int{"email": 1}, failed[0].Replaced)

	a.away = &commands.ModelError{Code: "budget", Message: "The month's budget is used up."}
	id, out, err = a.ask(ask)
	require.NoError(t, err)
	require.Equal(t, commands.Builtin, out.Provider)
	require.Equal(t, []agentrun.ProviderFailed{{Turn: 1, Code: "budget"}}, only[agentrun.ProviderFailed](a.events(id)), "nobody was sent anything")
}
