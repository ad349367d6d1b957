package commands_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/integration"
	"ticketd/domain/syncing"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// A dry run changes nothing on either side, and says what the real one then does.
func TestADryRunSaysWhatASyncThenDoes(t *testing.T) {
	t.Parallel()
	audits(t, func(a audit) {
		t := a.T
		m := a.mess()
		before, did := a.elsewhere(), len(a.vendor.did)
		would, ended := a.sync(m.to, true)
		require.Equal(t, before, a.elsewhere(), "nothing was written here")
		for _, what := range a.vendor.did[did:] {
			require.True(t, what == "fetch" || strings.HasPrefix(what, "find"), what)
		}
		require.Equal(t, syncing.Ended{Integration: m.to, Counts: syncing.Counts{Created: 1, Updated: 6, Skipped: 2}}, ended)
		state, err := a.integrations.Find(t.Context(), a.org, m.to)
		require.NoError(t, err)
		require.Equal(t, uuid.Nil, state.LastSync)

		facts, ended := a.sync(m.to, false)
		require.Equal(t, syncing.Ended{Integration: m.to, Counts: syncing.Counts{Created: 1, Updated: 6, Skipped: 2}}, ended)
		state, err = a.integrations.Find(t.Context(), a.org, m.to)
		require.NoError(t, err)
		require.Equal(t, syncing.IDOf(m.to, 2), state.LastSync)
		for id, fact := range facts {
			said := would[id]
			said.Outcome = map[syncing.Outcome]syncing.Outcome{syncing.WouldCreate: syncing.WasCreated, syncing.WouldUpdate: syncing.WasUpdated, syncing.WasSkipped: syncing.WasSkipped}[said.Outcome]
			require.Equal(t, fact, said)
		}
		for id, want := range map[ticket.ID]syncing.Looked{
			m.equal: {Outcome: syncing.WasSkipped, Code: syncing.Equal}, m.moved: {Outcome: syncing.WasUpdated, Did: map[string]int{"status_heard": 1}},
			m.said: {Outcome: syncing.WasUpdated, Did: map[string]int{"comment_heard": 2}}, m.edited: {Outcome: syncing.WasUpdated, Did: map[string]int{"comment": 1, "update": 1}},
			m.parked: {Outcome: syncing.WasUpdated, Did: map[string]int{"comment": 1}}, m.lost: {Outcome: syncing.WasCreated, Did: map[string]int{"create": 1}},
			m.named: {Outcome: syncing.WasSkipped, Code: syncing.NamedOnly}, m.both: {Outcome: syncing.WasUpdated, Did: map[string]int{"status": 1, "status_heard": 1}},
			m.gone: {Outcome: syncing.WasUpdated, Did: map[string]int{"status": 1}},
		} {
			got := facts[id.UUID]
			require.Equal(t, []any{want.Outcome, want.Code, len(want.Did)}, []any{got.Outcome, got.Code, len(got.Did)}, "%+v", got)
			for kind, n := range want.Did {
				require.Equal(t, n, got.Did[kind], kind)
			}
			require.Equal(t, a.ann.User, got.CreatedBy)
		}

		require.Equal(t, ticket.Resolved, a.ticketState(m.moved).Status)
		require.Equal(t, "VPN was down", a.at(m.edited.UUID).draft.Title)
		require.Equal(t, a.calls(ticket.Closed), a.at(m.both.UUID).status, "here it was closed")
		require.Equal(t, a.calls(ticket.Cancelled), a.at(m.gone.UUID).status)
		require.Len(t, a.vendor.tickets, 8)

		_, ended = a.sync(m.to, false)
		require.Equal(t, syncing.Ended{Integration: m.to, Counts: syncing.Counts{Skipped: 9}}, ended, "now they are equal")
	})
}

