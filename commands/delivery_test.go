package commands_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/file"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

var both = integration.Config{SyncEnabled: true}

func TestATicketLivesThereTooWithEverythingInItsOrder(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	to := p.connected(both)
	id, d := p.opened(to, p.upload("shot.png", "pixels"))
	p.requireDone(p.deliver(d, false))
	p.do(id, ticket.AddComment{CommentID: commands.NewID(), Content: "First.", Attachments: []ticket.Attachment{{FileID: p.upload("log.txt", "lines")}}, By: p.ann})
	p.do(id, ticket.AddComment{CommentID: commands.NewID(), Content: "Not for them.", Internal: true, By: p.ann})
	p.do(id, ticket.AddComment{CommentID: commands.NewID(), Content: "Second.", By: p.ann})
	p.do(id, ticket.Edit{Changes: ticket.Changes{Title: new("VPN is down")}, By: p.ann})
	p.do(id, ticket.ChangeStatus{To: ticket.Resolved, By: p.ann})
	p.requireDone(p.deliver(d, false))
	require.Equal(t, []string{"create", "attach shot.png", "comment First.", "attach log.txt", "comment Second.", "update", "status done"}, p.vendor.did)

	there := p.vendor.tickets[0]
	require.Equal(t, "VPN is down", there.draft.Title)
	require.Equal(t, "High", there.draft.Priority)
	require.Equal(t, commands.Person{Name: "Ann", Email: "ann@example.org"}, there.draft.Creator)
	require.Equal(t, "https://help.example/api/v1/tickets/"+id.String(), there.draft.Link)
	require.Equal(t, "Ann", there.comments[0].Author)
	require.Len(t, there.files, 2)

	route := p.ticketState(id).Route(to)
	require.Equal(t, ticket.DeliveryNoted{Integration: to, Status: ticket.DeliveryCreated, ExternalID: "HELP-1", ExternalURL: "https://jira.example/HELP-1"}, route.Noted)
	p.vendor.did = nil
	p.requireDone(p.deliver(d, false))
	p.requireDone(p.deliver(d, true))
	require.Equal(t, []string{"fetch"}, p.vendor.did, "nothing is left to do, and what came from here is no news")
}

func TestWhatIsDoneThereIsDoneHere(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	id, d := p.opened(p.connected(both))
	p.deliver(d, false)
	there := p.vendor.tickets[0]
	there.comments = append(there.comments,
		commands.RemoteComment{ID: "x1", Author: "Zoe", Text: " We look \x00into it.\n"}, commands.RemoteComment{ID: "x2", Author: "Zoe", Text: "For us.", Internal: true},
		commands.RemoteComment{ID: "x3", Text: " "})
	there.status = "indeterminate"
	for range 2 { // a webhook comes twice
		p.requireDone(p.deliver(d, true))
	}
	s := p.ticketState(id)
	require.Equal(t, ticket.InProgress, s.Status)
	stream, err := p.log.Load(t.Context(), p.org.UUID, id.UUID)
	require.NoError(t, err)
	var heard []ticket.Commented
	for _, r := range stream.Events {
		if e, ok := r.Event.(ticket.Commented); ok {
			require.Equal(t, "integration", r.Metadata.Actor.Type)
			heard = append(heard, e)
		}
	}
	require.Len(t, heard, 2)
	require.Equal(t, "We look into it.", heard[0].Content)
	require.Equal(t, "Zoe", heard[0].SaidBy)
	require.True(t, heard[1].Internal)
	require.NotContains(t, strings.Join(p.vendor.did, ","), "comment", "nothing is sent back")
	require.NotContains(t, strings.Join(p.vendor.did, ","), "status", "nothing is sent back")

	there.status = "done"
	p.deliver(d, true)
	require.Equal(t, ticket.Resolved, p.ticketState(id).Status)
	there.status = "indeterminate"
	p.deliver(d, true)
	require.Equal(t, ticket.InProgress, p.ticketState(id).Status, "what has ended is opened on the way")
	there.status = "nobody knows it"
	p.deliver(d, true)
	require.Equal(t, ticket.InProgress, p.ticketState(id).Status)
	require.Equal(t, "nobody knows it", there.status, "it is left alone")
}

