package commands_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/file"
	"ticketd/domain/thread"
	"ticketd/domain/ticket"
	"ticketd/domain/user"
	"ticketd/eventstore"
)

// run makes a run for somebody, in which tools said something.
func (a *archive) run(of someone, start agentrun.Start, calls ...agentrun.ToolCalled) uuid.UUID {
	a.Helper()
	id := commands.NewID()
	r := of.request()
	start.For, start.By = of.id, r.By
	if start.Input == nil {
		start.Input = map[string]any{"text": "secret"}
	}
	_, err := a.runs.Handle(a.Context(), r, id, start)
	require.NoError(a, err)
	for _, call := range calls {
		call.CallID = commands.NewID().String()
		_, err = a.runs.Handle(a.Context(), r, id, agentrun.Note{Fact: call})
		require.NoError(a, err)
	}
	return id
}

// asked answers what a run was asked, as it can be read.
func (a *archive) asked(org domain.OrgID, run uuid.UUID) any {
	a.Helper()
	s, err := a.log.Load(a.Context(), org.UUID, run)
	require.NoError(a, err)
	started, _ := s.Events[0].Event.(agentrun.Started)
	return started.Input["text"]
}

func (a *archive) leave(boss, leaver someone) user.Erased {
	a.Helper()
	_, err := a.erasures.Request(a.Context(), boss.request(), leaver.id, false)
	require.NoError(a, err)
	require.NoError(a, a.erasures.Finish(a.Context(), boss.org, leaver.id, quietly))
	own, err := a.log.Load(a.Context(), boss.org.UUID, leaver.id.UUID)
	require.NoError(a, err)
	report, _ := own.Events[own.Version()-1].Event.(user.Erased)
	return report
}

func TestAConversationIsErasedWithThePerson(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	boss := a.register("boss", "boss@example.org")
	leaver := a.join(boss, "leaver", domain.Member)
	talk := func(p someone) uuid.UUID {
		id, r := commands.NewID(), p.request()
		_, err := a.threads.Handle(t.Context(), r, id, thread.Start{Agent: domain.Summary, Title: "secret", By: r.By})
		require.NoError(t, err)
		return id
	}
	title := func(id uuid.UUID) string {
		s, err := a.log.Load(t.Context(), boss.org.UUID, id)
		require.NoError(t, err)
		return s.Events[0].Event.(thread.Started).Title
	}
	hers, his := talk(leaver), talk(boss)
	require.Equal(t, user.Erased{Threads: 1, Answers: 7, Tables: []string{"tickets"}}, a.leave(boss, leaver))
	require.Equal(t, []string{eventstore.Erased, "secret"}, []string{title(hers), title(his)})
}