// One that dies in the middle is taken up by another, which looks at nothing again and knows what came of what was under way.
func TestASyncIsTakenUpWhereItWas(t *testing.T) {
	t.Parallel()
	audits(t, func(a audit) {
		t := a.T
		to := a.connected(both)
		for range 50 {
			id := ticket.ID{UUID: commands.NewID()}
			_, err := a.tickets.Handle(t.Context(), a.by(a.ann), id, ticket.OpenTicket{Content: ticket.Content{Title: "VPN", Description: "Down."}, Integration: to, Send: true, By: a.ann})
			require.NoError(t, err)
		}
		a.vendor.takes(500 * time.Millisecond)
		job := a.begin(to, false)
		first, die := context.WithTimeout(t.Context(), 4*time.Second)
		defer die()
		require.ErrorIs(t, a.syncs.Run(first, job), context.DeadlineExceeded)
		facts, last := a.report(job.Sync)
		require.IsType(t, syncing.Progressed{}, last)
		require.Greater(t, len(facts), 5)
		require.Less(t, len(facts), 40)
		asked := a.vendor.asked()
		require.NoError(t, a.syncs.Run(t.Context(), job))
		facts, last = a.report(job.Sync)
		require.Equal(t, syncing.Ended{Integration: to, Counts: syncing.Counts{Created: 50}}, last)
		require.Len(t, facts, 50)
		require.Len(t, a.vendor.tickets, 50)
		require.Less(t, a.vendor.asked(), 2*50+asked)
		require.NoError(t, a.syncs.Run(t.Context(), job), "what has ended is left alone")

		stream, err := a.log.Load(t.Context(), a.org.UUID, job.Sync)
		require.NoError(t, err)
		var told time.Time
		for _, r := range stream.Events {
			if _, ok := r.Event.(syncing.Progressed); ok && r.At.Sub(stream.Events[0].At) < 3*time.Second {
				require.GreaterOrEqual(t, r.At.Sub(told), time.Second, "once a second at most")
				told = r.At
			}
		}
	})
}

func TestWhatCannotBeBroughtUpToDateSaysWhy(t *testing.T) {
	t.Parallel()
	audits(t, func(a audit) {
		t := a.T
		to := a.connected(both)
		a.vendor.always(&commands.VendorError{Kind: commands.Rejected, Message: "The title says \"VPN\"."})
		id, _ := a.opened(to)
		dropped, theirs := a.opened(to)
		pass(time.Minute)
		_, err := a.deliveries.Drop(t.Context(), a.by(a.ann), theirs)
		require.NoError(t, err)
		facts, ended := a.sync(to, false)
		require.Equal(t, syncing.Counts{Skipped: 1, Failed: 1}, ended.(syncing.Ended).Counts)
		require.Equal(t, syncing.HasFailed, facts[id.UUID].Outcome)
		require.Equal(t, []string{"invalid", "The title says \"VPN\"."}, []string{facts[id.UUID].Code, facts[id.UUID].Reason})
		require.Equal(t, []any{syncing.WasSkipped, "dropped"}, []any{facts[dropped.UUID].Outcome, facts[dropped.UUID].Code})

		a.vendor.always(trouble(commands.Down))
		facts, _ = a.sync(to, false)
		require.Equal(t, []any{syncing.HasFailed, "unavailable"}, []any{facts[id.UUID].Outcome, facts[id.UUID].Code}, "it is tried again by itself, but not soon enough")
		a.vendor.always(nil)
		facts, _ = a.sync(to, false)
		require.Equal(t, syncing.WasCreated, facts[id.UUID].Outcome)

		a.vendor.always(trouble(commands.Down)) // it cannot be asked how the ticket stands
		for _, dry := range []bool{true, false} {
			facts, _ = a.sync(to, dry)
			require.Equal(t, []any{syncing.HasFailed, "unavailable"}, []any{facts[id.UUID].Outcome, facts[id.UUID].Code}, dry)
		}
	})
}

// What the vendor has put off for a moment is waited for.
func TestASyncWaitsForWhatIsPutOffForAMoment(t *testing.T) {
	t.Parallel()
	audits(t, func(a audit) {
		t := a.T
		to := a.connected(both)
		id, _ := a.opened(to)
		a.settled()
		a.do(id, ticket.Edit{Changes: ticket.Changes{Title: new("Late")}, By: a.ann})
		for _, dry := range []bool{true, false} {
			limited := &commands.VendorError{Kind: commands.Limited, Message: "Slowly.", RetryAt: time.Now().Add(20 * time.Second)}
			a.vendor.mu.Lock()
			a.vendor.troubles = []error{limited}
			a.vendor.mu.Unlock()
			began := time.Now()
			facts, _ := a.sync(to, dry)
			require.Equal(t, 1, facts[id.UUID].Did["update"], "%+v", facts[id.UUID])
			require.GreaterOrEqual(t, time.Since(began), 20*time.Second)
		}
	})
}