func TestAStatusThatChangedOnBothSidesStaysAsItIsHere(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	id, d := p.opened(p.connected(both))
	p.deliver(d, false)
	p.vendor.tickets[0].status = "indeterminate"
	p.do(id, ticket.ChangeStatus{To: ticket.Resolved, By: p.ann})
	p.deliver(d, true)
	require.Equal(t, ticket.Resolved, p.ticketState(id).Status)
	require.Equal(t, "done", p.vendor.tickets[0].status)
}

// Whatever answer is lost, the thing is there once: it is looked for before it is made again.
func TestALostAnswerDoublesNothing(t *testing.T) {
	t.Parallel()
	for lost := range 5 {
		p := newPost(t)
		id, d := p.opened(p.connected(both), p.upload("shot.png", "pixels"))
		p.do(id, ticket.AddComment{CommentID: commands.NewID(), Content: "First.", By: p.ann})
		p.do(id, ticket.Edit{Changes: ticket.Changes{Title: new("VPN!")}, By: p.ann})
		p.do(id, ticket.ChangeStatus{To: ticket.Pending, By: p.ann})
		p.vendor.troubles = append(make([]error, lost), errUnsure, trouble(commands.Down)) // and the look-up comes to nothing at first
		p.later(d)
		require.Len(t, p.vendor.tickets, 1)
		there := p.vendor.tickets[0]
		require.Len(t, there.comments, 1)
		require.Len(t, there.files, 1)
		require.Equal(t, "VPN!", there.draft.Title)
		require.Equal(t, "indeterminate", there.status)
		require.Nil(t, p.state(d).InDoubt)
	}
}

// Wherever the process dies, whoever goes on doubles nothing and leaves nothing out.
func TestADeliveryIsTakenUpAfterADeathAtAnyAppend(t *testing.T) {
	t.Parallel()
	for _, written := range []bool{false, true} {
		for appends := int64(1); ; appends++ {
			p := newPost(t)
			id, d := p.opened(p.connected(both), p.upload("shot.png", strings.Repeat("x", 1000)))
			p.do(id, ticket.AddComment{CommentID: commands.NewID(), Content: "First.", By: p.ann})
			p.do(id, ticket.ChangeStatus{To: ticket.Resolved, By: p.ann})
			left := new(atomic.Int64)
			left.Store(appends)
			q := *p
			q.over(dyingLog{p.log, left, written})
			_, err := q.deliveries.Deliver(t.Context(), commands.DeliveryJob{Org: p.org, Delivery: d})
			if err == nil {
				require.Greater(t, appends, int64(7), "all were tried")
				break
			}
			require.ErrorIs(t, err, errCrash)
			p.later(d)
			require.Len(t, p.vendor.tickets, 1, "after %d appends", appends)
			require.Len(t, p.vendor.tickets[0].comments, 1, "after %d appends", appends)
			require.Equal(t, "done", p.vendor.tickets[0].status)
			attached := strings.Count(strings.Join(p.vendor.did, ","), "attach shot")
			require.Equal(t, 1, attached, "after %d appends", appends)
		}
	}
}

func TestTroubleIsTriedAgainEverMoreRarely(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	to := p.connected(both)
	id, d := p.opened(to)
	var pauses []time.Duration
	for range 6 {
		p.vendor.troubles = []error{trouble(commands.Down)}
		next := p.deliver(d, false)
		require.True(t, next.Down)
		require.Equal(t, next.At, p.deliver(d, false).At, "not before its time")
		pauses = append(pauses, next.At.Sub(p.now))
		p.now = next.At
	}
	require.Equal(t, []time.Duration{4 * time.Second, 6 * time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}, pauses)
	require.Equal(t, ticket.DeliveryNoted{Integration: to, Status: ticket.DeliveryPending, Code: "unavailable"}, p.ticketState(id).Route(to).Noted)
	require.Equal(t, "unavailable", p.state(d).Waiting.Code)
	p.later(d)
	require.Equal(t, ticket.DeliveryCreated, p.ticketState(id).Route(to).Noted.Status)

	_, other := p.opened(to)
	for range commands.DefaultPauses.AtMost {
		p.vendor.troubles = []error{trouble(commands.Down)}
		p.now = p.deliver(other, false).At
	}
	require.True(t, p.state(other).Waiting.Parked, "three days are enough")
}

