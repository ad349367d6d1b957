package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

// cell tries one permission as one person and answers the status. The ticket is somebody's whom the test chose.
type cell func(c *client, ticket string) int

// cells has one probe a permission, with those of permissions_agents_test.go: a permission that is missing here fails the test.
var cells = map[domain.Permission]cell{
	domain.CreateTickets: func(c *client, _ string) int {
		return c.status("POST", "/api/v1/tickets", object{"title": "a", "description": "b"})
	},
	domain.ReadTickets: func(c *client, ticket string) int {
		status := c.status("GET", "/api/v1/tickets/"+ticket, nil)
		for _, more := range []string{"/comments", "/history"} {
			require.Equal(c.t, status, c.status("GET", "/api/v1/tickets/"+ticket+more, nil), more)
		}
		listed := slices.ContainsFunc(c.get("/api/v1/tickets?limit=100").list(), func(o object) bool { return o["id"] == ticket })
		require.Equal(c.t, status == 200, listed, "a list shows what one may read, and nothing else")
		return status
	},
	domain.EditTickets: func(c *client, ticket string) int {
		status := c.status("PATCH", "/api/v1/tickets/"+ticket, object{"title": "changed"})
		require.Equal(c.t, status, c.status("PUT", "/api/v1/tickets/"+ticket, object{"priority": "low"}))
		require.Equal(c.t, status, c.status("DELETE", "/api/v1/tickets/"+ticket+"/attachments/"+nobodyID, nil))
		require.Equal(c.t, status, c.status("POST", "/api/v1/tickets/"+ticket+"/attachments", object{"attachments": []any{}}))
		return status
	},
	domain.ChangeStatus: func(c *client, ticket string) int {
		status := c.status("POST", "/api/v1/tickets/"+ticket+"/status", object{"status": "pending"})
		require.Equal(c.t, status, c.status("PATCH", "/api/v1/tickets/"+ticket, object{"status": "closed"}))
		return status
	},
	domain.AssignTickets: func(c *client, ticket string) int {
		return c.status("POST", "/api/v1/tickets/"+ticket+"/assign", object{"assigned_to_id": c.user})
	},
	domain.DeleteTickets: func(c *client, ticket string) int {
		return c.status("DELETE", "/api/v1/tickets/"+ticket, nil)
	},
	domain.Comment: func(c *client, ticket string) int {
		return c.status("POST", "/api/v1/tickets/"+ticket+"/comments", object{"content": "Hello."})
	},
	domain.CommentInternally: func(c *client, ticket string) int {
		return c.status("POST", "/api/v1/tickets/"+ticket+"/comments", object{"content": "Hush.", "internal": true})
	},
	domain.ReadInternal: func(c *client, ticket string) int {
		a := c.do(c.status("GET", "/api/v1/tickets/"+ticket+"/comments", nil), "GET", "/api/v1/tickets/"+ticket+"/comments", nil)
		if a.status != 200 {
			return a.status
		}
		history := c.get("/api/v1/tickets/" + ticket + "/history")
		if len(a.list()) == 1 { // only the public one; then no other way leads to the words either
			require.NotContains(c.t, string(history.raw), "secret")
			require.Equal(c.t, "1", c.get("/api/v1/tickets/"+ticket).text("comment_count"))
			return 403
		}
		require.Contains(c.t, string(history.raw), "secret")
		require.Equal(c.t, "2", c.get("/api/v1/tickets/"+ticket).text("comment_count"))
		return 200
	},
	domain.ReadMembers: func(c *client, _ string) int { return c.status("GET", "/api/v1/members", nil) },
	domain.ManageMembers: func(c *client, _ string) int {
		status := c.status("POST", "/api/v1/members/invite", object{"email": c.name + "-friend@example.org"})
		other := c.status("PATCH", "/api/v1/members/"+c.user, object{}) // oneself, and nothing: only the right is asked for
		require.Equal(c.t, status == 201, other == 200)
		if status != 201 {
			require.Equal(c.t, 403, other)
			require.Equal(c.t, 403, c.status("DELETE", "/api/v1/members/"+c.user, nil))
		}
		return status
	},
	domain.ManageOwnTokens: func(c *client, _ string) int {
		return c.status("POST", "/api/v1/api-tokens", object{"name": "mine"})
	},
	domain.ManageOrg: func(c *client, _ string) int {
		return c.status("PATCH", "/api/v1/organization", object{"name": "Renamed by " + c.name})
	},
	domain.ReadAudit: func(c *client, _ string) int {
		status := c.status("GET", "/api/v1/audit/events", nil)
		require.Equal(c.t, status, c.with("Accept", "application/x-ndjson").status("GET", "/api/v1/audit/events", nil))
		require.Equal(c.t, status == 200, c.status("GET", "/api/v1/audit/causation/nobody", nil) == 404)
		return status
	},
	domain.ErasePeople: func(c *client, _ string) int {
		who := c.user
		invited, err := c.try("POST", "/api/v1/members/invite", object{"email": "erase-" + c.name + "@example.org"})
		require.NoError(c.t, err)
		if invited.status == 201 {
			who = invited.id()
		}
		status := c.status("POST", "/api/v1/privacy/erasure", object{"user_id": who})
		require.Equal(c.t, status == 403, c.status("GET", "/api/v1/privacy/erasure/"+who, nil) == 403)
		return status
	},
	domain.CreateFiles: func(c *client, _ string) int {
		return c.send("/api/v1/files/upload", form{name: "a.txt", content: []byte("a")}).status
	},
	domain.ManageJobs: func(c *client, _ string) int {
		status := c.status("GET", "/api/v1/admin/jobs", nil)
		for _, more := range []struct{ method, path string }{{"POST", "/999999/retry"}, {"POST", "/999999/discard"}, {"DELETE", "/999999"}} {
			want := map[bool]int{true: 404, false: 403}[status == 200]
			require.Equal(c.t, want, c.status(more.method, "/api/v1/admin/jobs"+more.path, nil))
		}
		return status
	},
	domain.ManageWebhooks:    manageWebhooks,
	domain.UseAgents:         useAgents,
	domain.ReadAgentConfig:   readAgentConfig,
	domain.ManageAgentConfig: manageAgentConfig,
	domain.ExportPerson: func(c *client, _ string) int {
		role := domain.Role(c.get("/api/v1/auth/verify").text("role"))
		others := map[bool]int{true: 404, false: 403}[domain.ScopeOf(role, domain.ExportPerson) == domain.All]
		require.Equal(c.t, others, c.status("GET", "/api/v1/privacy/export/"+nobodyID, nil))
		return c.status("GET", "/api/v1/privacy/export/"+c.user, nil)
	},
}

