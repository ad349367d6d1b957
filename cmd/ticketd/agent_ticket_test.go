package main

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
)

// The whole way of a request: a sentence and two files become a ticket, and everybody concerned can see how.
func TestAnAgentMakesATicketOfASentenceAndFiles(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model))
	boss := i.founder("boss")
	ada, eve := boss.colleague("member"), boss.colleague("member")
	log := ada.upload("tunnel.log", []byte("tunnel ended with error 4711")).id()
	notes := ada.upload("notes.md", []byte("# Since\nIt began on Monday after the update.")).id()
	ada.read(log)
	ada.read(notes)
	model.says("create_ticket",
		calls(wish{"search_knowledge_base", object{"query": "vpn tunnel"}}, wish{"categorize_issue", object{"description": "The tunnel drops"}}),
		answers(goodTicket()),
	)
	made := ada.post(makeTicket, object{
		"user_input": "My VPN drops every ten minutes, please help", "files": []string{log, notes, "C:\\Users\\ada\\screen.png"}, "user_metadata": object{"browser": "Firefox"},
		"conversation_history": []object{{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "How can I help?"}},
	})
	answer := made.object()
	require.Equal(t, "/api/v1/tickets/"+made.text("ticket_id"), made.header.Get("Location"))
	shownNow := ada.get(made.header.Get("Location"))
	require.Equal(t, shownNow.header.Get("ETag"), made.header.Get("ETag"))
	require.Equal(t, shownNow.object(), answer["ticket"])
	require.Equal(t, lastPosition(ada, made.header.Get("Location")), made.header.Get("X-Event-Position"))
	require.Equal(t, []any{"technical", "high", 0.93, 0.93, "openai", "gpt-4o-mini"}, []any{
		answer["category"], answer["priority"], answer["confidence"], answer["confidence_score"], answer["provider"], answer["model"],
	})
	require.Equal(t, "A log of the tunnel.", answer["file_analysis_summary"])
	require.Equal(t, []any{"Restart the gateway."}, answer["next_actions"])
	require.Nil(t, answer["recommended_integration"])

	ticket := ada.get("/api/v1/tickets/" + made.text("ticket_id")).object()
	require.Equal(t, []any{"VPN drops every ten minutes", "technical", "high", "network", true, "agent"}, []any{
		ticket["title"], ticket["category"], ticket["priority"], ticket["department"], ticket["ai_generated"], ticket["source_channel"],
	})
	require.Equal(t, []any{object{"file_id": log}, object{"file_id": notes}}, ticket["attachments"])
	require.Equal(t, ada.user, ticket["created_by"].(object)["id"])
	shown := ticket["ai"].(object)
	require.Equal(t, []any{"customer_support_agent", 1.0, "openai", "gpt-4o-mini", 0.93}, []any{
		shown["agent_type"], shown["config_version"], shown["provider"], shown["model"], shown["confidence"],
	})

	// What the model was shown: the words as data, the files, what was said before, and the tools of the configuration.
	first := model.heard()[0]
	require.Equal(t, "Bearer "+providersKey, first.header.Get("Authorization"))
	for _, words := range []string{"My VPN drops every ten minutes", "error 4711", "after the update", "Firefox", "Hello?", "How can I help?", `screen.png`, `name="tunnel.log"`} {
		require.Contains(t, first.words(), words)
	}
	require.Subset(t, []string{"analyze_file", "create_ticket", "search_knowledge_base", "categorize_issue", "create_jira_ticket", "create_salesforce_case"}, first.tools())
	require.Len(t, model.heard(), 2, "the ticket is categorized already")

	// How it came about.
	run := ada.ran(answer["run_id"])
	require.Equal(t, []any{"completed", "create_ticket", 1.0, "openai", "gpt-4o-mini", made.text("ticket_id"), []any{log, notes}}, []any{
		run["status"], run["purpose"], run["config_version"], run["provider"], run["model"], run["ticket_id"], run["files"],
	})
	require.Equal(t, []string{"model tools", "tool search_knowledge_base", "tool categorize_issue", "model answer", "tool create_ticket"}, steps(run))
	happened := run["steps"].([]any)
	require.Equal(t, object{"query": "vpn tunnel"}, happened[1].(object)["arguments"])
	require.Equal(t, "VPN drops every ten minutes", happened[4].(object)["arguments"].(object)["title"])
	require.Contains(t, happened[4].(object)["result"], made.text("ticket_id"))
	usage := run["usage"].(object)
	require.InDelta(t, 2*turnCost, usage["cost_usd"], 1e-9)
	require.Equal(t, []any{2.0, 3.0, 2.0 * tokensIn, 2.0 * tokensOut}, []any{usage["turns"], usage["tool_calls"], usage["input_tokens"], usage["output_tokens"]})

	require.Equal(t, 404, eve.status("GET", "/api/v1/agent/runs/"+str(answer["run_id"]), nil), "it holds what ada said")
	require.Equal(t, "completed", boss.ran(answer["run_id"])["status"])
	require.Equal(t, 404, i.founder("stranger").status("GET", "/api/v1/agent/runs/"+str(answer["run_id"]), nil))
	require.True(t, boss.get("/api/v1/audit/verify").object()["valid"].(bool))
	require.NotEmpty(t, boss.get("/api/v1/audit/events?correlation_id="+url.QueryEscape(made.header.Get("X-Request-ID"))).list(), "all of it can be found by the request")
}

