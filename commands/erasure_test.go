package commands_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/file"
	"ticketd/domain/organization"
	"ticketd/domain/thread"
	"ticketd/domain/ticket"
	"ticketd/domain/user"
	"ticketd/eventstore"
)

// archive is a town with tickets, and with what erasing needs; each part can be out of order.
type archive struct {
	town
	tickets  commands.Tickets
	threads  commands.Threads
	runs     commands.Handler[agentrun.State, agentrun.Command, agentrun.Event]
	erasures commands.Erasures
	scrubbed int
	broken   map[string]bool
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	a := &archive{town: newTown(t), broken: map[string]bool{}}
	numbers := newDesk(t)
	a.tickets = commands.NewTickets(a.log, numbers, numbers, numbers)
	a.threads = commands.NewThreads(a.log, numbers)
	a.runs = commands.NewHandler(a.log, agentrun.Decider)
	a.erasures = a.erasuresOf(a.Accounts, 0)
	return a
}

func (a *archive) erasuresOf(accounts commands.Accounts, settled time.Duration) commands.Erasures {
	return commands.NewErasures(a.log, commands.ErasureParts{
		Accounts: accounts, Tickets: a.tickets, Files: commands.NewFiles(a.log), Organizations: commands.NewOrganizations(a.log), Threads: a.threads,
		Words: a, Copies: a, Settled: settled,
	})
}

// WordsOf implements commands.Words: slow and obviously right.
func (a *archive) WordsOf(ctx context.Context, org, person uuid.UUID) ([]eventstore.Wording, error) {
	if a.broken["words"] {
		return nil, errBroken
	}
	events, err := a.log.Read(ctx, eventstore.Query{Org: org})
	var found []eventstore.Wording
	for _, r := range events {
		switch e := r.Event.(type) {
		case ticket.Opened:
			if e.CreatedBy.UUID == person {
				found = append(found, eventstore.Wording{Stream: r.Stream, Category: "ticket"})
			}
		case ticket.Commented:
			if e.Author.UUID == person {
				found = append(found, eventstore.Wording{Stream: r.Stream, Category: "ticket"})
			}
		case thread.Started:
			if e.CreatedBy.UUID == person {
				found = append(found, eventstore.Wording{Stream: r.Stream, Category: "thread"})
			}
		case agentrun.Started:
			if e.RequestedBy.UUID == person {
				found = append(found, eventstore.Wording{Stream: r.Stream, Category: "agent_run"})
			}
		case file.Uploaded:
			if e.UploadedBy.UUID == person {
				found = append(found, eventstore.Wording{Stream: r.Stream, Category: "file"})
			}
		case organization.Founded:
			if e.FoundedBy.UUID == person {
				found = append(found, eventstore.Wording{Stream: r.Stream, Category: "organization"})
			}
		case user.Registered:
			found = append(found, eventstore.Wording{Stream: r.Stream, Category: "user"})
		}
	}
	return found, err
}

// Read implements commands.Words.
func (a *archive) Read(ctx context.Context, q eventstore.Query) ([]eventstore.Recorded, error) {
	if a.broken["runs"] {
		return nil, errBroken
	}
	return a.log.Read(ctx, q)
}

// Scrub implements commands.Copies.
func (a *archive) Scrub(context.Context, domain.OrgID) (int, []string, error) {
	if a.broken["copies"] {
		return 0, nil, errBroken
	}
	a.scrubbed++
	return 7, []string{"tickets"}, nil
}

func (a *archive) open(p someone) ticket.ID {
	a.Helper()
	id := ticket.ID{UUID: commands.NewID()}
	r := p.request()
	_, err := a.tickets.Handle(a.Context(), r, id, ticket.OpenTicket{Content: ticket.Content{Title: "secret", Description: "words"}, By: r.By})
	require.NoError(a, err)
	return id
}

func (a *archive) title(org domain.OrgID, id ticket.ID) string {
	a.Helper()
	s, err := a.log.Load(a.Context(), org.UUID, id.UUID)
	require.NoError(a, err)
	opened, _ := s.Events[0].Event.(ticket.Opened)
	return opened.Title
}

func quietly(int, int) {}

