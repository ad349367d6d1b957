package commands_test

import (
	"context"
	"errors"
	"log/slog"
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
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
)

// line is a queue in memory, which can be out of order.
type line struct {
	mu      sync.Mutex
	jobs    []*waitingJob
	holders map[uuid.UUID]holding
	checks  map[uuid.UUID]time.Time
	orgs    map[uuid.UUID]commands.AccountRef
	broken  error
	served  []uuid.UUID // holders, in the order they claimed
	ended   func()      // runs when a turn has ended, before whoever ended it goes on
}

type waitingJob struct {
	commands.DeliveryJob
	due time.Time // zero: held
}

type holding struct {
	holder uuid.UUID
	until  time.Time
}

func newLine() *line {
	return &line{holders: map[uuid.UUID]holding{}, checks: map[uuid.UUID]time.Time{}, orgs: map[uuid.UUID]commands.AccountRef{}}
}

func (l *line) locked(do func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	do()
	return nil
}

func (l *line) Wake(_ context.Context, job commands.DeliveryJob) error {
	return l.locked(func() {
		for _, j := range l.jobs {
			if j.Delivery == job.Delivery {
				j.Wakes, j.Hear, j.due = j.Wakes+1, j.Hear || job.Hear, time.Now()
				return
			}
		}
		job.Wakes = 1
		l.jobs = append(l.jobs, &waitingJob{job, time.Now()})
	})
}

func (l *line) Resume(_ context.Context, _ domain.OrgID, id uuid.UUID) error {
	return l.locked(func() {
		for _, j := range l.jobs {
			if j.Integration == id && (j.due.IsZero() || j.isDue()) {
				j.Wakes, j.due = j.Wakes+1, time.Now()
			}
		}
	})
}

func (j *waitingJob) isDue() bool { return !j.due.IsZero() && !j.due.After(time.Now()) }

func (l *line) Claim(_ context.Context, holder uuid.UUID, life time.Duration, most int) (list []commands.AccountRef, err error) {
	return list, l.locked(func() {
		for _, j := range l.jobs {
			if h, taken := l.holders[j.Integration]; !j.isDue() || len(list) == most || taken && h.until.After(time.Now()) {
				continue
			}
			l.holders[j.Integration] = holding{holder, time.Now().Add(life)}
			l.served = append(l.served, holder)
			list = append(list, commands.AccountRef{Org: j.Org, Integration: j.Integration})
		}
	})
}

func (l *line) Keep(_ context.Context, holder uuid.UUID, life time.Duration) (list []uuid.UUID, err error) {
	return list, l.locked(func() {
		for id, h := range l.holders {
			if h.holder == holder && h.until.After(time.Now()) {
				l.holders[id] = holding{holder, time.Now().Add(life)}
				list = append(list, id)
			}
		}
	})
}

func (l *line) GiveBack(_ context.Context, holder uuid.UUID, a commands.AccountRef) error {
	if l.ended != nil {
		defer l.ended()
	}
	return l.locked(func() {
		if l.holders[a.Integration].holder == holder {
			delete(l.holders, a.Integration)
		}
	})
}

func (l *line) Due(_ context.Context, a commands.AccountRef, most int, without []uuid.UUID) (list []commands.DeliveryJob, err error) {
	return list, l.locked(func() {
		for _, j := range l.jobs {
			if j.Integration == a.Integration && j.isDue() && len(list) < most && !slices.Contains(without, j.Delivery) {
				list = append(list, j.DeliveryJob)
			}
		}
	})
}

func (l *line) Settle(_ context.Context, job commands.DeliveryJob) error {
	return l.locked(func() {
		l.jobs = slices.DeleteFunc(l.jobs, func(j *waitingJob) bool { return j.Delivery == job.Delivery && j.Wakes == job.Wakes })
	})
}

func (l *line) Later(_ context.Context, job commands.DeliveryJob, at time.Time) error {
	return l.locked(func() {
		for _, j := range l.jobs {
			if j.Delivery == job.Delivery && j.Wakes == job.Wakes {
				j.due = at
			}
		}
	})
}

func (l *line) ClaimCheck(_ context.Context, again time.Duration) (a commands.AccountRef, due bool, err error) {
	return a, due, l.locked(func() {
		for id, at := range l.checks {
			if !due && !at.After(time.Now()) {
				a, due, l.checks[id] = l.orgs[id], true, time.Now().Add(again)
			}
		}
	})
}

func (l *line) WakeAll(context.Context, commands.AccountRef) error { return nil }

func (l *line) Rest(_ context.Context, a commands.AccountRef, until time.Time) error {
	return l.locked(func() {
		for _, j := range l.jobs {
			if j.Integration == a.Integration && !j.due.IsZero() && j.due.Before(until) {
				j.due = until
			}
		}
	})
}

func (l *line) Watch(_ context.Context, a commands.AccountRef) error {
	return l.locked(func() { l.checks[a.Integration], l.orgs[a.Integration] = time.Now(), a })
}

func (l *line) Unwatch(_ context.Context, a commands.AccountRef) error {
	return l.locked(func() { delete(l.checks, a.Integration) })
}

func (l *line) breaks(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = err
}

func (l *line) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.jobs)
}

// running is a post whose dispatcher runs, in the time of the test.
func running(t *testing.T, change ...func(*commands.DispatchOptions)) (*post, *line, *commands.Dispatcher) {
	t.Helper()
	p, l := newPost(t), newLine()
	p.live, p.line = true, l
	p.over(p.log)
	return p, l, p.runs(change...)
}

