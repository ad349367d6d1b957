package agentconfig_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/domaintest"
)

const sorter = domain.Categorization

func TestShadows(t *testing.T) {
	t.Parallel()
	usual := agentconfig.Defaults(sorter)
	cold := usual
	cold.Temperature = 0
	begun := agentconfig.Adopted{Agent: sorter, Config: usual}
	colder := agentconfig.Changed{By: ann, Temperature: new(0.0)}
	tryDefaults := agentconfig.ShadowSet{By: ann, Of: 1, Config: usual}
	tryDraft := agentconfig.ShadowSet{By: ann, Config: cold}
	draft := agentconfig.SetShadow{Agent: sorter, By: admin, Draft: agentconfig.Change{Agent: sorter, Temperature: new(0.0)}}
	for _, s := range []struct {
		name    string
		given   []agentconfig.Event
		when    agentconfig.Command
		then    []agentconfig.Event
		refused error
	}{
		{name: "a version", given: []agentconfig.Event{begun, colder}, when: agentconfig.SetShadow{Agent: sorter, Try: 1, By: admin}, then: []agentconfig.Event{tryDefaults}},
		{name: "the same version again", given: []agentconfig.Event{begun, colder, tryDefaults}, when: agentconfig.SetShadow{Agent: sorter, Try: 1, By: admin}},
		{name: "the defaults where nothing is stored", when: agentconfig.SetShadow{Agent: sorter, Try: 1, By: admin}, then: []agentconfig.Event{begun, tryDefaults}},
		{name: "a draft", when: draft, then: []agentconfig.Event{begun, tryDraft}},
		{name: "the same draft again", given: []agentconfig.Event{begun, tryDraft}, when: draft},
		{name: "another after it was ended", given: []agentconfig.Event{begun, tryDraft, agentconfig.ShadowCleared{}}, when: draft, then: []agentconfig.Event{tryDraft}},
		{name: "no such version", when: agentconfig.SetShadow{Agent: sorter, Try: 2, By: admin}, refused: agentconfig.ErrNoVersion},
		{name: "no version at all", given: []agentconfig.Event{begun}, when: agentconfig.SetShadow{Agent: sorter, Try: -1, By: admin}, refused: agentconfig.ErrNoVersion},
		{name: "a draft that is not valid", when: agentconfig.SetShadow{Agent: sorter, By: admin, Draft: agentconfig.Change{Timeout: new(0)}}, refused: agentconfig.ErrInvalid},
		{name: "of an agent that decides nothing", when: agentconfig.SetShadow{Agent: support, Try: 1, By: admin}, refused: agentconfig.ErrNotCompared},
		{name: "others may not", when: agentconfig.SetShadow{Agent: sorter, Try: 1, By: as(domain.Support)}, refused: domain.ErrForbidden},
		{name: "it is ended", given: []agentconfig.Event{begun, tryDraft}, when: agentconfig.ClearShadow{Agent: sorter, By: admin}, then: []agentconfig.Event{agentconfig.ShadowCleared{By: ann}}},
		{name: "once", given: []agentconfig.Event{begun, tryDraft, agentconfig.ShadowCleared{}}, when: agentconfig.ClearShadow{Agent: sorter, By: admin}},
		{name: "others may not end it", given: []agentconfig.Event{begun, tryDraft}, when: agentconfig.ClearShadow{Agent: sorter, By: as(domain.Support)}, refused: domain.ErrForbidden},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, agentconfig.Decider, s.given...).When(s.when)
			if s.refused != nil {
				spec.Refused(s.refused)
				return
			}
			spec.Then(s.then...)
		})
	}
	state := agentconfig.Decider.Fold(agentconfig.State{}, begun, tryDraft)
	require.Equal(t, agentconfig.Shadow{Version: 2, Config: cold}, state.Shadow)
	require.True(t, state.Config.Equal(usual), "what holds stays")
	state = agentconfig.Decider.Fold(state, colder)
	require.Equal(t, 2, state.Shadow.Version, "a change of what holds does not end the trial")
	require.Zero(t, agentconfig.Decider.Fold(state, agentconfig.ShadowCleared{}).Shadow)
	require.Equal(t, sorter, draft.Of())
	require.Equal(t, sorter, agentconfig.ClearShadow{Agent: sorter}.Of())
}

// A draft is what holds after a change that nobody has made.
func TestADraftIsAChangeThatIsNotMade(t *testing.T) {
	t.Parallel()
	holds := agentconfig.Defaults(sorter)
	draft, err := agentconfig.Change{MaxTokens: new(7), Tools: &[]string{"get_ticket"}}.On(holds)
	require.NoError(t, err)
	require.Equal(t, 7, draft.MaxTokens)
	require.Equal(t, []string{"get_ticket"}, draft.Tools)
	require.True(t, agentconfig.Defaults(sorter).Equal(holds), "what holds stays")
	_, err = agentconfig.Change{Model: new("")}.On(holds)
	require.ErrorIs(t, err, agentconfig.ErrInvalid)
}
