package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestATicketHasTheFieldsOfTheContract(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	created := c.post("/api/v1/tickets", object{
		"title": " VPN drops ", "description": "Every ten minutes.", "priority": "high", "urgency": "critical", "category": "technical",
		"subcategory": "vpn", "department": "IT", "tags": []string{"a", " b", "a"}, "custom_fields": object{"browser": object{"tabs": 3}},
		"source_channel": "chrome_extension", "assigned_to_id": c.user, "create_externally": false,
	})
	creator := object{"id": c.user, "username": c.name, "full_name": ""}
	got := created.object()
	id, err := uuid.Parse(created.id())
	require.NoError(t, err)
	require.EqualValues(t, 7, id.Version())
	for name, want := range map[string]any{
		"number": 1.0, "title": "VPN drops", "description": "Every ten minutes.", "status": "open", "priority": "high", "urgency": "critical",
		"category": "technical", "subcategory": "vpn", "department": "IT", "tags": []any{"a", "b"}, "custom_fields": object{"browser": object{"tabs": 3.0}},
		"source_channel": "chrome_extension", "created_by": creator, "creator": creator, "assigned_to_id": c.user, "attachments": []any{},
		"files": []any{}, "ai": nil, "ai_generated": false, "resolution_summary": nil, "first_response_at": nil, "resolved_at": nil,
		"closed_at": nil, "comment_count": 0.0, "integration_id": nil, "external_ticket_id": nil, "external_ticket_url": nil,
		"integration_result": nil, "version": 2.0, "file_count": 0.0,
	} {
		require.Contains(t, got, name)
		require.Equal(t, want, got[name], name)
	}
	for _, name := range []string{"created_at", "updated_at", "last_activity_at"} {
		_, err := time.Parse("2006-01-02T15:04:05.000Z", created.text(name))
		require.NoError(t, err, name)
	}
	for _, ref := range []string{created.id(), "1", strings.ToUpper(created.id())} {
		again := c.get("/api/v1/tickets/" + ref)
		require.Equal(t, got, again.object(), "the answer to a command is what the next GET shows")
		require.Equal(t, `"2"`, again.etag())
		require.Empty(t, again.header.Values("X-Event-Position"), "only writes answer one")
	}
	plain := c.ticket().object()
	for name, want := range map[string]any{"priority": "medium", "urgency": "medium", "category": "general", "source_channel": "api", "subcategory": nil, "department": nil, "tags": []any{}, "custom_fields": object{}, "assigned_to_id": nil} {
		require.Equal(t, want, plain[name], name)
	}
}

func TestAPartialUpdateChangesWhatItNames(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	full := object{
		"title": "t", "description": "d", "priority": "high", "urgency": "high", "category": "bug", "subcategory": "s", "department": "IT",
		"tags": []any{"a"}, "custom_fields": object{"k": "v"}, "assigned_to_id": c.user,
	}
	for _, method := range []string{"PUT", "PATCH"} {
		for name, change := range map[string]struct{ to, cleared any }{
			"title": {"other", "!"}, "description": {"other", "!"}, "priority": {"low", "medium"}, "urgency": {"low", "medium"},
			"category": {"billing", "general"}, "subcategory": {"x", nil}, "department": {"x", nil}, "tags": {[]any{"x", "y"}, []any{}},
			"custom_fields": {object{"x": 1.0}, object{}}, "assigned_to_id": {c.user, nil}, "status": {"pending", "!"},
		} {
			before := c.post("/api/v1/tickets", full)
			path := "/api/v1/tickets/" + before.id()
			want := before.object()
			want[name] = change.to
			after := c.do(200, method, path, object{name: change.to})
			require.Equal(t, settled(want), settled(after.object()), "%s %s", method, name)
			require.Equal(t, after.object(), c.get(path).object())
			require.Equal(t, after.object(), c.do(200, method, path, object{name: change.to}).object(), "the same again changes nothing")

			if change.cleared == "!" {
				refused := c.do(422, method, path, object{name: nil})
				require.Contains(t, refused.detail(), name)
				continue
			}
			want[name] = change.cleared
			require.Equal(t, settled(want), settled(c.do(200, method, path, object{name: nil}).object()), "%s clears %s", method, name)
		}
	}
}

