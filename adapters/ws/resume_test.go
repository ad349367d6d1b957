package ws

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	facts "ticketd/domain/ticket"
	"ticketd/eventstore"
)

// gate is a log whose replays can be held up or fail. Only replays ask for one organization.
type gate struct {
	eventstore.Reader
	mu          sync.Mutex
	closed      chan struct{} // a replay waits for it
	waiting     atomic.Int32
	headTrouble atomic.Bool
	readTrouble atomic.Bool
	poison      atomic.Bool
}

var errAway = errors.New("the database is away")

func newGate() *gate { return &gate{} }

func (g *gate) option(_ *Config, _ *times, r *eventstore.Reader) { g.Reader, *r = *r, g }

func (g *gate) shut() (open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	closed := make(chan struct{})
	g.closed = closed
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.closed = nil
		close(closed)
	}
}

func (g *gate) Head(ctx context.Context) (int64, error) {
	if g.headTrouble.Load() {
		return 0, errAway
	}
	return g.Reader.Head(ctx)
}

func (g *gate) Next(ctx context.Context, after int64) ([]eventstore.Recorded, bool, error) {
	if g.poison.Load() {
		return nil, false, &eventstore.PoisonError{Position: 1, Err: errAway}
	}
	return g.Reader.Next(ctx, after)
}

func (g *gate) Read(ctx context.Context, q eventstore.Query) ([]eventstore.Recorded, error) {
	if q.Org == uuid.Nil {
		return g.Reader.Read(ctx, q)
	}
	if g.readTrouble.Load() {
		return nil, errAway
	}
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed != nil {
		g.waiting.Add(1)
		defer g.waiting.Add(-1)
		select {
		case <-closed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return g.Reader.Read(ctx, q)
}

// positions reads notices until "resumed" and answers where they were.
func (c *client) positions() (list []int64, resumed reply) {
	c.t.Helper()
	for {
		r := c.read()
		if r.Position == 0 {
			require.Equal(c.t, "resumed", r.Type)
			return list, r
		}
		list = append(list, r.Position)
	}
}

func numbers(from, to int64) (list []int64) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

func TestResumeRepeatsWhatWasMissed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, caller := w.member(w.acme(), domain.Admin)
	mine, other := w.ticket(w.acme(), "T-1", caller.User), w.ticket(w.acme(), "T-2", caller.User)
	for range 260 { // together more than a page
		w.happen(mine, moved())
		w.happen(other, moved())
	}
	w.routed()

	c := w.connect(token)
	require.True(t, c.ask("subscribe_ticket", map[string]any{"ticket_id": mine}).Success)
	live := w.happen(mine, moved()) // told before the resume; the replay must not repeat it
	require.Equal(t, live, c.read().Position)
	c.say("resume", map[string]any{"after": 420})
	list, resumed := c.positions()
	require.Len(t, list, 50)
	require.EqualValues(t, 421, list[0])
	require.EqualValues(t, 519, list[49])
	require.EqualValues(t, live, resumed.Data["position"])

	c.say("resume", map[string]any{"after": 420})
	list, _ = c.positions()
	require.Empty(t, list, "a repeated resume repeats nothing")
	c.say("resume", map[string]any{"after": 410})
	list, _ = c.positions()
	require.Equal(t, []int64{411, 413, 415, 417, 419}, list)
	c.say("resume", map[string]any{"after": 510, "tickets": []string{"T-2"}})
	list, _ = c.positions()
	require.Equal(t, []int64{512, 514, 516, 518, 520}, list)
	c.say("resume", map[string]any{"after": live})
	list, _ = c.positions()
	require.Empty(t, list)
	require.Equal(t, live+1, w.happen(other, moved()))
	require.Equal(t, live+1, c.read().Position)

	c = w.connect(token)
	c.say("resume", map[string]any{"after": 0, "all": true})
	list, _ = c.positions()
	require.Equal(t, numbers(1, live+1), list)
}

func TestResumeRepeatsWhatWasMissedOfJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, caller := w.member(w.acme(), domain.Member)
	desk, job, other := w.ticket(w.acme(), "T-1", caller.User), w.job(w.acme(), caller.User), w.job(w.acme(), caller.User)
	for range 200 { // together more than a page
		w.happen(desk, moved())
		w.happen(job, progressed())
		w.happen(other, progressed())
	}
	w.routed()

	c := w.connect(token)
	require.True(t, c.ask("subscribe_job", map[string]any{"job_id": job}).Success)
	live := w.happen(job, progressed()) // told before the resume; the replay must not repeat it
	require.Equal(t, live, c.read().Position)
	c.say("resume", map[string]any{"after": 590})
	list, resumed := c.positions()
	require.Equal(t, []int64{593, 596, 599}, list)
	require.EqualValues(t, live, resumed.Data["position"])
	c.say("resume", map[string]any{"after": 0})
	list, _ = c.positions()
	require.Len(t, list, 197, "what was repeated is not repeated again")
	c.say("resume", map[string]any{"after": 591, "jobs": []uuid.UUID{other}, "tickets": []string{"T-1"}})
	list, _ = c.positions()
	require.Equal(t, []int64{592, 594, 595, 597, 598, 600}, list)
	w.happen(desk, moved())
	require.Equal(t, live+1, c.read().Position)
	require.Equal(t, live+2, w.happen(other, progressed()))
	require.Equal(t, live+2, c.read().Position)
}

