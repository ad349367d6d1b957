package projections_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

func TestATicketsRowFollowsItsEvents(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := newTicket()
	file, other := ticket.Attachment{FileID: domain.FileID{UUID: uuid.New()}}, ticket.Attachment{FileID: domain.FileID{UUID: uuid.New()}}
	summary := "Put it out."
	for _, step := range []struct {
		event any
		then  func(t *projections.TicketRow, at time.Time)
	}{
		{ticket.Opened{
			Number: 7, Title: "Printer", Description: "It burns.", Priority: ticket.High, Urgency: ticket.Low, Category: "bug", Subcategory: "fire",
			Department: "IT", Tags: []string{"hot"}, CustomFields: map[string]any{"floor": 3.0}, SourceChannel: "web", CreatedBy: d.ann,
		}, func(t *projections.TicketRow, at time.Time) {
			*t = projections.TicketRow{
				ID: id, Org: d.org, Number: 7, Title: "Printer", Description: "It burns.", Status: ticket.Open, Priority: ticket.High, Urgency: ticket.Low,
				Category: "bug", Subcategory: "fire", Department: "IT", Tags: []string{"hot"}, CustomFields: map[string]any{"floor": 3.0},
				SourceChannel: "web", CreatedBy: d.ann, CreatedAt: at,
			}
		}},
		{ticket.Edited{CreatedBy: d.ann, Title: new("Fire"), Tags: &[]string{}, CustomFields: &map[string]any{}}, func(t *projections.TicketRow, _ time.Time) {
			t.Title, t.Tags, t.CustomFields = "Fire", nil, nil
		}},
		{d.commented(d.ann, "mine", false), func(t *projections.TicketRow, _ time.Time) { t.Comments = 1 }},
		{d.commented(d.bob, "secret", true), func(t *projections.TicketRow, _ time.Time) { t.InternalComments = 1 }},
		{d.commented(d.bob, "hello", false), func(t *projections.TicketRow, at time.Time) { t.Comments, t.FirstResponseAt = 2, &at }},
		{d.commented(d.bob, "again", false), func(t *projections.TicketRow, _ time.Time) { t.Comments = 3 }},
		{ticket.Assigned{Assignee: d.bob, By: d.ann}, func(t *projections.TicketRow, _ time.Time) { t.Assignee = d.bob }},
		{ticket.Attached{Attachments: []ticket.Attachment{file, other}}, func(t *projections.TicketRow, _ time.Time) {
			t.Attachments = []ticket.Attachment{file, other}
		}},
		{ticket.Detached{FileID: file.FileID}, func(t *projections.TicketRow, _ time.Time) { t.Attachments = []ticket.Attachment{other} }},
		{ticket.StatusChanged{From: ticket.Open, To: ticket.Resolved, ResolutionSummary: &summary}, func(t *projections.TicketRow, at time.Time) {
			t.Status, t.ResolvedAt, t.ResolutionSummary = ticket.Resolved, &at, summary
		}},
		{ticket.StatusChanged{From: ticket.Resolved, To: ticket.Closed}, func(t *projections.TicketRow, at time.Time) {
			t.Status, t.ClosedAt = ticket.Closed, &at
		}},
		{ticket.StatusChanged{From: ticket.Closed, To: ticket.Open}, func(t *projections.TicketRow, _ time.Time) {
			t.Status, t.ResolvedAt, t.ClosedAt = ticket.Open, nil, nil
		}},
		{ticket.Summarized{ResolutionSummary: "It rained.", By: d.bob}, func(t *projections.TicketRow, _ time.Time) {
			t.ResolutionSummary = "It rained."
		}},
		{ticket.Summarized{By: d.bob}, func(t *projections.TicketRow, _ time.Time) { t.ResolutionSummary = "" }},
		{ticket.Unassigned{From: d.bob}, func(t *projections.TicketRow, _ time.Time) { t.Assignee = domain.UserID{} }},
	} {
		before, _ := d.tickets.Find(t.Context(), d.org, id)
		stream := d.happen(id, step.event)
		then, last := utc(before), stream.Events[stream.Version()-1]
		step.then(&then, last.At)
		then.Version, then.UpdatedAt, then.LastActivityAt = last.Version, last.At, last.At
		require.Equal(t, then, utc(d.find(id)), "%T", step.event)
		byNumber, err := d.tickets.FindByNumber(t.Context(), d.org, 7)
		require.NoError(t, err)
		require.Equal(t, then, utc(byNumber))
		require.True(t, byNumber.Exists())
	}
	for _, err := range []error{
		second(d.tickets.Find(t.Context(), newOrg(), id)), second(d.tickets.FindByNumber(t.Context(), newOrg(), 7)),
		second(d.tickets.Find(t.Context(), d.org, newTicket())), second(d.tickets.FindByNumber(t.Context(), d.org, 8)),
	} {
		require.ErrorIs(t, err, projections.ErrNoTicket)
	}
	d.happen(id, ticket.Deleted{})
	require.ErrorIs(t, second(d.tickets.Find(t.Context(), d.org, id)), projections.ErrNoTicket)
	require.ErrorIs(t, second(d.tickets.FindByNumber(t.Context(), d.org, 7)), projections.ErrNoTicket)
	require.Zero(t, projections.ApplyTicket(projections.TicketRow{}, eventstore.Recorded{Version: 1, Event: "other"}))
}

