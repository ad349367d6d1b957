package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A ticket that a person opens is categorized by itself, and whoever knows better has the last word.
func TestANewTicketIsCategorizedAndAPersonCorrectsIt(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model))
	ada := i.founder("ada")
	s := ada.connect()
	s.send("subscribe_all", nil)
	s.await("subscription_response")
	model.says("categorize_ticket", answers(verdict("performance", "high", 0.7)))
	path := "/api/v1/tickets/" + ada.unsorted(object{"title": "Slow", "description": "The list takes a minute to load."}).id()
	told := s.await("ai_categorization_complete")
	require.Equal(t, []any{"performance", "high", 0.7}, []any{told.Data["category"], told.Data["priority"], told.Data["confidence"]})
	ticket := ada.get(path).object()
	require.Equal(t, []any{"performance", "high", false}, []any{ticket["category"], ticket["priority"], ticket["ai_generated"]})
	require.Equal(t, "openai", ticket["ai"].(object)["provider"])
	require.Contains(t, model.last().words(), "takes a minute")

	ada.patch(path, object{"category": "technical"})
	require.Contains(t, jsonOf(ada.get(path+"/history").list()), "ticket.corrected")

	model.says("categorize_ticket", answers(verdict("bug", "critical", 0.99)))
	again := ada.do(200, "POST", categorize, object{"ticket_id": ada.get(path).id()})
	require.Equal(t, "bug", again.text("category"), "the agent says what it thinks")
	require.Equal(t, lastPosition(ada, path), again.header.Get("X-Event-Position"))
	require.Equal(t, ada.get(path).header.Get("ETag"), again.header.Get("ETag"))
	model.says("categorize_text", answers(verdict("bug", "low", 0.9)))
	require.Empty(t, ada.do(200, "POST", categorize, object{"description": "It crashes."}).header.Get("ETag"), "there is no ticket")
	ticket = ada.get(path).object()
	require.Equal(t, "technical", ticket["category"], "and the person's word stands")
	require.Equal(t, "critical", ticket["priority"], "of what nobody has chosen the agent's")
}

// Who is faster than the agent is not overruled by it, and what was chosen at once is asked nobody.
func TestAPersonWhoIsFasterIsNotOverruled(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model))
	ada := i.founder("ada")
	let := make(chan struct{})
	model.says("categorize_ticket", after(let, answers(verdict("bug", "critical", 0.99))))
	path := "/api/v1/tickets/" + ada.unsorted().id()
	eventually(t, func() bool { return len(model.heard()) == 1 })
	ada.patch(path, object{"category": "security", "priority": "low"})
	close(let)
	eventually(t, func() bool { return i.onlyRun(ada)["status"] == "completed" })
	ticket := ada.get(path).object()
	require.Equal(t, []any{"security", "low"}, []any{ticket["category"], ticket["priority"]})

	chosen := ada.ticket(object{"category": "billing", "priority": "low"})
	model.says("categorize_ticket", answers(verdict("bug", "critical", 0.99)))
	half := "/api/v1/tickets/" + ada.unsorted(object{"category": "billing"}).id()
	eventually(t, func() bool { return ada.get(half).text("priority") == "critical" })
	require.Equal(t, "billing", ada.get(half).text("category"))
	require.Len(t, i.runs(ada), 2, "nobody was asked about %s", chosen.id())
}

// Without a model the rules categorize, at once.
func TestWithoutAKeyANewTicketIsCategorizedByRules(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	path := "/api/v1/tickets/" + ada.unsorted(object{"title": "Crash on save", "description": "The app crashes with an exception when I save. Stack trace attached."}).id()
	eventually(t, func() bool { return ada.get(path).object()["ai"] != nil })
	ticket := ada.get(path).object()
	require.Equal(t, []any{"bug", "builtin"}, []any{ticket["category"], ticket["ai"].(object)["provider"]})
	require.NotEmpty(t, ticket["ai"].(object)["reasoning"])
	require.Equal(t, []any{"completed", "builtin"}, []any{i.onlyRun(ada)["status"], i.onlyRun(ada)["provider"]})
}