// settled leaves out what changes with every change.
func settled(o object) object {
	o = maps.Clone(o)
	for _, name := range []string{"version", "updated_at", "last_activity_at"} {
		delete(o, name)
	}
	return o
}

func TestABodyThatIsNotValid(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	ticket := "/api/v1/tickets/" + c.ticket().id()
	long := strings.Repeat("é", 501)
	for name, bad := range map[string]struct {
		body     object
		location string
	}{
		"no title":            {object{"description": "d"}, "body"},
		"empty title":         {object{"title": "", "description": "d"}, "body.title"},
		"blank title":         {object{"title": "  ", "description": "d"}, "body.title"},
		"long title":          {object{"title": long, "description": "d"}, "body.title"},
		"null title":          {object{"title": nil, "description": "d"}, "body.title"},
		"no description":      {object{"title": "t"}, "body"},
		"long description":    {object{"title": "t", "description": strings.Repeat("x", 50_001)}, "body.description"},
		"priority":            {object{"title": "t", "description": "d", "priority": "urgent"}, "body.priority"},
		"category":            {object{"title": "t", "description": "d", "category": "x"}, "body.category"},
		"unknown field":       {object{"title": "t", "description": "d", "colour": "red"}, "body.colour"},
		"number for a text":   {object{"title": 1, "description": "d"}, "body.title"},
		"text for a list":     {object{"title": "t", "description": "d", "tags": "x"}, "body.tags"},
		"list of wrong":       {object{"title": "t", "description": "d", "tags": []any{1}}, "body.tags[0]"},
		"51 tags":             {object{"title": "t", "description": "d", "tags": distinct(51)}, "body.tags"},
		"list for an object":  {object{"title": "t", "description": "d", "custom_fields": []any{}}, "body.custom_fields"},
		"NUL":                 {object{"title": "t\x00", "description": "d"}, "body.title"},
		"NUL in custom field": {object{"title": "t", "description": "d", "custom_fields": object{"a": object{"b": "\x00"}}}, "body.custom_fields"},
		"assignee":            {object{"title": "t", "description": "d", "assigned_to_id": "me"}, "body.assigned_to_id"},
		"unknown assignee":    {object{"title": "t", "description": "d", "assigned_to_id": nobodyID}, "body.assigned_to_id"},
		"integration":         {object{"title": "t", "description": "d", "integration_id": nobodyID}, "body.integration_id"},
	} {
		a := c.do(422, "POST", "/api/v1/tickets", bad.body)
		require.Equal(t, bad.location, a.problems()[0]["location"], name)
		require.NotEmpty(t, a.problems()[0]["message"], name)
		if bad.body["title"] == "t" {
			change := maps.Clone(bad.body)
			delete(change, "title")
			delete(change, "description")
			if len(change) == 1 && change["integration_id"] == nil {
				c.do(422, "PATCH", ticket, change)
			}
		}
	}
	// What is just within the bounds is fine.
	c.post("/api/v1/tickets", object{"title": long[:1000], "description": strings.Repeat("\U0001F5A8", 50_000), "tags": distinct(50)})
	require.Equal(t, "1", c.get(ticket).text("version"))
}

func (a answer) problems() []object {
	a.t.Helper()
	var p struct{ Errors []object }
	a.into(&p)
	require.NotEmpty(a.t, p.Errors, "%s", a.raw)
	return p.Errors
}

