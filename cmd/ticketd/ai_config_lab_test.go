package main

import (
	"fmt"
	nethttp "net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
)

const sorterConfig = "/api/v1/ai-config/categorization_agent"

// categorized opens a ticket and waits until an agent has said what it is about.
func (c *client) categorized(fields object) string {
	c.t.Helper()
	id := c.unsorted(fields).id()
	eventually(c.t, func() bool { return c.get("/api/v1/tickets/" + id).object()["ai"] != nil })
	return id
}

// backtest starts one and waits until it has ended.
func (c *client) backtest(body object) object {
	c.t.Helper()
	path := sorterConfig + "/backtests/" + c.do(202, "POST", sorterConfig+"/backtest", body).id()
	eventually(c.t, func() bool { return c.get(path).text("state") != "running" })
	return c.get(path).object()
}

// reasons answers why how many were not judged.
func reasons(report any) map[string]any {
	counts := map[string]any{}
	for _, r := range report.(object)["not_judged"].([]any) {
		counts[r.(object)["reason"].(string)] = r.(object)["count"]
	}
	return counts
}

// Where no model is, the rules are what is tried, and an administrator sees how good they are on their own tickets.
func TestTheRulesAreTriedOnPastTickets(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	refund := object{"title": "Charged twice", "description": "My invoice shows the subscription twice this month, please refund the second payment."}
	set := ada.categorized(refund)
	first := ada.get("/api/v1/tickets/" + set).object()["ai"].(object)["category"].(string)
	ada.patch("/api/v1/tickets/"+set, object{"title": "Where do I click?", "description": "It was something else.", "category": "user_access"})
	stood := ada.categorized(refund)
	ada.do(200, "POST", "/api/v1/tickets/"+stood+"/status", object{"status": "resolved"})
	ada.categorized(refund) // nobody has looked at it
	ada.ticket(object{"title": "chosen", "description": "x", "category": "bug", "priority": "low"})

	did := ada.backtest(object{"version": 1})
	require.Equal(t, "completed", did["state"])
	require.Equal(t, object{"tried": 3.0, "tickets": 3.0, "percent": 100.0}, did["progress"])
	report := did["report"].(object)
	require.EqualValues(t, 2, report["judged"])
	require.EqualValues(t, 1, report["agreed"], "they are shown what the ticket said then, and say what they said")
	require.Equal(t, map[string]any{"undecided": 1.0}, reasons(report))
	require.Equal(t, []any{object{"provider": "builtin", "count": 2.0}}, report["providers"])
	wrong := report["wrong"].([]any)[0].(object)
	require.Equal(t, []any{set, first, "user_access"}, []any{wrong["ticket_id"], wrong["now"].(object)["category"], wrong["right"].(object)["category"]})
	require.Len(t, report["by_basis"], 2)
	require.EqualValues(t, 0, did["cost_usd"])
	list := ada.get(sorterConfig + "/backtests").list()
	require.Len(t, list, 1)
	require.Equal(t, did["id"], list[0]["id"])
	require.Equal(t, "user_access", ada.get("/api/v1/tickets/"+set).text("category"), "nothing is written on the tickets")

	preview := ada.do(200, "POST", sorterConfig+"/rollback?preview=true", object{"version": 1}).object()["preview"].(object)
	require.EqualValues(t, 3, preview["compared"])
	require.EqualValues(t, 0, preview["differing"])
	require.Equal(t, "1", ada.get(sorterConfig).text("version"), "nothing has changed")

	tried := ada.do(200, "POST", sorterConfig+"/test", object{"input": refund["description"], "config": object{"timeout": 9}}).object()
	require.Equal(t, []any{"completed", "test", "builtin", first, 0.0}, []any{tried["status"], tried["purpose"], tried["provider"], tried["result"].(object)["category"], tried["config_version"]})
	require.Len(t, ada.get("/api/v1/tickets").list(), 4, "a test makes no ticket")

	ada.do(200, "PUT", sorterConfig+"/shadow", object{"draft": object{"model": "rules"}})
	ada.categorized(refund)
	eventually(t, func() bool {
		report, _ := ada.get(sorterConfig + "/shadow").object()["report"].(object)
		return report["with_then"].(object)["compared"] == 1.0
	})
	shadow := ada.get(sorterConfig + "/shadow").object()
	require.EqualValues(t, 1, shadow["report"].(object)["with_then"].(object)["agreement"])
	require.Nil(t, shadow["of"])
	require.Equal(t, "false", ada.with("If-Match", fmt.Sprintf(`"%v"`, shadow["version"])).do(200, "DELETE", sorterConfig+"/shadow", nil).text("active"))
	history := ada.get(sorterConfig + "/history").list()
	require.Equal(t, []any{"defaults", "shadow_set", "shadow_cleared"}, []any{history[0]["kind"], history[1]["kind"], history[2]["kind"]})
}