func TestALimitIsNoFailure(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	_, d := p.opened(p.connected(both))
	at := p.now.Add(20 * time.Second)
	for range 5 {
		p.vendor.troubles = []error{&commands.VendorError{Kind: commands.Limited, Message: "Too many.", RetryAt: at}}
		require.Equal(t, commands.Next{At: at, Limited: true, Answered: true}, p.deliver(d, false))
		require.Zero(t, p.state(d).Tries)
		p.now, at = at, at.Add(time.Minute)
	}
	p.vendor.troubles = []error{trouble(commands.Limited)}
	require.Equal(t, p.now.Add(time.Second), p.deliver(d, false).At, "it does not say when")
}

// A vendor that says "later" for days is as good as down.
func TestLimitsEndOnceUponATime(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	last := p.connected(both)
	first := p.connected(integration.Config{SyncEnabled: true, Fallback: []uuid.UUID{last}})
	_, d := p.opened(first)
	limits := 0
	for ; p.state(d).Ended == ""; limits++ {
		p.vendor.troubles = []error{trouble(commands.Limited)}
		if next := p.deliver(d, false); !next.At.IsZero() {
			p.now = next.At
		}
	}
	require.Equal(t, "rerouted", p.state(d).Ended)
	require.Equal(t, 14, limits, "ten are no failure, and four tries are enough")

	_, d = p.opened(last)
	for !parked(p.state(d)) {
		p.vendor.troubles = []error{trouble(commands.Limited)}
		if next := p.deliver(d, false); !next.At.IsZero() {
			p.now = next.At
		}
	}
	require.Equal(t, commands.DefaultPauses.AtMost, p.state(d).Tries)
}

func parked(s delivery.State) bool { return s.Waiting != nil && s.Waiting.Parked }

// Where nothing but its name and size tell a file, those that were attached before are told apart; one that never was does not count.
func TestAFileIsToldFromItsTwins(t *testing.T) {
	t.Parallel()
	for twins, gone := range []bool{true, false} {
		p := newPost(t)
		first, second := p.upload("shot.png", "the one"), p.upload("shot.png", "another")
		_, d := p.opened(p.connected(both), first, second)
		if gone {
			stream, err := p.log.Load(t.Context(), p.org.UUID, first.UUID)
			require.NoError(t, err)
			_, err = p.log.Append(t.Context(), eventstore.Metadata{}, eventstore.Write{Stream: stream, Events: []any{file.Deleted{}}})
			require.NoError(t, err)
		}
		p.vendor.troubles = []error{nil, errUnsure}
		if !gone {
			p.vendor.troubles = []error{nil, nil, errUnsure}
		}
		p.later(d)
		require.Len(t, p.vendor.sought, 1)
		require.Equal(t, []any{second.UUID, twins}, []any{p.vendor.sought[0].Key, p.vendor.sought[0].Twins})
	}
}

// One vendor's answer may not end the program.
func TestAPanicIsAnErrorOfOne(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	to := p.connected(both)
	_, d := p.opened(to)
	p.vendor.panics = true
	_, err := p.deliveries.Deliver(t.Context(), commands.DeliveryJob{Org: p.org, Delivery: d})
	require.ErrorContains(t, err, "panicked")
	_, err = p.integrations.Check(t.Context(), p.by(p.ann), to)
	require.ErrorContains(t, err, "panicked")
	p.vendor.panics = false
	p.requireDone(p.deliver(d, false))
	require.Len(t, p.vendor.tickets, 1)
}

func TestWhatOnlyAPersonCanMendWaitsForThem(t *testing.T) {
	t.Parallel()
	for _, kind := range []commands.VendorErrorKind{commands.Denied, commands.Missing, commands.Rejected, commands.TooLarge} {
		p := newPost(t)
		to := p.connected(both)
		id, d := p.opened(to)
		p.vendor.troubles = []error{trouble(kind)}
		p.requireDone(p.deliver(d, false))
		p.requireDone(p.deliver(d, false))
		require.Empty(t, p.vendor.did)
		require.Equal(t, ticket.DeliveryNoted{Integration: to, Status: ticket.DeliveryFailed, Code: string(kind)}, p.ticketState(id).Route(to).Noted)
		require.True(t, p.state(d).Waiting.Parked)

		_, err := p.deliveries.Retry(t.Context(), p.by(p.ann), d)
		require.NoError(t, err)
		p.queue.woken = nil
		p.react()
		require.Equal(t, d, p.queue.woken[len(p.queue.woken)-1].Delivery)
		require.Equal(t, ticket.DeliveryPending, p.ticketState(id).Route(to).Noted.Status)
		p.requireDone(p.deliver(d, false))
		require.Equal(t, ticket.DeliveryCreated, p.ticketState(id).Route(to).Noted.Status)
		_, err = p.deliveries.Retry(t.Context(), p.by(p.ann), d)
		require.ErrorIs(t, err, delivery.ErrNotWaiting)
	}
}

