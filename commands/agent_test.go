package commands_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/agentrun"
	"ticketd/domain/ticket"
)

func TestAModelCategorizesAText(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{tells(verdict)}
	a.script[0].PassedOver = []commands.PassedOver{{Provider: "azure", Code: "timeout", Took: time.Second}}
	ask := toCategorize
	ask.Text += " Mail ann@example.org or bob@example.org, 555-123-4567."
	id, out, err := a.ask(ask)
	require.NoError(t, err)
	require.Equal(t, []any{ticket.Category("bug"), ticket.High, 0.9, "openai", "gpt", 1, id}, []any{out.Result.Category, out.Result.Priority, *out.Confidence, out.Provider, out.Model, out.Version, out.Run})
	require.Equal(t, []string{"vpn"}, out.Result.Tags)
	events := a.events(id)
	require.Len(t, events, 4)
	replaced := map[string]int{"email": 2, "phone": 1}
	require.Equal(t, agentrun.ProviderFailed{Turn: 1, Provider: "azure", Code: "timeout", Millis: 1000, Replaced: replaced}, events[1])
	asked := only[agentrun.ModelAsked](events)[0]
	require.Equal(t, replaced, asked.Replaced, "that people were hidden is known for ever")
	require.Equal(t, []any{1, 10, 5, int64(3), "answer", a.ann.User}, []any{asked.Turn, asked.InputTokens, asked.OutputTokens, asked.Cost, asked.Stop, asked.RequestedBy})
	require.NotContains(t, a.prompts[0].Turns[0].Text, "example.org")
	require.Empty(t, a.openedTickets())

	again, err := a.agents.Run(t.Context(), a.by(a.ann), a.caller(), id, ask)
	require.NoError(t, err)
	require.Equal(t, out, again, "the same id is the same run")
	require.Len(t, a.prompts, 1)
}

func TestAnAnswerThatMakesNoSenseIsAskedForAgainOnce(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]struct{ text, says string }{
		"no JSON":              {"It is a bug.", "no JSON object"},
		"a wrong type":         {`{"category":"bug","priority":"high","confidence":"very"}`, "no JSON object"},
		"an invented category": {`{"category":"weather","priority":"high","confidence":1}`, "category must be one of"},
		"an invented priority": {`{"category":"bug","priority":"now","confidence":1}`, "priority must be one of"},
		"no confidence":        {`{"category":"bug","priority":"high"}`, "confidence must be"},
		"too much confidence":  {`{"category":"bug","priority":"high","confidence":2}`, "confidence must be"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAgency(t)
			a.script = []commands.Completion{tells(bad.text), tells(verdict)}
			_, out, err := a.ask(toCategorize)
			require.NoError(t, err)
			require.Equal(t, ticket.Category("bug"), out.Result.Category)
			last := a.prompts[1].Turns[2]
			require.Equal(t, commands.UserTurn, last.Role)
			require.Contains(t, last.Text, bad.says)

			a.script = []commands.Completion{tells(bad.text)}
			id, _, err := a.ask(toCategorize)
			require.ErrorIs(t, err, commands.ErrNoAnswer)
			require.Contains(t, a.failure(id).Reason, bad.says)
			require.Len(t, only[agentrun.ModelAsked](a.events(id)), 2)
			again, err := a.agents.Run(t.Context(), a.by(a.ann), a.caller(), id, toCategorize)
			require.ErrorIs(t, err, commands.ErrAgentFailed)
			require.Zero(t, again)
		})
	}
}

func TestATicketNeedsATitleAndADescription(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	for bad, says := range map[string]string{
		strings.Replace(theirs, "VPN drops", " ", 1):              "title must have",
		strings.Replace(theirs, "It drops at noon.", "\u00a0", 1): "description must have",
	} {
		a.script = []commands.Completion{tells(bad)}
		id, _, err := a.ask(toMake)
		require.ErrorIs(t, err, commands.ErrNoAnswer)
		require.Contains(t, a.failure(id).Reason, says)
	}
	require.Empty(t, a.openedTickets())
}

