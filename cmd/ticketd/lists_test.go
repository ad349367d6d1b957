package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func (a answer) titles() []string {
	a.t.Helper()
	titles := []string{}
	for _, o := range a.list() {
		titles = append(titles, str(o["title"]))
	}
	return titles
}

func TestEveryFilter(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	bob := ada.colleague("support")
	ada.ticket(object{"title": "a", "priority": "low", "category": "bug", "department": "IT", "tags": []string{"x", "y"}, "description": "a purple elephant"})
	b := bob.ticket(object{"title": "b", "priority": "high", "category": "billing", "assigned_to_id": ada.user, "tags": []string{"y"}})
	c := ada.ticket(object{"title": "c", "priority": "critical", "category": "bug", "department": "it"})
	ada.patch("/api/v1/tickets/"+c.id(), object{"status": "pending"})
	ada.patch("/api/v1/tickets/"+b.id(), object{"status": "closed"})
	updated := ada.get("/api/v1/tickets/" + c.id()).text("updated_at")
	eventually(t, func() bool { return len(ada.get("/api/v1/tickets?q=elephant").list()) == 1 })
	for filter, want := range map[string]string{
		"":                                              "c b a",
		"status=open":                                   "a",
		"status=open,pending":                           "c a",
		"status=open&status=closed":                     "b a",
		"status=%20open%20,,":                           "a",
		"status=":                                       "c b a",
		"priority=low,critical":                         "c a",
		"category=bug":                                  "c a",
		"category=bug&priority=low":                     "a",
		"assigned_to_id=" + ada.user:                    "b",
		"created_by_id=" + bob.user:                     "b",
		"created_by_id=" + nobodyID:                     "",
		"department=IT":                                 "a",
		"tag=y":                                         "b a",
		"tag=x":                                         "a",
		"tag=z":                                         "",
		"has_attachments=true":                          "",
		"has_attachments=false":                         "c b a",
		"integration_id=" + nobodyID:                    "",
		"q=elephant":                                    "a",
		"q=purple%20elephants":                          "a",
		"q=%22elephant%20purple%22":                     "",
		"q=elephant%20or%20nothing":                     "a",
		"q=burns%20-elephant":                           "c b",
		"q=" + url.QueryEscape("' | ! & <->"):           "",
		"created_after=" + b.text("created_at"):         "c b", // the event's time has microseconds, the answer milliseconds
		"created_before=" + b.text("created_at"):        "a",
		"created_after=2020-01-01T00:00:00%2B02:00":     "c b a",
		"created_before=2020-01-01T00:00:00Z":           "",
		"updated_after=2999-01-01T00:00:00Z":            "",
		"updated_after=" + updated:                      "c b",
		"sort_by=title&sort_order=asc":                  "a b c",
		"sort_by=title":                                 "c b a",
		"sort_by=priority&sort_order=desc":              "c b a",
		"sort_by=priority&sort_order=asc":               "a b c",
		"sort_by=number&sort_order=asc":                 "a b c",
		"sort_by=updated_at":                            "b c a",
		"sort_by=last_activity_at&sort_order=asc":       "a c b",
		"sort_by=status&sort_order=asc":                 "b a c",
		"sort_by=created_at&sort_order=asc":             "a b c",
		"sort_order=asc":                                "a b c",
		"sort_by=title&sort_order=asc&limit=1&offset=1": "b",
		"limit=2":                                       "c b",
		"offset=1":                                      "b a",
		"limit=1&offset=2":                              "a",
		"offset=99":                                     "",
	} {
		got := ada.get("/api/v1/tickets?" + filter)
		require.Equal(t, want, strings.Join(got.titles(), " "), filter)
		if !strings.Contains(filter, "limit") && !strings.Contains(filter, "offset") {
			require.Equal(t, fmt.Sprint(len(got.list())), got.header.Get("X-Total-Count"), filter)
		}
		require.Empty(t, got.header.Get("X-Total-Count-Capped"))
	}
	for _, bad := range []string{
		"status=lost", "status=open,lost", "priority=x", "category=x", "limit=0", "limit=101", "limit=x", "limit=-1", "offset=-1", "page=-1",
		"size=101", "assigned_to_id=x", "created_by_id=x", "integration_id=x", "has_attachments=maybe", "created_after=yesterday",
		"created_before=x", "updated_after=x", "sort_by=id", "sort_by=title%3Bdrop", "sort_order=up", "cursor=x", "cursor=AAAA",
		"q=" + strings.Repeat("x", 501), "cursor=" + strings.Repeat("_", 32), "cursor=" + strings.Repeat("A", 32) + "&sort_by=title",
		"tag=%00", "department=%00", "q=%00", "tag=%ff", "department=%ff", "q=%ff%fe",
	} {
		a := ada.do(422, "GET", "/api/v1/tickets?"+bad, nil)
		require.Contains(t, str(a.problems()[0]["location"]), "query.", bad)
	}
}

func TestACountThatIsCapped(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	ada.ticket()
	more := func(from, to int) {
		t.Helper()
		_, err := i.pool.Exec(t.Context(), `INSERT INTO tickets
			SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), 'number', n))).*
			FROM tickets t, generate_series($1::int, $2::int) n WHERE t.number = 1`, from, to)
		require.NoError(t, err)
	}
	more(2, 10_000)
	a := ada.get("/api/v1/tickets?limit=1")
	require.Equal(t, "10000", a.header.Get("X-Total-Count"))
	require.Empty(t, a.header.Get("X-Total-Count-Capped"), "exact: there are no more")
	more(10_001, 10_005)
	a = ada.get("/api/v1/tickets?limit=1")
	require.Equal(t, "10000", a.header.Get("X-Total-Count"))
	require.Equal(t, "true", a.header.Get("X-Total-Count-Capped"))
	require.EqualValues(t, 10_000, ada.get("/api/v1/tickets?size=1").object()["total"])
}

