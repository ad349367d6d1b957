package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRegistering(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.nobody()
	const path = "/api/v1/auth/register"
	a := c.post(path, object{"username": "Ada", "email": "Ada@Example.org", "password": password, "full_name": "Ada L.", "organization_name": "Engines"})
	require.Equal(t, "Ada", a.text("username"))
	require.Equal(t, "true", a.text("is_active"))
	require.NotContains(t, strings.ToLower(string(a.raw)), "password")
	require.NotEmpty(t, a.header.Get("X-Event-Position"))
	b := c.post(path, object{"email": "bob@example.org", "password": password, "organization_name": "Engines"})
	require.Equal(t, "bob@example.org", b.text("username"), "without a username the address is it")
	require.NotEqual(t, a.text("organization_id"), b.text("organization_id"), "a name joins nobody to anybody")
	require.NotEqual(t, a.text("organization_id"), c.post(path, object{"username": "cyd", "password": password}).text("organization_id"))
	for _, taken := range []object{{"username": "ada"}, {"username": " ADA "}, {"email": "ada@example.org"}, {"username": "robert", "email": "BOB@example.org"}, {"username": "bob@example.org"}} {
		taken["password"] = password
		c.do(409, "POST", path, taken)
	}
	for _, bad := range []object{
		{},
		{"username": "x"},
		{"password": password},
		{"username": "xavier", "password": "1234567"},
		{"username": "xavier", "password": strings.Repeat("x", 257)},
		{"username": "", "password": password},
		{"username": strings.Repeat("x", 101), "password": password},
		{"email": "no address", "password": password},
		{"username": "x\x00", "password": password},
		{"username": "xavier", "password": password, "role": "admin"},
		{"username": "xavier", "password": password, "organization_name": strings.Repeat("x", 201)},
		{"username": 1, "password": password},
		{"username": "xavier", "password": nil},
	} {
		a := c.do(422, "POST", path, bad)
		require.NotContains(t, string(a.raw), password, "a refusal repeats no password")
	}
	for _, name := range []object{{"username": "ada"}, {"username": "ADA@example.org"}, {"email": "ada@example.org"}, {"username": "Ada"}} {
		name["password"] = password
		require.Equal(t, a.id(), c.do(200, "POST", "/api/v1/auth/login", name).object()["user"].(object)["id"])
	}
	for _, wrong := range []object{
		{"username": "ada", "password": "wrong"},
		{"username": "nobody", "password": password},
		{"username": "ada", "password": ""},
		{"username": "ada", "password": password + " "},
		{"username": "' OR 1=1 --", "password": password},
		{"username": "ada\x00", "password": password},
	} {
		require.Equal(t, "Username or password is wrong.", c.do(401, "POST", "/api/v1/auth/login", wrong).detail())
	}
	c.do(422, "POST", "/api/v1/auth/login", object{"password": password})
	c.do(422, "POST", "/api/v1/auth/login", object{"username": "ada"})
}

// Of many who want one name at the same moment, one gets it.
func TestANameGoesToOne(t *testing.T) {
	t.Parallel()
	i := boot(t)
	var work sync.WaitGroup
	statuses := make([]int, 12)
	for n := range statuses {
		work.Go(func() {
			a, err := i.nobody().try("POST", "/api/v1/auth/register", object{"username": "Wanted", "password": password})
			if err == nil {
				statuses[n] = a.status
			}
		})
	}
	work.Wait()
	made := 0
	for _, status := range statuses {
		require.Contains(t, []int{201, 409}, status)
		made += map[int]int{201: 1}[status]
	}
	require.Equal(t, 1, made)
}

func TestRegistrationByInvitationOnly(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	open := launch(t, c)
	ada := open.founder("ada")
	c.Registration = "invite"
	closed := launch(t, c)
	refused := closed.nobody().do(403, "POST", "/api/v1/auth/register", object{"username": "x", "password": password})
	require.Equal(t, "Registration is by invitation here.", refused.detail())
	require.Equal(t, "support", ada.at(closed).colleague("support").get("/api/v1/users/me").text("role"))
}