func TestABurstIsNoReasonToClose(t *testing.T) {
	t.Parallel()
	g := newGate()
	w := newWorld(t, g.option)
	token, caller := w.member(w.acme(), domain.Admin)
	id := w.ticket(w.acme(), "T-1", caller.User)
	c := w.connect(token)
	c.ask("subscribe_all", nil)
	k := w.only()
	k.queued.Add(maxQueued) // as if nothing could be written for a moment
	open := g.shut()
	w.happen(id, moved())
	w.routed()
	c.say("resume", map[string]any{"after": 0}) // it has to wait for its turn
	require.Eventually(t, func() bool {
		k.lane.mu.Lock()
		defer k.lane.mu.Unlock()
		return k.replay.resume != nil
	}, patience, pollEvery)
	for range maxHeld {
		w.happen(id, moved())
	}
	w.routed()
	open()
	k.queued.Add(-maxQueued)
	k.sent()
	k.queued.Add(1)
	list, resumed := c.positions()
	require.Equal(t, numbers(1, maxHeld+1), list)
	require.EqualValues(t, maxHeld+1, resumed.Data["position"])
	require.Empty(t, w.server.Stats().Closed)
}

// only answers the only socket there is.
func (w *world) only() *socket {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	require.Len(w.t, w.server.sockets, 1)
	for k := range w.server.sockets {
		return k
	}
	return nil
}

func TestResumeHoldsWhatHappensMeanwhile(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]int64{"held": maxHeld, "spilled": maxHeld * 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate()
			w := newWorld(t, g.option)
			token, caller := w.member(w.acme(), domain.Admin)
			id, late := w.ticket(w.acme(), "T-1", caller.User), w.ticket(w.acme(), "T-2", caller.User)
			w.happen(id, moved(), moved())
			w.routed()
			open := g.shut()
			c := w.connect(token)
			c.say("resume", map[string]any{"after": 0, "tickets": []string{"T-1"}})
			require.Eventually(t, func() bool { return g.waiting.Load() == 1 }, patience, pollEvery)
			require.Equal(t, "A resume is already running.", c.ask("resume", map[string]any{"after": 0}).Error)
			w.happen(late, moved()) // position 3, before anybody follows it
			for range meanwhile {
				w.happen(id, moved())
			}
			w.routed()
			require.True(t, c.ask("subscribe_ticket", map[string]any{"ticket_id": "T-2"}).Success)
			last := w.happen(late, moved())
			w.routed()
			open()
			want := append([]int64{1, 2}, numbers(4, last)...)
			var got []int64
			for len(got) < len(want) {
				if r := c.read(); r.Position > 0 {
					got = append(got, r.Position)
				} else {
					require.Equal(t, "resumed", r.Type)
				}
			}
			require.Equal(t, want, got)
			require.Equal(t, last+1, w.happen(id, moved()))
			for r := c.read(); ; r = c.read() {
				if r.Position > 0 {
					require.Equal(t, last+1, r.Position)
					break
				}
			}
		})
	}
}

func TestUnsubscribingStopsAReplay(t *testing.T) {
	t.Parallel()
	g := newGate()
	w := newWorld(t, g.option)
	token, caller := w.member(w.acme(), domain.Admin)
	id := w.ticket(w.acme(), "T-1", caller.User)
	w.happen(id, moved(), moved())
	w.routed()
	open := g.shut()
	c := w.connect(token)
	c.say("resume", map[string]any{"after": 0, "all": true})
	require.Eventually(t, func() bool { return g.waiting.Load() == 1 }, patience, pollEvery)
	w.happen(id, moved())
	w.routed()
	require.True(t, c.ask("unsubscribe_all", nil).Success)
	open()
	list, _ := c.positions()
	require.Empty(t, list)
}

func TestResumeFromAnInstanceThatIsAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, caller := w.member(w.acme(), domain.Admin)
	id := w.ticket(w.acme(), "T-1", caller.User)
	last := w.happen(id, moved(), moved(), moved())
	w.routed()
	for _, l := range w.server.lanes { // as if the lanes had not heard of the last two yet
		l.mu.Lock()
		l.position = 1
		l.mu.Unlock()
	}
	c := w.connect(token)
	c.say("resume", map[string]any{"after": last, "all": true})
	list, resumed := c.positions()
	require.Empty(t, list)
	require.EqualValues(t, last, resumed.Data["position"])
	late := w.history(t)[1:]
	w.server.dispatch(t.Context(), batch{events: late, packets: func() map[int64]packet { return w.server.packPatiently(t.Context(), late) }})
	w.routed()
	require.Equal(t, last+1, w.happen(id, moved()))
	require.Equal(t, last+1, c.read().Position)
}

func (w *world) history(t *testing.T) []eventstore.Recorded {
	t.Helper()
	events, err := w.store.Read(t.Context(), eventstore.Query{})
	require.NoError(t, err)
	return events
}

