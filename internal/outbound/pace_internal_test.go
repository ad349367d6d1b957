package outbound

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
)

// counting is a vendor that takes so many requests in a window, which the first request begins.
type counting struct {
	most  int
	per   time.Duration
	tells func(h http.Header, left int, reset time.Time, refused bool)

	mu      sync.Mutex
	began   time.Time
	came    int
	taken   int
	refused int
}

func (v *counting) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if time.Since(v.began) >= v.per {
		v.began, v.came = time.Now(), 0
	}
	v.came++
	refused := v.came > v.most
	v.tells(w.Header(), max(v.most-v.came, 0), v.began.Add(v.per), refused)
	if refused {
		v.refused++
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	v.taken++
}

// play answers a client of the vendor that is connected to it without a network, so that its time is the bubble's.
func (v *counting) play(t *testing.T) *Client {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: v}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	c := newClient(Options{Silence: time.Hour, Clock: time.Now}, func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		l.conns <- far
		return near, nil
	})
	t.Cleanup(func() {
		c.Close()
		_ = server.Close()
		<-done
	})
	return c
}

// pipes is a listener of connections in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// send has so many workers send so many requests together, each again and again until it is taken.
func send(t *testing.T, c *Client, account uuid.UUID, requests, workers int) {
	t.Helper()
	work := make(chan struct{}, requests)
	for range requests {
		work <- struct{}{}
	}
	close(work)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range work {
				for {
					_, err := c.Do(t.Context(), account, Request{Method: http.MethodPost, URL: "http://vendor.example/", JSON: 1}, nil)
					if err == nil {
						break
					}
					wrong := refusal(t, err)
					if wrong.Kind != commands.Limited {
						t.Error(wrong)
						return
					}
					time.Sleep(time.Until(wrong.RetryAt))
				}
			}
		})
	}
	all.Wait()
}

func refusal(t *testing.T, err error) *commands.VendorError {
	t.Helper()
	wrong, ok := errors.AsType[*commands.VendorError](err)
	require.True(t, ok, "%v", err)
	return wrong
}

func number(n int) string { return strconv.Itoa(n) }

func up(d time.Duration) string { return number(int((d + time.Second - 1) / time.Second)) }

// The ways of vendors to say what is left.
var (
	epoch = func(h http.Header, left int, reset time.Time, _ bool) {
		h.Set("X-RateLimit-Limit", "20")
		h.Set("X-RateLimit-Remaining", number(left))
		h.Set("X-RateLimit-Reset", number(int(reset.Add(time.Second-1).Unix())))
	}
	delta = func(h http.Header, left int, reset time.Time, _ bool) {
		h.Set("ratelimit-limit", "20")
		h.Set("ratelimit-remaining", number(left))
		h.Set("ratelimit-reset", up(time.Until(reset)))
	}
	minutes = func(h http.Header, left int, reset time.Time, refused bool) {
		h.Set("X-RateLimit-Limit", "20")
		h.Set("X-RateLimit-Remaining", number(left))
		h.Set("X-RateLimit-Reset", reset.UTC().Format("2006-01-02T15:04Z"))
		if refused {
			h.Set("Retry-After", up(time.Until(reset)))
		}
	}
	leftOnly = func(h http.Header, left int, reset time.Time, refused bool) {
		h.Set("X-Rate-Limit-Remaining", number(left))
		if refused {
			h.Set("Retry-After", up(time.Until(reset)))
		}
	}
	refusalsOnly = func(h http.Header, _ int, reset time.Time, refused bool) {
		if refused {
			h.Set("Retry-After", up(time.Until(reset)))
		}
	}
)

func TestAVendorsPaceIsLearnedAndKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tells   func(h http.Header, left int, reset time.Time, refused bool)
		workers int
		refused int // at most
	}{
		"the end of the window, one at a time": {epoch, 1, 0},
		"the end of the window, many":          {epoch, 8, 0},
		"the seconds that are left":            {delta, 8, 0},
		"the minute alone":                     {minutes, 8, 1},
		"how many are left":                    {leftOnly, 8, 1},
		"refusals, one at a time":              {refusalsOnly, 1, 1},
		"refusals, many at once":               {refusalsOnly, 8, 8}, // all of which are under way when the first comes
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &counting{most: 20, per: 10 * time.Second, tells: c.tells}
				client := v.play(t)
				began := time.Now()
				send(t, client, uuid.New(), 400, c.workers)
				require.Equal(t, 400, v.taken)
				require.LessOrEqual(t, v.refused, c.refused)
				// 400 are 20 windows, the last of which need not pass
				require.InDelta(t, 190, time.Since(began).Seconds(), 190*0.05)
			})
		})
	}
}

// What came now and then, windows ago, says nothing of how long a window is.
func TestWindowsThatPassedUnseenAreNotTakenForOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tells   func(h http.Header, left int, reset time.Time, refused bool)
		refused int
	}{
		"the minute alone":  {minutes, 1},
		"how many are left": {leftOnly, 8}, // when a window began is guessed: a wrong guess costs those under way, once
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &counting{most: 20, per: time.Second, tells: c.tells}
				client, account := v.play(t), uuid.New()
				for range 3 {
					send(t, client, account, 1, 1)
					time.Sleep(7 * time.Second)
				}
				began := time.Now()
				send(t, client, account, 400, 8)
				require.LessOrEqual(t, v.refused, c.refused)
				// 400 are 20 windows, the last of which need not pass; the first may not be used up
				require.InDelta(t, 19.5, time.Since(began).Seconds(), 19*0.05)
			})
		})
	}
}

func TestAnAccountIsNotHeldUpByAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &counting{most: 1, per: 30 * time.Second, tells: delta}
		c := v.play(t)
		send(t, c, uuid.New(), 1, 1)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Do(ctx, uuid.New(), Request{Method: http.MethodGet, URL: "http://vendor.example/"}, nil)
		require.Equal(t, commands.Limited, refusal(t, err).Kind) // by the vendor: it was sent
		require.Equal(t, 1, v.refused)
		require.Zero(t, time.Since(began))
	})
}

func TestAWaitThatIsTooLongIsAnErrorAtOnceAndNothingIsSent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		per, timeout time.Duration
	}{{30 * time.Second, 29 * time.Second}, {2 * time.Minute, time.Hour}} {
		synctest.Test(t, func(t *testing.T) {
			v := &counting{most: 1, per: c.per, tells: delta}
			client, account := v.play(t), uuid.New()
			send(t, client, account, 1, 1)
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
			defer cancel()
			_, err := client.Do(ctx, account, Request{Method: http.MethodPost, URL: "http://vendor.example/", JSON: 1}, nil)
			require.Equal(t, &commands.VendorError{
				Kind: commands.Limited, Message: "The vendor allows no more requests for a while.", RetryAt: began.Add(c.per),
			}, refusal(t, err))
			require.Zero(t, time.Since(began))
			require.Equal(t, 1, v.came)
		})
	}
}

func TestWhoeverWaitsForTheirTurnCanGiveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &counting{most: 1, per: 30 * time.Second, tells: delta}
		client, account := v.play(t), uuid.New()
		send(t, client, account, 1, 1)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := client.Do(ctx, account, Request{Method: http.MethodPost, URL: "http://vendor.example/", JSON: 1}, nil)
		require.Equal(t, context.Canceled, err)
		require.Equal(t, 1, v.came)
	})
}