func TestAnAgentHasTheToolMakeTheTicket(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{tells(theirs)}
	ask := toMake
	ask.Files = []domain.FileID{a.file("shot.png", "error 4711")}
	id, out, err := a.ask(ask)
	require.NoError(t, err)
	opened := a.openedTickets()
	require.Len(t, opened, 1)
	require.Equal(t, out.Ticket, opened[0].Stream)
	events := a.events(out.Ticket)
	require.Equal(t, []ticket.Attached{{Attachments: []ticket.Attachment{{FileID: ask.Files[0]}}}}, only[ticket.Attached](events))
	said := only[ticket.Categorized](events)[0]
	require.Equal(t, []any{id, 1, "openai", 0.9}, []any{said.Run, said.ConfigVersion, said.Provider, said.Confidence})
	require.Equal(t, []string{"create_ticket create_ticket"}, a.calls)
	require.Equal(t, a.caller(), a.opened[0], "with the rights of whom it is for")
	completed := only[agentrun.Completed](a.events(id))[0]
	require.Equal(t, out.Ticket, completed.Ticket)

	a.script = []commands.Completion{tells(strings.Replace(theirs, "VPN drops", "refuse", 1))}
	id, _, err = a.ask(ask)
	require.ErrorIs(t, err, commands.ErrAgentFailed)
	require.Contains(t, a.failure(id).Reason, "could not be made: No.")
}

func TestAModelMayMakeTheTicketItself(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{
		wants(calling("create_ticket", toCreate), calling("create_ticket", toCreate)), wants(calling("create_ticket", toCreate)), tells(theirs),
	}
	ask := toMake
	ask.Files = []domain.FileID{a.file("shot.png", "error 4711")}
	_, out, err := a.ask(ask)
	require.NoError(t, err)
	opened := a.openedTickets()
	require.Len(t, opened, 1, "a request has one ticket")
	require.Equal(t, out.Ticket, opened[0].Stream)
	events := a.events(out.Ticket)
	require.Equal(t, ask.Files[0], only[ticket.Attached](events)[0].Attachments[0].FileID, "what it forgot is attached")
	require.Equal(t, ticket.Chosen{Category: true, Priority: true}, only[ticket.Categorized](events)[0].Applied, "no person has chosen")
}

// A ticket that is made is not made again because the model then lost its way.
func TestATicketThatIsMadeIsAnswered(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]commands.Completion{
		"nonsense": tells("no JSON"), "refusal": {Stop: commands.StopRefusal}, "a cut": {Stop: commands.StopLength}, "endless calls": wants(calling("search_tickets", "{}")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAgency(t)
			a.script = []commands.Completion{wants(calling("create_ticket", toCreate)), then}
			_, out, err := a.ask(toMake)
			require.NoError(t, err)
			require.Equal(t, commands.Builtin, out.Provider)
			require.Len(t, a.openedTickets(), 1)
			require.Equal(t, a.openedTickets()[0].Stream, out.Ticket)
		})
	}
}

func TestARunHasLimits(t *testing.T) {
	t.Parallel()
	many := make([]commands.ToolCall, 17)
	for i := range many {
		many[i] = calling("search_tickets", "{}")
	}
	costly := wants(calling("search_tickets", "{}"))
	costly.InputTokens = 150_000
	for name, c := range map[string]struct {
		script commands.Completion
		says   string
		want   error
	}{
		"turns":      {wants(calling("search_tickets", "{}")), "more turns", commands.ErrTooMuch},
		"calls":      {wants(many...), "more tools", commands.ErrTooMuch},
		"tokens":     {costly, "more tokens", commands.ErrTooMuch},
		"refusal":    {commands.Completion{Stop: commands.StopRefusal, Text: "I will not."}, "declined", commands.ErrRefused},
		"truncation": {commands.Completion{Stop: commands.StopLength, Text: `{"category":`}, "max_tokens", commands.ErrNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAgency(t)
			a.script = []commands.Completion{c.script}
			id, _, err := a.ask(toMake)
			require.ErrorIs(t, err, c.want)
			require.NotErrorIs(t, err, commands.ErrAgentFailed, "each has a code of its own")
			require.Contains(t, a.failure(id).Reason, c.says)
			require.LessOrEqual(t, len(a.prompts), 8)
			require.LessOrEqual(t, len(a.calls), 16)
			require.Empty(t, a.openedTickets())
		})
	}
}

