package projections_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/projections"
)

// past answers the numbers of all tickets that a past list selects, walked page by page.
func (d desk) past(p projections.PastPage) []int64 {
	d.Helper()
	numbers := []int64{}
	for {
		rows, next, err := d.tickets.ListPast(d.Context(), d.org, projections.OrgEvents{Log: d.store}, p)
		require.NoError(d, err)
		require.LessOrEqual(d, len(rows), p.Limit)
		for _, row := range rows {
			numbers = append(numbers, row.Number)
		}
		if next == nil {
			return numbers
		}
		p.After = next
	}
}

// What a filter selects of the past is what it selected then, whatever has come since.
func TestAPastListIsTheListOfThen(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	file := []ticket.Attachment{{FileID: domain.FileID{UUID: newTicket().UUID}}}
	var ids []ticket.ID
	for n := range 12 {
		ids = append(ids, d.opened(func(o *ticket.Opened) {
			o.Number, o.Tags, o.Department = int64(n+1), [][]string{nil, {"vpn"}, {"vpn", "mail"}}[n%3], []string{"", "IT"}[n%2]
			o.Priority, o.Category, o.CreatedBy = ticket.Levels[n%4], ticket.Categories[n%5], []domain.UserID{d.ann, d.bob}[n/6]
		}))
	}
	for n, id := range ids {
		switch n % 4 {
		case 0:
			d.happen(id, ticket.Attached{Attachments: file}, ticket.StatusChanged{From: ticket.Open, To: ticket.Pending})
		case 1:
			d.happen(id, ticket.Assigned{Assignee: d.bob})
		case 2:
			d.happen(id, ticket.Edited{CreatedBy: d.ann, Tags: &[]string{"mail"}, Department: new("sales"), Priority: new(ticket.Low)})
		}
	}
	d.happen(ids[3], ticket.Deleted{})
	yes, no := true, false
	middle := d.find(ids[5])
	filters := []projections.TicketFilter{
		{},
		{Integration: uuid.New()},
		{Status: []string{"pending"}},
		{Status: []string{"open", "closed"}},
		{Priority: []string{"low"}},
		{Category: []string{"bug", "billing"}},
		{Assignee: d.bob},
		{CreatedBy: d.ann},
		{CreatedBy: newUser()},
		{Department: "IT"},
		{Department: "sales"},
		{Tag: "vpn"},
		{Tag: "mail"},
		{Tag: "none"},
		{HasAttachment: &yes},
		{HasAttachment: &no},
		{CreatedAfter: middle.CreatedAt},
		{CreatedBefore: middle.CreatedAt},
		{UpdatedAfter: middle.UpdatedAt},
		{Tag: "vpn", HasAttachment: &yes, CreatedBy: d.ann, Status: []string{"pending"}},
	}
	var lists [][]int64
	for _, f := range filters {
		lists = append(lists, d.list(projections.TicketPage{Filter: f}))
	}
	then := time.Now()
	for _, id := range ids {
		d.happen(id, ticket.Edited{CreatedBy: d.ann, Tags: &[]string{"vpn"}, Department: new("IT"), Priority: new(ticket.High), Category: new(ticket.Categories[0])},
			ticket.Unassigned{}, ticket.StatusChanged{From: ticket.Open, To: ticket.Closed}, ticket.Detached{FileID: file[0].FileID})
	}
	for _, id := range ids[6:] {
		d.happen(id, ticket.Deleted{})
	}
	d.opened(func(o *ticket.Opened) { o.Number = 99 })
	for n, f := range filters {
		for _, limit := range []int{1, 5, 100} {
			require.Equal(t, lists[n], d.past(projections.PastPage{At: then, Deleted: true, Filter: f, Limit: limit}), "%+v", f)
		}
	}
	require.Equal(t, d.list(projections.TicketPage{}), d.past(projections.PastPage{At: time.Now(), Limit: 100}))
	own := projections.TicketFilter{OwnedBy: d.bob}
	require.Equal(t, []int64{12, 11, 10, 9, 8, 7}, d.past(projections.PastPage{At: then, Deleted: true, Filter: own, Limit: 2}), "whose they are is judged as they are now")
	d.happen(ids[0], ticket.Assigned{Assignee: d.bob})
	d.happen(ids[11], ticket.Assigned{Assignee: d.bob})
	require.Equal(t, []int64{12, 11, 10, 9, 8, 7, 1}, d.past(projections.PastPage{At: then, Deleted: true, Filter: own, Limit: 3}), "and none is there twice")

	caller := domain.Caller{Org: d.org, Actor: domain.Actor{Type: domain.ByUser, User: d.bob, Role: domain.Member}}
	require.Equal(t, []int64{1}, d.past(projections.PastPage{At: then, Filter: own, Limit: 1}), "without those that were deleted since")
	row, err := d.tickets.FindEver(t.Context(), caller, "1")
	require.NoError(t, err)
	require.Equal(t, ids[0], row.ID)
	for _, none := range []string{ids[2].String(), "3", ids[11].String(), "12", "77", "x", newTicket().String()} {
		_, err = d.tickets.FindEver(t.Context(), caller, none)
		require.ErrorIs(t, err, projections.ErrNoTicket, none)
	}
	caller.Role = domain.Auditor
	for _, gone := range []string{ids[11].String(), "12"} {
		row, err = d.tickets.FindEver(t.Context(), caller, gone)
		require.NoError(t, err)
		require.Equal(t, ids[11], row.ID)
		require.True(t, row.Deleted)
	}
	caller.Role = domain.Support
	_, err = d.tickets.FindEver(t.Context(), caller, "12")
	require.ErrorIs(t, err, projections.ErrNoTicket, "whoever reads all tickets reads none that were deleted")

	var deleted []int64
	for after := (*projections.TicketCursor)(nil); ; {
		rows, err := d.tickets.DeletedOf(t.Context(), d.org, d.bob, after, 4)
		require.NoError(t, err)
		for _, row := range rows {
			deleted = append(deleted, row.Number)
		}
		if len(rows) < 4 {
			break
		}
		after = &projections.TicketCursor{CreatedAt: rows[3].CreatedAt, ID: rows[3].ID.UUID}
	}
	require.Equal(t, []int64{12, 11, 10, 9, 8, 7}, deleted)
}