func second[T any](_ T, err error) error { return err }

func TestWhoSeesATicket(t *testing.T) {
	t.Parallel()
	ann, bob := newUser(), newUser()
	row := projections.TicketRow{Version: 1, CreatedBy: ann}
	as := func(u domain.UserID, r domain.Role) domain.Actor {
		return domain.Actor{Type: domain.ByUser, User: u, Role: r}
	}
	require.True(t, row.VisibleTo(as(ann, domain.Member)))
	require.False(t, row.VisibleTo(as(bob, domain.Member)))
	require.True(t, row.VisibleTo(as(bob, domain.Auditor)))
	row.Assignee = bob
	require.True(t, row.VisibleTo(as(bob, domain.Member)))
	row.Deleted = true
	require.False(t, row.VisibleTo(as(bob, domain.Admin)))
	require.False(t, projections.TicketRow{}.VisibleTo(as(bob, domain.Admin)))
}

func TestListFiltersAndOrders(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	yes, no := true, false
	first := d.opened(func(o *ticket.Opened) {
		o.Number, o.Title, o.Priority, o.Category, o.Department, o.Tags = 1, "b", ticket.Low, "bug", "IT", []string{"x", "y"}
	})
	second := d.opened(func(o *ticket.Opened) {
		o.Number, o.Title, o.Priority, o.CreatedBy, o.Tags = 2, "a", ticket.Critical, d.bob, []string{"y"}
	})
	third := d.opened(func(o *ticket.Opened) { o.Number, o.Title = 3, "c" })
	d.happen(d.opened(func(o *ticket.Opened) { o.Number = 4 }), ticket.Deleted{})
	d.happen(first, ticket.Assigned{Assignee: d.bob}, ticket.StatusChanged{From: ticket.Open, To: ticket.Closed})
	elsewhere := uuid.New()
	d.happen(third, ticket.Routed{Integration: elsewhere, Platform: "jira", Send: true})
	d.happen(third, ticket.Attached{Attachments: []ticket.Attachment{{FileID: domain.FileID{UUID: uuid.New()}}}})
	stranger := d
	stranger.org = newOrg()
	stranger.opened(func(o *ticket.Opened) { o.Number = 99 })
	middle := d.find(second).CreatedAt

	for name, c := range map[string]struct {
		filter projections.TicketFilter
		want   []int64
	}{
		"all":             {projections.TicketFilter{}, []int64{3, 2, 1}},
		"integration":     {projections.TicketFilter{Integration: elsewhere}, []int64{3}},
		"no integration":  {projections.TicketFilter{Integration: uuid.New()}, []int64{}},
		"status":          {projections.TicketFilter{Status: []string{"closed", "pending"}}, []int64{1}},
		"priority":        {projections.TicketFilter{Priority: []string{"critical", "low"}}, []int64{2, 1}},
		"category":        {projections.TicketFilter{Category: []string{"bug"}}, []int64{1}},
		"assignee":        {projections.TicketFilter{Assignee: d.bob}, []int64{1}},
		"creator":         {projections.TicketFilter{CreatedBy: d.bob}, []int64{2}},
		"own":             {projections.TicketFilter{OwnedBy: d.bob}, []int64{2, 1}},
		"department":      {projections.TicketFilter{Department: "IT"}, []int64{1}},
		"tag":             {projections.TicketFilter{Tag: "y"}, []int64{2, 1}},
		"attachments":     {projections.TicketFilter{HasAttachment: &yes}, []int64{3}},
		"no attachments":  {projections.TicketFilter{HasAttachment: &no}, []int64{2, 1}},
		"created after":   {projections.TicketFilter{CreatedAfter: middle}, []int64{3}},
		"created before":  {projections.TicketFilter{CreatedBefore: middle}, []int64{1}},
		"updated after":   {projections.TicketFilter{UpdatedAfter: d.find(first).UpdatedAt}, []int64{3}},
		"several at once": {projections.TicketFilter{Tag: "y", CreatedBy: d.ann, Status: []string{"closed"}}, []int64{1}},
	} {
		require.Equal(t, c.want, d.list(projections.TicketPage{Filter: c.filter}), name)
	}
	for by, want := range map[string][]int64{
		"": {1, 2, 3}, "created_at": {1, 2, 3}, "number": {1, 2, 3}, "title": {2, 1, 3}, "priority": {1, 3, 2}, "status": {1, 2, 3},
		"updated_at": {2, 1, 3}, "last_activity_at": {2, 1, 3}, "nonsense; DROP TABLE tickets": {1, 2, 3},
	} {
		require.Equal(t, want[0], d.list(projections.TicketPage{Order: projections.TicketOrder{By: by, Ascending: true}})[0], by)
		got := d.list(projections.TicketPage{Order: projections.TicketOrder{By: by}})
		if by != "status" { // two are equal there
			require.Equal(t, []int64{want[2], want[1], want[0]}, got, by)
		}
	}
	require.Equal(t, []int64{2}, d.list(projections.TicketPage{Limit: 1, Offset: 1}))
	row := d.find(third)
	require.Equal(t, []int64{2, 1}, d.list(projections.TicketPage{After: &projections.TicketCursor{CreatedAt: row.CreatedAt, ID: row.ID.UUID}}))

	open, err := d.tickets.OpenOf(t.Context(), d.org, d.bob, 10)
	require.NoError(t, err)
	require.Empty(t, open, "his only one is closed")
	d.happen(third, ticket.Assigned{Assignee: d.bob})
	open, err = d.tickets.OpenOf(t.Context(), d.org, d.bob, 10)
	require.NoError(t, err)
	require.Equal(t, []ticket.ID{third}, open)
}

