package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/domain/organization"
	"ticketd/eventstore"
)

// found answers the tables that hold a word, in any column, and what the planner keeps of them.
func found(t *testing.T, i *instance, word string) []string {
	t.Helper()
	rows, err := i.pool.Query(t.Context(), `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT LIKE 'pg_%' AND schemaname <> 'information_schema'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	var holders []string
	for _, table := range append(tables, "pg_stats", "pg_stats_ext") {
		var there bool
		require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM `+table+` AS r WHERE r::text ILIKE '%' || $1 || '%')`, word).Scan(&there))
		if there {
			holders = append(holders, table)
		}
	}
	return holders
}

// erased waits until somebody's erasure is complete, and answers it.
func (c *client) erased(user string) object {
	c.t.Helper()
	var shown object
	require.Eventually(c.t, func() bool {
		shown = c.get("/api/v1/privacy/erasure/" + user).object()
		return shown["status"] == "complete"
	}, 2*patience, 20*time.Millisecond)
	return shown
}

func TestErasedWordsAreFoundNowhere(t *testing.T) {
	t.Parallel()
	i := boot(t)
	admin := i.founder("admin")
	leaver, support := admin.colleague("member"), admin.colleague("support")
	const word = "zq7731x"
	leaver.patch("/api/v1/users/me", object{"full_name": "Name " + word, "preferences": object{"motto": word}})
	leaver.post("/api/v1/api-tokens", object{"name": "laptop " + word})
	hers := leaver.ticket(object{"title": "Title " + word, "description": "Said " + word, "custom_fields": object{"note": word}})
	other := support.ticket(object{"title": "Others"})
	support.do(200, "POST", "/api/v1/tickets/"+other.id()+"/assign", object{"assigned_to_id": leaver.user})
	leaver.post("/api/v1/tickets/"+other.id()+"/comments", object{"content": "Comment " + word})
	leaver.do(200, "POST", "/api/v1/tickets/"+other.id()+"/status", object{"status": "resolved", "resolution_summary": "Summary " + word})
	// An answer that quotes her, kept for somebody else.
	support.with("Idempotency-Key", "k1").do(200, "POST", "/api/v1/tickets/"+hers.id()+"/status", object{"status": "in_progress"})
	path := leaver.talk()
	leaver.patch(path, object{"title": "Chat " + word})
	leaver.do(200, "POST", path+"/messages?wait=reply", object{"content": "Asked " + word, "message_metadata": object{"page": word}})
	// What agents did for her, and for somebody who had them look at what is hers.
	runs := []string{
		leaver.do(200, "POST", "/api/v1/agent/categorize", object{"description": "Sorted " + word}).text("run_id"),
		leaver.do(201, "POST", "/api/v1/agent/create-ticket", object{"user_input": "Made " + word}).text("run_id"),
		support.do(200, "POST", "/api/v1/agent/categorize", object{"ticket_id": hers.id()}).text("run_id"),
	}
	unrelated := support.do(200, "POST", "/api/v1/agent/categorize", object{"description": "None of hers"}).text("run_id")
	eventually(t, func() bool { return len(admin.get("/api/v1/tickets?q="+word).list()) == 3 }, "the search knows the word")
	require.NotEmpty(t, found(t, i, word))

	s := support.connect()
	s.send("subscribe_all", nil)
	s.await("subscription_response")
	asked := admin.with("X-Request-ID", "please-forget").do(202, "POST", "/api/v1/privacy/erasure", object{"user_id": leaver.user}).object()
	require.Equal(t, "requested", asked["status"])
	require.Equal(t, admin.user, asked["requested_by"])
	done := admin.erased(leaver.user)
	report := done["erased"].(object)
	require.EqualValues(t, 3, report["tickets"])
	require.EqualValues(t, 1, report["threads"])
	require.EqualValues(t, i.numberOf(t, `SELECT count(DISTINCT stream_id) FROM events WHERE type = 'agent_run.words_erased'`), report["runs"])
	require.EqualValues(t, i.numberOf(t, `SELECT count(*) FROM agent_runs WHERE requested_by = '`+leaver.user+`' OR ticket = '`+hers.id()+`'`), report["runs"])
	require.EqualValues(t, 0, report["organizations"])
	require.EqualValues(t, 1, report["answers"])
	require.Subset(t, report["tables"], []any{"tickets", "comments", "users", "api_tokens", "ticket_search", "threads", "messages", "agent_runs", "idempotency"})

	require.Empty(t, found(t, i, word), "the words are in no table, and in no statistics")
	require.Empty(t, found(t, i, strings.TrimSuffix(leaver.name, "x")+"@example.org"))
	require.Empty(t, admin.get("/api/v1/tickets?q="+word).list())
	shown := admin.get("/api/v1/tickets/" + hers.id())
	require.Equal(t, eventstore.Erased, shown.text("title"))
	require.Equal(t, object{eventstore.Erased: true}, shown.object()["custom_fields"])
	for _, run := range runs {
		shown := admin.get("/api/v1/agent/runs/" + run)
		require.NotContains(t, string(shown.raw), word)
		require.Equal(t, object{eventstore.Erased: true}, shown.object()["result"])
	}
	require.NotEmpty(t, admin.get("/api/v1/agent/runs/" + unrelated).object()["result"].(object)["category"], "what others asked stays")
	for _, path := range []string{
		path, path + "/messages", chatWith,
		"/api/v1/tickets/" + hers.id() + "/history", "/api/v1/tickets/" + other.id() + "/comments", "/api/v1/tickets/" + hers.id() + "?version=1",
		"/api/v1/audit/events?limit=1000", "/api/v1/members", "/api/v1/privacy/export/" + leaver.user,
	} {
		require.NotContains(t, string(admin.get(path).raw), word, path)
	}
	require.Equal(t, "Others", admin.get("/api/v1/tickets/"+other.id()).text("title"), "what others wrote stays")
	leaver.do(401, "GET", "/api/v1/users/me", nil)
	told := s.await("ticket_updated")
	require.Contains(t, told.Data["changed"], "title", "who shows the ticket hears of it")

	// A repeated request is answered anew, and makes nothing twice.
	repeated := support.with("Idempotency-Key", "k1").do(200, "POST", "/api/v1/tickets/"+hers.id()+"/status", object{"status": "in_progress"})
	require.Equal(t, eventstore.Erased, repeated.text("title"))

	// It is a request like others: what it caused hangs together, and the log is whole.
	tree := string(admin.get("/api/v1/audit/causation/please-forget").raw)
	require.Equal(t, 3, strings.Count(tree, "ticket.words_erased"))
	require.Contains(t, tree, `"user.erased"`)
	require.Equal(t, true, admin.get("/api/v1/audit/verify").object()["valid"])

	// Staff go on with the ticket; its title is theirs now.
	support.patch("/api/v1/tickets/"+hers.id(), object{"title": "Printer"})
	require.Equal(t, "Printer", admin.get("/api/v1/tickets/"+hers.id()).text("title"))

	again := admin.do(202, "POST", "/api/v1/privacy/erasure", object{"user_id": leaver.user}).object()
	require.Equal(t, "complete", again["status"], "asked again, nothing more happens")
}

