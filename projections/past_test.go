package projections_test

import (
	"context"
	"errors"
	"testing"
	"time"

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
		rows, next, err := d.tickets.ListPast(d.Context(), d.org, d.store, p)
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
		{None: true},
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
			require.Equal(t, lists[n], d.past(projections.PastPage{At: then, Filter: f, Limit: limit}), "%+v", f)
		}
	}
	require.Equal(t, d.list(projections.TicketPage{}), d.past(projections.PastPage{At: time.Now(), Limit: 100}))
	own := projections.TicketFilter{OwnedBy: d.bob}
	require.Equal(t, []int64{12, 11, 10, 9, 8, 7}, d.past(projections.PastPage{At: then, Filter: own, Limit: 2}), "whose they are is judged as they are now")
	d.happen(ids[0], ticket.Assigned{Assignee: d.bob})
	d.happen(ids[11], ticket.Assigned{Assignee: d.bob})
	require.Equal(t, []int64{12, 11, 10, 9, 8, 7, 1}, d.past(projections.PastPage{At: then, Filter: own, Limit: 3}), "and none is there twice")

	caller := domain.Caller{Org: d.org, Actor: domain.Actor{Type: domain.ByUser, User: d.bob, Role: domain.Member}}
	row, err := d.tickets.FindEver(t.Context(), caller, ids[11].String())
	require.NoError(t, err)
	require.True(t, row.Deleted)
	row, err = d.tickets.FindEver(t.Context(), caller, "12")
	require.NoError(t, err)
	require.Equal(t, ids[11], row.ID)
	for _, none := range []string{ids[2].String(), "3", "77", "x", newTicket().String()} {
		_, err = d.tickets.FindEver(t.Context(), caller, none)
		require.ErrorIs(t, err, projections.ErrNoTicket, none)
	}
}

// unread is a log that cannot be read.
type unread struct{ eventstore.Reader }

func (unread) Read(context.Context, eventstore.Query) ([]eventstore.Recorded, error) {
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
	_, _, err = d.tickets.ListPast(t.Context(), d.org, unread{}, projections.PastPage{At: before, Limit: 10})
	require.ErrorContains(t, err, "unread")
	_, _, err = d.tickets.ListPast(t.Context(), d.org, unread{}, projections.PastPage{At: time.Now(), Limit: 10})
	require.NoError(t, err, "what nothing has happened to since needs no reading")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = d.tickets.ListPast(gone, d.org, d.store, projections.PastPage{At: before, Limit: 10})
	require.ErrorContains(t, err, "list past tickets")
	_, err = a.users.ListPast(gone, org, a.store, before, domain.UserID{}, 10)
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
			page, err := a.users.ListPast(t.Context(), org, a.store, then, after, limit)
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
		page, err := a.users.ListPast(t.Context(), org, a.store, time.Now(), domain.UserID{}, 100)
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