// A step whose outcome was lost is looked for, also by a dry run, which counts it as done if it is found.
func TestADryRunLooksForWhatIsInDoubt(t *testing.T) {
	t.Parallel()
	audits(t, func(a audit) {
		t := a.T
		to := a.connected(both)
		a.vendor.mu.Lock()
		a.vendor.troubles = []error{errUnsure, trouble(commands.Rejected)}
		a.vendor.mu.Unlock()
		found, _ := a.opened(to)
		pass(time.Minute)
		require.Len(t, a.vendor.tickets, 1)
		require.NotNil(t, a.ticketState(found).Route(to))
		facts, _ := a.sync(to, true)
		require.Equal(t, syncing.WouldCreate, facts[found.UUID].Outcome)
		require.Len(t, a.vendor.tickets, 1)
		facts, _ = a.sync(to, false)
		require.Equal(t, syncing.WasCreated, facts[found.UUID].Outcome)
		require.Len(t, a.vendor.tickets, 1, "it was found, and not made again")
	})
}

func TestOneSyncOfAnIntegrationGoesOnAtATime(t *testing.T) {
	t.Parallel()
	audits(t, func(a audit) {
		t := a.T
		to := a.connected(both)
		request := commands.NewID()
		stream, err := a.syncs.Start(t.Context(), a.by(a.ann), request, to, false)
		require.NoError(t, err)
		again, err := a.syncs.Start(t.Context(), a.by(a.ann), request, to, false)
		require.NoError(t, err)
		require.Equal(t, stream.ID, again.ID, "an answer that was lost")
		_, err = a.syncs.Start(t.Context(), a.by(a.ann), commands.NewID(), to, true)
		require.ErrorIs(t, err, syncing.ErrRunning)
		require.ErrorContains(t, err, stream.ID.String())
		job := commands.SyncJob{Org: a.org, Sync: stream.ID}
		require.NoError(t, a.syncs.GiveUp(t.Context(), job))
		_, last := a.report(stream.ID)
		require.Equal(t, syncing.Failed{Integration: to, Code: "given_up", Why: "It was given up after several tries."}, last)
		require.NoError(t, a.syncs.GiveUp(t.Context(), commands.SyncJob{Org: a.org, Sync: commands.NewID()}), "there is none")
		require.NoError(t, a.syncs.Run(t.Context(), commands.SyncJob{Org: a.org, Sync: commands.NewID()}), "there is none")

		began := make(chan error, 2)
		for range 2 { // at once
			go func() {
				_, err := a.syncs.Start(t.Context(), a.by(a.ann), commands.NewID(), to, false)
				began <- err
			}()
		}
		errs := []error{<-began, <-began}
		require.Len(t, slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, syncing.ErrRunning) }), 1)
	})
}

func TestASyncIsRefused(t *testing.T) {
	t.Parallel()
	audits(t, func(a audit) {
		t := a.T
		to := a.connected(both)
		member := a.ann
		member.Role = domain.Member
		_, err := a.syncs.Start(t.Context(), a.by(member), commands.NewID(), to, false)
		require.ErrorIs(t, err, domain.ErrForbidden)
		_, err = a.syncs.Start(t.Context(), a.by(a.ann), commands.NewID(), commands.NewID(), false)
		require.ErrorIs(t, err, integration.ErrNotFound)
		_, err = a.integrations.SetStatus(t.Context(), a.by(a.ann), to, false, "Holidays.")
		require.NoError(t, err)
		_, err = a.syncs.Start(t.Context(), a.by(a.ann), commands.NewID(), to, false)
		require.ErrorIs(t, err, syncing.ErrUnusable)
		require.ErrorContains(t, err, "inactive")
	})
}

// An integration that cannot be used any more ends its sync, and what was found by then stays.
func TestASyncEndsWithItsIntegration(t *testing.T) {
	t.Parallel()
	for _, dry := range []bool{false, true} {
		audits(t, func(a audit) {
			t := a.T
			to := a.connected(both)
			a.opened(to)
			a.settled()
			job := a.begin(to, dry)
			_, err := a.integrations.Disconnect(t.Context(), a.by(a.ann), to)
			require.NoError(t, err)
			require.NoError(t, a.syncs.Run(t.Context(), job))
			_, last := a.report(job.Sync)
			require.Equal(t, "integration_not_found", last.(syncing.Failed).Code)
		})
	}
}