// 250 tickets, some made at the same moment, are each seen once, whichever way one pages.
func TestPagingLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	const all = 250
	var work errgroup.Group
	work.SetLimit(16)
	for n := range all {
		work.Go(func() error {
			a, err := c.try("POST", "/api/v1/tickets", object{"title": fmt.Sprint("ticket ", n), "description": "d"})
			if err == nil && a.status != 201 {
				err = fmt.Errorf("%d: %s", a.status, a.raw)
			}
			return err
		})
	}
	require.NoError(t, work.Wait())
	numbers := map[any]bool{}
	for _, start := range []string{
		"/api/v1/tickets?limit=17", "/api/v1/tickets", "/api/v1/tickets?limit=100&status=open,closed&q=", "/api/v1/tickets?limit=33&offset=5",
		"/api/v1/tickets?limit=50&sort_by=title", "/api/v1/tickets?limit=41&sort_order=asc",
	} {
		seen := map[string]bool{}
		for path := start; path != ""; {
			page := c.get(path)
			require.Equal(t, fmt.Sprint(all), page.header.Get("X-Total-Count"))
			for _, o := range page.list() {
				require.False(t, seen[str(o["id"])], "%s comes twice", o["title"])
				seen[str(o["id"])], numbers[o["number"]] = true, true
			}
			path = page.next()
		}
		want := all
		if strings.Contains(start, "offset=5") {
			want -= 5
		}
		require.Len(t, seen, want, start)
	}
	require.Len(t, numbers, all, "no number was given out twice")

	// A ticket that comes in while somebody pages shifts no page.
	page := c.get("/api/v1/tickets?limit=100")
	c.ticket()
	next := c.get(page.next())
	require.False(t, slices.ContainsFunc(page.list(), func(o object) bool { return o["id"] == next.list()[0]["id"] }))

	for _, start := range []string{"/api/v1/tickets?page=1&size=60", "/api/v1/tickets/?size=60", "/api/v1/tickets/?limit=60", "/api/v1/tickets/"} {
		seen, pages := map[string]bool{}, 0
		for path := start; path != ""; pages++ {
			a := c.get(path)
			var e struct {
				Items                    []object
				Total, Page, Size, Pages int
				HasNext                  bool `json:"has_next"`
				HasPrev                  bool `json:"has_prev"`
			}
			a.into(&e)
			require.Equal(t, all+1, e.Total, path)
			require.Equal(t, pages+1, e.Page, path)
			require.Equal(t, (all+e.Size)/e.Size, e.Pages)
			require.Equal(t, pages > 0, e.HasPrev)
			require.Equal(t, e.Page < e.Pages, e.HasNext)
			for _, o := range e.Items {
				seen[str(o["id"])] = true
			}
			path = a.next()
			require.Equal(t, e.HasNext, path != "")
		}
		require.Len(t, seen, all+1, start)
	}
	empty := c.get("/api/v1/tickets?page=99&size=10").object()
	require.Equal(t, []any{}, empty["items"])
	require.Equal(t, false, empty["has_next"])
	require.Equal(t, true, empty["has_prev"])
}

// next answers where the Link header leads; "" when the list ends.
func (a answer) next() string {
	link := a.header.Get("Link")
	if link == "" {
		return ""
	}
	path, rel, _ := strings.Cut(link, ">; ")
	require.Equal(a.t, `rel="next"`, rel)
	return strings.TrimPrefix(path, "<")
}

// Every address answers with and without a trailing slash, and never with a redirect.
func TestTrailingSlashes(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	id := c.ticket().id()
	body := object{"title": "t", "description": "d"}
	alias := c.do(200, "POST", "/api/v1/tickets/", body)
	require.NotEmpty(t, alias.id())
	require.Equal(t, []any{}, alias.object()["attachments"])
	for _, path := range []string{
		"/health", "/health/db", "/ready", "/docs", "/metrics", "/openapi.json", "/api/v1/websocket/health", "/api/v1/tickets/" + id,
		"/api/v1/tickets/1", "/api/v1/tickets/" + id + "/comments", "/api/v1/tickets/" + id + "/history", "/api/v1/tickets/stats/overview",
		"/api/v1/users/me", "/api/v1/auth/me", "/api/v1/auth/verify", "/api/v1/members", "/api/v1/api-tokens", "/api/v1/organization",
	} {
		require.Equal(t, 200, c.status("GET", path, nil), path)
		require.Equal(t, 200, c.status("GET", path+"/", nil), path)
	}
	c.do(201, "POST", "/api/v1/tickets/"+id+"/comments/", object{"content": "x"})
	c.do(201, "POST", "/api/v1/members/invite/", object{"email": "x@example.org"})
	c.do(200, "PATCH", "/api/v1/tickets/"+id+"/?x=1", object{"title": "new"})
	c.do(204, "DELETE", "/api/v1/tickets/"+id+"/", nil)
	c.do(404, "GET", "/api/v1/nothing/", nil)
	c.do(404, "GET", "//", nil)
}
