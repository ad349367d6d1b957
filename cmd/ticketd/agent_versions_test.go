package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever changes a configuration in the middle of a run changes the next one, on every instance; this one keeps its version.
func TestARunKeepsTheConfigurationItBeganWith(t *testing.T) {
	t.Parallel()
	model := provider(t)
	c := quiet(t)
	asks(model)(&c)
	one, two := launch(t, c), launch(t, c)
	ada := one.founder("ada")
	let := make(chan struct{})
	model.says("create_ticket",
		after(let, calls(wish{"categorize_issue", object{"description": "The tunnel drops"}})), answers(goodTicket()), answers(goodTicket()),
	)
	made := make(chan answer)
	go func() {
		a, err := ada.try("POST", makeTicket, object{"user_input": "My VPN drops"})
		if err != nil {
			t.Error(err)
		}
		made <- a
	}()
	eventually(t, func() bool { return len(model.heard()) == 1 })
	ada.at(two).configures("customer_support_agent", object{"system_prompt": "You are a gardener.", "model": "gpt-4o", "tools_enabled": []string{"create_ticket"}})
	close(let)
	first := <-made
	require.Equal(t, 201, first.status, "%s", first.raw)
	heard := model.heard()
	require.Len(t, heard, 2)
	for _, a := range heard {
		require.NotContains(t, a.words(), "gardener")
		require.Equal(t, "gpt-4o-mini", a.body["model"])
		require.Contains(t, a.tools(), "categorize_issue")
	}
	run := ada.ran(first.text("run_id"))
	require.Equal(t, []any{1.0, "gpt-4o-mini"}, []any{run["config_version"], run["model"]})
	require.Equal(t, []string{"model tools", "tool categorize_issue", "model answer", "tool create_ticket"}, steps(run))

	second := ada.post(makeTicket, object{"user_input": "My VPN drops again"})
	require.Contains(t, model.last().words(), "gardener")
	require.Equal(t, []string{"create_ticket"}, model.last().tools())
	run = ada.at(two).ran(second.text("run_id"))
	require.Equal(t, []any{2.0, "gpt-4o"}, []any{run["config_version"], run["model"]})
}

// Who asks too often is told when to come back, and nobody else is held up.
func TestAskingAgentsHasALimit(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) { c.LimitAI = limit{Requests: 2, Window: 3600e9} })
	ada := i.founder("ada")
	bob := ada.colleague("member")
	for n, path := range []string{categorize, "/api/v1/tickets/categorize"} {
		a := ada.do(200, "POST", path, object{"description": "It crashes."})
		require.Equal(t, []string{"2", []string{"1", "0"}[n]}, []string{a.header.Get("X-RateLimit-Limit"), a.header.Get("X-RateLimit-Remaining")})
	}
	ada.do(429, "POST", makeTicket, object{"user_input": "It crashes."})
	require.Empty(t, ada.get("/api/v1/tickets").list(), "other requests are not counted")
	bob.do(200, "POST", categorize, object{"description": "It crashes."})
	require.Len(t, i.runs(ada), 3)
}

// The same request with its key, at once or later, is one run and one ticket.
func TestARequestWithAKeyIsOneRun(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model))
	ada := i.founder("ada").with("Idempotency-Key", "once")
	let := make(chan struct{})
	model.keepsSaying("create_ticket", after(let, answers(goodTicket())))
	both := make(chan answer, 2)
	for range 2 {
		go func() {
			a, err := ada.try("POST", makeTicket, object{"user_input": "My VPN drops"})
			if err != nil {
				t.Error(err)
			}
			both <- a
		}()
	}
	eventually(t, func() bool { return len(model.heard()) > 0 })
	close(let)
	one, two := <-both, <-both
	require.Contains(t, []int{one.status, two.status}, 201)
	for _, a := range []answer{one, two} {
		require.Contains(t, []int{201, 409}, a.status, "%s", a.raw)
	}
	again := ada.post(makeTicket, object{"user_input": "My VPN drops"})
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.LessOrEqual(t, len(model.heard()), 2, "whoever was late at the run has stopped")
	require.Len(t, i.runs(ada), 1)
	require.Equal(t, []string{"model answer", "tool create_ticket"}, steps(i.onlyRun(ada)))
	require.Len(t, ada.get("/api/v1/tickets").list(), 1)
	require.Equal(t, again.text("ticket_id"), str(ada.get("/api/v1/tickets").list()[0]["id"]))
	ada.do(422, "POST", makeTicket, object{"user_input": "Something else"})
}