func TestOnesOwnProfile(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	bob := i.founder("bob")
	before := c.get("/api/v1/users/me")
	require.Equal(t, before.raw, c.get("/api/v1/auth/me").raw)
	require.Equal(t, c.name, before.text("username"))
	require.NotEmpty(t, before.etag())
	for n, method := range []string{"PUT", "PATCH"} {
		for _, path := range []string{"/api/v1/users/me", "/api/v1/auth/me"} {
			name := fmt.Sprint("Ada ", n, path)
			a := c.do(200, method, path, object{"full_name": name, "preferences": object{"theme": object{"dark": true}}})
			require.Equal(t, name, a.text("full_name"))
			require.Equal(t, c.name, a.text("username"))
			require.Equal(t, a.object(), c.get(path).object())
		}
	}
	cleared := c.patch("/api/v1/users/me", object{"full_name": nil, "preferences": nil, "email": nil})
	require.Equal(t, "", cleared.text("full_name"))
	require.Equal(t, object{}, cleared.object()["preferences"])
	require.Nil(t, cleared.object()["email"])
	c.do(409, "PATCH", "/api/v1/users/me", object{"username": bob.name})
	c.do(422, "PATCH", "/api/v1/users/me", object{"username": nil})
	c.do(422, "PATCH", "/api/v1/users/me", object{"role": "admin"})
	c.with("If-Match", `"1"`).do(412, "PATCH", "/api/v1/users/me", object{"full_name": "x"})
	c.with("If-Match", cleared.etag()).patch("/api/v1/users/me", object{"username": c.name + "x"})
	c.do(401, "POST", "/api/v1/auth/login", object{"username": c.name, "password": password})
	c.name += "x"
	c.login()

	// A new password takes the old one, and everything of a request or nothing.
	for _, wrong := range []object{{"password": "a new password"}, {"password": "a new password", "current_password": "wrong"}} {
		wrong["full_name"] = "Half Done"
		require.Equal(t, "The current password is wrong.", c.do(422, "PATCH", "/api/v1/users/me", wrong).detail())
		require.Equal(t, "", c.get("/api/v1/users/me").text("full_name"))
	}
	both := object{"username": bob.name, "password": "a new password", "current_password": password}
	c.do(409, "PATCH", "/api/v1/users/me", both)
	c.login()
	both["username"] = c.name + "y"
	require.Equal(t, c.name+"y", c.patch("/api/v1/users/me", both).text("username"))
	c.do(401, "POST", "/api/v1/auth/login", object{"username": c.name + "y", "password": password})
	c.do(200, "POST", "/api/v1/auth/login", object{"username": c.name + "y", "password": "a new password"})
}

func TestMembers(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	invited := ada.post("/api/v1/members/invite", object{"email": "eve@example.org", "role": "support"})
	require.Equal(t, "invited", invited.text("status"))
	require.Equal(t, "/api/v1/invitations/accept/"+invited.text("token"), invited.text("accept_url"))
	nobody := i.nobody()
	accept := invited.text("accept_url")
	for _, unknown := range []string{"x", strings.Repeat("A", 86), invited.text("token") + "A", strings.ToUpper(invited.text("token")), "%00", strings.Repeat("x", 501)} {
		status := nobody.status("POST", "/api/v1/invitations/accept/"+unknown, object{"username": "eve", "password": password})
		require.Contains(t, []int{404, 422}, status, unknown)
	}
	nobody.do(422, "POST", accept, object{"username": "eve", "password": "short"})
	nobody.do(409, "POST", accept, object{"username": ada.name, "password": password})
	joined := nobody.post(accept, object{"username": "eve", "password": password, "full_name": "Eve"})
	require.Equal(t, ada.org, joined.text("organization_id"))
	require.Equal(t, "support", joined.text("role"))
	require.Equal(t, "eve@example.org", joined.text("email"))
	nobody.do(201, "POST", accept, object{"username": "eve", "password": password, "full_name": "Eve"}) // a retry
	nobody.do(404, "POST", accept, object{"username": "mallory", "password": password})
	ada.do(409, "POST", "/api/v1/members/invite", object{"email": "EVE@example.org"})
	for _, bad := range []object{{}, {"email": "x"}, {"email": "x@example.org", "role": "owner"}, {"email": "x@example.org\x00"}, {"email": nil}} {
		ada.do(422, "POST", "/api/v1/members/invite", bad)
	}

	eve := &client{t: t, url: i.url, name: "eve", user: joined.id()}
	eve.login()
	list := ada.get("/api/v1/members").list()
	require.Len(t, list, 2)
	require.Equal(t, ada.user, list[0]["id"])
	require.Len(t, ada.get("/api/v1/members?limit=1&after="+ada.user).list(), 1)
	ada.do(422, "GET", "/api/v1/members?after=x", nil)

	// Roles and locks hold at once.
	ada.patch("/api/v1/members/"+eve.user, object{"role": "auditor"})
	eventually(t, func() bool { return eve.get("/api/v1/auth/verify").text("role") == "auditor" })
	eve.do(403, "POST", "/api/v1/tickets", object{"title": "x", "description": "y"})
	require.Equal(t, "false", ada.patch("/api/v1/members/"+eve.user, object{"is_active": false}).text("is_active"))
	eventually(t, func() bool { return eve.status("GET", "/api/v1/users/me", nil) == 401 })
	eve.as("").do(401, "POST", "/api/v1/auth/login", object{"username": "eve", "password": password})
	eve.as("").do(401, "POST", "/api/v1/auth/refresh", object{"refresh_token": eve.again})
	ada.patch("/api/v1/members/"+eve.user, object{"is_active": true, "role": "admin"})
	eve.login()
	require.Equal(t, "admin", eve.get("/api/v1/users/me").text("role"))
	ada.with("If-Match", `"1"`).do(412, "PATCH", "/api/v1/members/"+eve.user, object{"role": "member"})
	ada.do(422, "PATCH", "/api/v1/members/"+eve.user, object{"role": "king"})
	ada.do(422, "PATCH", "/api/v1/members/x", object{"role": "member"})
	ada.do(404, "PATCH", "/api/v1/members/"+nobodyID, object{"role": "member"})

	// There is always an admin.
	eve.patch("/api/v1/members/"+ada.user, object{"role": "member"})
	for _, change := range []object{{"role": "member"}, {"is_active": false}} {
		eve.do(409, "PATCH", "/api/v1/members/"+eve.user, change)
	}
	eve.do(409, "DELETE", "/api/v1/members/"+eve.user, nil)
	eve.do(204, "DELETE", "/api/v1/members/"+ada.user, nil)
	eventually(t, func() bool { return ada.status("GET", "/api/v1/users/me", nil) == 401 })
	eve.do(204, "DELETE", "/api/v1/members/"+ada.user, nil) // again: nothing happens
	require.Len(t, eve.get("/api/v1/members").list(), 1)
	i.nobody().post("/api/v1/auth/register", object{"username": ada.name, "password": password}) // the name is free

	// An invitation that was withdrawn is good for nothing.
	withdrawn := eve.post("/api/v1/members/invite", object{"email": "late@example.org"})
	eve.do(409, "PATCH", "/api/v1/members/"+withdrawn.id(), object{"is_active": false})
	eve.do(204, "DELETE", "/api/v1/members/"+withdrawn.id(), nil)
	nobody.do(404, "POST", withdrawn.text("accept_url"), object{"username": "late", "password": password})
}

