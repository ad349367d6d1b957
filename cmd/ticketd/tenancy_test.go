package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// foreign is every route that takes the id of something, with the id of another organization's in its place. {name}
// stands for the id that foreigners gives.
var foreign = []struct {
	method, path string
	body         any
	want         int
}{
	{"GET", "/api/v1/tickets/{ticket}", nil, 404},
	{"PUT", "/api/v1/tickets/{ticket}", object{"title": "x"}, 404},
	{"PATCH", "/api/v1/tickets/{ticket}", object{"title": "x"}, 404},
	{"PATCH", "/api/v1/tickets/{ticket}", object{"status": "closed"}, 404},
	{"PATCH", "/api/v1/tickets/{ticket}", object{}, 404},
	{"DELETE", "/api/v1/tickets/{ticket}", nil, 404},
	{"POST", "/api/v1/tickets/{ticket}/status", object{"status": "closed"}, 404},
	{"POST", "/api/v1/tickets/{ticket}/assign", object{"assigned_to_id": nil}, 404},
	{"POST", "/api/v1/tickets/{ticket}/assign", object{"assigned_to_id": "{self}"}, 404},
	{"POST", "/api/v1/tickets/{ticket}/comments", object{"content": "x"}, 404},
	{"POST", "/api/v1/tickets/{ticket}/comments", object{"content": "x", "internal": true}, 404},
	{"GET", "/api/v1/tickets/{ticket}/comments", nil, 404},
	{"GET", "/api/v1/tickets/{ticket}/history", nil, 404},
	{"POST", "/api/v1/tickets/{ticket}/attachments", object{"attachments": []any{}}, 404},
	{"POST", "/api/v1/tickets/{ticket}/attachments", object{"attachments": []any{object{"file_id": "{file}"}}}, 404},
	{"DELETE", "/api/v1/tickets/{ticket}/attachments/{file}", nil, 404},
	{"PATCH", "/api/v1/members/{user}", object{"role": "member"}, 404},
	{"PATCH", "/api/v1/members/{user}", object{"is_active": false}, 404},
	{"PATCH", "/api/v1/members/{user}", object{}, 404},
	{"DELETE", "/api/v1/members/{user}", nil, 404},
	{"GET", "/api/v1/api-tokens/{token}", nil, 404},
	{"PATCH", "/api/v1/api-tokens/{token}", object{"name": "x"}, 404},
	{"DELETE", "/api/v1/api-tokens/{token}", nil, 404},

	{"GET", "/api/v1/files/{upload}", nil, 404},
	{"GET", "/api/v1/files/{upload}/processing-status", nil, 404},
	{"GET", "/api/v1/files/{upload}/content", nil, 404},
	{"GET", "/api/v1/files/{upload}/storage/jewels.txt", nil, 404},
	{"POST", "/api/v1/files/{upload}/reprocess", nil, 404},
	{"DELETE", "/api/v1/files/{upload}", nil, 404},
	{"POST", "/api/v1/admin/jobs/{job}/retry", nil, 404},
	{"POST", "/api/v1/admin/jobs/{job}/discard", nil, 404},
	{"DELETE", "/api/v1/admin/jobs/{job}", nil, 404},

	{"POST", "/api/v1/chat/{agent}/threads", object{}, 404},
	{"GET", "/api/v1/chat/{agent}/threads", nil, 404},
	{"GET", "/api/v1/chat/summary_agent/threads/{thread}", nil, 404},
	{"PATCH", "/api/v1/chat/summary_agent/threads/{thread}", object{"title": "x"}, 404},
	{"PATCH", "/api/v1/chat/summary_agent/threads/{thread}", object{}, 404},
	{"DELETE", "/api/v1/chat/summary_agent/threads/{thread}", nil, 404},
	{"GET", "/api/v1/chat/summary_agent/threads/{thread}/messages", nil, 404},
	{"POST", "/api/v1/chat/summary_agent/threads/{thread}/messages", object{"content": "x"}, 404},
	{"POST", "/api/v1/chat/summary_agent/threads/{mine}/messages", object{"content": "x", "attachments": []any{object{"file_id": "{file}"}}}, 400},

	{"GET", "/api/v1/agent/runs/{run}", nil, 404},
	{"POST", "/api/v1/agent/categorize", object{"ticket_id": "{ticket}"}, 404},
	{"POST", "/api/v1/agent/analyze-files", object{"files": []any{"{file}"}}, 400},
	{"POST", "/api/v1/agent/create-ticket", object{"user_input": "x", "files": []any{"{file}"}}, 400},
	{"POST", "/api/v1/tickets/ai-create", object{"user_input": "x", "files": []any{"{file}"}}, 400},

	{"GET", "/api/v1/webhooks/{webhook}", nil, 404},
	{"PUT", "/api/v1/webhooks/{webhook}", object{"url": "https://example.org"}, 404},
	{"PATCH", "/api/v1/webhooks/{webhook}", object{}, 404},
	{"DELETE", "/api/v1/webhooks/{webhook}", nil, 404},
	{"POST", "/api/v1/webhooks/{webhook}/rotate", nil, 404},
	{"POST", "/api/v1/webhooks/{webhook}/replay", object{"from": 1}, 404},
	{"POST", "/api/v1/webhooks/{webhook}/test", nil, 404},
	{"GET", "/api/v1/knowledge/articles/{article}", nil, 404},
	{"GET", "/api/v1/knowledge/articles/{article}?version=1", nil, 404},
	{"PUT", "/api/v1/knowledge/articles/{article}", object{"title": "x"}, 404},
	{"PATCH", "/api/v1/knowledge/articles/{article}", object{}, 404},
	{"DELETE", "/api/v1/knowledge/articles/{article}", nil, 404},
	{"GET", "/api/v1/tickets/{ticket}/similar", nil, 404},
	{"GET", "/api/v1/tickets/{own}/similar", nil, 200},

	// Everybody has agents of these names; only the victim has a second version of how one is configured.
	{"GET", "/api/v1/ai-config/categorization_agent", nil, 200},
	{"PUT", "/api/v1/ai-config/categorization_agent", object{}, 200},
	{"PATCH", "/api/v1/ai-config/categorization_agent", object{}, 200},
	{"GET", "/api/v1/ai-config/categorization_agent/history", nil, 200},
	{"GET", "/api/v1/ai-config/categorization_agent/versions/2", nil, 404},
	{"GET", "/api/v1/ai-config/categorization_agent/diff", nil, 200},
	{"GET", "/api/v1/ai-config/categorization_agent/diff?from=1&to=2", nil, 404},
	{"POST", "/api/v1/ai-config/categorization_agent/rollback", object{"version": 2}, 404},
	{"POST", "/api/v1/ai-config/categorization_agent/test", object{"input": "x", "files": []any{"{file}"}}, 400},
	{"POST", "/api/v1/ai-config/categorization_agent/backtest", object{"version": 2}, 404},
	{"GET", "/api/v1/ai-config/categorization_agent/backtests", nil, 200},
	{"GET", "/api/v1/ai-config/categorization_agent/backtests/{backtest}", nil, 404},
	{"DELETE", "/api/v1/ai-config/categorization_agent/backtests/{backtest}", nil, 404},
	{"GET", "/api/v1/ai-config/categorization_agent/shadow", nil, 200},
	{"PUT", "/api/v1/ai-config/categorization_agent/shadow", object{"version": 2}, 404},
	{"DELETE", "/api/v1/ai-config/categorization_agent/shadow", nil, 200},

	{"POST", "/api/v1/tickets/{ticket}/integrations", object{"integration_id": "{integration}"}, 404},
	{"POST", "/api/v1/tickets/{own}/integrations", object{"integration_id": "{integration}"}, 422},
	{"POST", "/api/v1/tickets", object{"title": "x", "description": "x", "integration_id": "{integration}"}, 422},
	{"GET", "/api/v1/integrations/{integration}/deliveries", nil, 404},
	{"POST", "/api/v1/integrations/{integration}/deliveries/{delivery}/retry", nil, 404},
	{"POST", "/api/v1/integrations/{integration}/deliveries/{delivery}/drop", nil, 404},
	{"GET", "/api/v1/integrations/{integration}", nil, 404},
	{"PUT", "/api/v1/integrations/{integration}", object{"name": "x"}, 404},
	{"PUT", "/api/v1/integrations/{integration}", object{"credentials": object{"api_token": "x"}}, 404},
	{"PATCH", "/api/v1/integrations/{integration}/status", object{"enabled": false}, 404},
	{"POST", "/api/v1/integrations/{integration}/test", nil, 404},
	{"POST", "/api/v1/integrations/{integration}/authorize", nil, 404},
	{"POST", "/api/v1/integrations/{integration}/sync", nil, 404},
	{"GET", "/api/v1/integrations/{integration}/syncs", nil, 404},
	{"GET", "/api/v1/integrations/{integration}/syncs/{sync}", nil, 404},
	{"DELETE", "/api/v1/integrations/{integration}", nil, 404},
	{"POST", "/api/v1/integrations", object{
		"platform": "jira", "name": "x", "auth_type": "api_key", "settings": object{"project_key": "X"}, "credentials": object{"email": "x", "api_token": "x"},
		"fallback_integration_ids": []string{"{integration}"},
	}, 422},

	{"GET", "/api/v1/audit/causation/{correlation}", nil, 404},
	{"GET", "/api/v1/audit/tickets/{ticket}/proof", nil, 404},
	{"GET", "/api/v1/audit/tickets/{ticket}/events", nil, 404},
	{"GET", "/api/v1/privacy/erasure/{user}", nil, 404},
	{"GET", "/api/v1/privacy/export/{user}", nil, 404},
	{"POST", "/api/v1/privacy/erasure", object{"user_id": "{user}"}, 404},

	// Ids in bodies, and in one's own ticket.
	{"POST", "/api/v1/tickets", object{"title": "x", "description": "y", "assigned_to_id": "{user}"}, 422},
	{"POST", "/api/v1/tickets", object{"title": "x", "description": "y", "attachments": []any{object{"file_id": "{file}"}}}, 400},
	{"POST", "/api/v1/tickets", object{"title": "x", "description": "y", "file_ids": []any{"{file}"}}, 400},
	{"POST", "/api/v1/tickets", object{"title": "x", "description": "y", "integration_id": "{ticket}"}, 422},
	{"PATCH", "/api/v1/tickets/{own}", object{"assigned_to_id": "{user}"}, 422},
	{"PUT", "/api/v1/tickets/{own}", object{"assigned_to_id": "{ticket}"}, 422},
	{"POST", "/api/v1/tickets/{own}/assign", object{"assigned_to_id": "{user}"}, 422},
	{"POST", "/api/v1/tickets/{own}/comments", object{"content": "x", "attachments": []any{object{"file_id": "{file}"}}}, 400},
	{"POST", "/api/v1/tickets/{own}/attachments", object{"attachments": []any{object{"file_id": "{file}"}}}, 400},
	{"DELETE", "/api/v1/tickets/{own}/attachments/{file}", nil, 200},
}

