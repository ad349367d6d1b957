package agentconfig_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/domaintest"
)

var (
	ann = domain.UserID{UUID: uuid.UUID{15: 1}}

	support  = domain.CustomerSupport
	defaults = agentconfig.Defaults(support)
	adopted  = agentconfig.Adopted{Agent: support, Config: defaults}
	warmer   = agentconfig.Changed{By: ann, Temperature: new(0.7)}
	terse    = agentconfig.Changed{By: ann, SystemPrompt: new("Be brief."), MaxTokens: new(100)}
	changed  = []agentconfig.Event{adopted, warmer, terse} // versions 1 to 3
)

func as(role domain.Role) domain.Actor {
	return domain.Actor{Type: domain.ByUser, ID: ann.UUID, User: ann, Role: role}
}

var admin = as(domain.Admin)

func change(f func(*agentconfig.Change)) agentconfig.Change {
	c := agentconfig.Change{Agent: support, By: admin}
	f(&c)
	return c
}

func TestConfigurations(t *testing.T) {
	t.Parallel()
	warm := change(func(c *agentconfig.Change) { c.Temperature = new(0.7) })
	warmed := defaults
	warmed.Temperature = 0.7
	everything := change(func(c *agentconfig.Change) {
		c.Model, c.Temperature, c.MaxTokens, c.Timeout = new("o"), new(2.0), new(1), new(600)
		c.SystemPrompt, c.Tools = new("x"), &[]string{"get_ticket"}
	})
	for _, s := range []struct {
		name    string
		given   []agentconfig.Event
		when    agentconfig.Command
		then    []agentconfig.Event
		refused error
	}{
		{name: "the first change says what it changes", when: warm, then: []agentconfig.Event{adopted, warmer}},
		{name: "the same change again", given: []agentconfig.Event{adopted, warmer}, when: warm},
		{name: "a change to what is the default", when: change(func(c *agentconfig.Change) { c.Temperature, c.Model = new(0.2), new("gpt-4o-mini") })},
		{name: "a change of nothing", when: change(func(*agentconfig.Change) {})},
		{
			name: "only what differs", given: []agentconfig.Event{adopted, warmer},
			when: change(func(c *agentconfig.Change) { c.Temperature, c.MaxTokens = new(0.7), new(5) }),
			then: []agentconfig.Event{agentconfig.Changed{By: ann, MaxTokens: new(5)}},
		},
		{name: "everything", given: changed, when: everything, then: []agentconfig.Event{agentconfig.Changed{
			By: ann, Model: new("o"), Temperature: new(2.0), MaxTokens: new(1), Timeout: new(600), SystemPrompt: new("x"), Tools: &[]string{"get_ticket"},
		}}},
		{
			name: "no tools at all", given: changed, when: change(func(c *agentconfig.Change) { c.Tools = new([]string) }),
			then: []agentconfig.Event{agentconfig.Changed{By: ann, Tools: &[]string{}}},
		},
		{
			name: "a change by the system", given: changed, when: agentconfig.Change{Agent: support, Timeout: new(9), By: domain.System},
			then: []agentconfig.Event{agentconfig.Changed{Timeout: new(9)}},
		},
		{name: "a change by support", when: agentconfig.Change{Agent: support, Timeout: new(9), By: as(domain.Support)}, refused: domain.ErrForbidden},
		{name: "a change by a member", when: agentconfig.Change{Agent: support, Timeout: new(-1), By: as(domain.Member)}, refused: domain.ErrForbidden},
		{name: "a change by an auditor", when: agentconfig.Change{Agent: support, By: as(domain.Auditor)}, refused: domain.ErrForbidden},
		{name: "a change of what is no agent", when: agentconfig.Change{Agent: "x", By: admin}, refused: agentconfig.ErrNotFound},

		{name: "roll back to the defaults", given: changed, when: agentconfig.RollBack{Agent: support, To: 1, By: admin}, then: []agentconfig.Event{agentconfig.RolledBack{By: ann, To: 1, Config: defaults}}},
		{name: "roll back one", given: changed, when: agentconfig.RollBack{Agent: support, To: 2, By: admin}, then: []agentconfig.Event{agentconfig.RolledBack{By: ann, To: 2, Config: warmed}}},
		{name: "roll back to what holds", given: changed, when: agentconfig.RollBack{Agent: support, To: 3, By: admin}},
		{name: "roll back twice", given: append(changed[:3:3], agentconfig.RolledBack{By: ann, To: 2, Config: warmed}), when: agentconfig.RollBack{Agent: support, To: 2, By: admin}},
		{name: "roll back a roll-back", given: append(changed[:3:3], agentconfig.RolledBack{By: ann, To: 1, Config: defaults}, warmer), when: agentconfig.RollBack{Agent: support, To: 4, By: admin}, then: []agentconfig.Event{agentconfig.RolledBack{By: ann, To: 4, Config: defaults}}},
		{name: "roll back to a version to come", given: changed, when: agentconfig.RollBack{Agent: support, To: 4, By: admin}, refused: agentconfig.ErrNoVersion},
		{name: "roll back to before all versions", given: changed, when: agentconfig.RollBack{Agent: support, To: 0, By: admin}, refused: agentconfig.ErrNoVersion},
		{name: "roll back what nobody has changed", when: agentconfig.RollBack{Agent: support, To: 1, By: admin}},
		{name: "roll back what nobody has changed too far", when: agentconfig.RollBack{Agent: support, To: 2, By: admin}, refused: agentconfig.ErrNoVersion},
		{name: "roll back by support", given: changed, when: agentconfig.RollBack{Agent: support, To: 1, By: as(domain.Support)}, refused: domain.ErrForbidden},
		{name: "roll back what is no agent", when: agentconfig.RollBack{To: 1, By: admin}, refused: agentconfig.ErrNotFound},
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
}

func TestAnUnknownCommandIsABug(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { _, _ = agentconfig.Decide(agentconfig.State{}, nil) })
}

