package commands_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/thread"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// dyingLog lets so many appends through and then nothing any more; what it lets through last may be written or not.
type dyingLog struct {
	eventstore.Log
	left    *atomic.Int64
	written bool
}

func (l dyingLog) Append(ctx context.Context, m eventstore.Metadata, writes ...eventstore.Write) ([]eventstore.Stream, error) {
	left := l.left.Add(-1)
	if left > 0 {
		return l.Log.Append(ctx, m, writes...)
	}
	if left == 0 && l.written {
		if _, err := l.Log.Append(ctx, m, writes...); err != nil {
			return nil, err
		}
	}
	return nil, errCrash
}

// Wherever the process dies, whoever takes the run up again brings it to its end: one ticket, no writing call twice, and no
// turn of the model that was noted is paid for again.
func TestARunIsTakenUpAfterADeathAtAnyAppend(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{
		wants(calling("search_tickets", `{"q":"vpn"}`), calling("update_ticket", `{"to":"[EMAIL_1]"}`)), tells("no JSON"),
		wants(calling("update_ticket", `{"n":2}`)), tells(theirs),
	}
	a.script[0].Text = "Let me see."
	ask := toMake
	ask.Text += " I am ann@example.org."
	ask.Context, ask.Title = []string{"page: /vpn"}, "VPN"
	ask.History = []commands.Turn{{Role: commands.UserTurn, Text: "Hello"}, {Role: commands.AssistantTurn, Text: "earlier: hello"}}
	for _, written := range []bool{false, true} {
		for appends := int64(1); ; appends++ {
			a.calls, a.prompts = nil, nil
			before := len(a.openedTickets())
			left := new(atomic.Int64)
			left.Store(appends)
			id := commands.NewID()
			_, err := a.over(dyingLog{a.log, left, written}).Run(t.Context(), a.by(a.ann), a.caller(), id, ask)
			if err == nil {
				require.Greater(t, appends, int64(9), "all were tried")
				break
			}
			if appends == 1 && !written { // it never began
				continue
			}
			require.NoError(t, a.agents.Resume(t.Context(), a.job(id)), "after %d appends", appends)
			events := a.events(id)
			require.Len(t, only[agentrun.Completed](events), 1, "after %d appends", appends)
			require.Len(t, a.openedTickets(), before+1, "after %d appends", appends)
			made := only[agentrun.Completed](events)[0].Ticket
			require.Len(t, only[ticket.Categorized](a.events(made)), 1)

			require.LessOrEqual(t, len(a.prompts), 5, "after %d appends", appends)
			require.Len(t, only[agentrun.ModelAsked](events), 4)
			slices.Sort(a.calls)
			once := map[string]bool{}
			for _, c := range only[agentrun.ToolCalled](events) {
				require.False(t, once[c.CallID])
				once[c.CallID] = true
			}
			require.Len(t, once, 4)
			last := a.prompts[len(a.prompts)-1]
			require.Contains(t, last.Turns[0].Text, "Hello", "it still knows what was said before")
			for _, turn := range last.Turns {
				require.NotContains(t, turn.Text, "ann@example.org")
			}
		}
	}
}

func TestARequestThatIsRepeatedGoesOnWithItsRun(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{wants(calling("update_ticket", "{}")), tells(theirs)}
	left := new(atomic.Int64)
	left.Store(4)
	id := commands.NewID()
	_, err := a.over(dyingLog{a.log, left, true}).Run(t.Context(), a.by(a.ann), a.caller(), id, toMake)
	require.ErrorIs(t, err, errCrash)
	changed := a.versions[0]
	changed.SystemPrompt = "Be brief."
	a.versions = append(a.versions, changed)
	out, err := a.agents.Run(t.Context(), a.by(a.ann), a.caller(), id, toMake)
	require.NoError(t, err)
	require.Equal(t, 1, out.Version)
	for _, p := range a.prompts {
		require.False(t, strings.HasPrefix(p.System, "Be brief."))
	}
	require.Len(t, a.calls, 2)
	a.broken["version"] = errBroken
	_, err = a.agents.Run(t.Context(), a.by(a.ann), a.caller(), id, toMake)
	require.ErrorIs(t, err, errBroken)
}

// Of two who are at a run the one who is late leaves it to the other.
func TestARunThatSomebodyElseIsAtIsLeftToThem(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{tells(verdict)}
	id := commands.NewID()
	once := false
	a.during = func() {
		if !once {
			once = true
			_, err := a.agents.Run(t.Context(), a.by(a.ann), a.caller(), id, toCategorize)
			require.NoError(t, err)
		}
	}
	_, err := a.agents.Run(t.Context(), a.by(a.ann), a.caller(), id, toCategorize)
	require.Equal(t, domain.Conflict, domain.KindOf(err))
	events := a.events(id)
	require.Len(t, only[agentrun.Completed](events), 1)
	require.Empty(t, only[agentrun.Failed](events))
}