func TestWhatAModelGetsWrongAboutToolsItIsTold(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{wants(
		calling("drop_tables", "{}"), calling("get_system_health", "{}"), calling("update_ticket", "[1]"), calling("update_ticket", `{"a":`), calling("update_ticket", "null"), calling("search_tickets", ""),
	), tells(theirs)}
	id, _, err := a.ask(toMake)
	require.NoError(t, err)
	var told []string
	for _, turn := range a.prompts[1].Turns[2:] {
		require.Equal(t, commands.ToolTurn, turn.Role)
		told = append(told, turn.Text)
	}
	require.Len(t, told, 6)
	require.Contains(t, told[0], `There is no tool "drop_tables".`)
	require.Contains(t, told[1], "There is no tool", "it is not among those that the configuration allows")
	for i := 2; i < 5; i++ {
		require.Contains(t, told[i], "no JSON object")
	}
	require.Contains(t, told[5], "⟦quoted: ", "what a tool says is data")
	require.NotContains(t, told[5], "eve@example.org")
	require.Equal(t, []string{"search_tickets call_1_6", "create_ticket create_ticket"}, a.calls)
	called := only[agentrun.ToolCalled](a.events(id))
	require.Len(t, called, 7)
	require.True(t, called[0].Failed)
	require.Equal(t, map[string]any{"unreadable": 3.0}, called[2].Arguments)
	require.Len(t, called[5].ResultHash, 64)
	require.Len(t, a.prompts[0].Tools, 3)
}

func TestReadsRunSideBySideAndWritesInOrder(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{wants(
		calling("search_tickets", `{"q":"1"}`), calling("search_tickets", `{"q":"2"}`), calling("update_ticket", `{"n":12345678901234567890}`),
		calling("update_ticket", `{"n":2}`), calling("search_tickets", `{"q":"3"}`),
	), tells(theirs)}
	id, _, err := a.ask(toMake)
	require.NoError(t, err)
	require.Equal(t, 2, a.together)
	require.Equal(t, []string{"update_ticket call_1_3", "update_ticket call_1_4", "search_tickets call_1_5", "create_ticket create_ticket"}, a.calls[2:])
	var order []string
	for _, c := range only[agentrun.ToolCalled](a.events(id)) {
		order = append(order, c.CallID)
	}
	require.Equal(t, []string{"call_1_1", "call_1_2", "call_1_3", "call_1_4", "call_1_5", "create_ticket"}, order)
	require.Contains(t, a.prompts[1].Turns[4].Text, "12345678901234567890", "a large number stays what it is")
}

func TestASecretOfTheModelReachesNobody(t *testing.T) {
	t.Parallel()
	const secret = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ"
	a := newAgency(t)
	a.script = []commands.Completion{
		wants(calling("update_ticket", `{"note":"`+secret+`","list":["`+secret+`"],"to":"[EMAIL_1]"}`)),
		tells(strings.Replace(theirs, "It drops at noon.", "The key is "+secret+", ask [EMAIL_1].", 1)),
	}
	ask := toMake
	ask.Text += " I am ann@example.org."
	id, out, err := a.ask(ask)
	require.NoError(t, err)
	require.Equal(t, "The key is [redacted], ask ann@example.org.", out.Result.Description)
	called := only[agentrun.ToolCalled](a.events(id))[0]
	require.Equal(t, map[string]any{"note": "[redacted]", "list": []any{"[redacted]"}, "to": "ann@example.org"}, called.Arguments)
	for _, p := range a.prompts {
		for _, turn := range p.Turns {
			require.NotContains(t, turn.Text, "ann@example.org")
			for _, c := range turn.Calls {
				require.NotContains(t, c.Arguments, "ann@example.org")
			}
		}
	}
}

func TestARunKeepsTheConfigurationItBeganWith(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{wants(calling("search_tickets", "{}")), tells(theirs)}
	changed := a.versions[0]
	changed.SystemPrompt, changed.Model = "Be brief.", "other"
	a.during = func() {
		if len(a.versions) == 1 {
			a.versions = append(a.versions, changed)
		}
	}
	id, out, err := a.ask(toMake)
	require.NoError(t, err)
	require.Equal(t, 1, out.Version)
	require.Equal(t, a.prompts[0].System, a.prompts[1].System)
	require.Equal(t, "gpt-4o-mini", a.prompts[1].Model)
	require.Equal(t, 1, only[ticket.Categorized](a.events(out.Ticket))[0].ConfigVersion)
	_, out, err = a.ask(toMake)
	require.NoError(t, err)
	require.Equal(t, 2, out.Version)
	require.True(t, strings.HasPrefix(a.prompts[2].System, "Be brief."))
	require.Equal(t, 1, only[agentrun.Started](a.events(id))[0].ConfigVersion)
}

