package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The whole way of an article: it is written, found, revised by a colleague, looked back at, and deleted.
func TestAKnowledgeBase(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	sam, bob := ada.colleague("support"), ada.colleague("member")
	made := ada.with("Idempotency-Key", "write-once").post("/api/v1/knowledge/articles", object{
		"title": "Resetting a password", "body": strings.Repeat("Read this carefully. ", 100) + "Choose Forgotten where you sign in.", "tags": []string{"login"},
	})
	require.Equal(t, made.id(), ada.with("Idempotency-Key", "write-once").post("/api/v1/knowledge/articles", object{
		"title": "Resetting a password", "body": strings.Repeat("Read this carefully. ", 100) + "Choose Forgotten where you sign in.", "tags": []string{"login"},
	}).id())
	path := "/api/v1/knowledge/articles/" + made.id()
	require.Equal(t, path, made.header.Get("Location"))

	var hits []object
	eventually(t, func() bool {
		hits = bob.get("/api/v1/knowledge/search?q=forgotten+passwords").list()
		return len(hits) == 1
	}, "what was written is found a moment later")
	require.Equal(t, made.id(), hits[0]["id"])
	require.Equal(t, "all", hits[0]["match"])
	require.Contains(t, hits[0]["excerpt"], "Choose Forgotten where you sign in.")
	require.Equal(t, "some", bob.get("/api/v1/knowledge/search?q=forgotten+zebra").list()[0]["match"])

	sam.with("If-Match", made.etag()).patch(path, object{"title": "Resetting your password"})
	ada.with("If-Match", made.etag()).do(412, "PUT", path, object{"title": "Mine"})
	require.Equal(t, sam.name, bob.get(path).object()["updated_by"].(object)["username"])
	require.Equal(t, "Resetting a password", bob.get(path+"?version=1").text("title"))
	require.Equal(t, made.etag(), bob.get(path+"?version=1").etag())
	listed := bob.get("/api/v1/knowledge/articles/")
	require.Equal(t, "1", listed.header.Get("X-Total-Count"))
	require.Equal(t, "Resetting your password", listed.list()[0]["title"])

	bob.do(403, "DELETE", path, nil)
	sam.do(204, "DELETE", path, nil)
	bob.do(404, "GET", path, nil)
	require.Empty(t, bob.get("/api/v1/knowledge/search?q=password").list())
	require.Equal(t, "0", bob.get("/api/v1/knowledge/articles").header.Get("X-Total-Count"))
	events := ada.get("/api/v1/audit/events?stream=" + made.id()).list()
	var kinds []any
	for _, e := range events {
		kinds = append(kinds, e["type"])
	}
	require.ElementsMatch(t, []any{"article.written", "article.revised", "article.deleted"}, kinds)
}

// Whatever somebody asks the knowledge base, the answer is a list or a refusal, and the program stays well.
func TestOddQuestionsToTheKnowledgeBase(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	ada.post("/api/v1/knowledge/articles", object{"title": "Robert'); DROP TABLE articles;--", "body": `quotes ' '' " \ and <b>tags</b>`})
	eventually(t, func() bool { return len(ada.get("/api/v1/knowledge/search?q=quotes").list()) == 1 })
	for question, want := range map[string]int{
		"%27%20OR%201%3D1%20--": 0, "%27": 0, "%22": 0, "%22quotes": 1, "%5C": 0, "robert%27%29%3B%20DROP%20TABLE%20articles%3B--": 1, "-": 0, "%28%28%28": 0, "%F0%9F%98%80": 0, "a%20%26%20%7C%20%21": 0,
	} {
		require.Len(t, ada.get("/api/v1/knowledge/search?q="+question).list(), want, question)
	}
	for _, question := range []string{"", "%00", "a%00b", "%FF", strings.Repeat("x", 10_000)} {
		ada.do(422, "GET", "/api/v1/knowledge/search?q="+question, nil)
	}
}

// Tickets that were solved come first among those that are like one, and nobody sees what they may not.
func TestSimilarTickets(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	bob, spy := ada.colleague("member"), i.founder("spy")
	asked := bob.ticket(object{"title": "VPN gateway drops", "description": "Every ten minutes, over wireless."})
	solved := ada.ticket(object{"title": "VPN is slow", "description": "The gateway answers late."})
	ada.ticket(object{"title": "VPN gateway", "description": "It drops over wireless, every ten minutes."})
	spy.ticket(object{"title": "VPN gateway drops", "description": "Every ten minutes, over wireless."})
	ada.do(200, "POST", "/api/v1/tickets/"+solved.id()+"/status", object{"status": "resolved", "resolution_summary": "Moved to gateway two."})
	path := "/api/v1/tickets/" + asked.id() + "/similar"
	eventually(t, func() bool { return len(ada.get(path).list()) == 2 })
	first := ada.get(path).list()[0]
	require.Equal(t, solved.id(), first["id"])
	require.Equal(t, "Moved to gateway two.", first["resolution_summary"])
	require.Empty(t, bob.get(path).list(), "neither of them is his")
	spy.do(404, "GET", path, nil)
}
