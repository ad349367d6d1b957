package main

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// moment is how everything stood at one time: what each address answered then.
type moment struct {
	at      time.Time
	answers map[string]string
	version map[string]string // by the address that has versions: what its ETag said
}

func asOf(path string, at time.Time) string {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return path + separator + "as_of=" + url.QueryEscape(at.Format(time.RFC3339Nano))
}

// version answers the version that an ETag names.
func (a answer) version() string { a.t.Helper(); return strings.Trim(a.etag(), `"`) }

// A random series of changes; whatever was answered between two of them is answered again when one looks back, by the
// moment and by the version.
func TestEverythingAsItWas(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	bob, auditor := ada.colleague("support"), ada.colleague("auditor")
	dice := rand.New(rand.NewPCG(3, 1))
	one := func(of ...string) string { return of[dice.IntN(len(of))] }
	tickets := []string{ada.ticket(object{"tags": []string{"vpn"}}).id()}
	tokens := []string{ada.post("/api/v1/api-tokens", object{"name": "first"}).id()}
	me := "/api/v1/users/me"
	changes := []func(n int){
		func(n int) {
			tickets = append(tickets, ada.ticket(object{"title": fmt.Sprint("ticket ", n), "category": one("bug", "billing"), "priority": one("low", "high"), "department": one("", "IT")}).id())
		},
		func(int) {
			ada.patch("/api/v1/tickets/"+one(tickets...), object{"category": one("bug", "general"), "tags": []string{one("vpn", "mail")}, "department": one("IT", "sales")})
		},
		func(n int) { ada.patch("/api/v1/tickets/"+one(tickets...), object{"title": fmt.Sprint("title ", n)}) },
		func(int) {
			ada.status("POST", "/api/v1/tickets/"+one(tickets...)+"/status", object{"status": one("closed", "open", "resolved")})
		},
		func(int) {
			ada.do(200, "POST", "/api/v1/tickets/"+one(tickets...)+"/assign", object{"assigned_to_id": one(ada.user, bob.user)})
		},
		func(n int) {
			bob.post("/api/v1/tickets/"+one(tickets...)+"/comments", object{"content": fmt.Sprint("comment ", n), "internal": n%2 == 0})
		},
		func(n int) { ada.patch(me, object{"preferences": object{"n": n}}) },
		func(n int) { ada.patch("/api/v1/organization", object{"name": fmt.Sprint("Acme ", n)}) },
		func(n int) {
			if len(tokens) < 9 {
				tokens = append(tokens, ada.post("/api/v1/api-tokens", object{"name": fmt.Sprint("token ", n)}).id())
			}
		},
		func(n int) {
			ada.status("PATCH", "/api/v1/api-tokens/"+one(tokens...), object{"name": fmt.Sprint("renamed ", n)})
		},
		func(int) { ada.status("DELETE", "/api/v1/api-tokens/"+one(tokens...), nil) },
		func(n int) {
			ada.post("/api/v1/members/invite", object{"email": fmt.Sprintf("friend%d@example.org", n)})
		},
		func(int) {
			members := ada.get("/api/v1/members").list()
			if invited := members[len(members)-1]; invited["status"] == "invited" {
				ada.do(204, "DELETE", "/api/v1/members/"+str(invited["id"]), nil)
			}
		},
		func(int) {
			if len(tickets) > 3 {
				gone := dice.IntN(len(tickets))
				ada.do(204, "DELETE", "/api/v1/tickets/"+tickets[gone], nil)
				tickets = slices.Delete(tickets, gone, gone+1)
			}
		},
	}
	start := ada.get("/api/v1/tickets").list()[0]["created_at"]
	lists := []string{
		"", "?limit=2", "?status=open", "?status=closed,resolved", "?priority=high", "?category=bug&department=IT", "?tag=vpn", "?tag=mail", "?assigned_to_id=" + bob.user,
		"?created_by_id=" + ada.user, "?created_by_id=" + bob.user, "?has_attachments=true", "?has_attachments=false", "?created_after=" + str(start),
		"?created_before=" + str(start), "?updated_after=" + str(start), "?integration_id=" + nobodyID,
	}
	versioned := func() []string {
		paths := []string{me, "/api/v1/auth/me", "/api/v1/organization"}
		for _, id := range tickets {
			paths = append(paths, "/api/v1/tickets/"+id)
		}
		return paths
	}
	look := func() moment {
		m := moment{answers: map[string]string{}, version: map[string]string{}}
		for _, path := range versioned() {
			a := ada.get(path)
			m.answers[path], m.version[path] = string(a.raw), a.version()
		}
		paths := []string{"/api/v1/members", "/api/v1/members?limit=1&after=" + ada.user, "/api/v1/api-tokens"}
		for _, query := range lists {
			paths = append(paths, "/api/v1/tickets"+query)
		}
		for _, id := range tokens {
			paths = append(paths, "/api/v1/api-tokens/"+id)
		}
		for _, id := range tickets {
			paths = append(paths, "/api/v1/tickets/"+id+"/comments", "/api/v1/tickets/"+id+"/comments?after=2&limit=1")
		}
		for _, path := range paths {
			a, err := ada.try("GET", path, nil)
			require.NoError(t, err)
			m.answers[path] = string(a.raw)
			if a.status == 404 { // a token that was revoked
				m.answers[path] = "404"
			}
		}
		m.at = time.Now()
		return m
	}
	moments := []moment{look()}
	for n := range 24 {
		changes[dice.IntN(len(changes))](n)
		moments = append(moments, look())
	}
	compare := func(n int, path, query, want string) {
		t.Helper()
		if want == "404" {
			ada.do(404, "GET", query, nil)
			return
		}
		require.Equal(t, want, string(ada.get(query).raw), "moment %d: %s", n, path)
	}
	for n, m := range moments {
		for path, want := range m.answers {
			compare(n, path, asOf(path, m.at), want)
			// Tokens have the versions of the profile they belong to, comments those of their ticket.
			of, plain := path, !strings.Contains(path, "?")
			if strings.HasPrefix(path, "/api/v1/api-tokens") {
				of = me
			}
			of = strings.TrimSuffix(of, "/comments")
			if version := m.version[of]; version != "" && plain {
				compare(n, path, path+"?version="+version, want)
			}
		}
		for path, version := range m.version {
			require.Equal(t, version, ada.get(asOf(path, m.at)).version(), path)
		}
		require.Equal(t, m.answers["/api/v1/tickets"], string(auditor.get(asOf("/api/v1/tickets", m.at)).raw))
	}
}

