package commands_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
)

// desk is a helpdesk on a memory store, with the read models that ticket commands need.
type desk struct {
	t       *testing.T
	log     *eventstore.Memory
	tickets commands.Tickets
	org     domain.OrgID
	admin   domain.Actor
	next    int64
	gone    map[domain.UserID]bool
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	admin := newUserID()
	d := &desk{
		t: t, log: eventstore.NewMemory(catalog.Codec), org: domain.OrgID{UUID: commands.NewID()},
		admin: domain.Actor{Type: domain.ByUser, ID: admin.UUID, User: admin, Role: domain.Admin}, gone: map[domain.UserID]bool{},
	}
	d.tickets = commands.NewTickets(d.log, d, d, d)
	return d
}

func (d *desk) Next(context.Context, domain.OrgID) (int64, error) { d.next++; return d.next, nil }

func (d *desk) Active(_ context.Context, org domain.OrgID, id domain.UserID) (bool, error) {
	return org == d.org && !d.gone[id], nil
}

// OpenOf reads the whole log: slow and obviously right.
func (d *desk) OpenOf(ctx context.Context, org domain.OrgID, assignee domain.UserID, limit int) ([]ticket.ID, error) {
	events, err := d.log.Read(ctx, eventstore.Query{Org: org.UUID, Types: []string{"ticket.opened"}})
	if err != nil {
		return nil, err
	}
	var ids []ticket.ID
	for _, r := range events {
		state := d.state(ctx, ticket.ID{UUID: r.Stream})
		if state.Assignee == assignee && !state.Status.Ended() && !state.Deleted && len(ids) < limit {
			ids = append(ids, ticket.ID{UUID: r.Stream})
		}
	}
	return ids, nil
}

func (d *desk) request() commands.Request {
	return commands.Request{Org: d.org, By: d.admin, Correlation: "req-1", Causation: "req-1"}
}

func (d *desk) do(id ticket.ID, cmd ticket.Command) (eventstore.Stream, error) {
	return d.tickets.Handle(d.t.Context(), d.request(), id, cmd)
}

func (d *desk) open(assignee domain.UserID) ticket.ID {
	d.t.Helper()
	id := ticket.ID{UUID: commands.NewID()}
	_, err := d.do(id, ticket.OpenTicket{Content: ticket.Content{Title: "Printer", Description: "It burns."}, Assignee: assignee, By: d.admin})
	require.NoError(d.t, err)
	return id
}

func (d *desk) state(ctx context.Context, id ticket.ID) ticket.State {
	stream, err := d.log.Load(ctx, d.org.UUID, id.UUID)
	require.NoError(d.t, err)
	var events []ticket.Event
	for _, r := range stream.Events {
		events = append(events, r.Event.(ticket.Event))
	}
	return ticket.Decider.Fold(ticket.State{}, events...)
}

func TestWhoLeavesGivesTheirOpenTicketsBack(t *testing.T) {
	t.Parallel()
	d, bob, eve := newDesk(t), newUserID(), newUserID()
	his, hers, done := d.open(bob), d.open(eve), d.open(bob)
	_, err := d.do(done, ticket.ChangeStatus{To: ticket.Resolved, By: d.admin})
	require.NoError(t, err)

	leaving := eventstore.Recorded{
		Position: 4711, Org: d.org.UUID, Stream: bob.UUID, Type: "user.removed", Event: user.Removed{},
		Metadata: eventstore.Metadata{CorrelationID: "req-0"},
	}
	d.gone[bob] = true
	react := commands.ReleaseTickets(d.tickets, d, d)
	require.Equal(t, []string{"user.removed", "user.deactivated"}, react.Facts)
	require.NoError(t, react.React(t.Context(), leaving))

	require.True(t, d.state(t.Context(), his).Assignee.IsZero())
	require.Equal(t, eve, d.state(t.Context(), hers).Assignee)
	require.Equal(t, bob, d.state(t.Context(), done).Assignee, "a finished ticket keeps who finished it")

	head, err := d.log.Head(t.Context())
	require.NoError(t, err)
	released, err := d.log.Read(t.Context(), eventstore.Query{After: head - 1})
	require.NoError(t, err)
	require.Equal(t, eventstore.Metadata{
		Actor: eventstore.Actor{Type: "system"}, Command: "ticket.Release", CorrelationID: "req-0", CausationID: "4711",
	}, released[0].Metadata)

	require.NoError(t, react.React(t.Context(), leaving))
	again, err := d.log.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, head, again, "a repeated fact causes nothing")
}