func TestAStepThatIsGivenUpLetsTheOthersGoOn(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	to := p.connected(both)
	id, d := p.opened(to)
	p.deliver(d, false)
	p.do(id, ticket.AddComment{CommentID: commands.NewID(), Content: "First.", By: p.ann})
	p.do(id, ticket.AddComment{CommentID: commands.NewID(), Content: "Second.", By: p.ann})
	p.vendor.troubles = []error{trouble(commands.Rejected)}
	p.deliver(d, false)
	_, err := p.deliveries.Drop(t.Context(), p.by(p.ann), d)
	require.NoError(t, err)
	p.deliver(d, false)
	require.Equal(t, []string{"create", "comment Second."}, p.vendor.did)
	require.Equal(t, ticket.DeliveryCreated, p.ticketState(id).Route(to).Noted.Status)

	other, gone := p.opened(to)
	p.vendor.troubles = []error{trouble(commands.Rejected)}
	p.deliver(gone, false)
	_, err = p.deliveries.Drop(t.Context(), p.by(p.ann), gone)
	require.NoError(t, err)
	require.Equal(t, ticket.DeliveryNoted{Integration: to, Status: ticket.DeliverySkipped, Code: "dropped"}, p.ticketState(other).Route(to).Noted)
	require.True(t, p.state(gone).Over())
	_, err = p.deliveries.Send(t.Context(), p.by(p.ann), other, to)
	require.NoError(t, err, "and it can be sent again")
	p.react()
	p.deliver(gone, false)
	require.Equal(t, ticket.DeliveryCreated, p.ticketState(other).Route(to).Noted.Status)
}

func TestATicketGoesToTheNextOfTheChain(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	last := p.connected(both)
	disabled := p.connected(both)
	_, err := p.integrations.SetStatus(t.Context(), p.by(p.ann), disabled, false, "")
	require.NoError(t, err)
	first := p.connected(integration.Config{SyncEnabled: true, Fallback: []uuid.UUID{disabled, last}})
	id, d := p.opened(first)
	for range 4 {
		p.vendor.troubles = []error{trouble(commands.Down)}
		if next := p.deliver(d, false); !next.At.IsZero() {
			p.now = next.At
		}
	}
	s := p.ticketState(id)
	require.Equal(t, ticket.DeliveryNoted{Integration: first, Status: ticket.DeliverySkipped, Code: "rerouted"}, s.Route(first).Noted)
	require.Equal(t, "rerouted", p.state(d).Ended)
	p.react()
	there := delivery.IDOf(last, id.UUID)
	require.Equal(t, first, p.state(there).Instead)
	p.requireDone(p.deliver(there, false))
	p.requireDone(p.deliver(d, false), "it does not come back")
	require.Equal(t, ticket.DeliveryCreated, p.ticketState(id).Route(last).Noted.Status)
	require.Equal(t, []string{"create"}, p.vendor.did)
}

// A ticket that may have arrived goes nowhere else before that is known.
func TestADoubtfulTicketGoesNowhereElse(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	first := p.connected(integration.Config{SyncEnabled: true, Fallback: []uuid.UUID{p.connected(both)}})
	_, d := p.opened(first)
	p.vendor.troubles = []error{errUnsure}
	p.now = p.deliver(d, false).At
	for range 6 {
		p.vendor.troubles = []error{trouble(commands.Down)}
		p.now = p.deliver(d, false).At
	}
	require.Empty(t, p.state(d).Ended)
	p.later(d)
	require.Len(t, p.vendor.tickets, 1)
}

func TestEverythingWaitsForAnIntegrationThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	to := p.connected(both)
	_, err := p.integrations.SetStatus(t.Context(), p.by(p.ann), to, false, "holidays")
	require.NoError(t, err)
	id, d := p.opened(to)
	require.True(t, p.deliver(d, false).Held)
	require.True(t, p.deliver(d, false).Held)
	require.Equal(t, ticket.DeliveryNoted{Integration: to, Status: ticket.DeliveryPending, Code: "integration_inactive"}, p.ticketState(id).Route(to).Noted)
	_, err = p.integrations.SetStatus(t.Context(), p.by(p.ann), to, true, "")
	require.NoError(t, err)
	p.react()
	require.Contains(t, p.queue.resumed, to)
	p.requireDone(p.deliver(d, false))

	p.do(id, ticket.AddComment{CommentID: commands.NewID(), Content: "First.", By: p.ann})
	p.vendor.troubles = []error{trouble(commands.Unauthorized)}
	require.True(t, p.deliver(d, false).Held, "it cannot be renewed")
	state, err := p.integrations.Find(t.Context(), p.org, to)
	require.NoError(t, err)
	require.Equal(t, integration.HasExpired, state.Status())
	require.Equal(t, "integration_expired", p.state(d).Held)
	require.True(t, p.deliver(d, true).Held)
}

func TestWhatHasNothingToDoWaitsForNothing(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	to := p.connected(both)
	id, d := p.opened(to)
	p.deliver(d, false)
	_, err := p.integrations.SetStatus(t.Context(), p.by(p.ann), to, false, "")
	require.NoError(t, err)
	p.requireDone(p.deliver(d, false), "there is nothing to do")
	require.Empty(t, p.state(d).Held)
	require.True(t, p.deliver(d, true).Held, "something may have changed there")
	_, err = p.integrations.SetStatus(t.Context(), p.by(p.ann), to, true, "")
	require.NoError(t, err)
	p.deliver(d, false)
	require.Empty(t, p.state(d).Held)

	p.do(id, ticket.ChangeStatus{To: ticket.Resolved, By: p.ann})
	p.vendor.troubles = []error{trouble(commands.Rejected)}
	p.deliver(d, false)
	require.True(t, p.state(d).Waiting.Parked)
	for _, enabled := range []bool{false, true} {
		_, err = p.integrations.SetStatus(t.Context(), p.by(p.ann), to, enabled, "")
		require.NoError(t, err)
		require.Equal(t, !enabled, p.deliver(d, true).Held)
		require.Empty(t, p.state(d).Held, "what failed waits for a person")
	}
	p.vendor.troubles = []error{trouble(commands.Unauthorized)}
	require.True(t, p.deliver(d, true).Held, "the credentials cannot be renewed")
	require.Empty(t, p.state(d).Held)
	p.do(id, ticket.ChangeStatus{To: ticket.Open, By: p.ann})
	p.requireDone(p.deliver(d, false))
	require.Nil(t, p.state(d).Waiting, "nobody wants it any more")
}

// A ticket that is deleted before it gets there never does, even if it may have got there.
func TestADeletedTicketIsNotSent(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]error{"not sent": trouble(commands.Down), "parked": trouble(commands.Rejected), "in doubt": errUnsure} {
		p := newPost(t)
		id, d := p.opened(p.connected(both))
		p.vendor.troubles = []error{lost}
		p.now = p.deliver(d, false).At.Add(time.Hour)
		p.do(id, ticket.Delete{By: p.ann})
		p.later(d)
		require.Equal(t, "ticket_deleted", p.state(d).Ended, name)
		if name == "in doubt" {
			require.Equal(t, "done", p.vendor.tickets[0].status, "it is cancelled there")
			continue
		}
		require.Empty(t, p.vendor.tickets, name)
	}
}

// A ticket that may be there is looked for when it is sent anew, whatever was given up in between.
func TestADroppedDoubtDoublesNothing(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	to := p.connected(both)
	id, d := p.opened(to)
	p.vendor.troubles = []error{errUnsure}
	p.deliver(d, false)
	_, err := p.deliveries.Drop(t.Context(), p.by(p.ann), d)
	require.NoError(t, err)
	p.requireDone(p.deliver(d, false))
	_, err = p.deliveries.Send(t.Context(), p.by(p.ann), id, to)
	require.NoError(t, err)
	p.react()
	p.later(d)
	require.Len(t, p.vendor.tickets, 1)
	require.Equal(t, "HELP-1", p.state(d).External)
}

// A chain with a hole in it is still one, and a ticket that cannot go elsewhere goes on here.
func TestAChainWithAHole(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	gone, last := p.connected(both), p.connected(both)
	first := p.connected(integration.Config{SyncEnabled: true, Fallback: []uuid.UUID{gone, last}})
	id, d := p.opened(first)
	_, err := p.integrations.Disconnect(t.Context(), p.by(p.ann), gone)
	require.NoError(t, err)
	for range 4 {
		p.vendor.troubles = []error{trouble(commands.Down)}
		if next := p.deliver(d, false); !next.At.IsZero() {
			p.now = next.At
		}
	}
	require.Equal(t, "rerouted", p.state(d).Ended)
	p.deliver(delivery.IDOf(last, id.UUID), false)
	require.Equal(t, ticket.DeliveryCreated, p.ticketState(id).Route(last).Noted.Status)
}

