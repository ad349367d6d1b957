package projections_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/organization"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

func TestARowSaysWhatARunTook(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	rows := projections.NewAgentRuns(d.pool)
	ann, other := newUser(), newUser()
	org, id, about := domain.OrgID{UUID: uuid.New()}, uuid.New(), uuid.New()
	caller := domain.Caller{Org: org, Actor: domain.Actor{Type: domain.ByUser, User: ann, Role: domain.Member}}
	started := agentrun.Started{Agent: domain.CustomerSupport, ConfigVersion: 2, Purpose: agentrun.CreateTicket, RequestedBy: ann, Thread: uuid.New(), Message: uuid.New()}
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: d.pool})
	require.NoError(t, err)
	store := eventstore.Open(t.Context(), d.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{rows}})
	t.Cleanup(store.Close)
	write := func(id uuid.UUID, events ...any) {
		stream, err := store.Load(t.Context(), org.UUID, id)
		require.NoError(t, err)
		_, err = store.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: stream, Events: events})
		require.NoError(t, err)
	}
	write(id, started)
	row, err := rows.FindVisible(t.Context(), caller, id)
	require.NoError(t, err)
	require.Equal(t, []any{projections.RunRunning, 2, ann, started.Thread, started.Message, 1}, []any{row.Status, row.ConfigVersion, row.RequestedBy, row.Thread, row.Message, row.Version})
	unfinished, err := rows.Unfinished(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, []projections.UnfinishedRun{{Org: org, ID: id, Purpose: agentrun.CreateTicket}}, unfinished)
	young, err := rows.Unfinished(t.Context(), row.StartedAt)
	require.NoError(t, err)
	require.Empty(t, young)

	write(
		id, agentrun.ProviderFailed{Turn: 1, Provider: "azure", Code: "timeout"},
		agentrun.ModelAsked{Turn: 1, RequestedBy: ann, Provider: "openai", Model: "gpt", Stop: "tools", InputTokens: 10, OutputTokens: 5, Cost: 3},
		agentrun.ToolCalled{Turn: 1, CallID: "call_1_1", Tool: "create_ticket", RequestedBy: ann},
		agentrun.ModelAsked{Turn: 2, RequestedBy: ann, Provider: "openai", Model: "gpt", Stop: "answer", InputTokens: 20, OutputTokens: 6, Cost: 4},
		agentrun.Completed{RequestedBy: ann, Provider: "openai", Model: "gpt", Confidence: new(0.5), Ticket: about},
	)
	row, err = rows.FindVisible(t.Context(), caller, id)
	require.NoError(t, err)
	require.Equal(t, []any{projections.RunCompleted, "openai", "gpt", 0.5, 2, 30, 11, int64(7), about, 6},
		[]any{row.Status, row.Provider, row.Model, *row.Confidence, row.Turns, row.InputTokens, row.OutputTokens, row.Cost, row.Ticket, row.Version})
	require.NotNil(t, row.EndedAt)

	failed, gone := uuid.New(), uuid.New()
	write(failed, started, agentrun.Failed{RequestedBy: ann, Code: "timeout"})
	row, err = rows.FindVisible(t.Context(), caller, failed)
	require.NoError(t, err)
	require.Equal(t, []any{projections.RunFailed, "timeout"}, []any{row.Status, row.Code})
	write(gone, started, agentrun.WordsErased{Of: ann})
	row, err = rows.FindVisible(t.Context(), caller, gone)
	require.NoError(t, err)
	require.Equal(t, []any{projections.RunFailed, "erased"}, []any{row.Status, row.Code})

	stranger := caller
	stranger.User = other
	_, err = rows.FindVisible(t.Context(), stranger, id)
	require.ErrorIs(t, err, projections.ErrNoRun)
	stranger.Role, stranger.Org = domain.Admin, domain.OrgID{UUID: uuid.New()}
	_, err = rows.FindVisible(t.Context(), stranger, id)
	require.ErrorIs(t, err, projections.ErrNoRun, "another organization's")
	require.Equal(t, row, projections.ApplyAgentRun(row, eventstore.Recorded{Event: "something else"}))

	stream, err := store.Load(t.Context(), org.UUID, id)
	require.NoError(t, err)
	require.Len(t, rows.Rows(stream), 1)
	require.Empty(t, rows.Rows(eventstore.Stream{}))
	require.Equal(t, "agent_runs", rows.Projection().Name)
	d.pool.Close()
	_, err = rows.FindVisible(t.Context(), caller, id)
	require.ErrorContains(t, err, "find run")
	_, err = rows.Unfinished(t.Context(), time.Now())
	require.ErrorContains(t, err, "find unfinished runs")
}

// What models have cost is for those who run the organization.
func TestABudgetIsToldToAdministrators(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	org := uuid.New()
	for level, kind := range map[organization.BudgetLevel]string{organization.BudgetAlert: "ai_budget_alert", organization.BudgetStop: "ai_budget_stop"} {
		notices, err := (&projections.Notices{}).From(t.Context(), []eventstore.Recorded{{
			Position: 7, Org: org, Stream: org, At: at, Event: organization.BudgetReached{Month: "2026-11", Level: level, Spent: 4_000_000_000, Budget: 5_000_000_000},
		}})
		require.NoError(t, err)
		require.Len(t, notices, 1)
		n := notices[0]
		require.Equal(t, []any{kind, "system", org, int64(7)}, []any{n.Type, n.Protocol, n.Topic, n.Position})
		require.Equal(t, projections.BudgetNotice{Month: "2026-11", SpentUSD: 4000, BudgetUSD: 5000, Timestamp: "2026-11-20T12:00:00.000Z"}, n.Data)
		for _, role := range domain.Roles {
			require.Equal(t, role == domain.Admin, n.VisibleTo(domain.Actor{Type: domain.ByUser, User: newUser(), Role: role}))
		}
	}
}