// What somebody wrote for the organization is the organization's. It forgets who did.
func TestTheArticlesOfAnErasedAuthorStay(t *testing.T) {
	t.Parallel()
	i := boot(t)
	admin := i.founder("admin")
	leaver := admin.colleague("support")
	path := "/api/v1/knowledge/articles/" + leaver.post("/api/v1/knowledge/articles", object{"title": "Passwords", "body": "Choose Forgotten."}).id()
	require.Equal(t, leaver.name, admin.get(path).object()["created_by"].(object)["username"])
	admin.do(202, "POST", "/api/v1/privacy/erasure", object{"user_id": leaver.user})
	admin.erased(leaver.user)
	shown := admin.get(path).object()
	require.Equal(t, "Choose Forgotten.", shown["body"])
	require.Equal(t, eventstore.Erased, shown["created_by"].(object)["username"])
	require.Empty(t, found(t, i, leaver.name))
}

func TestWhoMayErase(t *testing.T) {
	t.Parallel()
	i := boot(t)
	admin := i.founder("admin")
	stranger := i.founder("stranger")
	member := admin.colleague("member")
	ask := func(c *client, status int, user string) {
		c.do(status, "POST", "/api/v1/privacy/erasure", object{"user_id": user})
	}
	for _, role := range []string{"support", "member", "auditor"} {
		c := admin.colleague(role)
		ask(c, 403, member.user)
		c.do(403, "GET", "/api/v1/privacy/erasure/"+member.user, nil)
	}
	ask(stranger, 404, member.user)
	ask(admin, 404, nobodyID)
	ask(admin, 422, "nobody")
	admin.do(404, "GET", "/api/v1/privacy/erasure/"+member.user, nil)
	ask(admin, 409, admin.user) // others are left
	ask(stranger, 202, stranger.user)
	eventually(t, func() bool { return strings.Contains(i.log.String(), "a person was erased") }, "who is alone may go")
	require.Empty(t, found(t, i, stranger.name))
}