// lastPosition answers where in the log the history of a ticket ends.
func lastPosition(c *client, path string) string {
	c.t.Helper()
	history := c.get(path + "/history").list()
	return fmt.Sprint(int64(history[len(history)-1]["position"].(float64)))
}

// A model that makes the ticket itself makes one, with all files, however often it tries.
func TestAModelThatMakesTheTicketItselfMakesOne(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model))
	ada := i.founder("ada")
	log := ada.upload("tunnel.log", []byte("tunnel ended with error 4711")).id()
	ada.read(log)
	own := wish{"create_ticket", object{"title": "Made by the model", "description": "All of it.", "category": "technical", "priority": "high"}}
	again := wish{"create_ticket", object{"title": "Made once more", "description": "All of it.", "category": "technical", "priority": "high"}}
	model.says("create_ticket", calls(own), calls(again, again), answers(goodTicket()))
	made := ada.post(makeTicket, object{"user_input": "My VPN drops", "files": []string{log}})
	list := ada.get("/api/v1/tickets").list()
	require.Len(t, list, 1)
	require.Equal(t, made.text("ticket_id"), list[0]["id"])
	require.Equal(t, "Made by the model", list[0]["title"])
	require.Equal(t, []any{object{"file_id": log}}, made.object()["ticket"].(object)["attachments"])
	require.Equal(t, "technical", list[0]["category"])
}

// With no key at all the rules of the program do what they can, say so, and invent nothing.
func TestWithoutAKeyTheRulesMakeTheTicket(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	log := ada.upload("crash.log", []byte("panic: runtime error: invalid memory address")).id()
	ada.read(log)
	const said = "The app crashes with an exception whenever I save the file. It worked yesterday, steps: open, edit, save."
	made := ada.post(makeTicket, object{"user_input": said, "files": []string{log}})
	answer := made.object()
	require.Equal(t, []any{"builtin", "rules", "bug"}, []any{answer["provider"], answer["model"], answer["category"]})
	require.NotEmpty(t, answer["reasoning"], "the rules that decided can be read")
	ticket := answer["ticket"].(object)
	require.Equal(t, []any{object{"file_id": log}}, ticket["attachments"])
	require.Contains(t, ticket["description"], said)
	require.Contains(t, ticket["description"], "invalid memory address", "what was read")
	require.Contains(t, said, str(ticket["title"])[:20], "the title is of their own words")
	run := ada.ran(answer["run_id"])
	require.Equal(t, []any{"completed", "builtin", "rules", 0.0}, []any{run["status"], run["provider"], run["model"], run["usage"].(object)["cost_usd"]})
	require.Equal(t, []string{"tool create_ticket"}, steps(run))

	// What it cannot tell it does not guess.
	unknown := ada.do(200, "POST", categorize, object{"description": "Hm. Well, you know."})
	require.Equal(t, []any{"general", "builtin"}, []any{unknown.text("category"), unknown.text("provider")})
	require.Less(t, unknown.object()["confidence"], 0.5)

	// Files: what was read, and no insight that nobody had.
	found := ada.do(200, "POST", "/api/v1/agent/analyze-files", object{"files": []string{log}}).object()
	file := found["files"].([]any)[0].(object)
	require.Equal(t, []any{"builtin", log, "crash.log"}, []any{found["provider"], file["file_id"], file["filename"]})
	require.Contains(t, file["text"], "invalid memory address")
	require.NotContains(t, jsonOf(file["insights"]), "memory")

	// A conversation needs a model, and says so.
	path := ada.talk()
	waited := ada.do(200, "POST", path+"/messages?wait=reply", object{"content": "Hello?"}).object()
	require.Equal(t, "failed", waited["reply_status"])
	require.Len(t, ada.said(path), 1)
}