func TestAttachmentProblems(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	ticket := "/api/v1/tickets/" + c.ticket().id()
	const other = "018f0000-0000-7000-8000-000000000001"
	for _, bad := range []struct {
		attachments, fileIDs any
		detail               string
	}{
		{[]any{object{}}, nil, "Each attachment must have 'file_id' field"},
		{[]any{object{"id": nobodyID}}, nil, "Each attachment must have 'file_id' field"},
		{[]any{"x"}, nil, "Each attachment must have 'file_id' field"},
		{[]any{nil}, nil, "Each attachment must have 'file_id' field"},
		{[]any{object{"file_id": "not-a-uuid"}}, nil, "Invalid file_id format: not-a-uuid"},
		{[]any{object{"file_id": 17}}, nil, "Invalid file_id format: 17"},
		{[]any{object{"file_id": ""}}, nil, "Invalid file_id format: "},
		{[]any{object{"file_id": nobodyID}}, nil, "Invalid or inaccessible files: {" + nobodyID + "}"},
		{nil, []any{nobodyID}, "Invalid or inaccessible files: {" + nobodyID + "}"},
		{nil, []any{"x"}, "Invalid file_id format: x"},
		{[]any{object{"file_id": nobodyID}, object{"file_id": other}}, nil, "Invalid or inaccessible files: {" + nobodyID + ", " + other + "}"},
		{[]any{object{"file_id": nobodyID}, object{"file_id": nobodyID}}, nil, "Invalid or inaccessible files: {" + nobodyID + "}"},
		{[]any{object{"file_id": nobodyID}}, []any{nobodyID}, "Invalid or inaccessible files: {" + nobodyID + "}"},
	} {
		for path, body := range map[string]object{
			"/api/v1/tickets": {"title": "t", "description": "d"}, "/api/v1/tickets/": {"title": "t", "description": "d"},
			ticket + "/comments": {"content": "x"}, ticket + "/attachments": {},
		} {
			if bad.attachments != nil {
				body["attachments"] = bad.attachments
			}
			if bad.fileIDs != nil {
				body["file_ids"] = bad.fileIDs
			}
			require.Equal(t, bad.detail, c.do(400, "POST", path, body).detail(), path)
		}
	}
	require.Equal(t, "Invalid file_id format: x", c.do(400, "DELETE", ticket+"/attachments/x", nil).detail())
	require.Empty(t, c.do(200, "POST", ticket+"/attachments", object{"attachments": []any{}}).object()["attachments"])
	require.Equal(t, "1", c.do(200, "POST", ticket+"/attachments", object{"attachments": nil, "file_ids": nil}).text("version"))
	require.Len(t, c.get("/api/v1/tickets").list(), 1)
}

// The contract's table of statuses, written down once more: from each to those it may move to.
var mayMoveTo = map[string][]string{
	"new":         {"open", "in_progress", "pending", "resolved", "closed", "cancelled"},
	"open":        {"new", "in_progress", "pending", "resolved", "closed", "cancelled"},
	"in_progress": {"new", "open", "pending", "resolved", "closed", "cancelled"},
	"pending":     {"new", "open", "in_progress", "resolved", "closed", "cancelled"},
	"resolved":    {"closed", "open"},
	"closed":      {"open"},
	"cancelled":   {"open"},
}

func TestEveryTransition(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	for from := range mayMoveTo {
		for to := range mayMoveTo {
			for n, route := range []string{"/status", ""} {
				method := []string{"POST", "PATCH"}[n]
				path := "/api/v1/tickets/" + c.ticket().id()
				if from != "open" {
					c.patch(path, object{"status": from})
				}
				if from == to || slices.Contains(mayMoveTo[from], to) {
					a := c.do(200, method, path+route, object{"status": to})
					require.Equal(t, to, a.text("status"))
					require.Equal(t, to == "resolved" || (from == "resolved" && to == "closed"), a.object()["resolved_at"] != nil, "%s to %s", from, to)
					require.Equal(t, to == "closed" || to == "cancelled", a.object()["closed_at"] != nil, "%s to %s", from, to)
					continue
				}
				a := c.do(409, method, path+route, object{"status": to})
				require.Equal(t, fmt.Sprintf("A ticket that is %s cannot become %s; allowed: %s.", from, to, strings.Join(mayMoveTo[from], ", ")), a.detail())
				require.Equal(t, from, c.get(path).text("status"))
			}
		}
	}
	path := "/api/v1/tickets/" + c.ticket().id()
	require.Equal(t, "Restarted.", c.do(200, "POST", path+"/status", object{"status": "resolved", "resolution_summary": "Restarted."}).text("resolution_summary"))
	c.do(422, "POST", path+"/status", object{"status": "lost"})
	c.do(422, "POST", path+"/status", object{})
}