func TestValidation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		field string // at fault; empty: none
		set   func(*agentconfig.Change)
	}{
		"the coldest":                  {"", func(c *agentconfig.Change) { c.Temperature = new(0.0) }},
		"the hottest":                  {"", func(c *agentconfig.Change) { c.Temperature = new(2.0) }},
		"too hot":                      {"temperature", func(c *agentconfig.Change) { c.Temperature = new(2.5) }},
		"just too hot":                 {"temperature", func(c *agentconfig.Change) { c.Temperature = new(math.Nextafter(2, 3)) }},
		"below zero":                   {"temperature", func(c *agentconfig.Change) { c.Temperature = new(-0.1) }},
		"no temperature":               {"temperature", func(c *agentconfig.Change) { c.Temperature = new(math.NaN()) }},
		"the least tokens":             {"", func(c *agentconfig.Change) { c.MaxTokens = new(1) }},
		"the most tokens":              {"", func(c *agentconfig.Change) { c.MaxTokens = new(128_000) }},
		"no tokens":                    {"max_tokens", func(c *agentconfig.Change) { c.MaxTokens = new(0) }},
		"too many tokens":              {"max_tokens", func(c *agentconfig.Change) { c.MaxTokens = new(128_001) }},
		"a second":                     {"", func(c *agentconfig.Change) { c.Timeout = new(1) }},
		"ten minutes":                  {"", func(c *agentconfig.Change) { c.Timeout = new(600) }},
		"no time":                      {"timeout", func(c *agentconfig.Change) { c.Timeout = new(0) }},
		"too long":                     {"timeout", func(c *agentconfig.Change) { c.Timeout = new(601) }},
		"a long model":                 {"", func(c *agentconfig.Change) { c.Model = new(strings.Repeat("é", 100)) }},
		"too long a model":             {"model", func(c *agentconfig.Change) { c.Model = new(strings.Repeat("x", 101)) }},
		"no model":                     {"model", func(c *agentconfig.Change) { c.Model = new("") }},
		"a blank model":                {"model", func(c *agentconfig.Change) { c.Model = new("  ") }},
		"a model with a tab":           {"model", func(c *agentconfig.Change) { c.Model = new("gpt\t4") }},
		"a model in broken UTF-8":      {"model", func(c *agentconfig.Change) { c.Model = new("gpt\xff") }},
		"a model with an invisible":    {"model", func(c *agentconfig.Change) { c.Model = new("gpt\u200b4") }},
		"a short prompt":               {"", func(c *agentconfig.Change) { c.SystemPrompt = new("x") }},
		"a long prompt":                {"", func(c *agentconfig.Change) { c.SystemPrompt = new(strings.Repeat("é", 50_000)) }},
		"too long a prompt":            {"system_prompt", func(c *agentconfig.Change) { c.SystemPrompt = new(strings.Repeat("x", 50_001)) }},
		"no prompt":                    {"system_prompt", func(c *agentconfig.Change) { c.SystemPrompt = new("") }},
		"a blank prompt":               {"system_prompt", func(c *agentconfig.Change) { c.SystemPrompt = new(" \n\t") }},
		"a prompt with NUL":            {"system_prompt", func(c *agentconfig.Change) { c.SystemPrompt = new("a\x00b") }},
		"every tool":                   {"", func(c *agentconfig.Change) { c.Tools = &agentconfig.Tools }},
		"a tool that there is not":     {"tools_enabled", func(c *agentconfig.Change) { c.Tools = &[]string{"get_ticket", "delete_everything"} }},
		"the same tool twice":          {"tools_enabled", func(c *agentconfig.Change) { c.Tools = &[]string{"get_ticket", "create_ticket", "get_ticket"} }},
		"one wrong field among others": {"timeout", func(c *agentconfig.Change) { c.Temperature, c.Timeout = new(1.0), new(-1) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events, err := agentconfig.Decide(agentconfig.State{}, change(c.set))
			if c.field == "" {
				require.NoError(t, err)
				require.Len(t, events, 2)
				return
			}
			require.Empty(t, events)
			require.ErrorIs(t, err, agentconfig.ErrInvalid)
			refusal, ok := errors.AsType[*domain.Error](err)
			require.True(t, ok)
			require.Equal(t, domain.BadReference, refusal.Kind)
			require.Equal(t, c.field, refusal.Field)
			require.Contains(t, refusal.Message, "validation: "+c.field+" ")
		})
	}
}