func TestStats(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	empty, err := d.tickets.Stats(t.Context(), d.org, domain.UserID{})
	require.NoError(t, err)
	require.Zero(t, empty.Total)
	require.Nil(t, empty.MeanSecondsToResolution)
	d.opened()
	d.happen(d.opened(func(o *ticket.Opened) { o.CreatedBy = d.bob }), ticket.StatusChanged{From: ticket.Open, To: ticket.Resolved}, d.commented(d.ann, "x", false))
	d.happen(d.opened(), ticket.Assigned{Assignee: d.bob}, ticket.StatusChanged{From: ticket.Open, To: ticket.Cancelled})
	stats, err := d.tickets.Stats(t.Context(), d.org, domain.UserID{})
	require.NoError(t, err)
	require.Equal(t, []int{3, 1, 1, 3, 2}, []int{stats.Total, stats.Open, stats.Unassigned, stats.CreatedLast24Hours, stats.ClosedLast24Hours})
	require.Equal(t, map[string]int{"open": 1, "resolved": 1, "cancelled": 1}, stats.Status)
	require.NotNil(t, stats.MeanSecondsToFirstResponse)
	own, err := d.tickets.Stats(t.Context(), d.org, d.bob)
	require.NoError(t, err)
	require.Equal(t, 2, own.Total)
}

