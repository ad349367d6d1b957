package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

// useAgents has an agent work, in every way in which somebody can ask.
func useAgents(c *client, _ string) int {
	status := c.status("POST", "/api/v1/agent/categorize", object{"description": "The printer is on fire."})
	require.Equal(c.t, status, c.status("POST", "/api/v1/tickets/categorize", object{"description": "The printer is on fire."}))
	for _, path := range []string{"/api/v1/agent/create-ticket", "/api/v1/tickets/ai-create"} {
		require.Equal(c.t, status == 200, c.status("POST", path, object{"user_input": "The printer is on fire."}) == 201, path)
	}
	analyzed := c.status("POST", "/api/v1/agent/analyze-files", object{"files": []string{nobodyID}})
	require.Equal(c.t, map[bool]int{true: 400, false: 403}[status == 200], analyzed)
	return status
}

// aConfig is how an agent is configured that these tests leave as it is.
const aConfig = "/api/v1/ai-config/categorization_agent"

func readAgentConfig(c *client, _ string) int {
	status := c.status("GET", aConfig, nil)
	for _, more := range []string{"/history", "/versions/1", "/diff", "/backtests", "/shadow"} {
		require.Equal(c.t, status, c.status("GET", aConfig+more, nil), more)
	}
	return status
}

// manageAgentConfig changes nothing, which only those may do who might change something.
func manageAgentConfig(c *client, _ string) int {
	status := c.status("PUT", aConfig, object{})
	require.Equal(c.t, status, c.status("PATCH", aConfig, object{}))
	require.Equal(c.t, status, c.status("POST", aConfig+"/rollback", object{"version": 1}))
	require.Equal(c.t, status, c.status("POST", aConfig+"/test", object{"input": "The printer is on fire."}))
	require.Equal(c.t, status, c.status("DELETE", aConfig+"/shadow", nil))
	for _, more := range []struct {
		method, path string
		body         any
	}{{"PUT", "/shadow", object{"version": 99}}, {"POST", "/backtest", object{"version": 99}}, {"DELETE", "/backtests/" + nobodyID, nil}} {
		require.Equal(c.t, map[bool]int{true: 404, false: 403}[status == 200], c.status(more.method, aConfig+more.path, more.body), more.path)
	}
	return status
}

// articleCells try the permissions on the knowledge base: on an article that the founder has written.
var articleCells = map[domain.Permission]cell{
	domain.ReadArticles: func(c *client, article string) int {
		status := c.status("GET", "/api/v1/knowledge/articles/"+article, nil)
		for _, more := range []string{"articles", "articles/" + article + "?version=1", "search?q=printer"} {
			require.Equal(c.t, status, c.status("GET", "/api/v1/knowledge/"+more, nil), more)
		}
		return status
	},
	domain.WriteArticles: func(c *client, article string) int {
		path := "/api/v1/knowledge/articles/" + article
		status := c.status("PUT", path, object{"title": "Printers"})
		require.Equal(c.t, status, c.status("PATCH", path, object{"body": "Turn it off."}))
		require.Equal(c.t, status == 200, c.status("DELETE", path, nil) == 204)
		require.Equal(c.t, status == 200, c.status("POST", "/api/v1/knowledge/articles", object{"title": "Paper", "body": "Refill it."}) == 201)
		return status
	},
}

// requireArticleCells tries one permission on an article, which is everybody's.
func requireArticleCells(t *testing.T, founder, person *client, role domain.Role, permission domain.Permission) {
	t.Helper()
	t.Run(string(role)+"/"+string(permission), func(t *testing.T) {
		article := founder.on(t).post("/api/v1/knowledge/articles", object{"title": "Printer", "body": "Turn it on."}).id()
		status := articleCells[permission](person.on(t), article)
		if domain.ScopeOf(role, permission) == domain.None {
			require.Equal(t, 403, status)
		} else {
			require.Equal(t, 200, status)
		}
	})
}