// runs starts one more dispatcher.
func (p *post) runs(change ...func(*commands.DispatchOptions)) *commands.Dispatcher {
	p.Helper()
	o := commands.DispatchOptions{Accounts: 4, AtATime: 3, Life: 30 * time.Second, Look: time.Second, CheckEvery: 5 * time.Minute, Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&o)
	}
	d := commands.NewDispatcher(p.deliveries, p.integrations, p.line, o)
	ctx, stop := context.WithCancel(p.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	p.Cleanup(func() { stop(); <-done })
	return d
}

// pass lets time pass, which takes none, and everybody come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestWhatIsDueIsDelivered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, l, d := running(t)
		jira, slack := p.connected(both), p.connected(both)
		for range 7 {
			p.opened(jira)
			p.opened(slack)
		}
		d.Wake()
		synctest.Wait()
		require.Len(t, p.vendor.tickets, 14, "at once")
		require.Zero(t, l.length())
		require.Empty(t, l.holders)

		id, _ := p.opened(jira)
		pass(1100 * time.Millisecond)
		require.Equal(t, ticket.DeliveryCreated, p.ticketState(id).Route(jira).Noted.Status, "nobody woke it")
	})
}

// A turn has ended, but whoever ended it has not said so yet: what comes then must not be left to them.
func TestWhatComesWhileATurnEndsIsServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, l, d := running(t)
		to := p.connected(both)
		pass(5 * time.Second)
		l.ended = sync.OnceFunc(func() {
			p.opened(to)
			d.Wake()
			time.Sleep(2 * time.Second)
		})
		p.opened(to)
		d.Wake()
		pass(5 * time.Second)
		require.Len(t, p.vendor.tickets, 2)
		require.Zero(t, l.length())
		require.Empty(t, l.holders)
	})
}

func TestAVendorThatIsSilentIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, l, _ := running(t)
		to := p.connected(both)
		p.vendor.always(trouble(commands.Down))
		for range 40 {
			p.opened(to)
		}
		pass(25 * time.Second)
		tries := p.vendor.asked()
		require.Less(t, tries, 12, "five in a row, and those that were under way")
		pass(4 * time.Minute)
		require.Less(t, p.vendor.asked()-tries, 8, "one at a time, ever more rarely")
		p.vendor.always(nil)
		pass(20 * time.Minute)
		require.Len(t, p.vendor.tickets, 40)
		require.Zero(t, l.length())
	})
}

// One that puts off everything again and again is asked ever more rarely, whatever it says.
func TestAVendorThatOnlyPutsOffIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, l, _ := running(t)
		to := p.connected(both)
		p.vendor.always(trouble(commands.Limited))
		for range 40 {
			p.opened(to)
		}
		pass(time.Minute)
		tries := p.vendor.asked()
		require.Less(t, tries, 25)
		pass(time.Hour)
		require.Less(t, p.vendor.asked()-tries, 60)
		p.vendor.always(nil)
		pass(10 * time.Minute)
		require.Len(t, p.vendor.tickets, 40)
		require.Zero(t, l.length())
	})
}

func TestWhatWaitsForAnIntegrationGoesOnWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, l, _ := running(t)
		to := p.connected(both)
		_, err := p.integrations.SetStatus(t.Context(), p.by(p.ann), to, false, "")
		require.NoError(t, err)
		p.opened(to)
		pass(time.Hour)
		require.Empty(t, p.vendor.tickets)
		require.Equal(t, 1, l.length())
		_, err = p.integrations.SetStatus(t.Context(), p.by(p.ann), to, true, "")
		require.NoError(t, err)
		p.react()
		pass(2 * time.Second)
		require.Len(t, p.vendor.tickets, 1)
	})
}

// A process that can no longer keep its turn leaves the account to another, and nothing is made twice.
func TestAnAccountGoesToAnotherProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, l, _ := running(t)
		p.vendor.takes(time.Minute) // for everything
		to := p.connected(both)
		id, _ := p.opened(to)
		pass(5 * time.Second)
		l.mu.Lock()
		first := l.served[0]
		l.holders[to] = holding{uuid.New(), time.Now().Add(10 * time.Second)} // it was taken for dead
		l.mu.Unlock()
		p.runs()
		p.vendor.takes(0)
		pass(time.Minute)
		require.Len(t, p.vendor.tickets, 1)
		require.Equal(t, ticket.DeliveryCreated, p.ticketState(id).Route(to).Noted.Status)
		require.GreaterOrEqual(t, len(l.served), 2)
		require.Equal(t, first, l.served[0])
	})
}

func TestIntegrationsAreCheckedEveryFiveMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, _, _ := running(t)
		to := p.connected(both)
		p.react() // to the connection
		pass(2 * time.Second)
		checks := p.vendor.checks()
		p.vendor.ill(trouble(commands.Denied))
		pass(16 * time.Minute)
		require.Equal(t, checks+3, p.vendor.checks())
		state, err := p.integrations.Find(t.Context(), p.org, to)
		require.NoError(t, err)
		require.Equal(t, integration.Error, state.Status())
		require.Equal(t, "It is forbidden.", state.Check.Why)
	})
}

func TestADispatcherOutlivesItsQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		p, l, d := running(t, func(o *commands.DispatchOptions) { o.Log = slog.New(slog.NewTextHandler(&said, nil)) })
		to := p.connected(both)
		p.opened(to)
		p.opened(to)
		p.vendor.takes(2 * time.Second)
		d.Wake()
		pass(time.Second)
		l.breaks(errors.New("the database is away"))
		pass(15 * time.Second)
		l.breaks(nil)
		p.vendor.takes(0)
		pass(2 * time.Minute)
		require.Zero(t, l.length())
		require.Len(t, p.vendor.tickets, 2)
		require.Contains(t, said.String(), "the database is away")
	})
}