// emptyLists are the lists that an id of another organization must leave empty.
var emptyLists = []string{
	"/api/v1/tickets?assigned_to_id={user}", "/api/v1/tickets?created_by_id={user}", "/api/v1/tickets?integration_id={user}",
	"/api/v1/tickets?q=jewels", "/api/v1/tickets?tag=vault", "/api/v1/tickets?department=treasury", "/api/v1/members?after={user}",
	"/api/v1/members?as_of=2999-01-01T00:00:00Z&after={user}", "/api/v1/tickets?as_of=2999-01-01T00:00:00Z&created_by_id={user}",
	"/api/v1/webhooks", "/api/v1/knowledge/articles", "/api/v1/knowledge/search?q=jewels",
	"/api/v1/audit/events?actor={user}", "/api/v1/audit/events?correlation_id={correlation}",
}

// Whatever belongs to another organization is not there: its ids lead nowhere, from any position of any route.
func TestAnotherOrganizationIsNotThere(t *testing.T) {
	t.Parallel()
	i := boot(t)
	victim, spy := i.founder("victim"), i.founder("spy")
	for range 3 { // numbers that the spy's organization does not have
		victim.ticket()
	}
	treasure := victim.ticket(object{"title": "crown jewels", "tags": []string{"vault"}, "department": "treasury", "assigned_to_id": victim.user})
	victim.post("/api/v1/tickets/"+treasure.id()+"/comments", object{"content": "the jewels lie in the vault"})
	token := victim.post("/api/v1/api-tokens", object{"name": "vault"}).id()
	eventually(t, func() bool { return len(victim.get("/api/v1/tickets?q=jewels").list()) == 1 })
	upload := victim.upload("jewels.txt", []byte("where the jewels lie"), [2]string{"ticket_id", treasure.id()}).id()
	victim.read(upload)
	var job int64
	require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT max(id) FROM jobs.river_job`).Scan(&job))
	own := spy.ticket().id()
	agent := str(victim.get("/api/v1/agents").object()["agents"].([]any)[4].(object)["id"])
	chat := victim.do(200, "POST", "/api/v1/chat/"+agent+"/threads", object{"title": "jewels"}).id()
	connected := victim.post(allIntegrations, jiraBody(object{"name": "jewels", "base_url": "http://127.0.0.1:1"})).id()
	article := victim.post("/api/v1/knowledge/articles", object{"title": "jewels", "body": "Where the vault is."}).id()
	hook := victim.post("/api/v1/webhooks", object{"url": "https://example.org/jewels", "events": []string{"ticket.deleted"}}).id()
	run := victim.do(200, "POST", "/api/v1/agent/categorize", object{"description": "The jewels are gone."}).text("run_id")
	judged := victim.post("/api/v1/tickets", object{"title": "Is it safe?", "description": "The vault."}).id()
	eventually(t, func() bool { return victim.get("/api/v1/tickets/" + judged).object()["ai"] != nil })
	victim.do(200, "PUT", "/api/v1/ai-config/categorization_agent", object{"system_prompt": "Guard the jewels."})
	backtest := victim.do(202, "POST", "/api/v1/ai-config/categorization_agent/backtest", object{"version": 1, "sample": 1}).id()
	compared := victim.do(202, "POST", allIntegrations+"/"+connected+"/sync", nil).text("sync_id")
	mine := spy.do(200, "POST", "/api/v1/chat/summary_agent/threads", object{}).id()

	victim.do(202, "POST", "/api/v1/tickets/"+judged+"/integrations", object{"integration_id": connected})
	eventually(t, func() bool { return len(victim.get("/api/v1/integrations/"+connected+"/deliveries").list()) == 1 })
	delivered := str(victim.get("/api/v1/integrations/" + connected + "/deliveries").list()[0]["id"])
	before := victim.get("/api/v1/tickets/" + treasure.id() + "/history").raw
	for _, reference := range []string{treasure.id(), treasure.text("number"), strings.ToUpper(treasure.id())} {
		id := strings.NewReplacer("{ticket}", reference, "{own}", own, "{user}", victim.user, "{self}", spy.user, "{token}", token, "{file}", upload, "{upload}", upload, "{job}", strconv.FormatInt(job, 10), "{agent}", agent, "{thread}", chat, "{mine}", mine, "{article}", article, "{webhook}", hook, "{run}", run, "{integration}", connected, "{delivery}", delivered, "{backtest}", backtest, "{sync}", compared, "{correlation}", treasure.header.Get("X-Request-ID"))
		for _, route := range foreign {
			if reference == treasure.text("number") && strings.Contains(jsonOf(route.body), "{ticket}") {
				continue // a number is no id in a body
			}
			var body any
			if route.body != nil {
				body = id.Replace(jsonOf(route.body))
			}
			for _, c := range []*client{spy, spy.with("If-Match", `"1"`), spy.with("If-Match", `"99"`)} {
				if route.want != 404 && c != spy {
					continue // one's own ticket may well be stale
				}
				a := c.do(route.want, route.method, id.Replace(route.path), body)
				require.NotContains(t, string(a.raw), "jewels")
				require.NotContains(t, string(a.raw), victim.name)
			}
		}
		for _, path := range emptyLists {
			require.Empty(t, spy.get(id.Replace(path)).list(), path)
		}
	}
	for _, path := range []string{"/api/v1/files", "/api/v1/files?limit=100&status=processed"} {
		require.EqualValues(t, 0, spy.get(path).object()["total"])
	}
	require.Empty(t, spy.get("/api/v1/admin/jobs?state=all").object()["jobs"])
	require.Equal(t, before, victim.get("/api/v1/tickets/"+treasure.id()+"/history").raw, "nothing happened to it")
	require.Len(t, victim.get("/api/v1/api-tokens").list(), 1)
	require.Equal(t, "1", victim.get("/api/v1/knowledge/articles/"+article).text("version"))
	require.Equal(t, "1", victim.get("/api/v1/webhooks/"+hook).text("version"))
	require.Equal(t, "2", victim.get("/api/v1/ai-config/categorization_agent").text("version"))
	require.Equal(t, "1", victim.get("/api/v1/chat/"+agent+"/threads/"+chat).text("version"))
	require.Equal(t, "true", victim.get("/api/v1/users/me").text("is_active"))
	require.Equal(t, "1", spy.get("/api/v1/tickets/stats/overview").text("total"))
	require.Len(t, spy.get("/api/v1/members").list(), 1)

	s := spy.connect()
	for _, kind := range []string{"subscribe_job", "get_job_status"} {
		s.send(kind, object{"job_id": upload})
		m, err := s.read()
		for err == nil && m.Type == "connected" {
			m, err = s.read()
		}
		require.NoError(t, err)
		require.Equal(t, "There is no such file.", m.Error)
	}
	s.send("subscribe_thread", object{"thread_id": chat})
	for {
		m, err := s.read()
		require.NoError(t, err)
		if m.Type != "connected" {
			require.Equal(t, "There is no such thread.", m.Error)
			break
		}
	}
	for _, kind := range []string{"subscribe_ticket", "get_ticket_status"} {
		s.send(kind, object{"ticket_id": treasure.id()})
		m, err := s.read()
		for err == nil && m.Type == "connected" {
			m, err = s.read()
		}
		require.NoError(t, err)
		require.Equal(t, "error", m.Type)
		require.Equal(t, "There is no such ticket.", m.Error)
	}
	s.send("subscribe_all", nil)
	s.await("subscription_response")
	s.send("resume", object{"after": 0})
	replayed := s.await("ticket_created")
	require.Equal(t, own, replayed.Data["ticket_id"], "a resume replays one's own")
	victim.patch("/api/v1/tickets/"+treasure.id(), object{"priority": "low"})
	spy.patch("/api/v1/tickets/"+own, object{"priority": "high"})
	require.Equal(t, own, s.await("ticket_updated").Data["ticket_id"])
}

// A route with an id in its path that nobody tried with another organization's fails here.
func TestEveryRouteWithAnIDIsTried(t *testing.T) {
	t.Parallel()
	i := boot(t)
	tried := map[string]bool{
		"POST /api/v1/invitations/accept/{token}": true, // the token is the secret: see members_test.go
		// the signature is: see webhooks_in_test.go
		"GET /api/v1/integrations/{integration}/webhook": true, "POST /api/v1/integrations/{integration}/webhook": true,
	}
	names := strings.NewReplacer("{ticket}", "{ticket_id}", "{own}", "{ticket_id}", "{user}", "{user_id}", "{file}", "{file_id}", "{token}", "{token_id}", "{upload}", "{file_id}", "jewels.txt", "{filename}", "{job}", "{job_id}", "{agent}", "{agent_id}", "summary_agent", "{agent_id}", "categorization_agent", "{agent_type}", "versions/2", "versions/{version}", "{article}", "{article_id}", "{webhook}", "{webhook_id}", "{run}", "{run_id}", "{integration}", "{integration_id}", "{delivery}", "{delivery_id}", "{backtest}", "{backtest_id}", "{sync}", "{sync_id}", "{thread}", "{thread_id}", "{mine}", "{thread_id}", "{correlation}", "{correlation_id}")
	for _, route := range foreign {
		path, _, _ := strings.Cut(route.path, "?")
		tried[route.method+" "+names.Replace(path)] = true
	}
	var routes []string
	for path, item := range i.http.OpenAPI().Paths {
		for method, o := range map[string]any{"GET": item.Get, "PUT": item.Put, "POST": item.Post, "PATCH": item.Patch, "DELETE": item.Delete} {
			if strings.Contains(path, "{") && !isNil(o) {
				routes = append(routes, method+" "+path)
			}
		}
	}
	slices.Sort(routes)
	require.NotEmpty(t, routes)
	require.Subset(t, slices.Collect(maps.Keys(tried)), routes)
}

// The same Idempotency-Key of two organizations, and of two people of one, are different keys.
func TestAnIdempotencyKeyIsOnesOwn(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada, bob := i.founder("ada"), i.founder("bob")
	eve := ada.colleague("member")
	body := object{"title": "mine", "description": "x"}
	seen := map[string]bool{}
	for _, c := range []*client{ada, bob, eve} {
		seen[c.with("Idempotency-Key", "k").post("/api/v1/tickets", body).id()] = true
	}
	require.Len(t, seen, 3)
}