// What was deleted since is still there when one looks back, by its id and by its number, for those who read the audit
// log; at the moment of its deletion it is gone. To everybody else it is gone altogether.
func TestWhatWasDeletedSince(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	member, auditor := ada.colleague("member"), ada.colleague("auditor")
	ticket := member.ticket(object{"title": "goner"})
	path := "/api/v1/tickets/" + ticket.id()
	member.post(path+"/comments", object{"content": "last words"})
	ada.post(path+"/comments", object{"content": "hush", "internal": true})
	seen := string(auditor.get(path).raw)
	before := time.Now()
	require.Len(t, member.get(asOf("/api/v1/tickets", before)).list(), 1)
	ada.do(204, "DELETE", path, nil)
	after := time.Now()
	addresses := []string{path, "/api/v1/tickets/" + ticket.text("number")}
	for _, c := range []*client{ada, auditor} {
		for _, address := range addresses {
			require.Equal(t, seen, string(c.get(asOf(address, before)).raw))
			require.Equal(t, seen, string(c.get(address+"?version=3").raw))
			c.do(404, "GET", asOf(address, after), nil)
			c.do(404, "GET", address+"?version=4", nil)
			c.do(404, "GET", asOf(address+"/comments", after), nil)
			c.do(404, "GET", address, nil)
			require.Len(t, c.get(address+"/history").list(), 4)
			require.Len(t, c.get("/api/v1/audit"+strings.TrimPrefix(address, "/api/v1")+"/events").lines(), 4)
			require.Len(t, c.get(asOf(address+"/comments", before)).list(), 2)
		}
		require.Len(t, c.get(asOf("/api/v1/tickets", before)).list(), 1)
		require.Empty(t, c.get(asOf("/api/v1/tickets", after)).list())
	}
	for _, c := range []*client{member, ada.colleague("support"), ada.colleague("member"), i.founder("bob")} {
		require.Empty(t, c.get(asOf("/api/v1/tickets", before)).list())
		for _, address := range append(addresses, path+"/comments") {
			c.do(404, "GET", asOf(address, before), nil)
			c.do(404, "GET", address+"?version=1", nil)
		}
		c.do(404, "GET", path+"/history", nil)
	}
}

// A member sees of the past what is theirs now: what they made, and what they have been given since.
func TestAMembersPast(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	member := ada.colleague("member")
	own, given, taken := member.ticket().id(), ada.ticket(object{"title": "given"}).id(), ada.ticket(object{"assigned_to_id": member.user}).id()
	before := time.Now()
	ada.do(200, "POST", "/api/v1/tickets/"+given+"/assign", object{"assigned_to_id": member.user})
	ada.do(200, "POST", "/api/v1/tickets/"+taken+"/assign", object{"assigned_to_id": nil})
	var ids []string
	for _, o := range member.get(asOf("/api/v1/tickets", before)).list() {
		ids = append(ids, str(o["id"]))
		require.Nil(t, o["assigned_to_id"], "as it stood then")
	}
	require.Equal(t, []string{given, own}, ids)
	require.Empty(t, member.get(asOf("/api/v1/tickets?assigned_to_id="+member.user, before)).list())
	member.do(404, "GET", asOf("/api/v1/tickets/"+taken, before), nil)
	require.Len(t, ada.get(asOf("/api/v1/tickets", before)).list(), 3)
	shown := member.get(asOf("/api/v1/members", before)).list()
	require.Len(t, shown, 2)
	require.Nil(t, shown[0]["email"], "an address is shown to those who give tickets to people, of then too")
}

