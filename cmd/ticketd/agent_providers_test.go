package main

import (
	nethttp "net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A provider that has too much to do says when to come back, and is left alone until then.
func TestAProviderThatWantsToBeLeftAloneIs(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model, "retries: 3"))
	ada := i.founder("ada")
	var refused time.Time
	model.says("categorize_text", func(w nethttp.ResponseWriter, r *nethttp.Request, a asked) {
		refused = time.Now()
		fails(429, "Retry-After", "1")(w, r, a)
	}, func(w nethttp.ResponseWriter, r *nethttp.Request, a asked) {
		if waited := time.Since(refused); waited < time.Second {
			t.Errorf("asked again after %s", waited)
		}
		answers(verdict("bug", "high", 0.9))(w, r, a)
	})
	said := ada.do(200, "POST", categorize, object{"description": "It crashes."})
	require.Equal(t, []any{"bug", "openai"}, []any{said.text("category"), said.text("provider")})
	require.Len(t, model.heard(), 2)

	// Longer than anybody waits: the rules answer at once, and so they do the next time, without asking.
	model.says("categorize_text", fails(429, "Retry-After", "3000"))
	for range 2 {
		said = ada.do(200, "POST", categorize, object{"description": "The app crashes with an exception."})
		require.Equal(t, "builtin", said.text("provider"))
		require.Equal(t, []string{"openai rate_limited"}, steps(ada.ran(said.text("run_id"))))
	}
	require.Len(t, model.heard(), 3)
}

// A provider that is ill again and again is left alone: the next one answers, and whoever is ill hears nothing meanwhile.
func TestAProviderThatIsIllIsLeftAloneAndTheNextAnswers(t *testing.T) {
	t.Parallel()
	ill, next := provider(t), provider(t)
	i := boot(t, asks(ill, "retries: 1", "breaker: {failures: 4, recovery: 300s}"), asksNext(next))
	ada := i.founder("ada")
	ill.keepsSaying("categorize_text", fails(500))
	next.keepsSaying("categorize_text", answers(verdict("bug", "high", 0.9)))
	for n, code := range []string{"unavailable", "unavailable", "circuit_open", "circuit_open"} {
		said := ada.do(200, "POST", categorize, object{"description": "It crashes."})
		require.Equal(t, []any{"bug", "anthropic"}, []any{said.text("category"), said.text("provider")})
		require.Equal(t, []string{"openai " + code, "model answer"}, steps(ada.ran(said.text("run_id"))))
		require.Len(t, ill.heard(), min(2*(n+1), 4), "four times in all, and then not at all")
	}
	require.Len(t, next.heard(), 4)

	// Both are ill: the rules answer, and the run names both.
	next.says("categorize_text", fails(503), fails(503))
	said := ada.do(200, "POST", categorize, object{"description": "The app crashes with an exception."})
	require.Equal(t, "builtin", said.text("provider"))
	require.Equal(t, []string{"openai circuit_open", "anthropic unavailable"}, steps(ada.ran(said.text("run_id"))))
	require.NotContains(t, string(ada.get("/api/v1/agent/runs/"+said.text("run_id")).raw), providersWords)
}

// A provider that came back is asked again.
func TestAProviderThatIsWellAgainAnswers(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model, "breaker: {failures: 1, recovery: 2s}"))
	ada := i.founder("ada")
	model.says("categorize_text", fails(502), answers(verdict("bug", "high", 0.9)))
	require.Equal(t, "builtin", ada.do(200, "POST", categorize, object{"description": "It crashes."}).text("provider"))
	require.Equal(t, "builtin", ada.do(200, "POST", categorize, object{"description": "It crashes."}).text("provider"))
	require.Len(t, model.heard(), 1)
	eventually(t, func() bool {
		return ada.do(200, "POST", categorize, object{"description": "It crashes."}).text("provider") == "openai"
	})
}