// unread is a log that cannot be read.
type unread struct{}

func (unread) Read(context.Context, domain.OrgID, eventstore.Query) ([]eventstore.Recorded, error) {
	return nil, errors.New("unread")
}

func TestAPastThatCannotBeRead(t *testing.T) {
	t.Parallel()
	a, d, org := newAccounts(t), newDesk(t), newOrg()
	a.registered(org, "ada")
	_, err := a.users.ListPast(t.Context(), org, unread{}, time.Now(), domain.UserID{}, 10)
	require.ErrorContains(t, err, "unread")
	id := d.opened()
	before := time.Now()
	d.happen(id, ticket.Deleted{})
	_, _, err = d.tickets.ListPast(t.Context(), d.org, unread{}, projections.PastPage{At: before, Deleted: true, Limit: 10})
	require.ErrorContains(t, err, "unread")
	_, _, err = d.tickets.ListPast(t.Context(), d.org, unread{}, projections.PastPage{At: time.Now(), Limit: 10})
	require.NoError(t, err, "what nothing has happened to since needs no reading")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.tickets.DeletedOf(gone, d.org, d.bob, nil, 1)
	require.ErrorContains(t, err, "list deleted tickets")
	_, _, err = d.tickets.ListPast(gone, d.org, projections.OrgEvents{Log: d.store}, projections.PastPage{At: before, Deleted: true, Limit: 10})
	require.ErrorContains(t, err, "list past tickets")
	_, err = a.users.ListPast(gone, org, projections.OrgEvents{Log: a.store}, before, domain.UserID{}, 10)
	require.ErrorContains(t, err, "list past users")
}