func TestIfMatchGuardsEveryChange(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	path := "/api/v1/tickets/" + c.ticket().id()
	c.patch(path, object{"priority": "high"}) // version 2
	for _, write := range []struct {
		method, path string
		body         object
	}{
		{"PATCH", "", object{"title": "x"}},
		{"PUT", "", object{"title": "x"}},
		{"POST", "/status", object{"status": "pending"}},
		{"POST", "/assign", object{"assigned_to_id": c.user}},
		{"POST", "/comments", object{"content": "x"}},
		{"POST", "/attachments", object{"attachments": []any{object{"file_id": nobodyID}}}},
		{"DELETE", "", nil},
	} {
		for _, tag := range []string{`"1"`, `"3"`, `1`, `W/"1"`, `"x"`, `x`, `""`, `"0"`, `"-1"`, `"99999999999999999999"`} {
			var body any
			if write.body != nil {
				body = write.body
			}
			a := c.with("If-Match", tag).do(412, write.method, path+write.path, body)
			require.Equal(t, "urn:ticketd:problem:version_mismatch", a.text("type"))
		}
	}
	require.Equal(t, `"2"`, c.get(path).etag())
	require.Equal(t, `"3"`, c.with("If-Match", `"2"`).patch(path, object{"title": "x"}).etag())
	require.Equal(t, `"4"`, c.with("If-Match", `W/"3"`).patch(path, object{"title": "y"}).etag())
	require.Equal(t, `"5"`, c.with("If-Match", "*").patch(path, object{"title": "z"}).etag())
	c.with("If-Match", `"1"`).do(404, "PATCH", "/api/v1/tickets/"+nobodyID, object{"title": "x"})
	c.with("If-Match", `"5"`).do(204, "DELETE", path, nil)
}

func TestADeletedTicketIsGone(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	created := c.ticket(object{"title": "goner"})
	c.post("/api/v1/tickets/"+created.id()+"/comments", object{"content": "last words"})
	eventually(t, func() bool { return len(c.get("/api/v1/tickets?q=goner").list()) == 1 })
	gone := c.do(204, "DELETE", "/api/v1/tickets/"+created.id(), nil)
	require.Empty(t, gone.raw)
	require.Positive(t, number(t, gone.header.Get("X-Event-Position")))
	for _, ref := range []string{created.id(), created.text("number")} {
		for _, route := range []struct {
			method, path string
			body         object
		}{
			{"GET", "", nil},
			{"GET", "/comments", nil},
			{"PATCH", "", object{"title": "x"}},
			{"POST", "/status", object{"status": "closed"}},
			{"POST", "/assign", object{"assigned_to_id": nil}},
			{"POST", "/comments", object{"content": "x"}},
			{"POST", "/attachments", object{"attachments": []any{}}},
		} {
			var body any
			if route.body != nil {
				body = route.body
			}
			c.do(404, route.method, "/api/v1/tickets/"+ref+route.path, body)
		}
	}
	require.Len(t, c.get("/api/v1/tickets/"+created.id()+"/history").list(), 3, "its history stays, for those who read the log")
	c.colleague("support").do(404, "GET", "/api/v1/tickets/"+created.id()+"/history", nil)
	c.do(204, "DELETE", "/api/v1/tickets/"+created.id(), nil) // a repeated command causes nothing
	for _, list := range []string{"", "?q=goner", "?status=open", "?page=1"} {
		require.NotContains(t, string(c.get("/api/v1/tickets"+list).raw), created.id())
	}
	require.Equal(t, "0", c.get("/api/v1/tickets/stats/overview").text("total"))
}