func TestAClientMayGoInTheMiddleOfAReplay(t *testing.T) {
	t.Parallel()
	g := newGate()
	w := newWorld(t, g.option)
	token, caller := w.member(w.acme(), domain.Admin)
	w.happen(w.ticket(w.acme(), "T-1", caller.User), moved())
	w.routed()
	open := g.shut()
	defer open()
	var clients []*client
	for range maxRereads + 3 { // some wait for their turn to read
		c := w.connect(token)
		c.say("resume", map[string]any{"after": 0, "all": true})
		clients = append(clients, c)
	}
	require.Eventually(t, func() bool { return g.waiting.Load() == maxRereads }, patience, pollEvery)
	for _, c := range clients {
		_ = c.conn.CloseNow()
	}
	require.Eventually(t, func() bool { return w.server.Connections() == 0 }, patience, pollEvery)
}

// TestNothingIsLostOrDoubled lets clients come and go while others write, and compares what each has seen, over all its
// connections, with the log.
func TestNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	const clients, reconnects, tickets, jobs, events = 16, 14, 12, 4, 400
	w := newWorld(t)
	rival := domain.OrgID{UUID: uuid.New()}
	admin, caller := w.member(w.acme(), domain.Admin)
	var ids, files []uuid.UUID
	for range tickets {
		ids = append(ids, w.ticket(w.acme(), uuid.NewString(), caller.User))
	}
	for range jobs {
		files = append(files, w.job(w.acme(), caller.User))
	}
	foreign := w.ticket(rival, "R-1", caller.User)
	w.know(admin, caller)

	var writers, readers sync.WaitGroup
	for i := range 3 {
		writers.Go(func() {
			for n := range events / 3 {
				w.happen(ids[(n*7+i)%tickets], facts.Assigned{Assignee: caller.User})
				if n%3 == 0 {
					w.happen(files[(n+i)%jobs], progressed())
				}
				if n%10 == 0 {
					w.happen(foreign, moved())
				}
			}
		})
	}
	for n := range clients {
		tourist := traveller{world: w, token: admin, all: n%2 == 0, atomic: n%4 < 2, tickets: ids[:1+n%(tickets-1)], jobs: files[:n%jobs]}
		readers.Go(func() {
			for range reconnects {
				tourist.visit(1 + rand.IntN(40))
			}
			writers.Wait()
			tourist.visit(0)
			tourist.compare(t)
		})
	}
	readers.Wait()
	for code := range w.server.Stats().Closed {
		require.Equal(t, codeSlow, code) // somebody may have left without a word
	}
}

// traveller is a client that keeps its last position over many connections.
type traveller struct {
	*world
	token   string
	all     bool // follows everything, else some tickets and jobs
	atomic  bool // subscribes with the resume itself
	tickets []uuid.UUID
	jobs    []uuid.UUID
	last    int64
	seen    []int64
}

// visit connects, resumes, and leaves without a word after so many notices; 0: when it has caught up.
func (v *traveller) visit(most int) {
	c := v.connect(v.token)
	defer func() { _ = c.conn.CloseNow() }()
	data := map[string]any{"after": v.last}
	switch {
	case v.atomic && v.all:
		data["all"] = true
	case v.atomic:
		data["tickets"], data["jobs"] = v.tickets, v.jobs
	case v.all:
		c.say("subscribe_all", nil)
	default:
		for _, id := range v.tickets {
			c.say("subscribe_ticket", map[string]any{"ticket_id": id})
		}
		for _, id := range v.jobs {
			c.say("subscribe_job", map[string]any{"job_id": id})
		}
	}
	c.say("resume", data)
	resumed := false
	for taken := 0; most == 0 || taken < most || (!v.atomic && !resumed); {
		if resumed && v.idle() {
			return
		}
		r := c.read()
		require.Empty(v.t, r.Error)
		if r.Type == "resumed" {
			resumed = true
			v.last = max(v.last, int64(r.Data["position"].(float64)))
		}
		if r.Position > 0 {
			taken++
			v.last = max(v.last, r.Position)
			v.seen = append(v.seen, r.Position)
		}
	}
}

// idle reports whether nothing that this client follows is known to come.
func (v *traveller) idle() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, s := range v.streams {
		if s.Org == v.acme().UUID && s.Position() > v.last && (v.all || slices.Contains(v.follows(), id)) {
			return false
		}
	}
	return true
}

func (v *traveller) follows() []uuid.UUID { return slices.Concat(v.tickets, v.jobs) }

func (v *traveller) want() (list []int64) {
	q := eventstore.Query{Org: v.acme().UUID}
	if !v.all {
		q.Streams = v.follows()
	}
	events, err := v.store.Read(context.WithoutCancel(v.t.Context()), q)
	require.NoError(v.t, err)
	for _, r := range events {
		list = append(list, r.Position)
	}
	return list
}

func (v *traveller) compare(t *testing.T) {
	t.Helper()
	if !v.atomic { // what came between the subscription and the resume came first
		slices.Sort(v.seen)
	}
	require.Equal(t, v.want(), v.seen)
}