func TestErrorsOfOursAreWorthAnotherTry(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is full")
	for _, dry := range []bool{false, true} {
		audits(t, func(a audit) {
			t := a.T
			to := a.connected(both)
			a.opened(to)
			a.settled()
			job := a.begin(to, dry)
			a.catalogue.broken = broken
			require.ErrorIs(t, a.syncs.Run(t.Context(), job), broken)
			a.catalogue.broken = nil
			if !dry {
				a.line.breaks(broken)
				require.ErrorIs(t, a.syncs.Run(t.Context(), job), broken)
				a.line.breaks(nil)
				synctest.Wait()
			}
			require.NoError(t, a.syncs.Run(t.Context(), job))
			_, last := a.report(job.Sync)
			require.Equal(t, syncing.Counts{Skipped: 1}, last.(syncing.Ended).Counts)
		})
	}
}

// syncDesk hands syncs to nobody, and remembers them.
type syncDesk struct{ jobs []commands.SyncJob }

func (d *syncDesk) EnqueueSync(_ context.Context, job commands.SyncJob) error {
	d.jobs = append(d.jobs, job)
	return nil
}

func TestEverySyncIsHandedToAWorker(t *testing.T) {
	t.Parallel()
	desk := &syncDesk{}
	reaction := commands.RunSyncs(desk)
	require.Equal(t, []string{"sync.started"}, reaction.Facts)
	r := eventstore.Recorded{Org: uuid.UUID{15: 1}, Stream: uuid.UUID{15: 2}, Position: 7, Metadata: eventstore.Metadata{CorrelationID: "req"}}
	require.NoError(t, reaction.React(t.Context(), r))
	require.Equal(t, []commands.SyncJob{{Org: domain.OrgID{UUID: r.Org}, Sync: r.Stream, Correlation: "req", Causation: "7"}}, desk.jobs)
}

// What was given up and sent again since is made, with its files, also when nobody has reacted to that yet.
func TestASyncBeginsAgainWhatWasSentAgain(t *testing.T) {
	t.Parallel()
	audits(t, func(a audit) {
		t := a.T
		to := a.connected(both)
		a.vendor.always(trouble(commands.Rejected))
		id, theirs := a.opened(to, a.upload("shot.png", "a picture"))
		pass(time.Minute)
		_, err := a.deliveries.Drop(t.Context(), a.by(a.ann), theirs)
		require.NoError(t, err)
		pass(time.Minute)
		a.vendor.always(nil)
		_, err = a.deliveries.Send(t.Context(), a.by(a.ann), id, to)
		require.NoError(t, err)
		would, _ := a.sync(to, true)
		require.Empty(t, a.vendor.tickets)
		require.Equal(t, map[string]int{"create": 1, "file": 1}, would[id.UUID].Did)
		did, _ := a.sync(to, false)
		require.Equal(t, would[id.UUID].Did, did[id.UUID].Did)
		require.Equal(t, syncing.WasCreated, did[id.UUID].Outcome)
		require.Len(t, a.vendor.tickets[0].files, 1)
	})
}

// An integration that is disabled while a ticket is looked at keeps the ticket back, and the sync says so.
func TestASyncSaysThatItsIntegrationWasDisabledMeanwhile(t *testing.T) {
	t.Parallel()
	audits(t, func(a audit) {
		t := a.T
		to := a.connected(both)
		id, _ := a.opened(to)
		a.settled()
		a.do(id, ticket.Edit{Changes: ticket.Changes{Title: new("Late")}, By: a.ann})
		a.vendor.takes(10 * time.Second)
		job := a.begin(to, false)
		done := make(chan error, 1)
		go func() { done <- a.syncs.Run(t.Context(), job) }()
		pass(5 * time.Second)
		_, err := a.integrations.SetStatus(t.Context(), a.by(a.ann), to, false, "")
		require.NoError(t, err)
		require.NoError(t, a.line.Wake(t.Context(), commands.DeliveryJob{Org: a.org, Integration: to, Delivery: delivery.IDOf(to, id.UUID)}))
		require.NoError(t, <-done)
		facts, _ := a.report(job.Sync)
		require.Equal(t, []any{syncing.HasFailed, "integration_inactive"}, []any{facts[id.UUID].Outcome, facts[id.UUID].Code})
		require.NoError(t, a.syncs.Run(t.Context(), job), "what has ended is left alone")
	})
}