// What a person set for themself is nobody else's business, and their address only that of the staff.
func TestWhatOthersSeeOfAMember(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	bob := ada.colleague("support")
	bob.patch("/api/v1/users/me", object{"preferences": object{"theme": "dark"}, "full_name": "Bob"})
	require.Equal(t, object{}, ada.patch("/api/v1/members/"+bob.user, object{"role": "support"}).object()["preferences"])
	require.Equal(t, object{}, ada.post("/api/v1/members/invite", object{"email": "eve@example.org"}).object()["preferences"])
	of := func(c *client) object {
		t.Helper()
		for _, m := range c.get("/api/v1/members").list() {
			if m["id"] == bob.user {
				return m
			}
		}
		return nil
	}
	for _, staff := range []*client{ada, bob} {
		shown := of(staff)
		require.Equal(t, bob.name+"@example.org", shown["email"])
		require.Equal(t, "active", shown["status"])
		require.Equal(t, object{}, shown["preferences"])
	}
	for _, role := range []string{"member", "auditor"} {
		shown := of(ada.colleague(role))
		require.Equal(t, []any{bob.name, "Bob", "support"}, []any{shown["username"], shown["full_name"], shown["role"]})
		for _, hidden := range []string{"email", "status", "is_active"} {
			require.Contains(t, shown, hidden)
			require.Nil(t, shown[hidden], hidden)
		}
		require.Equal(t, object{}, shown["preferences"])
	}
}

func TestTwoAdminsWhoDemoteEachOther(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	bob := ada.colleague("admin")
	var work sync.WaitGroup
	work.Go(func() { ada.status("PATCH", "/api/v1/members/"+bob.user, object{"role": "member"}) })
	work.Go(func() { bob.status("PATCH", "/api/v1/members/"+ada.user, object{"role": "member"}) })
	work.Wait()
	admins := 0
	for _, m := range ada.get("/api/v1/members").list() {
		if m["role"] == "admin" {
			admins++
		}
	}
	require.Equal(t, 1, admins)
}

func TestTheOrganization(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	before := ada.get("/api/v1/organization")
	require.Equal(t, ada.org, before.id())
	require.Equal(t, ada.user, before.text("founded_by"))
	after := ada.with("If-Match", before.etag()).patch("/api/v1/organization", object{"name": "Analytical Engines"})
	require.Equal(t, "Analytical Engines", after.text("name"))
	require.Equal(t, after.object(), ada.get("/api/v1/organization").object())
	ada.with("If-Match", before.etag()).do(412, "PATCH", "/api/v1/organization", object{"name": "x"})
	ada.do(422, "PATCH", "/api/v1/organization", object{"name": " "})
	ada.colleague("support").do(403, "PATCH", "/api/v1/organization", object{"name": "x"})
}