func TestALimitThatAJudgeFindsHoldsTheAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &counting{most: 100, per: time.Second, tells: func(http.Header, int, time.Time, bool) {}}
		client, account := v.play(t), uuid.New()
		until := time.Now().Add(time.Hour)
		r := Request{Method: http.MethodPost, URL: "http://vendor.example/", JSON: 1, Judge: func(int, http.Header, []byte) *commands.VendorError {
			return &commands.VendorError{Kind: commands.Limited, Message: "All of today are used.", RetryAt: until}
		}}
		for range 2 {
			_, err := client.Do(t.Context(), account, r, nil)
			require.Equal(t, until, refusal(t, err).RetryAt)
		}
		require.Equal(t, 1, v.taken)
	})
}

// turns answers a pace by a clock that the test sets.
func turns(now *time.Time) *pace { return newPace(func() time.Time { return *now }) }

func (p *pace) mustEnter(t *testing.T) entry {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // whoever does not enter at once has an error
	entered, err := p.enter(ctx)
	require.NoError(t, err)
	return entered
}

func TestThoseUnderWayAreNotCountedTwice(t *testing.T) {
	t.Parallel()
	now := noon
	p := turns(&now)
	left := func(n int) http.Header {
		return heads("X-RateLimit-Remaining", number(n), "X-RateLimit-Reset", number(int(noon.Unix())+30))
	}
	w := p.mustEnter(t)
	p.mustEnter(t)
	p.mustEnter(t)
	p.leave(w, 200, left(3)) // the two others may be among the three, or not
	p.mustEnter(t)           // one of three is surely left
	require.False(t, p.turn(now).now)
	require.False(t, p.turn(now).sure) // nobody is sent away, for an answer may tell
	p.leave(w, 200, left(4))           // it was counted before
	p.leave(w, 200, left(5))
	require.True(t, p.turn(now).now)
	p.lose()
	require.Equal(t, 2, p.left) // it may have been counted
}

func TestAnAnswerOfAWindowThatIsOverSaysNothing(t *testing.T) {
	t.Parallel()
	now := noon
	p := turns(&now)
	at := func(n int, reset time.Duration) http.Header {
		return heads("X-RateLimit-Limit", "10", "X-RateLimit-Remaining", number(n), "X-RateLimit-Reset", number(int(noon.Add(reset).Unix())))
	}
	w := p.mustEnter(t)
	p.mustEnter(t)
	p.mustEnter(t)
	p.leave(w, 200, at(5, 10*time.Second))
	p.leave(w, 200, at(9, 20*time.Second)) // the vendor has begun a new one
	require.Equal(t, 9, p.left)
	p.leave(w, 200, at(0, 10*time.Second)) // from before
	require.Equal(t, 9, p.left)

	now = noon.Add(20 * time.Second)
	w = p.mustEnter(t)
	require.Equal(t, 10, p.left)
	p.leave(w, 200, at(0, 20*time.Second))
	require.Equal(t, 10, p.left)
}

func TestARefusalTeachesAndWhatItTaughtIsForgottenAfterAnHour(t *testing.T) {
	t.Parallel()
	now := noon
	p := turns(&now)
	p.leave(p.mustEnter(t), 429, heads("Retry-After", "1")) // nothing was taken before: nothing to learn
	require.Zero(t, p.period)
	now = now.Add(time.Second)
	late, later := p.mustEnter(t), p.mustEnter(t)
	p.leave(p.mustEnter(t), 200, heads())
	p.leave(p.mustEnter(t), 429, heads("Retry-After", "5"))
	require.Equal(t, 5*time.Second, p.period)
	require.Equal(t, 1, p.limit)
	p.leave(late, 200, heads())
	require.Equal(t, 2, p.limit) // one more was taken before the refusal
	p.leave(later, 429, heads("Retry-After", "5"))
	require.Equal(t, 2, p.limit)

	now = now.Add(5 * time.Second)
	late = p.mustEnter(t)
	require.Equal(t, turn{at: now.Add(scouting)}, p.turn(now), "the first of a window goes alone")
	now = now.Add(scouting)
	p.leave(p.mustEnter(t), 200, heads()) // but is not waited for for long
	require.Equal(t, 1, p.left)
	now = now.Add(5 * time.Second)
	p.leave(p.mustEnter(t), 200, heads())
	p.leave(late, 200, heads())
	require.Zero(t, p.left) // in which window it was counted is not known

	late = entry{window: p.number}
	now = now.Add(time.Hour)
	p.mustEnter(t)
	require.Zero(t, p.period)
	p.leave(late, 200, heads())
	require.False(t, p.told)
}

