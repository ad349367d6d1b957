package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever a model says: it is asked again where that may help, and else the run says why nothing came of it. No ticket is
// made that nobody asked for, and the request can be read in the run.
func TestAModelThatMakesNoSense(t *testing.T) {
	t.Parallel()
	model := provider(t)
	i := boot(t, asks(model))
	endless := make([]saying, 8)
	for n := range endless {
		endless[n] = calls(wish{"categorize_issue", object{"description": fmt.Sprint("round ", n)}})
	}
	many := make([]wish, 17)
	for n := range many {
		many[n] = wish{"categorize_issue", object{"description": fmt.Sprint("call ", n)}}
	}
	//nolint:paralleltest // they share a provider
	for name, s := range map[string]struct {
		steps    []saying
		code     string // of the failure; empty: there is a ticket
		happened []string
		told     []string // what the model was told in between
	}{
		"a text in the place of JSON, once": {
			steps: []saying{answers("Sure! Here is your ticket."), answers(goodTicket())}, happened: []string{"model answer", "model answer", "tool create_ticket"},
			told: []string{"no JSON object", "Answer again."},
		},
		"a text in the place of JSON, twice": {
			steps: []saying{answers("Sure!"), answers(`{"title": "half`)}, code: "invalid_answer", happened: []string{"model answer", "model answer"},
		},
		"an invented category, once": {
			steps:    []saying{answers(goodTicket(object{"category": "wizardry"})), answers(goodTicket())},
			happened: []string{"model answer", "model answer", "tool create_ticket"}, told: []string{"category must be one of"},
		},
		"an invented category, twice": {
			steps: []saying{answers(goodTicket(object{"category": "wizardry"})), answers(goodTicket(object{"category": "magic"}))},
			code:  "invalid_answer", happened: []string{"model answer", "model answer"},
		},
		"a confidence above 1": {
			steps:    []saying{answers(goodTicket(object{"confidence": 93})), answers(goodTicket())},
			happened: []string{"model answer", "model answer", "tool create_ticket"}, told: []string{"from 0 to 1"},
		},
		"a field of another type": {
			steps:    []saying{answers(goodTicket(object{"tags": "vpn", "confidence": "high"})), answers(goodTicket())},
			happened: []string{"model answer", "model answer", "tool create_ticket"},
		},
		"a tool that does not exist": {
			steps:    []saying{calls(wish{"delete_everything", object{}}), answers(goodTicket())},
			happened: []string{"model tools", "tool delete_everything failed", "model answer", "tool create_ticket"}, told: []string{`There is no tool "delete_everything"`},
		},
		"a tool that the configuration does not have": {
			steps:    []saying{calls(wish{"list_tickets", object{}}), answers(goodTicket())},
			happened: []string{"model tools", "tool list_tickets failed", "model answer", "tool create_ticket"}, told: []string{`There is no tool "list_tickets"`},
		},
		"arguments of a wrong type": {
			steps:    []saying{calls(wish{"categorize_issue", object{"description": 42}}), answers(goodTicket())},
			happened: []string{"model tools", "tool categorize_issue failed", "model answer", "tool create_ticket"}, told: []string{"description must be a text"},
		},
		"arguments that are no JSON": {
			steps:    []saying{calls(wish{"categorize_issue", `{"description": `}), answers(goodTicket())},
			happened: []string{"model tools", "tool categorize_issue failed", "model answer", "tool create_ticket"}, told: []string{"no JSON object"},
		},
		"calls side by side": {
			steps: []saying{calls(
				wish{"categorize_issue", object{"description": "one"}}, wish{"nothing", object{}}, wish{"search_knowledge_base", object{"query": "two"}},
			), answers(goodTicket())},
			happened: []string{"model tools", "tool categorize_issue", "tool nothing failed", "tool search_knowledge_base", "model answer", "tool create_ticket"},
		},
		"endless calls": {
			steps: endless, code: "agent_too_much",
			happened: slices.Repeat([]string{"model tools", "tool categorize_issue"}, 8),
		},
		"too many calls at once": {steps: []saying{calls(many...)}, code: "agent_too_much", happened: []string{"model tools"}},
		"a refusal":              {steps: []saying{declines("I cannot help with that.")}, code: "agent_refused", happened: []string{"model refusal"}},
		"an answer that is cut":  {steps: []saying{stopsShort(`{"title": "VPN dr`)}, code: "invalid_answer", happened: []string{"model length"}},
	} {
		t.Run(name, func(t *testing.T) {
			ada := i.founder("ada").on(t)
			model.says("create_ticket", s.steps...)
			request := object{"user_input": "My VPN drops every ten minutes"}
			if s.code == "" {
				ada.post(makeTicket, request)
			} else {
				ada.do(503, "POST", makeTicket, request)
			}
			for _, words := range s.told {
				require.Contains(t, model.last().words(), words)
			}
			run := i.onlyRun(ada)
			require.Equal(t, s.happened, steps(run))
			require.Equal(t, "My VPN drops every ten minutes", run["input"].(object)["text"])
			if s.code != "" {
				require.Equal(t, []any{"failed", s.code}, []any{run["status"], run["error"].(object)["code"]})
				require.Empty(t, ada.get("/api/v1/tickets").list())
				return
			}
			require.Equal(t, "completed", run["status"])
			require.Len(t, ada.get("/api/v1/tickets").list(), 1)
		})
	}
}

// Without its tools an agent makes no ticket, says so, and goes on when they are back.
func TestAnAgentWithoutItsToolServer(t *testing.T) {
	t.Parallel()
	model := provider(t)
	c := quiet(t)
	asks(model)(&c)
	c.MCPURL = "http://127.0.0.1:1/mcp"
	i := launch(t, c)
	ada := i.founder("ada")
	require.Contains(t, ada.do(503, "POST", makeTicket, object{"user_input": "My VPN drops"}).detail(), "tool server")
	run := i.onlyRun(ada)
	require.Equal(t, []any{"failed", "tools_unavailable"}, []any{run["status"], run["error"].(object)["code"]})
	require.Empty(t, ada.get("/api/v1/tickets").list())

	// What needs no tools goes on.
	model.says("categorize_text", answers(verdict("bug", "high", 0.9)))
	require.Equal(t, "bug", ada.do(200, "POST", categorize, object{"description": "It crashes."}).text("category"))
	path := ada.talk()
	require.Equal(t, "failed", ada.do(200, "POST", path+"/messages?wait=reply", object{"content": "Hello?"}).text("reply_status"))
	require.Equal(t, "given_up", ada.said(path)[0].(object)["reply_error"], "after several tries")
	i.halt()

	c.MCPURL = ""
	i = launch(t, c)
	model.says("create_ticket", answers(goodTicket()))
	ada.at(i).post(makeTicket, object{"user_input": "My VPN drops"})
}