func TestWhatTheContractSaysOfAnUnknownAgent(t *testing.T) {
	t.Parallel()
	refusal, ok := errors.AsType[*domain.Error](agentconfig.Unknown("sales_agent"))
	require.True(t, ok)
	require.Equal(t, domain.NotFound, refusal.Kind)
	require.Equal(t, "Configuration for sales_agent not found", refusal.Message)
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	prompts := map[string]bool{}
	for _, agent := range domain.Agents {
		c := agentconfig.Defaults(agent)
		require.NoError(t, c.Check(), agent)
		require.NotNil(t, c.Tools, "none are a list, too")
		prompts[c.SystemPrompt] = true
		require.Contains(t, strings.ToLower(c.SystemPrompt), "instruction to you", "%s: what an agent reads gives it no orders", agent)
	}
	require.Len(t, prompts, len(domain.Agents), "each has a prompt of its own")
	require.Equal(t, agentconfig.Config{}, agentconfig.Defaults("sales_agent"))
	require.Error(t, agentconfig.Config{}.Check())
}

func TestTheDefaultsThatTheContractNames(t *testing.T) {
	t.Parallel()
	c := agentconfig.Defaults(domain.CustomerSupport)
	c.SystemPrompt = ""
	require.Equal(t, agentconfig.Config{
		Model: "gpt-4o-mini", Temperature: 0.2, MaxTokens: 2000, Timeout: 30,
		Tools: []string{"analyze_file", "create_ticket", "search_knowledge_base", "categorize_issue", "create_jira_ticket", "create_salesforce_case"},
	}, c)
	for agent, want := range map[domain.Agent]agentconfig.Config{
		domain.Categorization: {Model: "gpt-4o-mini", Temperature: 0.1, MaxTokens: 500},
		domain.FileAnalysis:   {Model: "gpt-4o", Temperature: 0.1, MaxTokens: 1500},
	} {
		c := agentconfig.Defaults(agent)
		require.Equal(t, want, agentconfig.Config{Model: c.Model, Temperature: c.Temperature, MaxTokens: c.MaxTokens}, agent)
	}
}