func TestComments(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	member, auditor := ada.colleague("member"), ada.colleague("auditor")
	created := member.ticket()
	path := "/api/v1/tickets/" + created.id() + "/comments"
	first := member.with("X-Request-ID", "r-1").post(path, object{"content": "It still burns."})
	require.Equal(t, object{"id": member.user, "username": member.name, "full_name": ""}, first.object()["author"])
	require.Equal(t, `"2"`, first.etag())
	require.Equal(t, created.id(), first.text("ticket_id"))
	require.Nil(t, member.get("/api/v1/tickets/" + created.id()).object()["first_response_at"], "one's own comment is no response")
	ada.post(path, object{"content": "the printer is from 1987", "internal": true})
	require.Nil(t, member.get("/api/v1/tickets/" + created.id()).object()["first_response_at"], "nor is what nobody outside sees")
	reply := ada.post(path, object{"content": "Have you tried water?", "attachments": []any{}})
	require.Equal(t, reply.text("created_at"), member.get("/api/v1/tickets/"+created.id()).text("first_response_at"))

	contents := func(c *client, path string) []string {
		t.Helper()
		list := []string{}
		for _, comment := range c.get(path).list() {
			list = append(list, str(comment["content"]))
		}
		return list
	}
	all := []string{"It still burns.", "the printer is from 1987", "Have you tried water?"}
	require.Equal(t, all, contents(ada, path))
	require.Equal(t, all, contents(auditor, path))
	require.Equal(t, []string{all[0], all[2]}, contents(member, path+"/"))
	require.Equal(t, all[:2], contents(ada, path+"?limit=2"))
	require.Equal(t, all[2:], contents(ada, path+"?after=3"))
	eventually(t, func() bool { return len(ada.get("/api/v1/tickets?q=1987").list()) == 1 }, "comments are searched")
	require.Len(t, auditor.get("/api/v1/tickets?q=1987").list(), 1)
	require.Empty(t, member.get("/api/v1/tickets?q=1987").list(), "nor does a search tell what one may not read")
	require.Len(t, member.get("/api/v1/tickets?q=water").list(), 1)
	for _, bad := range []object{{}, {"content": ""}, {"content": "  "}, {"content": nil}, {"content": strings.Repeat("x", 50_001)}, {"content": "x", "internal": "yes"}} {
		ada.do(422, "POST", path, bad)
	}
}

func TestAssigning(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	bob := ada.colleague("support")
	path := "/api/v1/tickets/" + ada.ticket().id()
	require.Equal(t, bob.user, ada.do(200, "POST", path+"/assign", object{"assigned_to_id": bob.user, "reason": "knows printers"}).text("assigned_to_id"))
	require.Equal(t, "2", ada.do(200, "POST", path+"/assign", object{"assigned_to_id": bob.user}).text("version"), "asked again, nothing happens")
	require.Nil(t, ada.do(200, "POST", path+"/assign", object{"assigned_to_id": nil}).object()["assigned_to_id"])
	for _, bad := range []object{{}, {"assigned_to_id": "x"}, {"assigned_to_id": nobodyID}, {"assigned_to_id": ada.user, "reason": strings.Repeat("x", 501)}} {
		ada.do(422, "POST", path+"/assign", bad)
	}
	ada.patch("/api/v1/members/"+bob.user, object{"is_active": false})
	ada.do(422, "POST", path+"/assign", object{"assigned_to_id": bob.user})
	history := ada.get(path + "/history").list()
	require.Len(t, history, 3)
	require.Equal(t, []any{object{"field": "assigned_to_id", "old": nil, "new": bob.user}}, history[1]["changes"])
	data, _ := history[1]["data"].(object)
	require.Equal(t, "knows printers", data["reason"])
}

// Whoever leaves keeps no ticket waiting.
func TestWhoeverLeavesGivesTheirTicketsBack(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	bob := ada.colleague("support")
	mine, his := ada.ticket(object{"assigned_to_id": ada.user}).id(), ada.ticket(object{"assigned_to_id": bob.user}).id()
	ada.do(204, "DELETE", "/api/v1/members/"+bob.user, nil)
	eventually(t, func() bool { return ada.get("/api/v1/tickets/" + his).object()["assigned_to_id"] == nil })
	require.Equal(t, ada.user, ada.get("/api/v1/tickets/"+mine).text("assigned_to_id"))
	history := ada.get("/api/v1/tickets/" + his + "/history").list()
	actor, _ := history[len(history)-1]["actor"].(object)
	require.Equal(t, "system", actor["type"])
}

