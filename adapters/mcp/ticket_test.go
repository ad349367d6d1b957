package mcp

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
)

func TestCreateTicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	picture := d.uploaded("sam", "screen.png", file.Image, nil)
	made := d.ok("sam", "create_ticket", anyMap{
		"title": " Printer ", "description": "It burns.", "category": "bug", "priority": "high", "urgency": "low", "subcategory": "fire", "department": "IT",
		"tags": []string{"hot", "hot"}, "assigned_to_id": d.callers["bob"].User.String(), "attachments": []anyMap{{"file_id": picture}},
	})
	require.Equal(t, "created", made["status"])
	require.Nil(t, made["external_id"])
	require.Contains(t, made, "integration")
	shown := made["ticket"].(anyMap)
	require.Equal(t, made["ticket_id"], shown["id"])
	require.Equal(t, made["number"], shown["number"])
	require.Equal(t, "Printer", shown["title"])
	require.Equal(t, "bug", shown["category"])
	require.Equal(t, []any{"hot"}, shown["tags"])
	require.Equal(t, "bob", shown["assigned_to"].(anyMap)["username"])
	require.Equal(t, "SAM", shown["created_by"].(anyMap)["full_name"])
	require.Equal(t, anyMap{"file_id": picture, "filename": "screen.png", "mime_type": "application/x-test", "status": "processed"}, shown["attachments"].([]any)[0])
	row := d.row("sam", made["ticket_id"].(string))
	require.Equal(t, "mcp", row.SourceChannel)
	require.Equal(t, ticket.High, row.Priority)
	require.Equal(t, ticket.Low, row.Urgency)

	least := d.ok("bob", "create_ticket", anyMap{"title": "a", "description": "b"})["ticket"].(anyMap)
	require.Equal(t, "general", least["category"])
	require.Equal(t, "medium", least["priority"])
	require.Empty(t, least["tags"])
	require.Empty(t, least["attachments"])
	require.NotContains(t, least, "assigned_to")
}

func TestATicketOfAnAgentSaysSo(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.opened("bob's agent", "Printer")
	require.Equal(t, "agent", d.row("bob", id).SourceChannel)
	require.Equal(t, d.callers["bob"].User, d.row("bob", id).CreatedBy, "with the rights of its person")
	stream, err := d.store.Load(t.Context(), d.callers["bob"].Org.UUID, uuid.MustParse(id))
	require.NoError(t, err)
	require.Equal(t, "agent", stream.Events[0].Metadata.Actor.Type)
}

func TestARepeatedCallMakesOneTicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	again := func(token, key string) string {
		return d.ok(token, "create_ticket", anyMap{"title": "Printer", "description": "It burns."}, keyField, key)["ticket_id"].(string)
	}
	first := again("bob", "run-1")
	require.Equal(t, first, again("bob", "run-1"))
	require.Equal(t, uuid.NewSHA1(d.callers["bob"].User.UUID, []byte("run-1")).String(), first)
	require.NotEqual(t, first, again("bob", "run-2"))
	require.NotEqual(t, first, again("cyd", "run-1"), "a key is its person's")
	require.Equal(t, 1, d.row("bob", first).Version)
	require.NotEqual(t, d.opened("bob", "Printer"), d.opened("bob", "Printer"), "no key, no repetition")

	elsewhere := d.ok("bob", "create_integration_ticket", anyMap{"integration_type": "jira", "ticket_data": anyMap{"title": "a", "description": "b"}}, keyField, "run-3")
	require.Equal(t, elsewhere, d.ok("bob", "create_integration_ticket", anyMap{"integration_type": "jira", "ticket_data": anyMap{"title": "a", "description": "b"}}, keyField, "run-3"))

	for _, key := range []any{"", " ", 7, strings.Repeat("x", 256), []string{"a"}} {
		refused := d.refuses("idempotency_key_invalid", "bob", "create_ticket", anyMap{"title": "a", "description": "b"}, keyField, key)
		require.Equal(t, "_meta.idempotency_key", refused.Field)
	}
	d.tell(d.callers["bob"].Org, uuid.MustParse(first), ticket.Deleted{})
	require.Contains(t, d.refuses("ticket_not_found", "bob", "create_ticket", anyMap{"title": "a", "description": "b"}, keyField, "run-1").Message, "deleted since")
}