func TestAMarkThatSomebodyCopiedIsNoMark(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	id, d := p.opened(p.connected(both))
	ours := commands.NewID()
	p.do(id, ticket.AddComment{CommentID: ours, Content: "Hello.", By: p.ann})
	p.deliver(d, false)
	there := p.vendor.tickets[0]
	there.comments = append(there.comments, commands.RemoteComment{ID: "x1", Ours: ours, Author: "Zoe", Text: "> Hello.\nHi!"}, commands.RemoteComment{ID: "x2", Ours: commands.NewID(), Author: "Zoe", Text: "Me again."})
	p.deliver(d, true)
	stream, err := p.log.Load(t.Context(), p.org.UUID, id.UUID)
	require.NoError(t, err)
	var said []string
	for _, r := range stream.Events {
		if e, ok := r.Event.(ticket.Commented); ok && e.SaidBy != "" {
			said = append(said, e.Content)
		}
	}
	require.Equal(t, []string{"> Hello.\nHi!", "Me again."}, said)
}

// A vendor that cannot be asked what changed is still sent what is to be sent, and asked again.
func TestADeafLookGoesOn(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	id, d := p.opened(p.connected(both))
	p.deliver(d, false)
	p.do(id, ticket.ChangeStatus{To: ticket.Resolved, By: p.ann})
	for _, kind := range []commands.VendorErrorKind{commands.Down, commands.Limited, commands.Missing} {
		p.vendor.troubles = []error{trouble(kind)}
		next := p.deliver(d, true)
		require.False(t, next.Over(), kind)
	}
	require.Equal(t, "done", p.vendor.tickets[0].status)
}

func TestWhatIsNotToldIsAskedForEverMoreRarely(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	_, d := p.opened(p.connected(both))
	p.deliver(d, false)
	var pauses []time.Duration
	p.now = time.Now() // as the log's
	begun := p.now
	for over := false; !over; {
		p.vendor.troubles = []error{trouble(commands.Down)}
		next := p.deliver(d, true)
		if over = next.Over(); !over {
			require.True(t, next.Down)
			pauses, p.now = append(pauses, next.At.Sub(p.now).Round(time.Second)), next.At
		}
	}
	require.Equal(t, []time.Duration{time.Minute, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour}, pauses[:9])
	require.Greater(t, p.now.Sub(begun), 72*time.Hour)
	require.Less(t, len(pauses), 90)
	require.Equal(t, []any{delivery.Unheard{Code: "unavailable", CreatedBy: p.ann.User, Message: "It is unavailable."}}, p.heard(d), "once is news")

	p.vendor.troubles = []error{trouble(commands.Denied)}
	require.Equal(t, commands.Next{Answered: true}, p.deliver(d, true), "it is asked only when something changes there")
	p.vendor.tickets[0].status = "done"
	p.requireDone(p.deliver(d, true))
	require.Equal(t, "done", p.state(d).Status)
	require.Empty(t, p.state(d).Unheard)
	p.now = begun
	p.vendor.troubles = []error{trouble(commands.Denied)}
	require.Equal(t, time.Hour, p.deliver(d, true).At.Sub(p.now), "whoever refuses is asked seldom")
	require.Len(t, p.heard(d), 4)
}

func TestAnotherMappingUndoesNothing(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	to := p.connected(both)
	id, d := p.opened(to)
	p.deliver(d, false)
	_, err := p.integrations.Change(t.Context(), p.by(p.ann), to, integration.Change{Mapping: &integration.Mapping{Status: map[string]string{"open": "To Do", "new": "To Do"}}}, nil)
	require.NoError(t, err)
	p.vendor.tickets[0].status = "done"
	p.deliver(d, true)
	require.Equal(t, ticket.Resolved, p.ticketState(id).Status)
	require.Equal(t, "done", p.vendor.tickets[0].status)
}

