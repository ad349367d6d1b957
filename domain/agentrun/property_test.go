package agentrun_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/domaintest"
)

// commands gives generators of its own to each test, because rapid's are not safe to share between parallel ones.
func commands() *rapid.Generator[agentrun.Command] {
	actors := rapid.SampledFrom([]domain.Actor{as(domain.Member), as(domain.Auditor), domain.System, domain.System})
	people := rapid.SampledFrom([]domain.UserID{ann, ann, bob, {}})
	turns := rapid.IntRange(1, 4)
	return rapid.OneOf(
		rapid.Just[agentrun.Command](begin(as(domain.Member), ann)),
		rapid.Custom(func(t *rapid.T) agentrun.Command { return begin(actors.Draw(t, "by"), people.Draw(t, "for")) }),
		rapid.Custom(func(t *rapid.T) agentrun.Command {
			return agentrun.Note{Fact: agentrun.ModelAsked{Turn: turns.Draw(t, "turn"), Said: map[string]any{"text": rapid.String().Draw(t, "said")}}}
		}),
		rapid.Custom(func(t *rapid.T) agentrun.Command {
			return agentrun.Note{Fact: agentrun.ToolCalled{CallID: fmt.Sprint("call_", turns.Draw(t, "call")), Result: rapid.String().Draw(t, "result")}}
		}),
		rapid.Custom(func(t *rapid.T) agentrun.Command {
			return agentrun.Note{Fact: agentrun.ProviderFailed{Turn: turns.Draw(t, "turn"), Code: "timeout"}}
		}),
		rapid.Just[agentrun.Command](agentrun.Complete{Result: map[string]any{"category": "bug"}}),
		rapid.Just[agentrun.Command](agentrun.Fail{Code: "timeout"}),
		rapid.Custom(func(t *rapid.T) agentrun.Command {
			return agentrun.EraseWords{Of: people.Draw(t, "of"), By: actors.Draw(t, "by")}
		}),
	)
}

// once tells what is good for one time only: turns of a model, which two may be at, and providers that fail again.
func once(c agentrun.Command) bool {
	note, ok := c.(agentrun.Note)
	if !ok {
		return false
	}
	_, call := note.Fact.(agentrun.ToolCalled)
	return !call
}

func TestTheLawsOfDecidersHold(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, agentrun.Decider, commands(), once)
}

// Whatever happens, a run ends once, a turn and a call are told once, nothing is told after the end or the erasure, and all of
// it belongs to whom the run is for.
func TestARunIsToldOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := agentrun.Decider.Fold(agentrun.State{}, started)
		turn, calls, over := 0, map[string]bool{}, false
		for _, c := range rapid.SliceOf(commands()).Draw(t, "commands") {
			events, _ := agentrun.Decide(s, c)
			for _, e := range events {
				switch e := e.(type) {
				case agentrun.ModelAsked:
					require.Greater(t, e.Turn, turn)
					require.Equal(t, ann, e.RequestedBy)
					turn = e.Turn
				case agentrun.ToolCalled:
					require.False(t, calls[e.CallID])
					require.Equal(t, ann, e.RequestedBy)
					calls[e.CallID] = true
				case agentrun.ProviderFailed:
				case agentrun.Started:
					t.Fatal("it was begun already")
				case agentrun.WordsErased:
					over = true
					continue
				case agentrun.Completed, agentrun.Failed:
					require.False(t, over)
					over = true
					continue
				}
				require.False(t, over, "%T", e)
			}
			s = agentrun.Decider.Fold(s, events...)
		}
	})
}