func TestTheSameKeyAtTheSameTimeMakesOneTicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var calls sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		calls.Go(func() {
			made, refused := d.use("bob", "create_ticket", anyMap{"title": "Printer", "description": "It burns."}, keyField, "once")
			if refused == nil {
				ids[i] = made["ticket_id"].(string)
			}
		})
	}
	calls.Wait()
	for _, id := range ids {
		require.Equal(t, uuid.NewSHA1(d.callers["bob"].User.UUID, []byte("once")).String(), id)
	}
	require.EqualValues(t, 1, d.ok("bob", "list_tickets", nil)["total"])
}

func TestCreateTicketRefusals(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	foreign, infected := d.uploaded("eve", "a.png", file.Image, nil), uuid.New()
	bob := d.callers["bob"]
	d.tell(bob.Org, infected, file.Quarantined{UploadedBy: bob.User, Filename: "x.png", Category: file.Image, ContentHash: "ab", Signature: "Eicar"})
	with := func(more anyMap) anyMap {
		arguments := anyMap{"title": "a", "description": "b"}
		maps.Copy(arguments, more)
		return arguments
	}
	for _, id := range []string{foreign, infected.String(), uuid.NewString()} {
		refused := d.refuses("unknown_files", "bob", "create_ticket", with(anyMap{"attachments": []anyMap{{"file_id": id}}}))
		require.Contains(t, refused.Message, id)
		require.Equal(t, "attachments", refused.Field)
	}
	d.refuses("forbidden", "bob", "create_ticket", with(anyMap{"assigned_to_id": bob.User.String()}))
	d.refuses("unknown_assignee", "sam", "create_ticket", with(anyMap{"assigned_to_id": d.callers["eve"].User.String()}))
	require.Equal(t, "title", d.refuses("arguments_invalid", "bob", "create_ticket", anyMap{"description": "b"}).Field)
	require.EqualValues(t, 0, d.ok("sam", "list_tickets", nil)["total"])
}

func TestGetTicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.opened("bob", "Printer")
	number := fmt.Sprint(d.row("bob", id).Number)
	for _, token := range []string{"ada", "sam", "bob", "aud"} {
		require.Equal(t, id, d.ok(token, "get_ticket", anyMap{"ticket_id": id})["ticket"].(anyMap)["id"], token)
		require.Equal(t, id, d.ok(token, "get_ticket", anyMap{"ticket_id": number})["ticket"].(anyMap)["id"], token)
	}
	for _, token := range []string{"cyd", "eve"} {
		d.refuses("ticket_not_found", token, "get_ticket", anyMap{"ticket_id": id})
		d.refuses("ticket_not_found", token, "get_ticket", anyMap{"ticket_id": number})
	}
	d.refuses("ticket_not_found", "ada", "get_ticket", anyMap{"ticket_id": "none"})

	bob, first := d.callers["bob"], uuid.New()
	d.tell(bob.Org, uuid.MustParse(id),
		ticket.Commented{CommentID: first, Author: bob.User, Content: "Hot."}, ticket.Commented{CommentID: uuid.New(), Author: bob.User, Content: "Very.", Internal: true},
		ticket.Attached{Attachments: []ticket.Attachment{{FileID: domain.FileID{UUID: uuid.New()}}}})
	require.EqualValues(t, 1, d.ok("bob", "get_ticket", anyMap{"ticket_id": id})["ticket"].(anyMap)["comment_count"])
	seen := d.ok("sam", "get_ticket", anyMap{"ticket_id": id})["ticket"].(anyMap)
	require.EqualValues(t, 2, seen["comment_count"], "internal ones too")
	require.Equal(t, "deleted", seen["attachments"].([]any)[0].(anyMap)["status"], "the reference to what is gone stays")
}

func TestUpdateTicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.ok("sam", "create_ticket", anyMap{
		"title": "Printer", "description": "It burns.", "category": "bug", "priority": "high", "urgency": "low", "subcategory": "fire", "department": "IT", "tags": []string{"hot"},
		"assigned_to_id": d.callers["bob"].User.String(),
	})["ticket_id"].(string)
	before := d.row("sam", id)
	after := func() any { // with what tells of the change itself left out
		row := d.row("sam", id)
		row.Version, row.UpdatedAt, row.LastActivityAt = before.Version, before.UpdatedAt, before.LastActivityAt
		return row
	}
	for name, value := range map[string]any{
		"title": "Fire", "description": "It is out.", "category": "technical", "priority": "low", "urgency": "high", "subcategory": "smoke", "department": "Fire brigade",
		"tags": []string{"cold"}, "assigned_to_id": d.callers["cyd"].User.String(), "resolution_summary": "Put it out.",
	} {
		changed := d.ok("sam", "update_ticket", anyMap{"ticket_id": id, name: value})
		require.Equal(t, "updated", changed["status"])
		version := d.row("sam", id).Version
		d.ok("sam", "update_ticket", anyMap{"ticket_id": id, name: value})
		require.Equal(t, version, d.row("sam", id).Version, "%s: again changes nothing", name)
	}
	d.ok("sam", "update_ticket", anyMap{"ticket_id": fmt.Sprint(before.Number)})
	before.Title, before.Description, before.Category, before.Priority, before.Urgency = "Fire", "It is out.", "technical", ticket.Low, ticket.High
	before.Subcategory, before.Department, before.Tags, before.Assignee, before.ResolutionSummary = "smoke", "Fire brigade", []string{"cold"}, d.callers["cyd"].User, "Put it out."
	require.Equal(t, before, after(), "each changed what it names and nothing else")

	shown := d.ok("sam", "update_ticket", anyMap{"ticket_id": id, "status": "resolved"})["ticket"].(anyMap)
	require.Equal(t, "resolved", shown["status"])
	require.Equal(t, "Put it out.", shown["resolution_summary"])
	require.Contains(t, d.refuses("illegal_transition", "sam", "update_ticket", anyMap{"ticket_id": id, "status": "pending"}).Message, "allowed: closed, open")
	for _, empty := range []anyMap{{"title": ""}, {"department": ""}, {"tags": []string{}}, {"resolution_summary": ""}, {"description": nil}} {
		empty["ticket_id"] = id
		d.refuses("arguments_invalid", "sam", "update_ticket", empty)
	}
	d.refuses("unknown_assignee", "sam", "update_ticket", anyMap{"ticket_id": id, "assigned_to_id": d.callers["eve"].User.String()})
}

func TestUpdateTicketKeepsToTheCallersRights(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.opened("bob", "Printer")
	d.ok("bob", "update_ticket", anyMap{"ticket_id": id, "title": "Fire"})
	d.refuses("forbidden", "bob", "update_ticket", anyMap{"ticket_id": id, "assigned_to_id": d.callers["bob"].User.String()})
	d.refuses("ticket_not_found", "cyd", "update_ticket", anyMap{"ticket_id": id, "title": "Mine"})
	d.refuses("ticket_not_found", "eve", "update_ticket", anyMap{"ticket_id": id, "title": "Mine"})
	require.Equal(t, "Fire", d.row("bob", id).Title)
}