func TestWhoIsBackKeepsTheirTickets(t *testing.T) {
	t.Parallel()
	d, bob := newDesk(t), newUserID()
	his := d.open(bob)
	left := eventstore.Recorded{Org: d.org.UUID, Stream: bob.UUID, Type: "user.deactivated", Event: user.Deactivated{}}
	require.NoError(t, commands.ReleaseTickets(d.tickets, d, d).React(t.Context(), left))
	require.Equal(t, bob, d.state(t.Context(), his).Assignee, "the fact is delivered again, after a reactivation")
	require.ErrorIs(t, commands.ReleaseTickets(d.tickets, d, amnesia{}).React(t.Context(), left), errBroken)
}

// amnesia knows nobody.
type amnesia struct{}

func (amnesia) Active(context.Context, domain.OrgID, domain.UserID) (bool, error) {
	return false, errBroken
}

func TestAReactionGoesOnWhenATicketIsGone(t *testing.T) {
	t.Parallel()
	d, bob := newDesk(t), newUserID()
	d.gone[bob] = true
	gone := &forgetful{desk: d, ids: []ticket.ID{{UUID: commands.NewID()}}}
	require.NoError(t, commands.ReleaseTickets(d.tickets, gone, d).React(t.Context(), eventstore.Recorded{Org: d.org.UUID, Stream: bob.UUID}))
}

// forgetful names tickets once that are no longer there.
type forgetful struct {
	*desk
	ids []ticket.ID
}

func (f *forgetful) OpenOf(context.Context, domain.OrgID, domain.UserID, int) ([]ticket.ID, error) {
	ids := f.ids
	f.ids = nil
	return ids, nil
}

func TestAnAssigneeMustBeAnActiveMember(t *testing.T) {
	t.Parallel()
	d, bob := newDesk(t), newUserID()
	d.gone[bob] = true
	id := d.open(domain.UserID{})
	for _, cmd := range []ticket.Command{
		ticket.Assign{Assignee: bob, By: d.admin},
		ticket.Edit{Assignee: &bob, By: d.admin},
		ticket.OpenTicket{Content: ticket.Content{Title: "t", Description: "d"}, Assignee: bob, By: d.admin},
	} {
		_, err := d.do(id, cmd)
		require.ErrorIs(t, err, commands.ErrUnknownAssignee)
	}
}