func TestAPersonIsErasedWhereverTheyWrote(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	boss := a.register("boss", "boss@example.org")
	leaver := a.join(boss, "leaver", domain.Member)
	hers, his := a.open(leaver), a.open(boss)

	_, err := a.erasures.Request(t.Context(), boss.request(), leaver.id, false)
	require.NoError(t, err)
	require.Equal(t, user.ErasurePending, a.user(leaver).Erasure)
	var steps []int
	require.NoError(t, a.erasures.Finish(t.Context(), boss.org, leaver.id, func(done, _ int) { steps = append(steps, done) }))

	state := a.user(leaver)
	require.Equal(t, user.ErasureComplete, state.Erasure)
	require.Equal(t, eventstore.Erased, state.Username)
	require.Equal(t, eventstore.Erased, a.title(boss.org, hers))
	require.Equal(t, "secret", a.title(boss.org, his))
	require.NotEmpty(t, steps)
	own, err := a.log.Load(t.Context(), boss.org.UUID, leaver.id.UUID)
	require.NoError(t, err)
	require.Equal(t, user.Erased{Tickets: 1, Answers: 7, Tables: []string{"tickets"}}, own.Events[own.Version()-1].Event)
	require.Equal(t, own.Events[own.Version()-2].Cause(), own.Events[own.Version()-1].Metadata.CausationID)

	head := a.head()
	require.NoError(t, a.erasures.Finish(t.Context(), boss.org, leaver.id, quietly))
	require.Equal(t, head, a.head(), "a second time there is nothing to do")

	// Staff go on with her ticket, in words of their own.
	r := boss.request()
	_, err = a.tickets.Handle(t.Context(), r, hers, ticket.Edit{Changes: ticket.Changes{Title: new("Printer")}, By: r.By})
	require.NoError(t, err)
	_, err = a.tickets.Handle(t.Context(), leaver.request(), hers, ticket.AddComment{CommentID: commands.NewID(), Content: "I am back", By: leaver.request().By})
	require.ErrorIs(t, err, domain.ErrForbidden, "nobody writes in the name of who is gone")
	_, err = a.tickets.Handle(t.Context(), leaver.request(), ticket.ID{UUID: commands.NewID()}, ticket.OpenTicket{Content: ticket.Content{Title: "new", Description: "words"}, By: leaver.request().By})
	require.ErrorIs(t, err, commands.ErrErased, "nor anywhere else")
}

func TestTheLastAdminIsErasedOnlyWhenAlone(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	boss := a.register("boss", "boss@example.org")
	_, err := a.erasures.Request(t.Context(), boss.request(), boss.id, false)
	require.ErrorIs(t, err, organization.ErrLastAdmin)
	_, err = a.erasures.Request(t.Context(), boss.request(), boss.id, true)
	require.NoError(t, err)
	require.NoError(t, a.erasures.Finish(t.Context(), boss.org, boss.id, quietly))
	founded, err := a.log.Load(t.Context(), boss.org.UUID, boss.org.UUID)
	require.NoError(t, err)
	require.Equal(t, eventstore.Erased, founded.Events[0].Event.(organization.Founded).Name)
}

func TestAnErasureIsTriedAgainUntilItIsDone(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	boss := a.register("boss", "boss@example.org")
	leaver := a.join(boss, "leaver", domain.Member)
	hers := a.open(leaver)
	_, err := a.erasures.Request(t.Context(), boss.request(), leaver.id, false)
	require.NoError(t, err)
	for _, part := range []string{"words", "runs", "copies"} {
		a.broken[part] = true
		require.ErrorIs(t, a.erasures.Finish(t.Context(), boss.org, leaver.id, quietly), errBroken, part)
		require.Equal(t, user.ErasurePending, a.user(leaver).Erasure, part)
		a.broken[part] = false
	}
	require.NoError(t, a.erasures.Finish(t.Context(), boss.org, leaver.id, quietly))
	require.Equal(t, eventstore.Erased, a.title(boss.org, hers))
	require.Equal(t, 1, a.scrubbed)
}

func TestAnErasureThatIsAskedToStopGoesOnLater(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	boss := a.register("boss", "boss@example.org")
	leaver := a.join(boss, "leaver", domain.Member)
	_, err := a.erasures.Request(t.Context(), boss.request(), leaver.id, false)
	require.NoError(t, err)
	patient := a.erasuresOf(a.Accounts, 1<<40)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, patient.Finish(ctx, boss.org, leaver.id, quietly), context.Canceled)
	require.NoError(t, a.erasures.Finish(t.Context(), boss.org, leaver.id, quietly))
}

func TestNobodyIsErasedUnasked(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	boss := a.register("boss", "boss@example.org")
	require.NoError(t, a.erasures.Finish(t.Context(), boss.org, boss.id, quietly))
	require.Equal(t, user.StatusActive, a.user(boss).Status)
	broken := a.over(failingLog{Log: a.log, loads: new(atomic.Int64)})
	e := a.erasuresOf(broken, 0)
	require.ErrorIs(t, e.Finish(t.Context(), boss.org, boss.id, quietly), errBroken)
}

func TestATicketExpires(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	boss := a.register("boss", "boss@example.org")
	old, recent := a.open(boss), a.open(boss)
	r := boss.request()
	require.ErrorIs(t, a.erasures.Expire(t.Context(), boss.org, old), ticket.ErrStillOpen)
	require.Equal(t, "secret", a.title(boss.org, old))
	_, err := a.tickets.Handle(t.Context(), r, old, ticket.ChangeStatus{To: ticket.Closed, By: r.By})
	require.NoError(t, err)
	require.NoError(t, a.erasures.Expire(t.Context(), boss.org, old))
	require.NoError(t, a.erasures.Expire(t.Context(), boss.org, old), "expiring twice is harmless")
	require.Equal(t, eventstore.Erased, a.title(boss.org, old))
	require.Equal(t, "secret", a.title(boss.org, recent), "who wrote it is still known")
	_, err = a.tickets.Handle(t.Context(), r, old, ticket.AddComment{CommentID: commands.NewID(), Content: "more", By: r.By})
	require.ErrorIs(t, err, ticket.ErrErased)
	require.ErrorIs(t, a.erasures.Expire(t.Context(), boss.org, ticket.ID{UUID: commands.NewID()}), ticket.ErrNotFound)
}