func TestADraftIsTriedForWhatItsAgentIsFor(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	draft := a.versions[0]
	draft.SystemPrompt = "A draft."
	for agent, answer := range map[domain.Agent]string{
		domain.CustomerSupport: theirs, domain.Categorization: verdict, domain.TitleGeneration: `{"title":"VPN"}`, domain.Summary: "It drops.",
		domain.FileAnalysis: `{"file_analysis_summary":"Nothing.","files":[]}`,
	} {
		a.script = []commands.Completion{tells(answer)}
		_, out, err := a.ask(commands.Ask{Agent: agent, Purpose: agentrun.Test, Text: "It drops.", Draft: &draft})
		require.NoError(t, err, agent)
		require.Zero(t, out.Version)
		require.Empty(t, a.prompts[len(a.prompts)-1].Tools)
	}
	require.Empty(t, a.openedTickets())
	draft.Temperature = 3
	_, _, err := a.ask(commands.Ask{Agent: domain.Summary, Purpose: agentrun.Test, Draft: &draft})
	require.ErrorIs(t, err, agentconfig.ErrInvalid)
}

func TestWhoMayAskAnAgent(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.ann.Role = domain.Auditor
	_, _, err := a.ask(toCategorize)
	require.ErrorIs(t, err, domain.ErrForbidden)
	a.ann.Role = domain.Member
	ask := toMake
	ask.Files = []domain.FileID{fileID()}
	_, _, err = a.ask(ask)
	require.ErrorIs(t, err, commands.ErrUnknownFiles, "another's file, or none")
	require.Empty(t, a.prompts)
	a.broken["settings"] = errBroken
	_, _, err = a.ask(toCategorize)
	require.ErrorIs(t, err, errBroken)
}

func TestARunThatTakesTooLongEnds(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.versions[0].Timeout = 1
	a.script = []commands.Completion{tells(verdict)}
	a.during = func() { time.Sleep(1100 * time.Millisecond) }
	id, _, err := a.ask(toCategorize)
	require.ErrorIs(t, err, commands.ErrAgentFailed)
	require.Equal(t, "timeout", a.failure(id).Code)
	require.Equal(t, "The agent took longer than 1 seconds.", a.failure(id).Reason)
}

func TestARunThatTheProgramsEndInterruptsIsLeftToOthers(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{tells(verdict)}
	ctx, cancel := context.WithCancel(t.Context())
	a.during = cancel
	id := commands.NewID()
	_, err := a.agents.Run(ctx, a.by(a.ann), a.caller(), id, toCategorize)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, a.events(id), 1)
	a.during = nil
	require.NoError(t, a.agents.Resume(t.Context(), a.job(id)))
	require.Len(t, only[agentrun.Completed](a.events(id)), 1)
}

func TestWhatGoesWrongOnOurSideIsSaid(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"texts", "open", "list", "model", "search_tickets", "update_ticket", "create_ticket"} {
		a := newAgency(t)
		a.script = []commands.Completion{wants(calling("search_tickets", "{}"), calling("update_ticket", "{}")), tells(theirs)}
		a.broken[part] = errBroken
		id, _, err := a.ask(toMake)
		require.ErrorIs(t, err, commands.ErrAgentFailed, part)
		require.Equal(t, "internal", a.failure(id).Code)
		require.NotContains(t, a.failure(id).Reason, "out of order")
	}
}

func TestAnAgentSaysWhatFilesTell(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	log, empty := a.file("vpn.log", "tunnel closed"), a.file("scan.pdf", "")
	a.script = []commands.Completion{tells(`{"file_analysis_summary":"A tunnel.","files":[{"filename":"vpn.log","insights":["It closed."," "]},{"filename":"made-up.txt","insights":["Much."]}]}`)}
	ask := commands.Ask{Agent: domain.FileAnalysis, Purpose: agentrun.AnalyzeFiles, Files: []domain.FileID{log, empty}}
	_, out, err := a.ask(ask)
	require.NoError(t, err)
	require.Equal(t, []commands.FileInsight{
		{FileID: log, Filename: "vpn.log", Text: "tunnel closed", Insights: []string{"It closed."}, Status: "processed"},
		{FileID: empty, Filename: "scan.pdf", Insights: []string{}, Status: "processed"},
	}, out.Result.Files)
	require.Equal(t, "A tunnel.", out.Result.FileSummary)
}