func TestListTickets(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var ids []string
	for i := range 12 {
		ids = append([]string{d.opened("bob", fmt.Sprint("Printer ", i))}, ids...)
	}
	others := d.opened("cyd", "Scanner")
	foreign := d.opened("eve", "Fax")
	require.NotEqual(t, others, foreign)

	idsOf := func(page anyMap) (list []string) {
		for _, shown := range page["tickets"].([]any) {
			list = append(list, shown.(anyMap)["id"].(string))
		}
		return list
	}
	first := d.ok("bob", "list_tickets", nil)
	require.Equal(t, ids[:10], idsOf(first), "newest first, ten of them, and only one's own")
	require.EqualValues(t, 12, first["total"])
	last := d.ok("bob", "list_tickets", anyMap{"cursor": first["next_cursor"]})
	require.Equal(t, ids[10:], idsOf(last))
	require.NotContains(t, last, "next_cursor")
	require.EqualValues(t, 12, last["total"])
	require.NotContains(t, d.ok("bob", "list_tickets", anyMap{"limit": 12}), "next_cursor")
	require.EqualValues(t, 13, d.ok("aud", "list_tickets", anyMap{"limit": 50})["total"])
	require.EqualValues(t, 1, d.ok("eve", "list_tickets", anyMap{"limit": 50})["total"])

	d.ok("sam", "update_ticket", anyMap{"ticket_id": others, "status": "pending", "category": "bug", "priority": "critical", "tags": []string{"hot"}, "department": "IT", "assigned_to_id": d.callers["bob"].User.String()})
	cyd, bob := d.callers["cyd"].User.String(), d.callers["bob"].User.String()
	for _, filter := range []anyMap{
		{"status": []string{"pending", "closed"}},
		{"category": []string{"bug"}},
		{"priority": []string{"critical"}},
		{"tag": "hot"},
		{"department": "IT"},
		{"created_by_id": cyd},
		{"assigned_to_id": bob},
		{"created_by_id": cyd, "has_attachments": false, "created_after": "2020-01-01T00:00:00Z", "updated_after": "2020-01-01T00:00:00+01:00"},
	} {
		require.Equal(t, []string{others}, idsOf(d.ok("sam", "list_tickets", filter)), filter)
	}
	for _, filter := range []anyMap{{"has_attachments": true}, {"created_before": "2020-01-01T00:00:00Z"}, {"created_after": "2999-01-01T00:00:00Z"}} {
		require.Empty(t, d.ok("sam", "list_tickets", filter)["tickets"], filter)
	}
	for _, cursor := range []string{"x", "AAAA", "!!", "__________________________________________"[:32]} {
		require.Equal(t, "cursor", d.refuses("cursor_invalid", "sam", "list_tickets", anyMap{"cursor": cursor}).Field)
	}
}

func TestLongTextsAreCutInLists(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	long := strings.Repeat("é", 50_000)
	id := d.ok("bob", "create_ticket", anyMap{"title": "Printer", "description": long})["ticket_id"].(string)
	d.ok("sam", "update_ticket", anyMap{"ticket_id": id, "resolution_summary": long})
	shown := d.ok("bob", "list_tickets", nil)["tickets"].([]any)[0].(anyMap)
	require.Equal(t, strings.Repeat("é", 500)+cutMark, shown["description"])
	require.Equal(t, strings.Repeat("é", 500)+cutMark, shown["resolution_summary"])
	require.Equal(t, true, shown["description_truncated"])
	whole := d.ok("bob", "get_ticket", anyMap{"ticket_id": id})["ticket"].(anyMap)
	require.Equal(t, long, whole["description"])
	require.Equal(t, false, whole["description_truncated"])
}

func TestSearchTickets(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	printer, scanner := d.opened("bob", "A burning printer"), d.opened("cyd", "A burning scanner")
	bob := d.callers["bob"]
	d.tell(bob.Org, uuid.MustParse(printer), ticket.Commented{CommentID: uuid.New(), Author: bob.User, Content: "Arson, says sam.", Internal: true})
	d.index(printer, scanner)
	require.EqualValues(t, 2, d.ok("sam", "search_tickets", anyMap{"query": "burning"})["total"])
	require.EqualValues(t, 1, d.ok("bob", "search_tickets", anyMap{"query": "burning"})["total"])
	require.EqualValues(t, 0, d.ok("eve", "search_tickets", anyMap{"query": "burning"})["total"])
	require.EqualValues(t, 1, d.ok("sam", "search_tickets", anyMap{"query": "arson"})["total"])
	require.EqualValues(t, 0, d.ok("bob", "search_tickets", anyMap{"query": "arson"})["total"], "what is internal is not found")
	require.EqualValues(t, 1, d.ok("sam", "search_tickets", anyMap{"query": "burning -scanner", "status": []string{"open"}})["total"])
	first := d.ok("sam", "search_tickets", anyMap{"query": "burning", "limit": 1})
	second := d.ok("sam", "search_tickets", anyMap{"query": "burning", "limit": 1, "cursor": first["next_cursor"]})
	require.Equal(t, scanner, first["tickets"].([]any)[0].(anyMap)["id"])
	require.Equal(t, printer, second["tickets"].([]any)[0].(anyMap)["id"])
	d.refuses("arguments_invalid", "sam", "search_tickets", anyMap{})
	d.refuses("arguments_invalid", "sam", "search_tickets", anyMap{"query": strings.Repeat("x", 501)})
}