func TestCommentsAreListed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.opened()
	file := ticket.Attachment{FileID: domain.FileID{UUID: uuid.New()}}
	open, secret := d.commented(d.ann, "open", false), d.commented(d.bob, "secret", true)
	open.Attachments = []ticket.Attachment{file}
	stream := d.happen(id, open, secret)
	all, err := d.comments.List(t.Context(), d.org, id, true, 0, 10)
	require.NoError(t, err)
	require.Len(t, all, 2)
	all[0].CreatedAt = all[0].CreatedAt.UTC()
	require.Equal(t, projections.CommentRow{
		ID: open.CommentID, Org: d.org, Ticket: id, Version: 2, Author: d.ann, Content: "open", Attachments: open.Attachments, CreatedAt: stream.Events[1].At,
	}, all[0])
	for _, c := range []struct {
		internal     bool
		after, limit int
		want         int
	}{{false, 0, 10, 1}, {true, 2, 10, 1}, {true, 3, 10, 0}, {true, 0, 1, 1}} {
		list, err := d.comments.List(t.Context(), d.org, id, c.internal, c.after, c.limit)
		require.NoError(t, err)
		require.Len(t, list, c.want)
	}
	list, err := d.comments.List(t.Context(), newOrg(), id, true, 0, 10)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestSearch(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.opened(func(o *ticket.Opened) { o.Title, o.Description = "Printers burning", "On floor three." })
	d.opened(func(o *ticket.Opened) { o.Number, o.Title, o.Description = 2, "Other", "Quite another." })
	summary := "extinguished"
	d.happen(id, d.commented(d.ann, "call the firemen", false), d.commented(d.bob, "arson suspected", true))
	d.index()
	finds := func(words string, internal bool) bool {
		t.Helper()
		return len(d.list(projections.TicketPage{Filter: projections.TicketFilter{Text: words, Internal: internal}})) == 1
	}
	for _, words := range []string{"printer", "burn", "floor", "firemen -other", `"floor three"`, "nothing or printer"} {
		require.True(t, finds(words, false), words)
	}
	require.False(t, finds("arson", false), "internal words are found by those who may read them")
	require.True(t, finds("arson", true))
	require.False(t, finds("extinguished", true))
	d.happen(id, ticket.StatusChanged{From: ticket.Open, To: ticket.Resolved, ResolutionSummary: &summary}, ticket.Edited{CreatedBy: d.ann, Title: new("Scanner")})
	d.index()
	require.True(t, finds("extinguished", false))
	require.True(t, finds("scanner", false))
	require.False(t, finds("printer", false))
	d.happen(id, ticket.Summarized{ResolutionSummary: "It rained."})
	d.index()
	require.True(t, finds("rain", false))
	require.False(t, finds("extinguished", false))
	d.happen(id, ticket.Deleted{})
	d.index()
	require.False(t, finds("scanner", true))
	stranger := d
	stranger.org = newOrg()
	require.Empty(t, stranger.list(projections.TicketPage{Filter: projections.TicketFilter{Text: "other"}}))
}

// Whatever people write, it can be indexed: a ticket that cannot be would stop the index for everybody.
func TestNoTextStopsTheIndex(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	letter := func(n int) rune { return rune(0x20000 + n%40_000) } // four bytes long
	for _, word := range map[string]func(n int) string{
		"long characters": func(n int) string { return string([]rune{letter(n), letter(n / 40_000), ' '}) },
		"compounds": func(n int) string {
			return string([]rune{letter(n), letter(n / 40_000), '-', letter(n + 7), letter(n / 39_000), ' '})
		},
		"long compounds": func(n int) string {
			first, second := strings.Repeat(string(letter(n)), 150), strings.Repeat(string(letter(n+7)), 150)
			return first + string(letter(n/40_000)) + "-" + second + string(letter(n/40_000)) + " "
		},
		"addresses": func(n int) string { return fmt.Sprintf("h%d.example.org/p%d ", n, n) },
	} {
		id := d.opened(func(o *ticket.Opened) {
			o.Title, o.Description = strings.Repeat("\U00020000", ticket.MaxTitle), text(0, word)
		})
		for n := range 5 { // three internal ones
			d.happen(id, d.commented(d.ann, text(n/2+1, word), n%2 == 0))
		}
	}
	d.index()
}

// text makes a description of words, as long as one may be; no two texts share a word.
func text(which int, word func(int) string) string {
	runes := make([]rune, 0, ticket.MaxDescription+100)
	for n := which * ticket.MaxDescription; len(runes) < ticket.MaxDescription; n++ {
		runes = append(runes, []rune(word(n))...)
	}
	return string(runes[:ticket.MaxDescription])
}

// Folding every stream again, after any history, gives the rows that are there.
func TestReplayEqualsTheLiveTickets(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	rapid.Check(t, func(r *rapid.T) {
		id := d.opened(func(o *ticket.Opened) {
			o.Title, o.Tags = rapid.StringMatching(`[a-zé]{1,8}`).Draw(r, "title"), rapid.SliceOfN(rapid.StringMatching(`[a-z" ]{1,3}`), 0, 3).Draw(r, "tags")
		})
		for range rapid.IntRange(0, 4).Draw(r, "appends") {
			var events []any
			for range rapid.IntRange(1, 3).Draw(r, "events") {
				events = append(events, d.any(r))
			}
			d.happen(id, events...)
		}
	})
	stream, err := d.store.Load(t.Context(), d.org.UUID, d.opened().UUID)
	require.NoError(t, err)
	d.index()
	live := d.dump()
	d.queue(d.streams()...)
	d.index()
	require.Equal(t, live, d.dump(), "writing a row again changes nothing")
	_, err = d.pool.Exec(t.Context(), `TRUNCATE tickets, comments, ticket_search`)
	require.NoError(t, err)
	d.queue(d.streams()...)
	d.index()
	require.Equal(t, live, d.dump())

	// A row is written only with its events.
	forged := stream
	forged.Events = append(forged.Events[:1:1], eventstore.Recorded{
		Org: d.org.UUID, Stream: stream.ID, Version: 2, Type: "ticket.commented", Event: d.commented(d.ann, "never", false), Hash: eventstore.Hash{1},
	})
	d.queue(forged, eventstore.Stream{Events: []eventstore.Recorded{{Type: "user.registered"}}})
	require.Equal(t, live, d.dump())
}

