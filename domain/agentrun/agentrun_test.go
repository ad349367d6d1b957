package agentrun_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/domaintest"
)

var (
	ann = domain.UserID{UUID: uuid.UUID{15: 1}}
	bob = domain.UserID{UUID: uuid.UUID{15: 2}}

	started   = agentrun.Started{Agent: domain.CustomerSupport, ConfigVersion: 3, Purpose: agentrun.CreateTicket, RequestedBy: ann, Input: map[string]any{"text": "It drops."}}
	asked     = agentrun.ModelAsked{Turn: 1, RequestedBy: ann, Provider: "openai", Model: "gpt-4o-mini", Stop: "tools", Said: map[string]any{"text": "Wait."}}
	called    = agentrun.ToolCalled{Turn: 1, CallID: "call_1_1", Tool: "search_tickets", RequestedBy: ann, Result: "[]"}
	passed    = agentrun.ProviderFailed{Turn: 1, Provider: "openai", Code: "unavailable"}
	completed = agentrun.Completed{RequestedBy: ann, Result: map[string]any{"category": "bug"}, Provider: "openai", Model: "gpt-4o-mini", Confidence: new(0.5), Millis: 7}
	failed    = agentrun.Failed{RequestedBy: ann, Code: "timeout", Reason: "It took too long.", Millis: 7}
	erased    = agentrun.WordsErased{Of: ann}
	going     = []agentrun.Event{started, asked, called}
)

func as(role domain.Role) domain.Actor {
	return domain.Actor{Type: domain.ByUser, ID: ann.UUID, User: ann, Role: role}
}

func begin(by domain.Actor, of domain.UserID) agentrun.Start {
	return agentrun.Start{Agent: domain.CustomerSupport, ConfigVersion: 3, Purpose: agentrun.CreateTicket, Input: map[string]any{"text": "It drops."}, For: of, By: by}
}

func after(events ...agentrun.Event) []agentrun.Event { return append(going[:3:3], events...) }

func TestRuns(t *testing.T) {
	t.Parallel()
	again, second := asked, asked
	again.Provider, again.RequestedBy = "anthropic", domain.UserID{}
	second.Turn, second.RequestedBy = 2, bob
	secondOfAnn := second
	secondOfAnn.RequestedBy = ann
	other := called
	other.CallID, other.RequestedBy = "call_1_2", domain.UserID{}
	otherOfAnn := other
	otherOfAnn.RequestedBy = ann
	complete := agentrun.Complete{Result: completed.Result, Provider: "openai", Model: "gpt-4o-mini", Confidence: new(0.5), Millis: 7}
	fail := agentrun.Fail{Code: "timeout", Reason: "It took too long.", Millis: 7}
	for _, s := range []struct {
		name    string
		given   []agentrun.Event
		when    agentrun.Command
		then    []agentrun.Event
		refused error
	}{
		{name: "start", when: begin(as(domain.Member), ann), then: []agentrun.Event{started}},
		{name: "start by the system for somebody", when: begin(domain.System, ann), then: []agentrun.Event{started}},
		{name: "start again", given: going, when: begin(as(domain.Member), ann)},
		{name: "start what has ended", given: after(completed), when: begin(as(domain.Member), ann)},
		{name: "start another's run", given: going, when: begin(as(domain.Member), bob), refused: agentrun.ErrExists},
		{name: "start by an auditor", when: begin(as(domain.Auditor), ann), refused: domain.ErrForbidden},

		{name: "note a turn", given: going, when: agentrun.Note{Fact: second}, then: []agentrun.Event{secondOfAnn}},
		{name: "note a turn that somebody else has noted", given: going, when: agentrun.Note{Fact: again}, refused: agentrun.ErrTaken},
		{name: "note a call", given: going, when: agentrun.Note{Fact: other}, then: []agentrun.Event{otherOfAnn}},
		{name: "note a call again", given: going, when: agentrun.Note{Fact: called}},
		{name: "note a provider", given: going, when: agentrun.Note{Fact: passed}, then: []agentrun.Event{passed}},
		{name: "note nothing's turn", when: agentrun.Note{Fact: asked}, refused: agentrun.ErrNotFound},
		{name: "note after the end", given: after(failed), when: agentrun.Note{Fact: second}, refused: agentrun.ErrEnded},
		{name: "note after the erasure", given: after(erased), when: agentrun.Note{Fact: second}, refused: agentrun.ErrNotFound},

		{name: "complete", given: going, when: complete, then: []agentrun.Event{completed}},
		{name: "complete again", given: after(completed), when: complete},
		{name: "complete what failed", given: after(failed), when: complete},
		{name: "complete nothing", when: complete, refused: agentrun.ErrNotFound},
		{name: "complete what is erased", given: after(erased), when: complete, refused: agentrun.ErrNotFound},
		{name: "fail", given: going, when: fail, then: []agentrun.Event{failed}},
		{name: "fail again", given: after(failed), when: fail},
		{name: "fail nothing", when: fail, refused: agentrun.ErrNotFound},

		{name: "erase", given: going, when: agentrun.EraseWords{Of: ann, By: domain.System}, then: []agentrun.Event{erased}},
		{name: "erase after the end", given: after(completed), when: agentrun.EraseWords{Of: ann, By: domain.System}, then: []agentrun.Event{erased}},
		{name: "erase everybody's", given: going, when: agentrun.EraseWords{By: domain.System}, then: []agentrun.Event{agentrun.WordsErased{}}},
		{name: "erase again", given: after(erased), when: agentrun.EraseWords{Of: ann, By: domain.System}},
		{name: "erase another's", given: going, when: agentrun.EraseWords{Of: bob, By: domain.System}},
		{name: "erase nothing", when: agentrun.EraseWords{Of: ann, By: domain.System}, refused: agentrun.ErrNotFound},
		{name: "erase as an admin", given: going, when: agentrun.EraseWords{Of: ann, By: as(domain.Admin)}, refused: domain.ErrForbidden},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, agentrun.Decider, s.given...).When(s.when)
			if s.refused != nil {
				spec.Refused(s.refused)
				return
			}
			spec.Then(s.then...)
		})
	}
}

func TestWhatIsNoNoteIsABug(t *testing.T) {
	t.Parallel()
	s := agentrun.Decider.Fold(agentrun.State{}, going...)
	for _, fact := range []agentrun.Event{nil, started, completed, failed, erased} {
		require.Panics(t, func() { _, _ = agentrun.Decide(s, agentrun.Note{Fact: fact}) })
	}
	require.Panics(t, func() { _, _ = agentrun.Decide(s, nil) })
}

func TestWhoMaySeeARun(t *testing.T) {
	t.Parallel()
	s := agentrun.Decider.Fold(agentrun.State{}, going...)
	his := domain.Actor{Type: domain.ByUser, ID: bob.UUID, User: bob, Role: domain.Member}
	require.True(t, s.Visible(as(domain.Member)))
	require.False(t, s.Visible(his))
	his.Role = domain.Support
	require.True(t, s.Visible(his))
	require.False(t, agentrun.State{}.Visible(his))
}

func TestAnErasureNamesWhoseWordsTheseAre(t *testing.T) {
	t.Parallel()
	require.Equal(t, ann.UUID, erased.Erases())
	require.Zero(t, agentrun.WordsErased{}.Erases())
}
