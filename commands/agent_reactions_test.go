package commands_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

func (a *agency) first(id uuid.UUID) eventstore.Recorded {
	a.Helper()
	stream, err := a.log.Load(a.Context(), a.org.UUID, id)
	require.NoError(a, err)
	return stream.Events[0]
}

func TestANewTicketIsCategorized(t *testing.T) {
	t.Parallel()
	for _, hasModel := range []bool{true, false} {
		a := newAgency(t)
		a.script = []commands.Completion{tells(verdict)}
		a.parts.HasModel = hasModel
		a.agents = a.over(a.log)
		id := a.ticket()
		react := commands.CategorizeTickets(a.agents, a)
		require.NoError(t, react.React(t.Context(), a.first(id)))
		require.NoError(t, react.React(t.Context(), a.first(id)), "a fact may be met again")
		run := commands.RunID(id, agentrun.CategorizeTicket)
		if hasModel {
			require.Equal(t, run, a.jobs[0].Run)
			require.NoError(t, a.agents.Resume(t.Context(), a.jobs[0]))
		}
		said := only[ticket.Categorized](a.events(id))
		require.Len(t, said, 1)
		require.Equal(t, []any{run, ticket.Category("bug"), ticket.Chosen{Category: true, Priority: true}}, []any{said[0].Run, said[0].Category, said[0].Applied})
		require.Len(t, only[agentrun.Completed](a.events(run)), 1)
	}
}

// Whoever knew better has the last word, also when they are faster than the agent.
func TestAnAgentNeverOverrulesAPerson(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{tells(verdict)}
	id := a.ticket()
	require.NoError(t, commands.CategorizeTickets(a.agents, a).React(t.Context(), a.first(id)))
	a.during = func() {
		_, err := a.tickets.Handle(t.Context(), a.by(a.ann), ticket.ID{UUID: id}, ticket.Edit{Changes: ticket.Changes{Category: new(ticket.Category("billing"))}, By: a.ann})
		require.NoError(t, err)
	}
	require.NoError(t, a.agents.Resume(t.Context(), a.jobs[0]))
	require.Equal(t, ticket.Chosen{Priority: true}, only[ticket.Categorized](a.events(id))[0].Applied)
	a.during = nil
	_, _, err := a.ask(commands.Ask{Agent: domain.Categorization, Purpose: agentrun.CategorizeTicket, Ticket: id})
	require.NoError(t, err)
	require.False(t, only[ticket.Categorized](a.events(id))[1].Applied.Category)
}

// The run that is there to make a ticket says what it is; one that makes it by the way does not.
func TestATicketThatAnAgentMadeIsCategorizedOnce(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	react := commands.CategorizeTickets(a.agents, a)
	a.script = []commands.Completion{tells(theirs)}
	_, out, err := a.ask(toMake)
	require.NoError(t, err)
	require.NoError(t, react.React(t.Context(), a.first(out.Ticket)))
	require.Empty(t, a.jobs)

	a.script = []commands.Completion{wants(calling("create_ticket", `{"title":"VPN","description":"It drops."}`)), tells("There it is.")}
	in, message := a.conversation("It drops. Make a ticket.")
	require.NoError(t, a.agents.Resume(t.Context(), a.asked(in, message)))
	made := a.openedTickets()[1]
	require.NoError(t, react.React(t.Context(), made))
	require.Equal(t, commands.RunID(made.Stream, agentrun.CategorizeTicket), a.jobs[1].Run)

	free := a.first(a.ticket())
	free.Event = ticket.Opened{SourceChannel: commands.AgentChannel}
	require.NoError(t, react.React(t.Context(), free))
	require.Len(t, a.jobs, 3, "anybody may write that")
}

func TestWhatIsNotCategorizedByItself(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	react := commands.CategorizeTickets(a.agents, a)
	fact := a.first(a.ticket())
	for _, e := range []any{
		"no event", ticket.Opened{Chosen: ticket.Chosen{Category: true, Priority: true}},
	} {
		fact.Event = e
		require.NoError(t, react.React(t.Context(), fact))
	}
	require.Empty(t, a.jobs)

	gone := a.ticket()
	_, err := a.tickets.Handle(t.Context(), a.by(domain.System), ticket.ID{UUID: gone}, ticket.Delete{By: domain.System})
	require.NoError(t, err)
	require.NoError(t, react.React(t.Context(), a.first(gone)))
	require.NoError(t, a.agents.Resume(t.Context(), a.jobs[0]))
	require.Equal(t, "ticket_not_found", a.failure(a.jobs[0].Run).Code)
	a.parts.HasModel = false
	require.NoError(t, commands.CategorizeTickets(a.over(a.log), a).React(t.Context(), a.first(gone)))

	a.broken["settings"] = errBroken
	for _, agents := range []commands.Agents{a.agents, a.over(a.log)} {
		require.ErrorIs(t, commands.CategorizeTickets(agents, a).React(t.Context(), a.first(a.ticket())), errBroken)
	}
}