// any draws a fact. Facts need not follow from each other here: rows are made of whatever was recorded.
func (d desk) any(r *rapid.T) any {
	file := ticket.Attachment{FileID: domain.FileID{UUID: uuid.UUID{15: rapid.Byte().Draw(r, "file")}}}
	status := rapid.SampledFrom(ticket.Statuses).Draw(r, "status")
	return rapid.SampledFrom([]any{
		ticket.Edited{CreatedBy: d.ann, Title: new("changed"), Department: new("IT"), Tags: &[]string{"a"}, CustomFields: &map[string]any{"n": 1.5}},
		ticket.Edited{CreatedBy: d.ann, Description: new("quite different"), Urgency: new(ticket.Critical), Tags: &[]string{}},
		ticket.StatusChanged{To: status, ResolutionSummary: new("done")},
		ticket.Summarized{ResolutionSummary: "rained", By: d.bob},
		ticket.StatusChanged{To: status},
		ticket.Assigned{Assignee: d.bob},
		ticket.Unassigned{From: d.bob},
		d.commented(d.ann, "words", false), d.commented(d.bob, "hush", true),
		ticket.Attached{Attachments: []ticket.Attachment{file}},
		ticket.Detached{FileID: file.FileID},
		ticket.Deleted{},
	}).Draw(r, "event")
}

func TestFindVisible(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.opened()
	caller := func(u domain.UserID, r domain.Role) domain.Caller {
		return domain.Caller{Org: d.org, Actor: domain.Actor{Type: domain.ByUser, User: u, Role: r}}
	}
	for _, ref := range []string{id.String(), "1"} {
		row, err := d.tickets.FindVisible(t.Context(), caller(d.ann, domain.Member), ref)
		require.NoError(t, err)
		require.Equal(t, id, row.ID)
		_, err = d.tickets.FindVisible(t.Context(), caller(newUser(), domain.Member), ref)
		require.ErrorIs(t, err, projections.ErrNoTicket)
	}
	for _, unknown := range []string{"", "x", "2", uuid.NewString()} {
		_, err := d.tickets.FindVisible(t.Context(), caller(d.ann, domain.Admin), unknown)
		require.ErrorIs(t, err, projections.ErrNoTicket, unknown)
	}
}