func TestAPITokens(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	made := c.post("/api/v1/api-tokens", object{"name": "CI", "expires_in_days": 1})
	token := made.text("token")
	require.Regexp(t, `^ai_dev_[A-Za-z0-9_-]{43}$`, token)
	require.Equal(t, "no-store", made.header.Get("Cache-Control"))
	require.Equal(t, "true", made.text("active"))
	path := "/api/v1/api-tokens/" + made.id()
	for _, again := range []answer{c.get(path), c.get("/api/v1/api-tokens"), c.get("/api/v1/users/me"), c.get("/api/v1/members")} {
		require.NotContains(t, string(again.raw), token, "it is shown once")
	}
	program := c.as(token)
	ticket := program.ticket().id()
	for _, route := range []string{"/api/v1/tickets/" + ticket, "/api/v1/users/me", "/api/v1/auth/verify", "/api/v1/members", "/api/v1/api-tokens", "/api/v1/tickets/" + ticket + "/history", "/api/v1/organization"} {
		program.get(route)
	}
	s := program.connect()
	s.send("subscribe_ticket", object{"ticket_id": ticket})
	require.True(t, s.await("subscription_response").Success)
	program.do(200, "POST", "/api/v1/auth/logout", nil) // there is no session to end
	program.get("/api/v1/users/me")
	require.Equal(t, "nightly", c.patch(path, object{"name": "nightly"}).text("name"))
	for _, bad := range []object{{}, {"name": ""}, {"name": "x", "expires_in_days": 0}, {"name": "x", "expires_in_days": 366}, {"name": "x", "expires_in_days": -1}, {"name": "x", "expires_in_days": 1.5}, {"name": strings.Repeat("x", 101)}} {
		c.do(422, "POST", "/api/v1/api-tokens", bad)
	}
	for n := range 9 {
		c.post("/api/v1/api-tokens", object{"name": fmt.Sprint(n)})
	}
	require.Contains(t, c.do(409, "POST", "/api/v1/api-tokens", object{"name": "one too many"}).detail(), "10")
	c.do(204, "DELETE", path, nil)
	eventually(t, func() bool { return program.status("GET", "/api/v1/users/me", nil) == 401 })
	require.Equal(t, 4001, s.closed(), "its sockets end with it")
	c.do(404, "GET", path, nil)
	c.do(204, "DELETE", path, nil)
	require.Len(t, c.get("/api/v1/api-tokens").list(), 9)
	c.post("/api/v1/api-tokens", object{"name": "room again"})
	c.colleague("admin").do(404, "GET", path, nil)
	for _, forged := range []string{"ai_dev_", token + "x", token[:len(token)-1], "ai_dev_" + strings.Repeat("A", 43), strings.ToUpper(token)} {
		c.as(forged).do(401, "GET", "/api/v1/users/me", nil)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	refresh := func(token string, want int) answer {
		t.Helper()
		return c.as("").do(want, "POST", "/api/v1/auth/refresh", object{"refresh_token": token})
	}
	first := c.again
	second := refresh(first, 200)
	require.NotEqual(t, first, second.text("refresh_token"))
	require.Equal(t, c.name, second.object()["user"].(object)["username"])
	c.as(second.text("access_token")).get("/api/v1/users/me")
	third := refresh(second.text("refresh_token"), 200)
	refresh(first, 401) // one of the two who hold it stole it
	refresh(third.text("refresh_token"), 401)
	eventually(t, func() bool { return c.as(third.text("access_token")).status("GET", "/api/v1/users/me", nil) == 401 })
	for _, bad := range []string{"", "x", first + "x", strings.Repeat("A", 86)} {
		refresh(bad, 401)
	}
	c.as("").do(422, "POST", "/api/v1/auth/refresh", object{})

	c.login()
	s := c.connect()
	s.await("connected")
	verified := c.get("/api/v1/auth/verify")
	require.Equal(t, c.user, verified.text("user_id"))
	require.Equal(t, c.org, verified.text("organization_id"))
	require.Equal(t, "user", verified.text("actor_type"))
	other := *c
	other.login()
	c.do(200, "POST", "/api/v1/auth/logout", nil)
	eventually(t, func() bool { return c.status("GET", "/api/v1/users/me", nil) == 401 })
	require.Equal(t, 4001, s.closed())
	refresh(c.again, 401)
	other.get("/api/v1/users/me") // the other login goes on
}