// What the contract wants of the support agent's instructions, by the words that say it.
func TestTheSupportPromptCoversWhatItMust(t *testing.T) {
	t.Parallel()
	prompt := strings.ToLower(defaults.SystemPrompt)
	for what, words := range map[string][]string{
		"analyse the request":         {"analyse the request"},
		"attachments":                 {"read every attachment", "screenshot", "recording", "document"},
		"browser context":             {"browser context"},
		"a clear, structured ticket":  {"summary", "expected", "actual", "environment", "impact"},
		"urgency, type, department":   {"urgency", "category", "department"},
		"route":                       {"routing", "integration", "team"},
		"steps to reproduce":          {"steps to reproduce"},
		"honest about what's unknown": {"unknown", "do not invent"},
		"kinds of tickets":            {"bug report", "access problem", "performance problem", "billing question", "feature request", "integration problem", "security report"},
	} {
		for _, word := range words {
			require.Contains(t, prompt, word, what)
		}
	}
	for _, category := range []string{"technical", "billing", "feature_request", "bug", "user_access", "general", "integration", "performance", "security"} {
		require.Contains(t, prompt, "- "+category+":")
		require.Contains(t, agentconfig.Defaults(domain.Categorization).SystemPrompt, "- "+category+":")
	}
	for _, name := range defaults.Tools {
		if name != "create_ticket" { // "create it once"
			require.Contains(t, prompt, strings.ReplaceAll(name, "search_knowledge_base", "search the knowledge base"), "the prompt says when to use it")
		}
	}
}

func TestAStreamOfItsOwnForEachAgentOfEachOrganization(t *testing.T) {
	t.Parallel()
	seen := map[uuid.UUID]bool{}
	for _, org := range []domain.OrgID{{UUID: uuid.UUID{1}}, {UUID: uuid.UUID{2}}} {
		for _, agent := range domain.Agents {
			id := agentconfig.StreamID(org, agent)
			require.Equal(t, uuid.Version(5), id.Version())
			seen[id] = true
		}
	}
	require.Len(t, seen, 2*len(domain.Agents))
	require.Equal(t, "a3805ee4-12b0-5bde-92a6-7b38a0f9dd40", agentconfig.StreamID(domain.OrgID{UUID: uuid.UUID{15: 1}}, support).String(), "it is stored for ever")
}

// commands gives generators of its own to each test, because rapid's are not safe to share between parallel ones.
func commands() *rapid.Generator[agentconfig.Command] {
	agents := rapid.SampledFrom([]domain.Agent{support, support, support, "sales_agent"})
	actors := rapid.SampledFrom([]domain.Actor{admin, admin, admin, admin, as(domain.Support), as(domain.Member), domain.System})
	texts := rapid.SampledFrom([]string{"a", "a", "b", "c\nd", defaults.Model, defaults.SystemPrompt, "", "\x00"})
	numbers := rapid.SampledFrom([]int{1, 1, 2, 30, 500, 2000, 0, 1 << 30})
	tools := rapid.OneOf(rapid.SampledFrom([][]string{nil, {}, defaults.Tools, {"x"}}), rapid.SliceOfNDistinct(rapid.SampledFrom(agentconfig.Tools), 0, 3, rapid.ID[string]))
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) agentconfig.Command {
			return agentconfig.Change{
				Agent: agents.Draw(t, "agent"), By: actors.Draw(t, "by"), Model: rapid.Ptr(texts, true).Draw(t, "model"),
				Temperature: rapid.Ptr(rapid.SampledFrom([]float64{0, 0.2, 0.2, 1, 2, 2.5, -1, math.NaN()}), true).Draw(t, "temperature"),
				MaxTokens:   rapid.Ptr(numbers, true).Draw(t, "tokens"), Timeout: rapid.Ptr(numbers, true).Draw(t, "timeout"),
				SystemPrompt: rapid.Ptr(texts, true).Draw(t, "prompt"), Tools: rapid.Ptr(tools, true).Draw(t, "tools"),
			}
		}),
		rapid.Custom(func(t *rapid.T) agentconfig.Command {
			return agentconfig.RollBack{Agent: agents.Draw(t, "agent"), To: rapid.IntRange(-1, 9).Draw(t, "to"), By: actors.Draw(t, "by")}
		}),
	)
}