func TestStatistics(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	member := ada.colleague("member")
	empty := ada.get("/api/v1/tickets/stats/overview").object()
	require.Equal(t, object{
		"total": 0.0, "open": 0.0, "unassigned": 0.0, "by_status": object{}, "by_priority": object{}, "by_category": object{},
		"created_last_24h": 0.0, "closed_last_24h": 0.0, "mean_first_response_seconds": nil, "mean_resolution_seconds": nil,
	}, empty)
	ada.ticket(object{"priority": "high"})
	ada.ticket(object{"category": "bug", "assigned_to_id": ada.user})
	done := member.ticket()
	ada.post("/api/v1/tickets/"+done.id()+"/comments", object{"content": "x"})
	ada.patch("/api/v1/tickets/"+done.id(), object{"status": "resolved"})
	stats := ada.get("/api/v1/tickets/stats/overview/").object()
	for name, want := range map[string]any{
		"total": 3.0, "open": 2.0, "unassigned": 1.0, "by_status": object{"open": 2.0, "resolved": 1.0}, "by_priority": object{"high": 1.0, "medium": 2.0},
		"by_category": object{"general": 2.0, "bug": 1.0}, "created_last_24h": 3.0, "closed_last_24h": 1.0,
	} {
		require.Equal(t, want, stats[name], name)
	}
	require.NotNil(t, stats["mean_first_response_seconds"])
	require.NotNil(t, stats["mean_resolution_seconds"])
	require.Equal(t, "1", member.get("/api/v1/tickets/stats/overview").text("total"), "a member sees their own")
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	path := "/api/v1/tickets/" + c.ticket().id()
	for n := range 5 {
		c.with("X-Request-ID", fmt.Sprint("r", n)).patch(path, object{"title": fmt.Sprint("title ", n)})
	}
	all := c.get(path + "/history").list()
	require.Len(t, all, 6)
	require.Equal(t, "r0", all[1]["correlation_id"])
	require.Equal(t, "r0", all[1]["causation_id"])
	require.NotEqual(t, "r0", all[0]["correlation_id"], "one is made when none is sent")
	var paged []object
	for after := "0"; ; {
		page := c.get(path + "/history?limit=2&after=" + after).list()
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		after = strconv.FormatFloat(page[len(page)-1]["position"].(float64), 'f', -1, 64)
	}
	require.Equal(t, all, paged)
	for _, bad := range []string{"?limit=0", "?limit=1001", "?after=-1", "?after=x"} {
		c.do(422, "GET", path+"/history"+bad, nil)
	}
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return n
}

func distinct(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint("tag ", i)
	}
	return list
}

// A ticket can be seen as it was, by whoever may see it now.
func TestATicketAsItWas(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	ticket := ada.ticket(object{"title": "first"})
	path := "/api/v1/tickets/" + ticket.id()
	ada.patch(path, object{"title": "second"})
	ada.patch(path, object{"title": "third"})
	history := ada.get(path + "/history").list()
	for n, title := range []string{"first", "second", "third"} {
		then := ada.get(fmt.Sprint(path, "?version=", n+1))
		require.Equal(t, title, then.text("title"))
		require.Equal(t, fmt.Sprintf(`"%d"`, n+1), then.etag())
		require.EqualValues(t, n+1, then.object()["version"])
	}
	require.Equal(t, ada.get(path).raw, ada.get(path+"?version=3").raw)
	require.Equal(t, "third", ada.get("/api/v1/tickets/1?as_of=2999-01-01T00:00:00Z").text("title"))
	at, err := time.Parse(time.RFC3339, str(history[1]["occurred_at"]))
	require.NoError(t, err)
	between := at.Add(time.Millisecond) // the history tells milliseconds, the log keeps microseconds
	if then := ada.get(path + "?as_of=" + between.Format(time.RFC3339Nano)); then.text("title") != "third" {
		require.Equal(t, "second", then.text("title"))
	}
	for _, none := range []string{"?version=4", "?as_of=2000-01-01T00:00:00Z"} {
		ada.do(404, "GET", path+none, nil)
	}
	for _, bad := range []string{"?version=0", "?version=x", "?as_of=yesterday", "?version=1&as_of=2999-01-01T00:00:00Z"} {
		ada.do(422, "GET", path+bad, nil)
	}
	ada.colleague("member").do(404, "GET", path+"?version=1", nil)
	i.founder("bob").do(404, "GET", path+"?version=1", nil)
	ada.do(204, "DELETE", path, nil)
	require.Equal(t, "first", ada.get(path+"?version=1").text("title"), "it was there")
	ada.do(404, "GET", path+"?version=4", nil)
}