// What a vendor says of a ticket is sealed for whoever made it. When they are erased meanwhile, it is not told.
func TestWhatIsSaidOfSomebodyWhoWasErasedIsNotTold(t *testing.T) {
	t.Parallel()
	audits(t, func(a audit) {
		t := a.T
		to := a.connected(both)
		id, _ := a.opened(to)
		a.settled()
		job := a.begin(to, false)
		a.vendor.always(trouble(commands.Rejected))
		a.do(id, ticket.Edit{Changes: ticket.Changes{Title: new("Late")}, By: a.ann})
		over := &keyless{Log: a.log, refuse: 1}
		require.NoError(t, a.syncing(over).Run(t.Context(), job))
		facts, last := a.report(job.Sync)
		require.Equal(t, syncing.Counts{Failed: 1}, last.(syncing.Ended).Counts)
		require.Equal(t, []any{"invalid", ""}, []any{facts[id.UUID].Code, facts[id.UUID].Reason})
	})
}

// keyless is a log that has lost the key of whoever the words are about, so many times.
type keyless struct {
	eventstore.Log

	refuse int
}

func (l *keyless) Append(ctx context.Context, m eventstore.Metadata, writes ...eventstore.Write) ([]eventstore.Stream, error) {
	if l.refuse > 0 {
		l.refuse--
		return nil, eventstore.ErrErased
	}
	return l.Log.Append(ctx, m, writes...)
}

// fading is a log that is not there from its so-manieth use on.
type fading struct {
	eventstore.Log

	mu   sync.Mutex
	uses int
}

var errFaded = errors.New("the log is away")

func (l *fading) use() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.uses--; l.uses < 0 {
		return errFaded
	}
	return nil
}

func (l *fading) Load(ctx context.Context, org, id uuid.UUID) (eventstore.Stream, error) {
	if err := l.use(); err != nil {
		return eventstore.Stream{}, err
	}
	return l.Log.Load(ctx, org, id)
}

func (l *fading) Append(ctx context.Context, m eventstore.Metadata, writes ...eventstore.Write) ([]eventstore.Stream, error) {
	if err := l.use(); err != nil {
		return nil, err
	}
	return l.Log.Append(ctx, m, writes...)
}

// Wherever the log fails, the sync says so, and whoever tries again goes on to the same end.
func TestASyncSurvivesALogThatFailsAnywhere(t *testing.T) {
	t.Parallel()
	for _, dry := range []bool{true, false} {
		audits(t, func(a audit) {
			t := a.T
			to := a.connected(both)
			a.vendor.always(trouble(commands.Rejected))
			parked, _ := a.opened(to)
			pass(time.Minute)
			a.vendor.always(nil)
			lost := ticket.ID{UUID: commands.NewID()}
			open := ticket.OpenTicket{Content: ticket.Content{Title: "VPN", Description: "Down."}, Integration: to, Send: true, By: a.ann}
			_, err := a.tickets.Handle(t.Context(), a.by(a.ann), lost, open)
			require.NoError(t, err)
			whole, request := a.post, commands.NewID()
			var job commands.SyncJob
			for uses := 0; ; uses++ {
				log := &fading{Log: a.log, uses: uses}
				a.post = whole.over(log)
				syncs := a.syncing(log)
				stream, err := syncs.Start(t.Context(), a.by(a.ann), request, to, dry)
				if err == nil {
					job = commands.SyncJob{Org: a.org, Sync: stream.ID}
					err = syncs.Run(t.Context(), job)
				}
				if err == nil {
					break
				}
				require.ErrorIs(t, err, errFaded)
				require.Less(t, uses, 200)
			}
			facts, last := a.report(job.Sync)
			require.Equal(t, syncing.Counts{Created: 2}, last.(syncing.Ended).Counts)
			require.Len(t, facts, 2)
			require.Contains(t, facts, parked.UUID)
		})
	}
}
