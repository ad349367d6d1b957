package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
)

// What an agent said to somebody goes with them, and so does what an agent read for somebody else.
func TestWhatAgentsReadAndSaidIsErased(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model))
	admin := i.founder("admin")
	leaver, support := admin.colleague("member"), admin.colleague("support")
	admin.configures("customer_support_agent", object{"tools_enabled": []string{"get_ticket", "search_tickets"}})
	const word = "zq1164w"
	hers := leaver.ticket(object{"title": "Title " + word, "category": "bug", "priority": "low"}).id()

	own := leaver.talk()
	model.says(reply, answers("You said "+word+"."))
	leaver.do(200, "POST", own+"/messages?wait=reply", object{"content": "I say " + word})
	other := support.talk()
	model.says(reply, calls(wish{"get_ticket", object{"ticket_id": hers}}), answers("It is about a printer."))
	read := support.do(200, "POST", other+"/messages?wait=reply", object{"content": "What is it about?"}).object()["reply"].(object)
	model.says(reply, calls(wish{"search_tickets", object{"query": "nothing at all"}}), answers("There is nothing."))
	unrelated := support.do(200, "POST", support.talk()+"/messages?wait=reply", object{"content": "And else?"}).object()["reply"].(object)
	require.Contains(t, jsonOf(admin.ran(read["run_id"])), word)
	require.NotEmpty(t, found(t, i, word))

	admin.do(202, "POST", "/api/v1/privacy/erasure", object{"user_id": leaver.user})
	report := admin.erased(leaver.user)["erased"].(object)
	require.EqualValues(t, 1, report["threads"])
	require.EqualValues(t, 2, report["runs"], "that which answered her, and that which read her ticket")
	require.Empty(t, found(t, i, word))
	said := admin.said(own)
	require.Equal(t, []any{eventstore.Erased, eventstore.Erased}, []any{said[0].(object)["content"], said[1].(object)["content"]})
	gone := admin.ran(read["run_id"])
	require.NotContains(t, jsonOf(gone), word)
	require.Equal(t, object{eventstore.Erased: true}, gone["result"])
	require.Equal(t, "completed", gone["status"])
	require.Equal(t, "There is nothing.", admin.ran(unrelated["run_id"])["result"].(object)["text"])
	require.Equal(t, "It is about a printer.", admin.said(other)[1].(object)["content"])
	for _, run := range i.runs(admin) {
		require.NotContains(t, jsonOf(admin.ran(run)), word)
	}
	require.NotContains(t, string(admin.get("/api/v1/audit/events?limit=1000").raw), word)
	require.Equal(t, true, admin.get("/api/v1/audit/verify").object()["valid"])
}