// A model's prompt is changed, tried on a draft, on past tickets and beside the one that holds, and every answer is paid for
// once.
func TestAPromptIsTriedOnPastTicketsBeforeItHolds(t *testing.T) {
	t.Parallel()
	model := provider(t)
	better := func(good, other object) saying { // the draft sees more
		return func(w nethttp.ResponseWriter, r *nethttp.Request, a asked) {
			said := other
			if strings.Contains(a.words(), "Mind the money.") {
				said = good
			}
			answers(said)(w, r, a)
		}
	}
	for _, form := range []string{"categorize_ticket", "categorize_text", "test", "shadow"} {
		model.keepsSaying(form, better(verdict("billing", "high", 0.9), verdict("general", "low", 0.3)))
	}
	i := boot(t, asks(model))
	ada := i.founder("ada")
	var ids []string
	for n := range 5 {
		id := ada.categorized(object{"title": fmt.Sprint("Invoice ", n), "description": "It is too high."})
		ids = append(ids, id)
		ada.patch("/api/v1/tickets/"+id, object{"category": "billing", "title": "as it is now"})
	}
	draft := object{"system_prompt": "Sort tickets. Mind the money."}

	tried := ada.do(200, "POST", sorterConfig+"/test", object{"input": "Too much.", "config": draft}).object()
	require.Equal(t, "billing", tried["result"].(object)["category"])
	require.InDelta(t, turnCost, tried["usage"].(object)["cost_usd"], 1e-9)
	require.Contains(t, ada.do(400, "POST", sorterConfig+"/test", object{"input": "x", "config": object{"timeout": 0}}).detail(), "validation")

	asked := len(model.heard())
	did := ada.backtest(object{"draft": draft, "sample": 4})
	require.Equal(t, "completed", did["state"], did)
	report := did["report"].(object)
	require.Equal(t, []any{4.0, 4.0, 1.0, 0.0}, []any{report["judged"], report["agreed"], report["agreement"], report["agreement_then"]})
	require.InDelta(t, 4*turnCost, did["cost_usd"], 1e-9)
	require.Len(t, model.heard(), asked+4, "each was asked about once")
	for _, a := range model.heard()[asked:] {
		require.NotContains(t, a.words(), "as it is now")
	}
	calibration := report["calibration"].([]any)[0].(object)
	require.Equal(t, []any{0.9, 0.9, 1.0}, []any{calibration["from"], calibration["said"], calibration["was"]})
	require.Nil(t, did["version"])
	require.Contains(t, did["candidate"].(object)["system_prompt"], "Mind the money.")

	ada.do(200, "PUT", sorterConfig+"/shadow", object{"draft": draft})
	shadowed := ada.categorized(object{"title": "Invoice", "description": "Again too high."})
	eventually(t, func() bool {
		report, _ := ada.get(sorterConfig + "/shadow").object()["report"].(object)
		return report["with_then"].(object)["compared"] == 1.0
	})
	require.Equal(t, "general", ada.get("/api/v1/tickets/"+shadowed).text("category"), "the candidate is only heard")
	ada.patch("/api/v1/tickets/"+shadowed, object{"category": "billing"})
	report = ada.get(sorterConfig + "/shadow").object()["report"].(object)
	require.Equal(t, []any{1.0, 0.0, 0.0}, []any{report["agreement"], report["agreement_then"], report["with_then"].(object)["agreement"]})

	ada.do(200, "PUT", sorterConfig, draft)
	preview := ada.do(200, "POST", sorterConfig+"/rollback?preview=true&last=3", object{"version": 1}).object()["preview"].(object)
	require.Equal(t, []any{3.0, 3.0, 0.0}, []any{preview["decisions"], preview["compared"], preview["differing"]}, "they were made by that version")
	require.Equal(t, "3", ada.get(sorterConfig).text("version"))
	require.Len(t, ids, 5)
}