// fileCells try the permissions on uploads: on a file of somebody's whom the test chose.
var fileCells = map[domain.Permission]cell{
	domain.ReadFiles: func(c *client, file string) int {
		status := c.status("GET", "/api/v1/files/"+file, nil)
		for _, more := range []string{"/processing-status", "/content", "/storage/a.txt"} {
			require.Equal(c.t, status, c.status("GET", "/api/v1/files/"+file+more, nil), more)
		}
		listed := strings.Contains(string(c.get("/api/v1/files?limit=100").raw), file)
		require.Equal(c.t, status == 200, listed, "a list shows what one may read, and nothing else")
		return status
	},
	domain.ReprocessFiles: func(c *client, file string) int {
		return c.status("POST", "/api/v1/files/"+file+"/reprocess", nil)
	},
	domain.DeleteFiles: func(c *client, file string) int { return c.status("DELETE", "/api/v1/files/"+file, nil) },
}

// aboutTickets are the permissions on one ticket.
var aboutTickets = []domain.Permission{
	domain.ReadTickets, domain.EditTickets, domain.ChangeStatus, domain.AssignTickets, domain.DeleteTickets, domain.Comment,
	domain.CommentInternally, domain.ReadInternal,
}

const nobodyID = "018f0000-0000-7000-8000-000000000000"

func (c *client) status(method, path string, body any) int {
	c.t.Helper()
	a, err := c.try(method, path, body)
	require.NoError(c.t, err)
	return a.status
}

// Every cell of the permission table, over HTTP: what the role may do with its own and with somebody else's ticket.
func TestEveryCellOfThePermissionTable(t *testing.T) {
	t.Parallel()
	i := boot(t)
	founder := i.founder("founder")
	for _, role := range domain.Roles { //nolint:paralleltest // a program that waits for the turn of its subtests idles beside everything else
		person := founder.colleague(string(role))
		for _, permission := range domain.Permissions() {
			if fileCells[permission] != nil {
				requireFileCells(t, founder, person, role, permission)
				continue
			}
			if articleCells[permission] != nil {
				requireArticleCells(t, founder, person, role, permission)
				continue
			}
			if integrationCells[permission] != nil {
				requireIntegrationCells(t, founder, person, role, permission)
				continue
			}
			if permission == domain.ReadRuns {
				requireRunCells(t, founder, person, role)
				continue
			}
			if threadCells[permission] != nil {
				requireThreadCells(t, founder, person, role, permission)
				continue
			}
			probe := cells[permission]
			require.NotNil(t, probe, "%s has no probe", permission)
			if !slices.Contains(aboutTickets, permission) {
				t.Run(string(role)+"/"+string(permission), func(t *testing.T) {
					status := probe(person.on(t), "")
					if domain.ScopeOf(role, permission) == domain.None {
						require.Equal(t, 403, status)
					} else {
						require.Less(t, status, 300)
					}
				})
				continue
			}
			for _, owner := range []string{"creator", "assignee", "neither"} {
				t.Run(string(role)+"/"+string(permission)+"/"+owner, func(t *testing.T) {
					ticket, ok := theTicketOf(founder.on(t), person.on(t), owner)
					if !ok {
						t.Skip("this role makes no tickets")
					}
					status := probe(person.on(t), ticket)
					if want := expected(role, permission, owner != "neither"); want != 200 {
						require.Equal(t, want, status)
					} else {
						require.Less(t, status, 300)
					}
				})
			}
		}
	}
}