// trials are commands about what is tried beside what holds.
func trials() *rapid.Generator[agentconfig.Command] {
	return rapid.Custom(func(t *rapid.T) agentconfig.Command {
		by, tried := rapid.SampledFrom([]domain.Actor{admin, admin, as(domain.Support), domain.System}).Draw(t, "by"), rapid.SampledFrom([]domain.Agent{sorter, sorter, support}).Draw(t, "agent")
		if rapid.Bool().Draw(t, "clear") {
			return agentconfig.ClearShadow{Agent: tried, By: by}
		}
		draft := agentconfig.Change{Timeout: rapid.Ptr(rapid.SampledFrom([]int{0, 1, 15, 30}), true).Draw(t, "timeout")}
		return agentconfig.SetShadow{Agent: tried, Try: rapid.IntRange(-1, 9).Draw(t, "try"), Draft: draft, By: by}
	})
}

func TestLaws(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, agentconfig.Decider, rapid.OneOf(commands(), commands(), trials()), domaintest.Never)
}

// Whatever is done, what holds is valid, versions count without gaps from the defaults, and each can be had back.
func TestEveryVersionCanBeHadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s agentconfig.State
		said := []agentconfig.Config{defaults}
		for _, c := range rapid.SliceOfN(commands(), 1, 20).Draw(t, "commands") {
			events, err := agentconfig.Decide(s, c)
			if err != nil {
				continue
			}
			require.NotEqual(t, 1, s.Version+len(events), "the defaults are never alone")
			s = agentconfig.Decider.Fold(s, events...)
			if len(events) > 0 {
				require.NoError(t, s.Config.Check())
				said = append(said, s.Config)
				require.Len(t, said, s.Version)
			}
		}
		to := rapid.IntRange(1, len(said)).Draw(t, "to")
		events, err := agentconfig.Decide(s, agentconfig.RollBack{Agent: support, To: to, By: admin})
		require.NoError(t, err)
		after := agentconfig.Decider.Fold(s, events...)
		if s.Version == 0 {
			require.Empty(t, events)
			return
		}
		require.True(t, after.Config.Equal(said[to-1]))
		require.Equal(t, len(events) == 0, s.Config.Equal(said[to-1]))
	})
}

func TestAFactLeavesEarlierStatesAsTheyWere(t *testing.T) {
	t.Parallel()
	before := agentconfig.Decider.Fold(agentconfig.State{}, changed[:2]...)
	one := agentconfig.Decider.Fold(before, terse)
	other := agentconfig.Decider.Fold(before, agentconfig.Changed{Tools: &[]string{}})
	require.Equal(t, 0.7, before.Config.Temperature)
	require.Equal(t, "Be brief.", one.Config.SystemPrompt)
	require.Equal(t, defaults.SystemPrompt, other.Config.SystemPrompt)
	require.Equal(t, defaults.Tools, one.Config.Tools)
}

// A list without tools must come back from the log as one: null would mean that nothing was said.
func TestNoToolsAreStoredAsAList(t *testing.T) {
	t.Parallel()
	events, err := agentconfig.Decide(agentconfig.State{}, change(func(c *agentconfig.Change) { c.Tools = new([]string) }))
	require.NoError(t, err)
	text, err := json.Marshal(events[1])
	require.NoError(t, err)
	require.JSONEq(t, `{"by":"00000000-0000-0000-0000-000000000001","tools_enabled":[]}`, string(text))
}
