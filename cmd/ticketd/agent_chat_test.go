package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An agent uses its tools in a conversation, remembers what was said, and reads what is attached.
func TestAnAgentUsesToolsInAConversation(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model))
	ada := i.founder("ada")
	ada.configures("customer_support_agent", object{"tools_enabled": []string{"search_tickets", "create_ticket"}})
	model.keepsSaying("categorize_ticket", answers(verdict("general", "low", 0.5)))
	ada.ticket(object{"title": "The tunnel drops"})
	last := func() asked { heard := model.heardOf(reply); return heard[len(heard)-1] }
	file := ada.upload("log.txt", []byte("error 4711 again")).id()
	ada.read(file)
	path := ada.talk()
	model.says(reply,
		calls(wish{"search_tickets", object{"query": "tunnel"}}),
		calls(wish{"create_ticket", object{"title": "Asked in a chat", "description": "Please."}}),
		answers("I have made a ticket of it."),
	)
	waited := ada.do(200, "POST", path+"/messages?wait=reply", object{"content": "Is there a ticket about the tunnel?", "attachments": []object{{"file_id": file}}}).object()
	require.Equal(t, "completed", waited["reply_status"])
	require.Equal(t, "I have made a ticket of it.", waited["reply"].(object)["content"])
	run := ada.ran(waited["reply"].(object)["run_id"])
	require.Equal(t, []string{"model tools", "tool search_tickets", "model tools", "tool create_ticket", "model answer"}, steps(run))
	require.Contains(t, last().words(), "error 4711 again")
	require.Contains(t, last().results()[0], "The tunnel drops")
	require.ElementsMatch(t, []string{"search_tickets", "create_ticket"}, last().tools())
	eventually(t, func() bool { return len(ada.get("/api/v1/tickets").list()) == 2 })

	model.says(reply, answers("You asked about the tunnel."))
	ada.do(200, "POST", path+"/messages?wait=reply", object{"content": "What did I ask?"})
	for _, before := range []string{"Is there a ticket about the tunnel?", "I have made a ticket of it.", "What did I ask?"} {
		require.Contains(t, last().words(), before)
	}
	require.Len(t, ada.said(path), 4)
}

// The reply that cannot be given is said to be missing, with the reason, and the next message is answered.
func TestAReplyThatFailsIsSaid(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model))
	ada := i.founder("ada")
	path := ada.talk()
	s := ada.connect()
	s.send("subscribe_all", nil)
	s.await("subscription_response")
	model.says(reply, fails(500), answers("Now I am here."))
	waited := ada.do(200, "POST", path+"/messages?wait=reply", object{"content": "Hello?"}).object()
	require.Equal(t, []any{"failed", "unavailable"}, []any{waited["reply_status"], ada.said(path)[0].(object)["reply_error"]})
	require.Equal(t, waited["id"], s.await("reply_failed").Data["message_id"])
	require.Equal(t, []string{"openai unavailable"}, steps(i.onlyRun(ada)))
	again := ada.do(200, "POST", path+"/messages?wait=reply", object{"content": "And now?"}).object()
	require.Equal(t, "Now I am here.", again["reply"].(object)["content"])
}