// requireFileCells tries one permission on an upload of one's own, on one that is attached to one's own ticket, which one
// may read as if it were one's own, and on another.
func requireFileCells(t *testing.T, founder, person *client, role domain.Role, permission domain.Permission) {
	t.Helper()
	for _, whose := range []string{"uploader", "attached", "neither"} {
		t.Run(string(role)+"/"+string(permission)+"/"+whose, func(t *testing.T) {
			if domain.ScopeOf(role, domain.CreateFiles) == domain.None && whose != "neither" {
				t.Skip("this role uploads and opens nothing")
			}
			uploader := founder.on(t)
			if whose == "uploader" {
				uploader = person.on(t)
			}
			file := uploader.upload("a.txt", []byte(whose)).id()
			uploader.read(file)
			if whose == "attached" {
				ticket := person.on(t).ticket().id()
				uploader.do(200, "POST", "/api/v1/tickets/"+ticket+"/attachments", object{"attachments": []object{{"file_id": file}}})
			}
			reaches := func(s domain.Scope, own bool) bool { return s == domain.All || s == domain.Own && own }
			status := fileCells[permission](person.on(t), file)
			switch {
			case !reaches(domain.ScopeOf(role, domain.ReadFiles), whose != "neither"):
				require.Equal(t, 404, status)
			case !reaches(domain.ScopeOf(role, permission), whose == "uploader" || permission == domain.ReadFiles):
				require.Equal(t, 403, status)
			default:
				require.Less(t, status, 300)
			}
		})
	}
}

// expected reads the cell: 200 stands for any success. What one may not read is not there.
func expected(role domain.Role, p domain.Permission, own bool) int {
	reaches := func(s domain.Scope) bool { return s == domain.All || (s == domain.Own && own) }
	switch {
	case !reaches(domain.ScopeOf(role, domain.ReadTickets)):
		return 404
	case !reaches(domain.ScopeOf(role, p)):
		return 403
	}
	return 200
}

// theTicketOf answers a ticket with a public and an internal comment that the person made, has, or has nothing to do with.
func theTicketOf(founder, person *client, owner string) (id string, ok bool) {
	switch owner {
	case "creator":
		if role := domain.Role(person.get("/api/v1/auth/verify").text("role")); domain.ScopeOf(role, domain.CreateTickets) == domain.None {
			return "", false
		}
		id = person.ticket().id()
	case "assignee":
		id = founder.ticket(object{"assigned_to_id": person.user}).id()
	default:
		id = founder.ticket().id()
	}
	founder.post("/api/v1/tickets/"+id+"/comments", object{"content": "open words"})
	founder.post("/api/v1/tickets/"+id+"/comments", object{"content": "secret words", "internal": true})
	return id, true
}

// An API token acts with its owner's rights, whatever they are at that moment.
func TestAnAPITokenHasItsOwnersRights(t *testing.T) {
	t.Parallel()
	i := boot(t)
	founder := i.founder("founder")
	person := founder.colleague("support")
	ticket := founder.ticket().id()
	program := person.as(person.post("/api/v1/api-tokens", object{"name": "CI"}).text("token"))
	program.patch("/api/v1/tickets/"+ticket, object{"priority": "low"})
	require.Equal(t, "api_token", program.get("/api/v1/auth/verify").text("actor_type"))
	founder.patch("/api/v1/members/"+person.user, object{"role": "auditor"})
	eventually(t, func() bool {
		return program.status("PATCH", "/api/v1/tickets/"+ticket, object{"priority": "high"}) == 403
	})
	last := founder.get("/api/v1/tickets/" + ticket + "/history").list()
	actor, _ := last[len(last)-1]["actor"].(object)
	require.Equal(t, "api_token", actor["type"])
	require.Equal(t, person.name, actor["name"])
}