// When the budget is used up the trial stops, says so and keeps what it has. Somebody may also have seen enough.
func TestABacktestEndsBeforeItsTime(t *testing.T) {
	t.Parallel()
	model := provider(t)
	model.keepsSaying("categorize_ticket", answers(verdict("general", "low", 0.3)))
	model.keepsSaying("categorize_text", answers(verdict("general", "low", 0.3)))
	i := boot(t, asks(model, fmt.Sprintf("budgets: {monthly_usd: %g, alert: 1, stop: 1}", 6*turnCost)))
	ada := i.founder("ada")
	for range 3 {
		id := ada.categorized(object{})
		ada.do(200, "POST", "/api/v1/tickets/"+id+"/status", object{"status": "closed"})
	}
	did := ada.backtest(object{})
	require.Equal(t, "completed", did["state"], "three more fit")
	did = ada.backtest(object{})
	require.Equal(t, []any{"stopped", "budget"}, []any{did["state"], did["stopped"].(object)["code"]})
	require.EqualValues(t, 0, did["progress"].(object)["tried"])
	again := ada.do(200, "DELETE", sorterConfig+"/backtests/"+did["id"].(string), nil)
	require.Equal(t, "stopped", again.text("state"), "what has ended stays as it is")
	preview := ada.do(200, "POST", sorterConfig+"/rollback?preview=true", object{"version": 1}).object()["preview"].(object)
	require.Equal(t, []any{"budget", 0.0}, []any{preview["stopped"], preview["compared"]})
}

// A worker that takes a backtest up goes on where the one before was, and pays for nothing twice.
func TestABacktestIsTakenUpWhereItWas(t *testing.T) {
	t.Parallel()
	model := provider(t)
	model.keepsSaying("categorize_ticket", answers(verdict("general", "low", 0.3)))
	let := make(chan struct{})
	model.keepsSaying("categorize_text", after(let, answers(verdict("bug", "low", 0.6))))
	model.says("categorize_text", answers(verdict("bug", "low", 0.6)), answers(verdict("bug", "low", 0.6)))
	one := boot(t, asks(model), func(c *config) { c.Lease = time.Minute }) // nobody takes it for dead on a busy machine
	ada := one.founder("ada")
	for range 7 {
		ada.do(200, "POST", "/api/v1/tickets/"+ada.categorized(object{})+"/status", object{"status": "closed"})
	}
	path := sorterConfig + "/backtests/" + ada.do(202, "POST", sorterConfig+"/backtest", object{"version": 1}).id()
	eventually(t, func() bool {
		return ada.get(path).object()["progress"].(object)["tried"] == 2.0 && len(model.heard()) == 7+2+4
	})
	require.Equal(t, "urn:ticketd:problem:backtest_running", ada.do(409, "POST", sorterConfig+"/backtest", object{"version": 1}).text("type"))
	one.halt()
	close(let)
	two := launch(t, one.config)
	ada = ada.at(two)
	eventually(t, func() bool { return ada.get(path).text("state") == "completed" })
	require.EqualValues(t, 7, ada.get(path).object()["report"].(object)["judged"])
	require.Len(t, model.heard(), 7+2+4+5, "two were told, and four under way were asked about again")
	require.NoError(t, two.agents.backtests.Run(t.Context(), commands.BacktestJob{Org: domain.OrgID{UUID: uuidOf(t, ada.org)}, Backtest: uuid.MustParse(path[strings.LastIndex(path, "/")+1:])}), "what has ended is left alone")
}