func TestWhyARunIsNotGoneOnWith(t *testing.T) {
	t.Parallel()
	for code, change := range map[string]func(*agency){
		"inactive":  func(a *agency) { a.gone = true },
		"forbidden": func(a *agency) { a.role = domain.Auditor },
		"given_up":  nil,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			a := newAgency(t)
			in, message := a.conversation("It drops.")
			job := a.asked(in, message)
			if change == nil {
				require.NoError(t, a.agents.GiveUp(t.Context(), job))
				require.NoError(t, a.agents.GiveUp(t.Context(), job))
			} else {
				change(a)
				require.NoError(t, a.agents.Resume(t.Context(), job))
			}
			require.Equal(t, code, a.failure(job.Run).Code)
			require.Empty(t, a.prompts)
			require.Equal(t, []thread.ReplyFailed{{InReplyTo: message, Run: job.Run, Code: code}}, only[thread.ReplyFailed](a.events(in)), "who waits is told")
		})
	}
}

func TestATestIsNotTakenUpAgain(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	left := new(atomic.Int64)
	left.Store(1)
	a.script = []commands.Completion{tells(verdict)}
	id := commands.NewID()
	draft := commands.Ask{Agent: domain.Categorization, Purpose: agentrun.Test, Text: "x", Draft: &a.versions[0]}
	_, err := a.over(dyingLog{a.log, left, true}).Run(t.Context(), a.by(a.ann), a.caller(), id, draft)
	require.ErrorIs(t, err, errCrash)
	left.Store(2)
	_, err = a.over(dyingLog{a.log, left, false}).Run(t.Context(), a.by(a.ann), a.caller(), id, draft)
	require.ErrorIs(t, err, errCrash)
	require.NoError(t, a.agents.Resume(t.Context(), a.job(id)))
	require.Equal(t, "interrupted", a.failure(id).Code)
}

func TestAJobIsTriedAgainForWhatIsOurFault(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"roles", "version", "texts", "model"} {
		a := newAgency(t)
		a.script = []commands.Completion{tells("Restart it.")}
		in, message := a.conversation("It drops.")
		job := a.asked(in, message)
		a.broken[part] = errBroken
		require.ErrorIs(t, a.agents.Resume(t.Context(), job), errBroken, part)
		require.Empty(t, only[agentrun.Failed](a.events(job.Run)))
		delete(a.broken, part)
		require.NoError(t, a.agents.Resume(t.Context(), job))
		require.Len(t, only[thread.Replied](a.events(in)), 1)
		require.NoError(t, a.agents.Resume(t.Context(), job), "it is over")
		require.Len(t, only[thread.Replied](a.events(in)), 1)
	}
	a := newAgency(t)
	require.NoError(t, a.agents.Resume(t.Context(), a.job(commands.NewID())), "there is none")
	require.NoError(t, a.agents.GiveUp(t.Context(), a.job(commands.NewID())))
}

func TestAnErasedRunIsOver(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	runs := commands.NewHandler(a.log, agentrun.Decider)
	erase := func(run commands.RunJob) {
		_, err := runs.Handle(t.Context(), a.by(domain.System), run.Run, agentrun.EraseWords{Of: a.ann.User, By: domain.System})
		require.NoError(t, err)
	}
	a.script = []commands.Completion{tells("Restart it.")}
	in, message := a.conversation("It drops.")
	job := a.asked(in, message)
	a.during = func() { erase(job) }
	require.NoError(t, a.agents.Resume(t.Context(), job), "while it was under way")
	require.NoError(t, a.agents.Resume(t.Context(), job))
	require.NoError(t, a.agents.GiveUp(t.Context(), job))
	require.Len(t, a.prompts, 1)
	require.Empty(t, only[thread.Replied](a.events(in)))
}

// The end of a run that cannot be written is no end, whatever the run came to.
func TestAnEndThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{tells(" ")}
	for left := range int64(6) {
		in, message := a.conversation("It drops.")
		job := a.asked(in, message)
		appends := new(atomic.Int64)
		appends.Store(left + 1)
		err := a.over(dyingLog{a.log, appends, false}).Resume(t.Context(), job)
		if ended := len(only[agentrun.Failed](a.events(job.Run))) == 1; ended {
			require.NoError(t, err)
			require.Greater(t, left, int64(2), "all were tried")
			return
		}
		require.ErrorIs(t, err, errCrash, "after %d appends", left)
		require.NoError(t, a.agents.Resume(t.Context(), job))
		require.Equal(t, "invalid_answer", a.failure(job.Run).Code)
		require.Len(t, only[thread.ReplyFailed](a.events(in)), 1)
	}
	t.Fatal("it never ended")
}