func TestAttachmentsMustExist(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.open(domain.UserID{})
	file := ticket.Attachment{FileID: domain.FileID{UUID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")}}
	for _, cmd := range []ticket.Command{
		ticket.Attach{Attachments: []ticket.Attachment{file}, By: d.admin},
		ticket.AddComment{CommentID: commands.NewID(), Content: "c", Attachments: []ticket.Attachment{file}, By: d.admin},
		ticket.OpenTicket{Content: ticket.Content{Title: "t", Description: "d"}, Attachments: []ticket.Attachment{file}, By: d.admin},
	} {
		_, err := d.do(id, cmd)
		require.ErrorIs(t, err, commands.ErrUnknownFiles)
		require.ErrorContains(t, err, "Invalid or inaccessible files: {01890a5d-ac96-774b-bcce-b302099a8057}")
	}
}

// Whoever may not change a ticket learns neither which members nor which files there are.
func TestReferencesAreCheckedLast(t *testing.T) {
	t.Parallel()
	d, bob := newDesk(t), newUserID()
	d.gone[bob] = true
	member := newUserID()
	stranger := domain.Actor{Type: domain.ByUser, ID: member.UUID, User: member, Role: domain.Member}
	file := []ticket.Attachment{{FileID: domain.FileID{UUID: commands.NewID()}}}
	theirs, own, nowhere := d.open(domain.UserID{}), ticket.ID{UUID: commands.NewID()}, ticket.ID{UUID: commands.NewID()}
	open := ticket.OpenTicket{Content: ticket.Content{Title: "t", Description: "d"}, By: stranger}
	r := d.request()
	r.By = stranger
	_, err := d.tickets.Handle(t.Context(), r, own, open)
	require.NoError(t, err)
	openFor := open
	openFor.Assignee = bob
	for name, c := range map[string]struct {
		id   ticket.ID
		cmd  ticket.Command
		want error
	}{
		"assign one's own":        {own, ticket.Assign{Assignee: bob, By: stranger}, domain.ErrForbidden},
		"edit one's own assignee": {own, ticket.Edit{Assignee: &bob, By: stranger}, domain.ErrForbidden},
		"open for somebody":       {nowhere, openFor, domain.ErrForbidden},
		"attach to another's":     {theirs, ticket.Attach{Attachments: file, By: stranger}, ticket.ErrNotFound},
		"comment on another's":    {theirs, ticket.AddComment{CommentID: commands.NewID(), Content: "c", Attachments: file, By: stranger}, ticket.ErrNotFound},
		"attach to nothing":       {nowhere, ticket.Attach{Attachments: file, By: stranger}, ticket.ErrNotFound},
		"attach to one's own":     {own, ticket.Attach{Attachments: file, By: stranger}, commands.ErrUnknownFiles},
	} {
		_, err := d.tickets.Handle(t.Context(), r, c.id, c.cmd)
		require.ErrorIs(t, err, c.want, name)
	}
}

func TestARepeatIsAnsweredWhateverHasGoneSince(t *testing.T) {
	t.Parallel()
	d, bob := newDesk(t), newUserID()
	id := d.open(bob)
	d.gone[bob] = true
	stream, err := d.do(id, ticket.Assign{Assignee: bob, By: d.admin})
	require.NoError(t, err)
	require.Equal(t, 2, stream.Version())
}

// If-Match guards changes: what changes nothing overwrites nobody's.
func TestIfVersion(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.open(domain.UserID{})
	r := d.request()
	r.IfVersion = 1
	resolve := ticket.ChangeStatus{To: ticket.Resolved, By: d.admin}
	for range 2 { // the second is a repeat: the first answer may have been lost
		stream, err := d.tickets.Handle(t.Context(), r, id, resolve)
		require.NoError(t, err)
		require.Equal(t, 2, stream.Version())
	}
	for name, cmd := range map[string]ticket.Command{
		"a change":                  ticket.ChangeStatus{To: ticket.Closed, By: d.admin},
		"what the status forbids":   ticket.ChangeStatus{To: ticket.Pending, By: d.admin},
		"what nobody can refer to":  ticket.Attach{Attachments: []ticket.Attachment{{FileID: domain.FileID{UUID: id.UUID}}}, By: d.admin},
		"what is wrong at any time": ticket.ChangeStatus{To: "lost", By: d.admin},
	} {
		_, err := d.tickets.Handle(t.Context(), r, id, cmd)
		require.ErrorIs(t, err, commands.ErrStale, name)
	}
	member := newUserID()
	_, err := d.tickets.Handle(t.Context(), r, id, ticket.Delete{By: domain.Actor{Type: domain.ByUser, User: member, Role: domain.Member}})
	require.ErrorIs(t, err, ticket.ErrNotFound)
	_, err = d.tickets.Handle(t.Context(), r, id, ticket.Delete{By: domain.Actor{Type: domain.ByUser, User: member, Role: domain.Auditor}})
	require.ErrorIs(t, err, domain.ErrForbidden)
}

func TestWhoMayNotOpenTicketsUsesUpNoNumber(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := d.request()
	r.By.Role = domain.Auditor
	_, err := d.tickets.Handle(t.Context(), r, ticket.ID{UUID: commands.NewID()}, ticket.OpenTicket{By: r.By})
	require.ErrorIs(t, err, domain.ErrForbidden)
	require.Zero(t, d.next)
}

// Missing implements commands.AttachableFiles: there are no uploads.
func (d *desk) Missing(_ context.Context, _ domain.OrgID, _ domain.Actor, ids []domain.FileID) ([]domain.FileID, error) {
	return ids, nil
}
