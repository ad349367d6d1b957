package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Five minutes of somebody who has never seen the product.
func TestANewcomerGetsAlong(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.nobody()
	registered := c.post("/api/v1/auth/register", object{"username": "ada", "password": password, "full_name": "Ada Lovelace"})
	require.Equal(t, "ada", registered.text("username"))
	require.Equal(t, "admin", registered.text("role"))
	require.NotContains(t, string(registered.raw), "assword")

	signedIn := c.do(200, "POST", "/api/v1/auth/login", object{"username": "ada", "password": password})
	require.Equal(t, "bearer", signedIn.text("token_type"))
	require.Equal(t, "no-store", signedIn.header.Get("Cache-Control"))
	require.Positive(t, signedIn.object()["expires_in"])
	require.NotEmpty(t, signedIn.header.Get("X-Event-Position"))
	c.token = signedIn.text("access_token")

	s := c.connect()
	s.send("subscribe_all", nil)
	require.True(t, s.await("subscription_response").Success)

	created := c.with("X-Request-ID", "tour-1").post("/api/v1/tickets", object{"title": "VPN drops", "description": "Every ten minutes.", "priority": "high"})
	require.Equal(t, "open", created.text("status"))
	require.Equal(t, "general", created.text("category"))
	require.Equal(t, "1", created.text("number"))
	require.Equal(t, `"1"`, created.etag())
	require.Equal(t, "/api/v1/tickets/"+created.id(), created.header.Get("Location"))

	told := s.await("ticket_created")
	require.Equal(t, created.id(), told.Data["ticket_id"])
	require.Equal(t, created.header.Get("X-Event-Position"), str(told.Position))

	said := s.await("ai_categorization_complete")
	require.Equal(t, created.id(), said.Data["ticket_id"])

	changed := c.patch("/api/v1/tickets/1", object{"status": "in_progress", "category": "integration"})
	require.Equal(t, "in_progress", changed.text("status"))
	require.Equal(t, "high", changed.text("priority"), "what was not supplied stays")
	require.Equal(t, []any{"category"}, s.await("ticket_updated").Data["changed"])
	require.Equal(t, "in_progress", s.await("ticket_status_update").Data["status"])

	history := c.get("/api/v1/tickets/1/history").list()
	require.Len(t, history, 5)
	require.Equal(t, "ticket.opened", history[0]["type"])
	require.Equal(t, "tour-1", history[0]["correlation_id"])
	require.Equal(t, object{"type": "user", "id": registered.id(), "name": "ada"}, history[0]["actor"])
	require.Equal(t, "ticket.categorized", history[1]["type"])
	require.Equal(t, []any{object{"field": "category", "old": said.Data["category"], "new": "integration"}}, history[2]["changes"])
	require.Equal(t, "ticket.corrected", history[3]["type"])
	require.Equal(t, []any{object{"field": "status", "old": "open", "new": "in_progress"}}, history[4]["changes"])
	for n, entry := range history {
		require.EqualValues(t, n+1, entry["version"])
		require.Len(t, entry["hash"], 64)
	}
}