// A run keeps what it was shown, whoever it worked for.
func TestARunIsErasedWithWhoeversWordsItWasShown(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	boss := a.register("boss", "boss@example.org")
	leaver := a.join(boss, "leaver", domain.Member)
	hers, his, talked := a.open(leaver), a.open(boss), a.open(boss)
	upload := domain.FileID{UUID: commands.NewID()}
	_, err := a.log.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{
		Stream: eventstore.Stream{Org: boss.org.UUID, ID: upload.UUID}, Events: []any{file.Uploaded{UploadedBy: leaver.id, Filename: "a.txt", ContentHash: "ab"}},
	})
	require.NoError(t, err)
	own := a.run(leaver, agentrun.Start{Agent: domain.Summary})
	answered := func(tool, result string) agentrun.ToolCalled {
		call := agentrun.ToolCalled{Tool: tool, Arguments: map[string]any{"query": "printer"}, Result: result}
		if id, err := uuid.Parse(result); err == nil {
			call.Named = []uuid.UUID{id}
		}
		return call
	}
	gone := map[string]uuid.UUID{
		"about her ticket":              a.run(boss, agentrun.Start{Ticket: hers.UUID}),
		"given her upload":              a.run(boss, agentrun.Start{Files: []domain.FileID{upload}}),
		"found her ticket":              a.run(boss, agentrun.Start{}, agentrun.ToolCalled{Tool: "search_tickets", Result: "much", Named: []uuid.UUID{his.UUID, hers.UUID}}),
		"asked for her ticket":          a.run(boss, agentrun.Start{}, agentrun.ToolCalled{Tool: "get_ticket", Arguments: map[string]any{"ticket_id": hers.String()}, Result: "secret"}),
		"shown her comment":             a.run(boss, agentrun.Start{}, answered("get_ticket", talked.String())),
		"both her own, and about hers":  a.run(leaver, agentrun.Start{Ticket: hers.UUID}),
		"found it after something else": a.run(boss, agentrun.Start{}, answered("get_ticket", his.String()), answered("get_ticket", hers.String())),
	}
	kept := map[string]uuid.UUID{
		"about nothing":         a.run(boss, agentrun.Start{}),
		"about his own":         a.run(boss, agentrun.Start{Ticket: his.UUID}, answered("get_ticket", his.String())),
		"made his own":          a.run(boss, agentrun.Start{}, answered("create_ticket", talked.String())),
		"about what he began":   a.run(boss, agentrun.Start{Ticket: talked.UUID}),
		"names nothing of hers": a.run(boss, agentrun.Start{}, answered("get_ticket", "00000000-0000-0000-0000-00000000000"+"g")),
	}
	// A ticket of his, where she only commented: its beginning is his, but whoever is shown the whole is shown her words.
	r := leaver.request()
	r.By.Role = domain.Support
	_, err = a.tickets.Handle(t.Context(), r, talked, ticket.AddComment{CommentID: commands.NewID(), Content: "secret", By: r.By})
	require.NoError(t, err)
	for _, run := range gone {
		require.Equal(t, "secret", a.asked(boss.org, run))
	}

	report := a.leave(boss, leaver)
	require.Equal(t, 2, report.Tickets)
	require.Equal(t, 1, report.Files)
	require.Equal(t, len(gone)+1, report.Runs)
	require.Nil(t, a.asked(boss.org, own))
	for why, run := range gone {
		require.Nil(t, a.asked(boss.org, run), why)
	}
	for why, run := range kept {
		require.Equal(t, "secret", a.asked(boss.org, run), why)
	}
	_, err = a.runs.Handle(t.Context(), boss.request(), gone["about her ticket"], agentrun.Note{Fact: answered("get_ticket", "more")})
	require.ErrorIs(t, err, agentrun.ErrNotFound, "nothing is added to a run whose words are gone")
}

// What a ticket said lies in the runs that were shown it, too.
func TestTheRunsThatWereShownAnExpiringTicketAreErased(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	boss := a.register("boss", "boss@example.org")
	old, recent := a.open(boss), a.open(boss)
	about := a.run(boss, agentrun.Start{Ticket: old.UUID})
	shown := a.run(boss, agentrun.Start{}, agentrun.ToolCalled{Tool: "get_ticket", Named: []uuid.UUID{old.UUID}})
	other := a.run(boss, agentrun.Start{Ticket: recent.UUID})
	for range 2 {
		require.NoError(t, a.erasures.ExpireRuns(t.Context(), boss.org, []ticket.ID{old}))
	}
	require.Equal(t, []any{nil, nil, "secret"}, []any{a.asked(boss.org, about), a.asked(boss.org, shown), a.asked(boss.org, other)})
}

// A run keeps the beginning of what a tool said, and names what the model was shown of the rest.
func TestARunNamesWhatItWasShown(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	late, hidden := uuid.New(), uuid.New()
	many := make([]string, 300)
	for i := range many {
		many[i] = uuid.NewString()
	}
	a.script = []commands.Completion{
		wants(
			calling("update_ticket", `{"note":"`+strings.Repeat("x", 3_000)+`","ids":["`+late.String()+`","`+late.String()+`"],"more":"`+strings.Repeat("x", 20_000)+`","id":"`+hidden.String()+`"}`),
			calling("update_ticket", `{"ids":["`+strings.Join(many, `","`)+`"]}`),
		), tells(theirs),
	}
	id, _, err := a.ask(toMake)
	require.NoError(t, err)
	called := only[agentrun.ToolCalled](a.events(id))
	require.NotContains(t, called[0].Result, late.String())
	require.Equal(t, []uuid.UUID{late}, called[0].Named)
	require.Len(t, called[1].Named, 200)
}
