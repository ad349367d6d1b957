package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// chatWith is where conversations with an agent are.
const chatWith = "/api/v1/chat/customer_support_agent/threads"

// talk starts a conversation that has its title, and answers its path.
func (c *client) talk() string {
	c.t.Helper()
	return chatWith + "/" + c.do(200, "POST", chatWith, object{"title": "Tunnel"}).id()
}

// said answers what was said in a conversation.
func (c *client) said(path string) []any {
	c.t.Helper()
	list, ok := c.get(path + "/messages").object()["messages"].([]any)
	require.True(c.t, ok)
	return list
}

// The whole way of a question: somebody attaches a file, asks an agent, hears of the reply and reads it.
func TestSomebodyTalksToAnAgent(t *testing.T) {
	t.Parallel()
	model := provider(t)
	model.keepsSaying(reply, answers("Restart the gateway."))
	i := boot(t, asks(model))
	boss := i.founder("boss")
	ada, eve := boss.colleague("member"), boss.colleague("member")
	agents, _ := ada.get("/api/v1/agents").object()["agents"].([]any)
	require.NotEmpty(t, agents)
	id := str(agents[0].(object)["id"])
	started := ada.do(200, "POST", "/api/v1/chat/"+id+"/threads", object{"title": "VPN"})
	path := "/api/v1/chat/" + id + "/threads/" + started.id()
	file := ada.upload("log.txt", []byte("the tunnel drops every ten minutes")).id()
	ada.read(file)

	s := ada.connect()
	s.send("subscribe_thread", object{"thread_id": started.id()})
	require.Equal(t, "chat", s.await("subscription_response").Protocol)
	stored := ada.do(200, "POST", path+"/messages", object{
		"content": "My VPN drops. What can I do?", "attachments": []object{{"file_id": file}, {"file_id": file}}, "message_metadata": object{"page": "https://example.org"},
	})
	require.Equal(t, "My VPN drops. What can I do?", stored.text("content"))
	require.Equal(t, []any{object{"file_id": file}}, stored.object()["attachments"])
	require.Equal(t, "pending", stored.text("reply_status"))
	require.NotEmpty(t, stored.etag())
	require.NotEmpty(t, stored.header.Get("X-Event-Position"))
	added := s.await("message_added")
	require.Equal(t, []any{started.id(), stored.id()}, []any{added.Data["thread_id"], added.Data["message_id"]})
	replied := s.await("reply_completed")
	require.Equal(t, stored.id(), replied.Data["message_id"])
	require.Equal(t, "Restart the gateway.", replied.Data["content"])
	require.Greater(t, replied.Position, added.Position)

	list := ada.said(path)
	require.Len(t, list, 2)
	require.Equal(t, "completed", list[0].(object)["reply_status"])
	require.Equal(t, []any{"assistant", stored.id(), replied.Data["content"]}, []any{list[1].(object)["role"], list[1].(object)["in_reply_to"], list[1].(object)["content"]})
	run := ada.get("/api/v1/agent/runs/" + str(list[1].(object)["run_id"])).object()
	require.NotEmpty(t, run["provider"], "how the reply came about can be seen")

	// Whoever waits has the reply with the answer.
	waited := ada.do(200, "POST", path+"/messages?wait=reply", object{"content": "Thank you. Is there anything else?"})
	require.Equal(t, "completed", waited.text("reply_status"))
	require.Equal(t, "Restart the gateway.", waited.object()["reply"].(object)["content"])
	require.EqualValues(t, 4, ada.get(path).object()["message_count"])

	// The others: who may read it all, and who may not.
	require.Len(t, boss.said(path), 4)
	require.Equal(t, 403, boss.status("POST", path+"/messages", object{"content": "I read this."}))
	require.Equal(t, 404, eve.status("GET", path, nil))
	require.Equal(t, 404, eve.status("GET", path+"/messages", nil))
	require.Equal(t, 400, eve.status("POST", eve.talk()+"/messages", object{"content": "x", "attachments": []object{{"file_id": file}}}))
	spy := eve.connect()
	spy.send("subscribe_thread", object{"thread_id": started.id()})
	m, err := spy.read()
	for err == nil && m.Type == "connected" {
		m, err = spy.read()
	}
	require.NoError(t, err)
	require.Equal(t, "There is no such thread.", m.Error)
	spy.send("subscribe_thread", object{"thread_id": "1"})
	m, err = spy.read()
	require.NoError(t, err)
	require.Equal(t, "There is no such thread.", m.Error)

	// The watcher comes back and is told what it missed, once.
	again := ada.connect()
	again.send("resume", object{"after": added.Position - 1, "threads": []string{started.id()}})
	require.Equal(t, added.Position, again.await("message_added").Position)
	require.Equal(t, replied.Position, again.await("reply_completed").Position)
	again.await("resumed")
	ada.patch(path, object{"title": "Tunnel"})
	require.Equal(t, "Tunnel", s.await("thread_updated").Data["title"])
	ada.do(200, "DELETE", path, nil)
	require.Equal(t, true, s.await("thread_updated").Data["deleted"])
	ada.do(404, "GET", path+"/messages", nil)
}

// A message that is sent again with its key is the same message, and is answered once.
func TestAMessageWithAKeyIsSaidOnce(t *testing.T) {
	t.Parallel()
	model := provider(t)
	model.says(reply, answers("Good day."))
	i := boot(t, asks(model))
	ada := i.founder("ada")
	path := ada.talk()
	first := ada.with("Idempotency-Key", "once").do(200, "POST", path+"/messages?wait=reply", object{"content": "Hello."})
	again := ada.with("Idempotency-Key", "once").do(200, "POST", path+"/messages?wait=reply", object{"content": "Hello."})
	require.JSONEq(t, string(first.raw), string(again.raw))
	require.Len(t, ada.said(path), 2)
}

// Erasing a person takes what they said, and what was replied.
func TestAnErasedPersonsConversationsAreGone(t *testing.T) {
	t.Parallel()
	model := provider(t)
	model.says(reply, answers("You said zucchini words."))
	i := boot(t, asks(model))
	boss := i.founder("boss")
	leaver := boss.colleague("member")
	path := leaver.talk()
	leaver.patch(path, object{"title": "zucchini title"})
	leaver.do(200, "POST", path+"/messages?wait=reply", object{"content": "zucchini words", "message_metadata": object{"page": "zucchini"}})
	boss.do(202, "POST", "/api/v1/privacy/erasure", object{"user_id": leaver.user})
	eventually(t, func() bool { return boss.get("/api/v1/privacy/erasure/"+leaver.user).text("status") == "complete" })
	require.EqualValues(t, 1, boss.get("/api/v1/privacy/erasure/" + leaver.user).object()["erased"].(object)["threads"])
	require.Len(t, boss.said(path), 2)
	for _, at := range []string{path, path + "/messages", chatWith} {
		require.NotContains(t, string(boss.get(at).raw), "zucchini", at)
	}
	require.NotContains(t, string(boss.with("Accept", "application/x-ndjson").get("/api/v1/audit/events").raw), "zucchini")
	var left strings.Builder
	rows, err := i.pool.Query(t.Context(), `SELECT m::text FROM messages m UNION ALL SELECT t::text FROM threads t`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var row string
		require.NoError(t, rows.Scan(&row))
		left.WriteString(row)
	}
	require.NoError(t, rows.Err())
	require.NotEmpty(t, left.String())
	require.NotContains(t, left.String(), "zucchini")
	require.True(t, boss.get("/api/v1/audit/verify").object()["valid"].(bool))
}