// Members of the past are those of then, with the names and roles of then, page by page.
func TestThePastMembers(t *testing.T) {
	t.Parallel()
	a, org := newAccounts(t), newOrg()
	var ids []domain.UserID
	for _, name := range []string{"ada", "bob", "cem", "dua", "eve"} {
		ids = append(ids, a.registered(org, name))
	}
	a.registered(newOrg(), "stranger")
	a.happen(org, ids[1], user.Removed{})
	a.happen(org, ids[2], createdToken(ids[2], "CI", "hash"))
	before := a.members(org)
	then := time.Now()
	a.happen(org, ids[2], user.RoleChanged{From: domain.Member, To: domain.Admin}, user.ProfileChanged{UserID: ids[2], Username: new("cemal")})
	a.happen(org, ids[3], user.Removed{})
	a.registered(org, "late")
	require.Len(t, before, 4)
	for _, limit := range []int{1, 2, 4, 100} {
		var walked []projections.UserRow
		for after := (domain.UserID{}); ; {
			page, err := a.users.ListPast(t.Context(), org, projections.OrgEvents{Log: a.store}, then, after, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			for _, row := range page {
				walked = append(walked, inUTC(row))
			}
			if len(page) < limit {
				break
			}
			after = page[len(page)-1].ID
		}
		require.Equal(t, before, walked)
	}
	require.Equal(t, a.members(org), func() (now []projections.UserRow) {
		page, err := a.users.ListPast(t.Context(), org, projections.OrgEvents{Log: a.store}, time.Now(), domain.UserID{}, 100)
		require.NoError(t, err)
		for _, row := range page {
			now = append(now, inUTC(row))
		}
		return now
	}())
}

// members answers the list as it is.
func (a accounts) members(org domain.OrgID) (list []projections.UserRow) {
	a.Helper()
	rows, err := a.users.List(a.Context(), org, domain.UserID{}, 100)
	require.NoError(a, err)
	for _, row := range rows {
		list = append(list, inUTC(row))
	}
	return list
}

// counting is a log that tells how many events each read brought.
type counting struct {
	projections.Events
	reads []int
}

func (c *counting) Read(ctx context.Context, org domain.OrgID, q eventstore.Query) ([]eventstore.Recorded, error) {
	events, err := c.Events.Read(ctx, org, q)
	c.reads = append(c.reads, len(events))
	return events, err
}

// However much has happened to the tickets of a page, only so many events are held at once, and no stream in two pieces.
func TestThePastIsReadInParts(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var ids []ticket.ID
	for n, edits := range []int{2600, 2000, 900, 5200} {
		ids = append(ids, d.opened(func(o *ticket.Opened) { o.Number = int64(n + 1) }))
		more := make([]any, edits)
		for i := range more {
			more[i] = ticket.Edited{CreatedBy: d.ann, Department: new("IT")}
		}
		d.happen(ids[n], more...)
	}
	then := time.Now()
	for _, id := range ids {
		d.happen(id, ticket.Edited{CreatedBy: d.ann, Department: new("sales")})
	}
	log := &counting{Events: projections.OrgEvents{Log: d.store}}
	rows, _, err := d.tickets.ListPast(t.Context(), d.org, log, projections.PastPage{At: then, Limit: 10})
	require.NoError(t, err)
	require.Len(t, rows, 4)
	for _, row := range rows {
		require.Equal(t, "IT", row.Department)
	}
	require.Equal(t, []int{5202, 902 + 2002, 2602}, log.reads)
}

// The log of no organization is not everybody's.
func TestEventsAreAnOrganizations(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.opened()
	log := projections.OrgEvents{Log: d.store}
	events, err := log.Read(t.Context(), d.org, eventstore.Query{})
	require.NoError(t, err)
	require.NotEmpty(t, events)
	others, err := log.Read(t.Context(), newOrg(), eventstore.Query{Org: d.org.UUID})
	require.NoError(t, err)
	require.Empty(t, others)
	_, err = log.Read(t.Context(), domain.OrgID{}, eventstore.Query{Org: d.org.UUID})
	require.Error(t, err)
	head, err := log.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, events[len(events)-1].Position, head)
}
