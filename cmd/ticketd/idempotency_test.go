package main

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIdempotency(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	once := c.with("Idempotency-Key", "key-1")
	body := object{"title": "once", "description": "d"}
	first := once.post("/api/v1/tickets", body)
	require.Empty(t, first.header.Get("Idempotency-Replayed"))
	again := once.post("/api/v1/tickets", body)
	require.Equal(t, string(first.raw), string(again.raw))
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	for _, name := range []string{"ETag", "Location", "X-Event-Position", "Content-Type"} {
		require.Equal(t, first.header.Get(name), again.header.Get(name), name)
	}
	c.patch("/api/v1/tickets/"+first.id(), object{"title": "changed"})
	require.Equal(t, string(first.raw), string(once.post("/api/v1/tickets", body).raw), "the first answer, whatever happened since")
	other := once.do(422, "POST", "/api/v1/tickets", object{"title": "twice", "description": "d"})
	require.Equal(t, "urn:ticketd:problem:idempotency_key_reused", other.text("type"))
	once.do(422, "POST", "/api/v1/tickets/"+first.id()+"/comments", object{"content": "x"})
	require.Len(t, c.get("/api/v1/tickets").list(), 1)

	// Every POST, and refusals too.
	path := "/api/v1/tickets/" + first.id()
	for _, post := range []struct {
		path   string
		body   object
		status int
	}{
		{path + "/comments", object{"content": "x"}, 201},
		{path + "/status", object{"status": "pending"}, 200},
		{path + "/assign", object{"assigned_to_id": c.user}, 200},
		{"/api/v1/members/invite", object{"email": "x@example.org"}, 201},
		{"/api/v1/api-tokens", object{"name": "x"}, 201},
		{"/api/v1/tickets", object{"title": "", "description": "d"}, 422},
		{path + "/status", object{"status": "lost"}, 422},
	} {
		keyed := c.with("Idempotency-Key", post.path+jsonOf(post.body))
		require.Equal(t, string(keyed.do(post.status, "POST", post.path, post.body).raw), string(keyed.do(post.status, "POST", post.path, post.body).raw), post.path)
	}
	require.Len(t, c.get(path+"/comments").list(), 1)
	require.Len(t, c.get("/api/v1/members").list(), 2)
	require.Len(t, c.get("/api/v1/api-tokens").list(), 1)
	for _, bad := range []string{"with space", "é", longKey(256)} {
		c.with("Idempotency-Key", bad).do(422, "POST", "/api/v1/tickets", body)
	}
	c.with("Idempotency-Key", longKey(255)).post("/api/v1/tickets", body)
}

func longKey(n int) string {
	key := make([]byte, n)
	for i := range key {
		key[i] = 'k'
	}
	return string(key)
}

// Of many requests with one key that come at the same moment, one makes something, whatever instance they meet.
func TestOneKeyAtTheSameMoment(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	a, b := launch(t, c), launch(t, c)
	ada := a.founder("ada")
	ticket := ada.ticket().id()
	for _, post := range []struct {
		path string
		body object
	}{
		{"/api/v1/tickets", object{"title": "t", "description": "d", "category": "bug", "priority": "low"}}, // so that no agent says more of it
		{"/api/v1/tickets/" + ticket + "/comments", object{"content": "x"}},
		{"/api/v1/members/invite", object{"email": "x@example.org"}},
		{"/api/v1/api-tokens", object{"name": "x"}},
	} {
		var work sync.WaitGroup
		var mu sync.Mutex
		ids, statuses := map[string]bool{}, map[int]int{}
		for n := range 16 {
			work.Go(func() {
				at := []*instance{a, b}[n%2]
				answer, err := ada.at(at).with("Idempotency-Key", "key"+post.path).try("POST", post.path, post.body)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					statuses[answer.status]++
					if answer.status == http.StatusCreated {
						ids[answer.id()] = true
					}
				}
			})
		}
		work.Wait()
		require.Len(t, ids, 1, "%s: %v", post.path, statuses)
		require.Equal(t, 16, statuses[201]+statuses[409], "%s: %v", post.path, statuses)
	}
	require.Len(t, ada.get("/api/v1/tickets").list(), 2)
	require.Len(t, ada.get("/api/v1/tickets/"+ticket+"/comments").list(), 1)
	require.Len(t, ada.get("/api/v1/api-tokens").list(), 1)
	require.Len(t, ada.get("/api/v1/members").list(), 2)
}

// A program that dies after its event and before it keeps the answer makes the same thing again, and not another one.
func TestACrashBetweenEventAndAnswer(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	ticket := c.ticket().id()
	for _, post := range []struct {
		path string
		body object
	}{
		{"/api/v1/tickets", object{"title": "t", "description": "d", "category": "bug", "priority": "low"}}, // so that no agent says more of it
		{"/api/v1/tickets/" + ticket + "/comments", object{"content": "x"}},
		{"/api/v1/tickets/" + ticket + "/status", object{"status": "pending"}},
	} {
		keyed := c.with("Idempotency-Key", "key"+post.path)
		first, err := keyed.try("POST", post.path, post.body)
		require.NoError(t, err)
		head, err := i.store.Head(t.Context())
		require.NoError(t, err)
		_, err = i.pool.Exec(t.Context(), `UPDATE idempotency SET answer = NULL`) // as if it had died
		require.NoError(t, err)
		again := keyed.do(first.status, "POST", post.path, post.body)
		require.Equal(t, string(first.raw), string(again.raw), post.path)
		now, err := i.store.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, head, now, "nothing happened twice")
	}
}