func TestALongRunTeachesWhatIsTakenOnAverage(t *testing.T) {
	t.Parallel()
	now := noon
	p := turns(&now)
	for range 100 { // one a second, which was no trouble
		p.leave(p.mustEnter(t), 200, heads())
		now = now.Add(time.Second)
	}
	p.leave(p.mustEnter(t), 429, heads("Retry-After", "10"))
	require.Equal(t, 10*time.Second, p.period)
	require.Equal(t, 9, p.limit)

	now = now.Add(time.Hour)
	p.leave(p.mustEnter(t), 200, heads())
	now = now.Add(time.Minute) // a rest begins a new run
	p.leave(p.mustEnter(t), 200, heads())
	p.leave(p.mustEnter(t), 429, heads("Retry-After", "3"))
	require.Equal(t, 3*time.Second, p.period)
}

func TestAMethodThatIsRefusedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &counting{most: 1, per: 30 * time.Second, tells: refusalsOnly}
		c, account := v.play(t), uuid.New()
		ask := func(pace string) error {
			_, err := c.Do(t.Context(), account, Request{Method: http.MethodGet, URL: "http://vendor.example/", Pace: pace}, nil)
			return err
		}
		require.NoError(t, ask("post"))
		require.Equal(t, commands.Limited, refusal(t, ask("post")).Kind)
		began := time.Now()
		require.Equal(t, commands.Limited, refusal(t, ask("read")).Kind) // by the vendor: it was sent
		require.Equal(t, 2, v.refused)
		require.Zero(t, time.Since(began))
		require.NoError(t, ask("post"))
		require.Equal(t, 30*time.Second, time.Since(began))
		require.Equal(t, 2, v.refused)
	})
}

func TestAnAccountThatIsForgottenAsksAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &counting{most: 1, per: 12 * time.Hour, tells: delta}
		c, account, other := v.play(t), uuid.New(), uuid.New()
		ask := func(account uuid.UUID, pace string) {
			_, err := c.Do(t.Context(), account, Request{Method: http.MethodGet, URL: "http://vendor.example/", Pace: pace}, nil)
			require.Equal(t, commands.Limited, refusal(t, err).Kind)
		}
		send(t, c, other, 1, 1)
		ask(account, "")
		ask(account, "post")
		require.Equal(t, 3, v.came)
		ask(account, "")
		ask(account, "post")
		require.Equal(t, 3, v.came, "nothing is sent")
		c.Forget(account)
		ask(account, "")
		ask(account, "post")
		ask(other, "")
		require.Equal(t, 5, v.came)
	})
}

func TestAPaceThatNobodyUsesIsDropped(t *testing.T) {
	t.Parallel()
	now := noon
	c := newClient(Options{Clock: func() time.Time { return now }}, nil)
	busy, held, idle, used := lane{account: uuid.New()}, lane{account: uuid.New()}, lane{account: uuid.New()}, lane{account: uuid.New()}
	c.pace(busy).mustEnter(t)
	c.pace(held).hold(noon.Add(24 * time.Hour))
	c.pace(idle).leave(c.pace(idle).mustEnter(t), 200, heads())
	now = noon.Add(keep)
	c.pace(used).leave(c.pace(used).mustEnter(t), 200, heads())
	now = now.Add(time.Second)
	c.pace(lane{account: uuid.New()})
	require.Len(t, c.paces, 4)
	require.NotContains(t, c.paces, idle)
	now = noon.Add(25 * time.Hour)
	c.pace(busy)
	require.Len(t, c.paces, 1)
}