// Silence, a connection that is cut and an answer that is none: the next provider answers, or the rules do.
func TestAnAnswerThatDoesNotCome(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model, "timeout: 200ms", "breaker: {failures: 100, recovery: 300s}", "retries: 1"))
	ada := i.founder("ada")
	//nolint:paralleltest // they share a provider
	for name, s := range map[string]struct {
		steps []saying
		code  string
	}{
		"silence":                {[]saying{keepsSilent}, "timeout"}, // is not asked again
		"a cut connection":       {[]saying{hangsUp, hangsUp}, "unavailable"},
		"an answer that is none": {[]saying{garbles, garbles}, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			ada := ada.on(t)
			model.says("create_ticket", s.steps...)
			before := len(model.heard())
			made := ada.post(makeTicket, object{"user_input": "The app crashes with an exception whenever I save."})
			require.Equal(t, []any{"builtin", "bug"}, []any{made.text("provider"), made.text("category")})
			require.Equal(t, []string{"openai " + s.code, "tool create_ticket"}, steps(ada.ran(made.text("run_id"))))
			require.Len(t, model.heard(), before+len(s.steps))
		})
	}
	t.Run("a cut connection, once", func(t *testing.T) {
		model.says("categorize_text", hangsUp, answers(verdict("billing", "low", 0.8)))
		require.Equal(t, "billing", ada.on(t).do(200, "POST", categorize, object{"description": "It crashes."}).text("category"))
	})
}

// The configuration's time holds for all of a run. When a provider keeps silent there is some left for the rules.
func TestSilenceLeavesTimeForTheRules(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model))
	ada := i.founder("ada")
	ada.configures("categorization_agent", object{"timeout": 1})
	model.says("categorize_text", keepsSilent)
	began := time.Now()
	said := ada.do(200, "POST", categorize, object{"description": "The app crashes with an exception."})
	require.Less(t, time.Since(began), 2*time.Second)
	require.Equal(t, "builtin", said.text("provider"))
	require.Equal(t, []string{"openai timeout"}, steps(ada.ran(said.text("run_id"))))
}

// The same prompt of the same organization is paid for once an hour; another organization's is not answered with it.
func TestAnAnswerIsRememberedForItsOrganization(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model, "cache: 1h"))
	ada, eve := i.founder("ada"), i.founder("eve")
	model.says("categorize_text", answers(verdict("bug", "high", 0.9)), answers(verdict("billing", "low", 0.8)))
	first := ada.do(200, "POST", categorize, object{"description": "It crashes."})
	again := ada.do(200, "POST", categorize, object{"description": "It crashes."})
	require.Equal(t, "bug", again.text("category"))
	require.NotEqual(t, first.text("run_id"), again.text("run_id"))
	require.Zero(t, ada.ran(again.text("run_id"))["usage"].(object)["cost_usd"])
	require.Equal(t, "billing", eve.do(200, "POST", categorize, object{"description": "It crashes."}).text("category"))
	require.Len(t, model.heard(), 2)
}

// What a month may cost is said to those who run the organization when most of it is spent, and when it is used up: then
// nobody is asked any more, the rules answer, and the run says why. Another organization has a budget of its own.
func TestAUsedUpBudgetLeavesTheRules(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model, "budgets: {monthly_usd: 0.005, alert: 0.8, stop: 0.95}"))
	ada, eve := i.founder("ada"), i.founder("eve")
	s := ada.connect()
	s.send("subscribe_all", nil)
	s.await("subscription_response")
	model.keepsSaying("categorize_text", answers(verdict("bug", "high", 0.9)))
	for range 3 { // 0.002 dollars each
		require.Equal(t, "openai", ada.do(200, "POST", categorize, object{"description": "It crashes."}).text("provider"))
	}
	require.Equal(t, 0.005, s.await("ai_budget_alert").Data["budget_usd"])
	s.await("ai_budget_stop")
	said := ada.do(200, "POST", categorize, object{"description": "The app crashes with an exception."})
	require.Equal(t, "builtin", said.text("provider"))
	require.Equal(t, []string{"<nil> budget"}, steps(ada.ran(said.text("run_id"))), "of no provider in particular")
	require.Len(t, model.heard(), 3)
	require.Equal(t, "openai", eve.do(200, "POST", categorize, object{"description": "It crashes."}).text("provider"))
}