func TestAFileThatIsTooLargeIsLinked(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		p := newPost(t)
		big := p.upload("film.mp4", strings.Repeat("x", 3<<20))
		_, d := p.opened(p.connected(both), big)
		p.vendor.troubles = []error{nil, trouble(commands.TooLarge)}
		if lost { // the answer to the link
			p.vendor.troubles = append(p.vendor.troubles, errUnsure)
		}
		p.later(d)
		there := p.vendor.tickets[0]
		require.Empty(t, there.files)
		require.Len(t, there.comments, 1)
		require.Equal(t, "film.mp4 (3.0 MB) could not be attached. It is too_large. It is kept here: https://help.example/api/v1/files/"+big.String()+"/storage/film.mp4", there.comments[0].Text)
		p.deliver(d, true)
		require.Len(t, there.comments, 1)
	}
}

func TestATicketThatIsDeletedHereIsCancelledThere(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	id, d := p.opened(p.connected(both))
	p.deliver(d, false)
	p.do(id, ticket.Delete{By: p.ann})
	p.vendor.tickets[0].comments = []commands.RemoteComment{{ID: "x", Text: "Too late."}}
	p.deliver(d, true)
	require.Equal(t, "done", p.vendor.tickets[0].status)
	require.Equal(t, "ticket_deleted", p.state(d).Ended)
	p.vendor.did = nil
	p.deliver(d, true)
	require.Empty(t, p.vendor.did)
}

func TestOnlyTheTicketItselfIsSentWithoutSynchronization(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	id, d := p.opened(p.connected(integration.Config{}), p.upload("shot.png", "pixels"))
	p.do(id, ticket.AddComment{CommentID: commands.NewID(), Content: "First.", By: p.ann})
	p.deliver(d, false)
	p.do(id, ticket.ChangeStatus{To: ticket.Resolved, By: p.ann})
	p.do(id, ticket.Edit{Changes: ticket.Changes{Title: new("VPN!")}, By: p.ann})
	p.vendor.tickets[0].status = "indeterminate"
	p.deliver(d, true)
	require.Equal(t, []string{"create", "attach shot.png"}, p.vendor.did)
	require.Equal(t, ticket.Resolved, p.ticketState(id).Status)
}

func TestADisconnectedIntegrationEndsItsDeliveries(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	to := p.connected(both)
	id, d := p.opened(to)
	_, err := p.integrations.Disconnect(t.Context(), p.by(p.ann), to)
	require.NoError(t, err)
	p.react()
	require.NotContains(t, p.queue.watched, to)
	p.requireDone(p.deliver(d, false))
	require.Equal(t, "disconnected", p.state(d).Ended)
	require.Equal(t, ticket.DeliverySkipped, p.ticketState(id).Route(to).Noted.Status)
	_, err = p.deliveries.Send(t.Context(), p.by(p.ann), id, to)
	require.ErrorIs(t, err, commands.ErrUnknownIntegration)
	_, err = p.tickets.Handle(t.Context(), p.by(p.ann), ticket.ID{UUID: commands.NewID()}, ticket.OpenTicket{Content: ticket.Content{Title: "a", Description: "b"}, Integration: to, By: p.ann})
	require.ErrorIs(t, err, commands.ErrUnknownIntegration)
}

func TestOnlyThoseWhoMayManageDeliveries(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	_, d := p.opened(p.connected(both))
	p.vendor.troubles = []error{trouble(commands.Rejected)}
	p.deliver(d, false)
	for role, refusal := range map[domain.Role]error{domain.Member: delivery.ErrNotFound, domain.Auditor: domain.ErrForbidden} {
		who := p.ann
		who.Role = role
		_, err := p.deliveries.Retry(t.Context(), p.by(who), d)
		require.ErrorIs(t, err, refusal)
		_, err = p.deliveries.Drop(t.Context(), p.by(who), d)
		require.ErrorIs(t, err, refusal)
	}
	_, err := p.deliveries.Retry(t.Context(), p.by(p.ann), commands.NewID())
	require.ErrorIs(t, err, delivery.ErrNotFound)
}

// Ours is ours: what goes wrong here is no fact of the delivery.
func TestTroubleOfOursIsAnError(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	_, d := p.opened(p.connected(both))
	p.vendor.troubles = []error{errors.New("a bug")}
	_, err := p.deliveries.Deliver(t.Context(), commands.DeliveryJob{Org: p.org, Delivery: d})
	require.ErrorContains(t, err, "a bug")
	p.later(d)
	require.Len(t, p.vendor.tickets, 1)
}