// The other two things that one asks an agent for.
func TestAnAgentCategorizesAndAnalyzes(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model))
	ada := i.founder("ada")
	model.says("categorize_text", answers(verdict("billing", "low", 0.8)))
	said := ada.do(200, "POST", categorize, object{"title": "Invoice", "description": "I was charged twice."})
	require.Equal(t, []any{"billing", "low", 0.8}, []any{said.object()["category"], said.object()["priority"], said.object()["confidence"]})
	require.Empty(t, model.last().tools(), "whoever only judges has no tools")
	model.says("categorize_text", answers(verdict("bug", "high", 0.9)))
	require.Equal(t, "bug", ada.do(200, "POST", "/api/v1/tickets/categorize", object{"description": "It crashes."}).text("category"))
	require.Empty(t, ada.get("/api/v1/tickets").list())
	ada.do(422, "POST", categorize, object{"title": "nothing"})
	ada.do(404, "POST", categorize, object{"ticket_id": "999"})

	log := ada.upload("tunnel.log", []byte("tunnel ended with error 4711")).id()
	ada.read(log)
	model.says("analyze_files", answers(object{
		"file_analysis_summary": "The tunnel ends.", "files": []object{{"filename": "tunnel.log", "insights": []string{"Error 4711."}}, {"filename": "invented.log", "insights": []string{"Nothing."}}},
	}))
	found := ada.do(200, "POST", "/api/v1/agent/analyze-files", object{"files": []string{log}}).object()
	require.Equal(t, []any{"The tunnel ends.", "openai", "gpt-4o"}, []any{found["file_analysis_summary"], found["provider"], found["model"]})
	require.Len(t, found["files"], 1, "a file that was not there is none")
	file := found["files"].([]any)[0].(object)
	require.Equal(t, []any{log, "tunnel ended with error 4711", []any{"Error 4711."}}, []any{file["file_id"], file["text"], file["insights"]})
	require.Contains(t, model.last().words(), "error 4711")
	for _, files := range []any{[]string{commands.NewID().String()}, []string{i.founder("eve").upload("x.txt", []byte("x")).id()}} {
		require.Contains(t, ada.do(400, "POST", "/api/v1/agent/analyze-files", object{"files": files}).text("detail"), "Invalid or inaccessible files")
	}
	for said, entry := range map[string]any{"abc": "abc", "7": 7} {
		require.Equal(t, "Invalid file_id format: "+said, ada.do(400, "POST", "/api/v1/agent/analyze-files", object{"files": []any{log, entry}}).text("detail"))
	}
	ada.do(422, "POST", "/api/v1/agent/analyze-files", object{"files": []any{}})
}

// The same with a provider that speaks as Anthropic does.
func TestAnthropicMakesATicket(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asksNext(model))
	ada := i.founder("ada")
	model.says("create_ticket", calls(wish{"categorize_issue", object{"description": "The tunnel drops"}}), answers(goodTicket()))
	made := ada.post(makeTicket, object{"user_input": "My VPN drops every ten minutes"})
	require.Equal(t, []any{"anthropic", "technical"}, []any{made.text("provider"), made.text("category")})
	run := ada.ran(made.text("run_id"))
	require.Equal(t, []string{"model tools", "tool categorize_issue", "model answer", "tool create_ticket"}, steps(run))
	require.InDelta(t, 2*turnCost, run["usage"].(object)["cost_usd"], 1e-9)
	require.Equal(t, providersKey, model.last().header.Get("X-Api-Key"))
}
