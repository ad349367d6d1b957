package http

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/eventstore"
	"ticketd/projections"
)

// Everything that happened in a run is shown: which configuration, who answered, what was passed over, what was hidden.
func TestARunIsShownAsItHappened(t *testing.T) {
	t.Parallel()
	ann, file, about := domain.UserID{UUID: uuid.New()}, domain.FileID{UUID: uuid.New()}, uuid.New()
	var stream eventstore.Stream
	var row projections.AgentRunRow
	for i, e := range []any{
		agentrun.Started{Agent: domain.CustomerSupport, ConfigVersion: 3, Purpose: agentrun.CreateTicket, RequestedBy: ann, Input: map[string]any{"text": "It drops."}, Files: []domain.FileID{file}},
		agentrun.ProviderFailed{Turn: 1, Provider: "azure", Code: "timeout", Millis: 9, Replaced: map[string]int{"email": 1}},
		agentrun.ModelAsked{Turn: 1, Provider: "openai", Model: "gpt", Stop: "tools", InputTokens: 10, OutputTokens: 5, Cost: 2_000_000, Millis: 8, Replaced: map[string]int{"email": 1}},
		agentrun.ToolCalled{Turn: 1, CallID: "call_1_1", Tool: "create_ticket", Arguments: map[string]any{"title": "VPN"}, Result: "{}", Millis: 7},
		agentrun.ModelAsked{Turn: 2, Provider: "openai", Model: "gpt", Stop: "answer", Cached: true, Replaced: map[string]int{"email": 2, "phone": 1}},
		agentrun.Completed{RequestedBy: ann, Result: map[string]any{"category": "bug"}, Provider: "openai", Model: "gpt", Confidence: new(0.5), Ticket: about, Millis: 30},
		agentrun.WordsErased{Of: ann},
	} {
		r := eventstore.Recorded{Position: int64(i + 1), Version: i + 1, At: time.Now(), Event: e}
		stream.Events = append(stream.Events, r)
		row = projections.ApplyAgentRun(row, r)
	}
	run := renderRun(row, stream)
	require.Equal(t, []any{3, "completed", "openai", "gpt", 0.5, about}, []any{run.ConfigVersion, run.Status, run.Provider, run.Model, *run.Confidence, *run.TicketID})
	require.Equal(t, map[string]any{"text": "It drops."}, run.Input)
	require.Equal(t, []uuid.UUID{file.UUID}, run.Files)
	require.Equal(t, map[string]any{"category": "bug"}, run.Result)
	require.Equal(t, RunUsage{
		Turns: 2, ToolCalls: 1, InputTokens: 10, OutputTokens: 5, CostUSD: 2, TookMS: 30, Replaced: map[string]int{"email": 2, "phone": 1},
	}, run.Usage)
	require.Len(t, run.Steps, 4)
	require.Equal(t, []any{"provider_failed", "azure", "timeout", true, 9}, []any{run.Steps[0].Type, run.Steps[0].Provider, run.Steps[0].Code, run.Steps[0].Failed, run.Steps[0].TookMS})
	require.Equal(t, []any{"model", "tools", 15, 2.0}, []any{run.Steps[1].Type, run.Steps[1].Stop, run.Steps[1].Tokens, run.Steps[1].CostUSD})
	require.Equal(t, []any{"tool", "create_ticket", map[string]any{"title": "VPN"}, "{}"}, []any{run.Steps[2].Type, run.Steps[2].Tool, run.Steps[2].Arguments, run.Steps[2].Result})
	require.True(t, run.Steps[3].Cached)

	stream.Events = append(stream.Events[:2], eventstore.Recorded{Event: agentrun.Failed{Code: "timeout", Reason: "It took too long.", Millis: 5}})
	run = renderRun(row, stream)
	require.Equal(t, &RunError{Code: "timeout", Reason: "It took too long."}, run.Error)
}

func TestWhatIsNoFileIsContext(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	files, context := filesAndContext([]string{" " + id.String(), "screenshot.png", " "})
	require.Equal(t, []domain.FileID{{UUID: id}}, files)
	require.Equal(t, []string{"screenshot.png"}, context)
}
