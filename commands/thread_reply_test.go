package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/thread"
)

func TestAnAgentRepliesWithTheConversationInMind(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	a.script = []commands.Completion{tells("earlier: Since when? Ask [EMAIL_1].")}
	in, first := a.conversation("It drops, says ann@example.org.")
	second := a.says(in, "See here.", a.file("vpn.log", "tunnel closed"))
	require.NoError(t, a.agents.Resume(t.Context(), a.asked(in, first)))
	job := a.asked(in, second)
	require.NoError(t, a.agents.Resume(t.Context(), job))
	replied := only[thread.Replied](a.events(in))
	require.Len(t, replied, 2)
	require.Equal(t, "earlier: Since when? Ask ann@example.org.", replied[0].Content)
	require.Equal(t, []any{second, job.Run}, []any{replied[1].InReplyTo, replied[1].Run})
	turns := a.prompts[1].Turns
	require.Len(t, turns, 3, "the reply stands behind what it answers")
	require.Equal(t, "earlier: Since when? Ask [EMAIL_1].", turns[1].Text)
	require.Contains(t, turns[2].Text, "tunnel closed")
	require.Nil(t, a.prompts[0].Answer)
	require.Equal(t, domain.ByAgent, a.opened[0].Type)
	require.Equal(t, a.ann.User, a.opened[0].User)

	third := a.says(in, "And?", a.file("more.log", "x"))
	require.NoError(t, a.agents.Resume(t.Context(), a.asked(in, third)))
	last := a.prompts[2].Turns
	require.Contains(t, last[len(last)-1].Text, "tunnel closed", "earlier files are shown again")
}

func TestAReplyThatCannotBeGivenIsToldInTheThread(t *testing.T) {
	t.Parallel()
	for code, prepare := range map[string]func(*agency){
		"budget":         func(a *agency) { a.away = &commands.ModelError{Code: "budget", Message: "Used up."} },
		"none":           func(a *agency) { a.parts.HasModel = false; a.agents = a.over(a.log) },
		"invalid_answer": func(a *agency) { a.script = []commands.Completion{tells(" ")} },
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			a := newAgency(t)
			prepare(a)
			in, message := a.conversation("It drops.")
			job := a.asked(in, message)
			require.NoError(t, a.agents.Resume(t.Context(), job), "to try again would say the same")
			require.Equal(t, []thread.ReplyFailed{{InReplyTo: message, Run: job.Run, Code: code}}, only[thread.ReplyFailed](a.events(in)))
			require.Equal(t, code, a.failure(job.Run).Code)
		})
	}
}

func TestNobodyRepliesWhereNobodyWaits(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]func(a *agency) thread.Command{
		"deleted": func(a *agency) thread.Command { return thread.Delete{By: a.ann} },
		"erased":  func(a *agency) thread.Command { return thread.EraseWords{Of: a.ann.User, By: domain.System} },
	} {
		for _, late := range []bool{false, true} {
			a := newAgency(t)
			a.script = []commands.Completion{tells("Yes.")}
			in, message := a.conversation("It drops.")
			job := a.asked(in, message)
			leave := func() {
				_, err := a.threads.Handle(t.Context(), a.by(a.ann), in, gone(a))
				require.NoError(t, err)
			}
			if late {
				a.during = leave
			} else {
				leave()
			}
			require.NoError(t, a.agents.Resume(t.Context(), job), name)
			events := a.events(job.Run)
			require.Len(t, append(only[agentrun.Completed](events), make([]agentrun.Completed, len(only[agentrun.Failed](events)))...), 1, "it is over")
			require.Empty(t, only[thread.Replied](a.events(in)))
		}
	}
	a := newAgency(t)
	in, _ := a.conversation()
	job := a.asked(in, commands.NewID())
	require.NoError(t, a.agents.Resume(t.Context(), job))
	require.Equal(t, "message_not_found", a.failure(job.Run).Code)
}

func TestAReplyThatCannotBeBegunIsAnError(t *testing.T) {
	t.Parallel()
	a := newAgency(t)
	in, message := a.conversation("It drops.")
	job := commands.ReplyJob{Org: a.org, Thread: in, Message: message, Agent: domain.CustomerSupport, Author: a.ann.User}
	a.broken["jobs"] = errBroken
	require.ErrorIs(t, a.agents.Answer(a).Enqueue(t.Context(), job), errBroken)
	a.broken["settings"] = errBroken
	require.ErrorIs(t, a.agents.Answer(a).Enqueue(t.Context(), job), errBroken)
}
