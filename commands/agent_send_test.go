package commands_test

import (
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
)

// routes are the ways on which a ticket was sent.
func (a *agency) routes(id uuid.UUID) (to []uuid.UUID) {
	a.Helper()
	for _, e := range only[ticket.Routed](a.events(id)) {
		require.Equal(a, string(integration.Jira), e.Platform)
		require.True(a, e.Send)
		require.Equal(a, a.ann.User, e.By)
		to = append(to, e.Integration)
	}
	return to
}

func TestARequestsTicketIsSentWhereItIsWanted(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{tells(theirs)}
	down, board := uuid.New(), uuid.New()
	a.places = []integration.Candidate{{ID: down, Platform: integration.Jira, Status: integration.Inactive}, {ID: board, Platform: integration.Jira, Status: integration.Active}}
	for wanted, to := range map[string][]uuid.UUID{
		"": nil, "jira": {board}, " Jira": {board}, board.String(): {board}, down.String(): nil, uuid.NewString(): nil, "slack": nil, "our good old helpdesk": nil,
	} {
		ask := toMake
		ask.Integration = wanted
		_, out, err := a.ask(ask)
		require.NoError(t, err, wanted)
		require.Equal(t, to, a.routes(out.Ticket), wanted)
	}
	ask := toMake
	ask.Integration = "jira"
	a.broken["places"] = errBroken
	id, _, err := a.ask(ask)
	require.ErrorIs(t, err, commands.ErrAgentFailed)
	require.Equal(t, "internal", a.failure(id).Code)
}

// A model that has sent the ticket there itself has done what was wanted, whatever came of it.
func TestATicketThatTheModelHasSentIsNotSentAgain(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	first, second := uuid.New(), uuid.New()
	a.places = []integration.Candidate{{ID: first, Platform: integration.Jira, Status: integration.Active}}
	a.script = []commands.Completion{wants(calling("create_ticket", toCreate)), tells(theirs)}
	a.during = func() {
		for _, made := range a.openedTickets() {
			id := ticket.ID{UUID: made.Stream}
			_, err := a.tickets.Handle(t.Context(), a.by(a.ann), id, ticket.RouteTo{Integration: first, Platform: "jira", By: a.ann})
			require.NoError(t, err)
			_, err = a.tickets.Handle(t.Context(), a.by(domain.System), id, ticket.NoteDelivery{
				Noted: ticket.DeliveryNoted{Integration: first, Status: ticket.DeliverySkipped, Code: "rerouted"}, By: domain.System,
			})
			require.NoError(t, err)
			a.places[0] = integration.Candidate{ID: second, Platform: integration.Jira, Status: integration.Active}
		}
	}
	ask := toMake
	ask.Integration = "jira"
	_, out, err := a.ask(ask)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{first}, a.routes(out.Ticket))
}

// Wherever the process dies, the ticket is sent once by whoever takes the run up again.
func TestATicketIsSentOnceWhateverDies(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{tells(theirs)}
	board := uuid.New()
	a.places = []integration.Candidate{{ID: board, Platform: integration.Jira, Status: integration.Pending}}
	ask := toMake
	ask.Integration = "jira"
	for _, written := range []bool{false, true} {
		for appends := int64(2); ; appends++ { // before the second nothing has begun
			left := new(atomic.Int64)
			left.Store(appends)
			id := commands.NewID()
			dying := a.parts
			dying.Tickets = commands.NewTickets(dyingLog{a.log, left, written}, a, a, a)
			_, err := commands.NewAgents(dyingLog{a.log, left, written}, dying).Run(t.Context(), a.by(a.ann), a.caller(), id, ask)
			if err == nil {
				require.Greater(t, appends, int64(4), "all were tried")
				break
			}
			require.NoError(t, a.agents.Resume(t.Context(), a.job(id)), "after %d appends", appends)
			completed := only[agentrun.Completed](a.events(id))
			require.Len(t, completed, 1, "after %d appends", appends)
			require.Equal(t, []uuid.UUID{board}, a.routes(completed[0].Ticket), "after %d appends", appends)
		}
	}
}