// While one instance erases, another holds the person's key in memory and goes on writing in their tickets.
func TestAnotherInstanceForgets(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	c.keysSettle = eventstore.CachedFor
	one, two := launch(t, c), launch(t, c)
	admin := one.founder("admin")
	leaver := admin.colleague("member")
	const word = "zq8842y"
	id := leaver.ticket(object{"title": word}).id()
	there := admin.at(two)
	require.Equal(t, word, there.get("/api/v1/tickets/"+id).text("title"))
	admin.do(202, "POST", "/api/v1/privacy/erasure", object{"user_id": leaver.user})
	for n := 0; ; n++ {
		there.patch("/api/v1/tickets/"+id, object{"department": fmt.Sprint("d", n)})
		if admin.get("/api/v1/privacy/erasure/"+leaver.user).text("status") == "complete" {
			break
		}
	}
	require.Empty(t, found(t, one, word))
	there.patch("/api/v1/tickets/"+id, object{"department": "last"})
	require.Empty(t, found(t, one, word), "no later write brings the words back")
	require.Equal(t, eventstore.Erased, there.get("/api/v1/tickets/"+id).text("title"))
}

func TestRetention(t *testing.T) {
	t.Parallel()
	i := boot(t)
	admin := i.founder("admin")
	const word = "zq9953z"
	old := admin.categorized(object{"title": word})
	open := admin.ticket(object{"title": "still open"}).id()
	reopened := admin.ticket(object{"title": "reopened"}).id()
	for _, status := range []string{"closed", "open"} {
		admin.do(200, "POST", "/api/v1/tickets/"+reopened+"/status", object{"status": status})
	}
	admin.do(200, "POST", "/api/v1/tickets/"+old+"/status", object{"status": "closed"})
	require.Nil(t, admin.get("/api/v1/organization").object()["retention_days"])

	// In a year nothing is done without a rule, nor before its time.
	e := i.eraser
	inAYear := newEraser(e.pool, e.erasures, e.copies, e.users, e.retention, e.list, e.log)
	inAYear.now = func() time.Time { return time.Now().AddDate(1, 0, 0) }
	require.NoError(t, inAYear.erase(t.Context()))
	require.Equal(t, word, admin.get("/api/v1/tickets/"+old).text("title"))
	require.EqualValues(t, 400, admin.patch("/api/v1/organization", object{"retention_days": 400}).object()["retention_days"])
	require.NoError(t, inAYear.erase(t.Context()))
	require.Equal(t, word, admin.get("/api/v1/tickets/"+old).text("title"))

	admin.patch("/api/v1/organization", object{"retention_days": 30})
	require.NoError(t, inAYear.erase(t.Context()))
	require.Equal(t, eventstore.Erased, admin.get("/api/v1/tickets/"+old).text("title"))
	var runs int
	require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT count(*) FROM events WHERE type = 'agent_run.words_erased'`).Scan(&runs))
	require.Equal(t, 1, runs, "the run that was shown it")
	require.Equal(t, "still open", admin.get("/api/v1/tickets/"+open).text("title"))
	require.Equal(t, "reopened", admin.get("/api/v1/tickets/"+reopened).text("title"))
	require.Empty(t, found(t, i, word), "in no table, and in no statistics")
	require.NotContains(t, string(admin.get("/api/v1/audit/events").raw), word)
	admin.do(409, "POST", "/api/v1/tickets/"+old+"/comments", object{"content": "too late"})
	admin.do(409, "PATCH", "/api/v1/tickets/"+old, object{"status": "open"})
	admin.do(204, "DELETE", "/api/v1/tickets/"+old, nil)

	require.Nil(t, admin.patch("/api/v1/organization", object{"retention_days": nil}).object()["retention_days"])
	admin.do(422, "PATCH", "/api/v1/organization", object{"retention_days": 0})
	admin.do(422, "PATCH", "/api/v1/organization", object{"retention_days": organization.MaxRetention + 1})
	admin.colleague("support").do(403, "PATCH", "/api/v1/organization", object{"retention_days": 1})
	require.Equal(t, true, admin.get("/api/v1/audit/verify").object()["valid"])
}

func TestAPersonIsExported(t *testing.T) {
	t.Parallel()
	model := provider(t)
	model.keepsSaying(reply, answers("the agent's reply"))
	model.keepsSaying("categorize_text", answers(verdict("bug", "low", 0.5)))
	model.keepsSaying("categorize_ticket", answers(verdict("bug", "low", 0.5)))
	i := boot(t, asks(model))
	admin := i.founder("admin")
	member := admin.colleague("member")
	mine := member.ticket(object{"title": "mine"}).id()
	given := admin.ticket(object{"title": "given to me"}).id()
	admin.ticket(object{"title": "none of my business"})
	admin.do(200, "POST", "/api/v1/tickets/"+given+"/assign", object{"assigned_to_id": member.user})
	member.post("/api/v1/tickets/"+given+"/comments", object{"content": "my words"})
	admin.post("/api/v1/tickets/"+given+"/comments", object{"content": "not my words"})
	member.post("/api/v1/api-tokens", object{"name": "my laptop"})
	kept, left := member.talk(), member.talk()
	member.do(200, "POST", kept+"/messages?wait=reply", object{"content": "my question"})
	member.do(200, "POST", left+"/messages?wait=reply", object{"content": "my other question"})
	member.do(200, "DELETE", left, nil)
	admin.do(200, "POST", admin.talk()+"/messages?wait=reply", object{"content": "none of my business"})
	run := member.do(200, "POST", "/api/v1/agent/categorize", object{"description": "my description"}).text("run_id")
	admin.do(200, "POST", "/api/v1/agent/categorize", object{"description": "none of my business"})
	gone := member.ticket(object{"title": "deleted"}).id()
	admin.do(204, "DELETE", "/api/v1/tickets/"+gone, nil)
	admin.do(204, "DELETE", "/api/v1/tickets/"+admin.ticket().id(), nil)
	member.do(200, "POST", "/api/v1/auth/login", object{"username": member.name, "password": password})

	for _, c := range []*client{member, admin} {
		a := c.get("/api/v1/privacy/export/" + member.user)
		require.Contains(t, a.header.Get("Content-Disposition"), "attachment")
		whole := a.object()
		require.Equal(t, member.name, whole["person"].(object)["username"])
		tickets := whole["tickets"].([]any)
		require.Len(t, tickets, 2)
		require.Equal(t, given, tickets[0].(object)["id"])
		require.Equal(t, mine, tickets[1].(object)["id"])
		deleted := whole["deleted_tickets"].([]any)
		require.Len(t, deleted, 1)
		require.Equal(t, gone, deleted[0].(object)["id"])
		require.Contains(t, jsonOf(whole["activity"]), "session.started", "every sign-in")
		comments := whole["comments"].([]any)
		require.Len(t, comments, 1)
		require.Equal(t, "my words", comments[0].(object)["content"])
		threads := whole["threads"].([]any)
		require.Len(t, threads, 2)
		require.Equal(t, []any{left, true}, []any{chatWith + "/" + str(threads[0].(object)["id"]), threads[0].(object)["deleted"]})
		require.Equal(t, []any{kept, false}, []any{chatWith + "/" + str(threads[1].(object)["id"]), threads[1].(object)["deleted"]})
		require.Len(t, whole["messages"], 4, "two questions, and the replies")
		require.Equal(t, 2, strings.Count(jsonOf(whole["messages"]), "the agent's reply"))
		require.Contains(t, jsonOf(whole["messages"]), "my question")
		require.Contains(t, jsonOf(whole["messages"]), "my other question")
		runs := whole["runs"].([]any)
		require.GreaterOrEqual(t, len(runs), 3, "two replies, and what was to be categorized")
		at := slices.IndexFunc(runs, func(r any) bool { return r.(object)["run_id"] == run })
		require.GreaterOrEqual(t, at, 0)
		require.Equal(t, "my description", runs[at].(object)["input"].(object)["text"])
		require.Equal(t, member.name, runs[at].(object)["requested_by"].(object)["username"])
		require.Len(t, whole["api_tokens"], 1)
		require.NotEmpty(t, whole["account"])
		require.NotEmpty(t, whole["activity"])
		require.NotContains(t, string(a.raw), "none of my business")
		require.NotContains(t, string(a.raw), "not my words")
	}
	member.do(403, "GET", "/api/v1/privacy/export/"+admin.user, nil)
	admin.colleague("auditor").do(403, "GET", "/api/v1/privacy/export/"+member.user, nil)
	admin.do(404, "GET", "/api/v1/privacy/export/"+nobodyID, nil)
	i.founder("stranger").do(404, "GET", "/api/v1/privacy/export/"+member.user, nil)
}