// A past list goes on page by page, loses and doubles nothing, and stands still while tickets come and go.
func TestAPastListInPages(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	var ids []string
	for n := range 25 {
		ids = append(ids, ada.ticket(object{"priority": []string{"low", "high"}[n%2]}).id())
	}
	at := time.Now()
	walk := func(path string) (walked []string) {
		for path != "" {
			page := ada.get(path)
			require.Empty(t, page.header.Get("X-Total-Count"))
			for _, o := range page.list() {
				walked = append(walked, str(o["id"]))
			}
			path = page.next()
			if n := len(walked); n > 0 && n < 25 {
				ada.do(204, "DELETE", "/api/v1/tickets/"+walked[n-1], nil)
				ada.ticket()
				ada.patch("/api/v1/tickets/"+ids[0], object{"title": fmt.Sprint(n)})
			}
		}
		return walked
	}
	whole := slices.Clone(ids)
	slices.Reverse(whole)
	require.Equal(t, whole, walk(asOf("/api/v1/tickets?limit=7", at)))
	require.Equal(t, whole, walk(asOf("/api/v1/tickets/?limit=100", at)), "the alias answers the same array")
	high := slices.DeleteFunc(slices.Clone(whole), func(id string) bool { return slices.Index(ids, id)%2 == 0 })
	require.Equal(t, high, walk(asOf("/api/v1/tickets?priority=high&limit=3", at)))
	now := ada.get("/api/v1/tickets?limit=100")
	future := ada.get("/api/v1/tickets?limit=100&as_of=2999-01-01T00:00:00Z")
	require.Equal(t, string(now.raw), string(future.raw), "a moment to come is now")
}

// A page of a filter that selects next to nothing looks at so many tickets and no more, says so with a Link, and the next
// one goes on.
func TestAPastPageIsBounded(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	rare := ada.ticket(object{"department": "rare"}).id()
	ada.ticket()
	_, err := i.pool.Exec(t.Context(), `INSERT INTO tickets
		SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), 'number', n, 'deleted', n % 2 = 0))).*
		FROM tickets t, generate_series(10, 3009) n WHERE t.number = 2`)
	require.NoError(t, err)
	path := asOf("/api/v1/tickets?department=rare", time.Now())
	first := ada.get(path)
	require.Empty(t, first.list())
	second := ada.get(first.next())
	require.Equal(t, rare, second.list()[0]["id"])
	require.Empty(t, second.next())
}

func TestNobodyCanLookThere(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	ticket, token := ada.ticket().id(), ada.post("/api/v1/api-tokens", object{"name": "x"}).id()
	one := []string{"/api/v1/tickets/" + ticket, "/api/v1/tickets/1", "/api/v1/tickets/" + ticket + "/comments", "/api/v1/users/me", "/api/v1/auth/me", "/api/v1/organization", "/api/v1/api-tokens", "/api/v1/api-tokens/" + token}
	lists := []string{"/api/v1/tickets", "/api/v1/members"}
	for _, path := range one {
		for _, bad := range []string{"version=0", "version=-1", "version=x", "version=1&as_of=2999-01-01T00:00:00Z"} {
			require.NotEmpty(t, ada.do(422, "GET", path+"?"+bad, nil).problems(), bad)
		}
		ada.do(404, "GET", path+"?version=99", nil)
		ada.do(404, "GET", path+"?version=2147483648", nil)
		ada.do(404, "GET", path+"?as_of=1970-01-01T00:00:00Z", nil)
		require.Equal(t, string(ada.get(path).raw), string(ada.get(path+"?as_of=9999-12-31T23:59:59.999999999%2B14:00").raw))
	}
	for _, path := range slices.Concat(one, lists) {
		for _, bad := range []string{
			"yesterday", "2026", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
			"0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "1e9", "%00",
		} {
			a := ada.do(422, "GET", path+"?as_of="+bad, nil)
			require.Equal(t, "query.as_of", a.problems()[0]["location"], bad)
		}
	}
	for _, path := range lists {
		require.Empty(t, ada.get(path+"?as_of=1970-01-01T00:00:00Z").list())
	}
	for _, bad := range []string{
		"limit=0", "limit=101", "cursor=x", "cursor=AAAA", "cursor=" + strings.Repeat("_", 32), "status=lost", "tag=%00", "q=x", "sort_by=title",
		"sort_by=created_at", "sort_order=asc", "sort_order=desc", "offset=1", "page=1", "size=5",
	} {
		a := ada.do(422, "GET", "/api/v1/tickets?as_of=2026-01-01T00:00:00Z&"+bad, nil)
		require.Equal(t, "query."+strings.Split(bad, "=")[0], a.problems()[0]["location"], bad)
	}
	ada.do(422, "GET", "/api/v1/members?limit=0&as_of=2026-01-01T00:00:00Z", nil)
	ada.do(422, "GET", "/api/v1/members?after=x&as_of=2026-01-01T00:00:00Z", nil)
}