func TestNotices(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.opened()
	comment, secret := d.commented(d.bob, "hello", false), d.commented(d.bob, "hush", true)
	stream := d.happen(id,
		ticket.Edited{CreatedBy: d.ann, Title: new("x"), Description: new("x"), Priority: new(ticket.High), Urgency: new(ticket.Low), Category: new(ticket.General), Subcategory: new(""), Department: new(""), Tags: &[]string{}, CustomFields: &map[string]any{}},
		ticket.StatusChanged{From: ticket.Open, To: ticket.Pending}, ticket.Assigned{Assignee: d.bob}, ticket.Unassigned{From: d.bob}, comment, secret,
		ticket.Attached{Attachments: []ticket.Attachment{{}}}, ticket.Detached{}, ticket.Assigned{Assignee: d.bob}, ticket.Deleted{},
	)
	notices, err := (&projections.Notices{Tickets: d.tickets}).From(t.Context(), append(stream.Events, eventstore.Recorded{Event: "other"}))
	require.NoError(t, err)
	require.Len(t, notices, stream.Version())
	by, at := d.ann.String(), func(n int) string { return stream.Events[n].At.Format(projections.Millis) }
	updated := func(n int, fields ...string) projections.TicketUpdatedNotice {
		return projections.TicketUpdatedNotice{TicketID: id.UUID, Changed: fields, UpdatedBy: by, Version: n + 1, Timestamp: at(n)}
	}
	gone := updated(10, "deleted")
	gone.Deleted = true
	for n, want := range []struct {
		kind string
		data any
	}{
		{"ticket_created", projections.TicketCreatedNotice{TicketID: id.UUID, Number: 1, Title: "Printer", Status: "open", Priority: "medium", Category: "general", CreatedBy: by, Timestamp: at(0)}},
		{"ticket_updated", updated(1, "title", "description", "priority", "urgency", "category", "subcategory", "department", "tags", "custom_fields")},
		{"ticket_status_update", projections.TicketStatusNotice{TicketID: id.UUID, Status: "pending", UpdatedBy: by, Timestamp: at(2)}},
		{"ticket_assigned", projections.TicketAssignedNotice{TicketID: id.UUID, AssignedTo: &d.bob.UUID, AssignedBy: by, Timestamp: at(3)}},
		{"ticket_assigned", projections.TicketAssignedNotice{TicketID: id.UUID, AssignedBy: by, Timestamp: at(4)}},
		{"ticket_comment_added", projections.TicketCommentNotice{TicketID: id.UUID, CommentID: comment.CommentID, Author: d.bob.String(), Content: "hello", Timestamp: at(5)}},
		{"ticket_comment_added", projections.TicketCommentNotice{TicketID: id.UUID, CommentID: secret.CommentID, Author: d.bob.String(), Content: "hush", Internal: true, Timestamp: at(6)}},
		{"ticket_updated", updated(7, "attachments")},
		{"ticket_updated", updated(8, "attachments")},
		{"ticket_assigned", projections.TicketAssignedNotice{TicketID: id.UUID, AssignedTo: &d.bob.UUID, AssignedBy: by, Timestamp: at(9)}},
		{"ticket_updated", gone},
	} {
		require.Equal(t, want.kind, notices[n].Type)
		require.Equal(t, want.data, notices[n].Data)
		require.Equal(t, stream.Events[n].Position, notices[n].Position)
		require.Equal(t, id.UUID, notices[n].Topic)
		require.Equal(t, d.org, notices[n].Org)
	}
	require.Contains(t, notices[4].Owners, d.bob, "whoever had it hears that it is gone")
	released := stream.Events[4]
	released.Metadata.Actor = eventstore.Actor{Type: string(domain.BySystem)}
	bySystem, err := (&projections.Notices{Tickets: d.tickets}).From(t.Context(), []eventstore.Recorded{released})
	require.NoError(t, err)
	require.Equal(t, "system", bySystem[0].Data.(projections.TicketAssignedNotice).AssignedBy)
	as := func(u domain.UserID, r domain.Role) domain.Actor {
		return domain.Actor{Type: domain.ByUser, User: u, Role: r}
	}
	for _, c := range []struct {
		actor            domain.Actor
		notice, internal bool
	}{
		{as(d.ann, domain.Member), true, false},
		{as(d.bob, domain.Member), true, false},
		{as(newUser(), domain.Member), false, false},
		{as(newUser(), domain.Support), true, true},
		{as(newUser(), domain.Admin), true, true},
		{as(newUser(), domain.Auditor), true, false},
	} {
		require.Equal(t, c.notice, notices[5].VisibleTo(c.actor), c.actor.Role)
		require.Equal(t, c.internal, notices[6].VisibleTo(c.actor), c.actor.Role)
	}
	none, err := (&projections.Notices{Tickets: d.tickets}).From(t.Context(), []eventstore.Recorded{{Event: "other"}})
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestTicketQueriesOnADatabaseThatIsGone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.opened()
	stream, err := d.store.Load(t.Context(), d.org.UUID, id.UUID)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"find":     second(d.tickets.Find(ctx, d.org, id)),
		"number":   second(d.tickets.FindByNumber(ctx, d.org, 1)),
		"list":     second(d.tickets.List(ctx, d.org, projections.TicketPage{Limit: 1})),
		"count":    second(d.tickets.Count(ctx, d.org, projections.TicketFilter{})),
		"stats":    second(d.tickets.Stats(ctx, d.org, d.ann)),
		"open":     second(d.tickets.OpenOf(ctx, d.org, d.ann, 1)),
		"comments": second(d.comments.List(ctx, d.org, id, true, 0, 1)),
		"notices":  second((&projections.Notices{Tickets: d.tickets}).From(ctx, stream.Events)),
	} {
		require.ErrorIs(t, err, context.Canceled, name)
		require.Equal(t, domain.Internal, domain.KindOf(err), name)
	}
}