// requireRunCells tries to see what an agent did for oneself, and for another.
func requireRunCells(t *testing.T, founder, person *client, role domain.Role) {
	t.Helper()
	for _, whose := range []string{"requester", "neither"} {
		t.Run(string(role)+"/"+string(domain.ReadRuns)+"/"+whose, func(t *testing.T) {
			if whose == "requester" && domain.ScopeOf(role, domain.UseAgents) == domain.None {
				t.Skip("no agent works for this role")
			}
			asking := founder.on(t)
			if whose == "requester" {
				asking = person.on(t)
			}
			run := asking.do(200, "POST", "/api/v1/agent/categorize", object{"description": "The printer is on fire."}).text("run_id")
			scope := domain.ScopeOf(role, domain.ReadRuns)
			want := 404
			if scope == domain.All || scope == domain.Own && whose == "requester" {
				want = 200
			}
			require.Equal(t, want, person.on(t).status("GET", "/api/v1/agent/runs/"+run, nil))
		})
	}
}

// threadCells try the permissions on conversations: on one of somebody's whom the test chose.
var threadCells = map[domain.Permission]cell{
	domain.ReadThreads: func(c *client, path string) int {
		status := c.status("GET", path, nil)
		require.Equal(c.t, status, c.status("GET", path+"/messages", nil))
		listed := strings.Contains(string(c.get(chatWith+"?limit=100").raw), strings.TrimPrefix(path, chatWith+"/"))
		require.Equal(c.t, status == 200, listed, "a list shows what one may read, and nothing else")
		return status
	},
	domain.WriteThreads: func(c *client, path string) int {
		status := c.status("POST", path+"/messages", object{"content": "Hello."})
		require.Equal(c.t, status, c.status("PATCH", path, object{"title": "changed"}))
		require.Equal(c.t, status, c.status("DELETE", path, nil))
		return status
	},
}

// requireThreadCells tries one permission on a conversation of one's own, and on another's.
func requireThreadCells(t *testing.T, founder, person *client, role domain.Role, permission domain.Permission) {
	t.Helper()
	for _, whose := range []string{"creator", "neither"} {
		t.Run(string(role)+"/"+string(permission)+"/"+whose, func(t *testing.T) {
			starter := founder.on(t)
			if whose == "creator" {
				starter = person.on(t)
			}
			if domain.ScopeOf(role, domain.WriteThreads) == domain.None && whose == "creator" {
				require.Equal(t, 403, starter.status("POST", chatWith, object{}))
				return
			}
			status := threadCells[permission](person.on(t), starter.talk())
			reaches := func(p domain.Permission) bool {
				s := domain.ScopeOf(role, p)
				return s == domain.All || s == domain.Own && whose == "creator"
			}
			switch {
			case !reaches(domain.ReadThreads):
				require.Equal(t, 404, status)
			case !reaches(permission):
				require.Equal(t, 403, status)
			default:
				require.Less(t, status, 300)
			}
		})
	}
}

// The token of an agent is good where its tools are: no route and no socket takes it, whoever it works for.
func TestAnAgentsTokenIsGoodForToolsOnly(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	id := uuidOf(t, ada.user)
	caller := domain.Caller{Org: domain.OrgID{UUID: uuidOf(t, ada.org)}, Actor: domain.Actor{User: domain.UserID{UUID: id}, Role: domain.Admin}}
	token, err := i.agents.toolbox.credentials.ForAgent(t.Context(), caller, id)
	require.NoError(t, err)
	known, err := i.authenticator.Authenticate(t.Context(), token)
	require.NoError(t, err, "the tool server takes it")
	require.Equal(t, domain.ByAgent, known.Type)

	agent := ada.as(token)
	for _, path := range []string{"/api/v1/tickets", "/api/v1/users/me", "/api/v1/auth/verify", "/api/v1/privacy/export/" + ada.user} {
		refused := agent.do(403, "GET", path, nil)
		require.Equal(t, "urn:ticketd:problem:agents_use_tools", refused.text("type"), path)
	}
	agent.do(403, "POST", "/api/v1/tickets", object{"title": "a", "description": "b"})
	agent.do(403, "POST", "/api/v1/api-tokens", object{"name": "for ever"})
	require.Empty(t, ada.get("/api/v1/tickets").list())
	s, err := agent.dial()
	require.NoError(t, err)
	require.Equal(t, 4003, s.closed())
}
