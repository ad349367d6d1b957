package http

import (
	"context"
	nethttp "net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"ticketd/domain"
)

// Limit allows so many requests in a window; the zero Limit allows all.
type Limit struct {
	Requests int
	Window   time.Duration
}

// Limits are the budgets of one caller.
type Limits struct {
	Default Limit
	Auth    Limit // by address, because nobody has signed in yet
	Login   Limit // wrong passwords for one name, from whatever address
	Upload  Limit // uploads of one user
	AI      Limit // what one user asks of agents

	Webhooks Limit // those of vendors that one integration takes
}

// authLimited marks operations that draw on the budget of those who have not signed in yet.
const authLimited = "auth-limited"

// uploadLimited marks operations that draw on the budget of uploads.
const uploadLimited = "upload-limited"

// aiLimited marks operations that draw on the budget of what is asked of agents.
const aiLimited = "ai-limited"

func aiBudget(o *huma.Operation) { mark(o, aiLimited, true) }

// limiter counts requests in sliding windows, of this instance.
//
// # Why
//
// A window slides by weighing the one before: two counters a caller, exact at the edges and never off by more than the
// unevenness of the window before. Counting across instances would cost a round trip a request: with n of them a
// caller who meets all may ask n times as often.
type limiter struct {
	now func() time.Time

	mu     sync.Mutex
	counts map[string]*window
	sweep  time.Time
}

type window struct {
	start         time.Time
	count, before int
	size          time.Duration
}

func newLimiter() *limiter {
	return &limiter{now: time.Now, counts: map[string]*window{}}
}

// verdict is what the rate limit headers say.
type verdict struct {
	allowed          bool
	limit, remaining int
	reset            time.Duration
}

// take counts a request, unless the budget is spent.
func (l *limiter) take(key string, limit Limit) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, v := l.look(key, limit)
	if v.allowed {
		w.count++
		v.remaining--
	}
	return v
}

// spent reports a budget that has nothing left, without drawing on it.
func (l *limiter) spent(key string, limit Limit) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, v := l.look(key, limit)
	return !v.allowed
}

// giveBack takes back what was counted for a request that turned out to cost nothing.
func (l *limiter) giveBack(key string, limit Limit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, _ := l.look(key, limit)
	if w.count > 0 {
		w.count--
	} else {
		w.before = max(0, w.before-1) // the window has slid since
	}
}

func (l *limiter) look(key string, limit Limit) (*window, verdict) {
	now := l.now()
	l.forget(now)
	w := l.counts[key]
	if w == nil {
		w = &window{start: now, size: limit.Window}
		l.counts[key] = w
	}
	w.slide(now)
	into := now.Sub(w.start)
	spent := w.count + int(float64(w.before)*(1-float64(into)/float64(limit.Window)))
	return w, verdict{
		allowed: spent < limit.Requests, limit: limit.Requests, remaining: max(0, limit.Requests-spent), reset: limit.Window - into,
	}
}

func (w *window) slide(now time.Time) {
	switch passed := now.Sub(w.start); {
	case passed >= 2*w.size:
		w.start, w.before, w.count = now, 0, 0
	case passed >= w.size:
		w.start, w.before, w.count = w.start.Add(w.size), w.count, 0
	}
}

// forget drops, once a minute, the callers who have not come for two windows.
func (l *limiter) forget(now time.Time) {
	if now.Before(l.sweep) {
		return
	}
	l.sweep = now.Add(time.Minute)
	for key, w := range l.counts {
		if now.Sub(w.start) > 2*w.size {
			delete(l.counts, key)
		}
	}
}

// limit refuses callers who ask too often, and tells all others what they have left.
func (s *Server) limit(c huma.Context, next func(huma.Context)) {
	budget, key := s.budget(c)
	if budget.Requests == 0 || key == "" {
		next(c)
		return
	}
	v := s.limiter.take(key, budget)
	c.SetHeader("X-RateLimit-Limit", strconv.Itoa(v.limit))
	c.SetHeader("X-RateLimit-Remaining", strconv.Itoa(v.remaining))
	c.SetHeader("X-RateLimit-Reset", v.seconds())
	if !v.allowed {
		s.refuse(c, tooMany(c.Context(), v, "Too many requests"))
		return
	}
	next(c)
}

// seconds is when to come back, rounded up.
func (v verdict) seconds() string {
	return strconv.Itoa(int((v.reset + time.Second - 1) / time.Second))
}

func tooMany(ctx context.Context, v verdict, what string) *Problem {
	p := newProblem(ctx, nethttp.StatusTooManyRequests, "rate_limited", what+"; try again in "+v.seconds()+" seconds.")
	p.retryAfter = v.seconds()
	return p
}

// authKey names the budget of an address.
func authKey(c huma.Context) string { return "auth " + humaecho.Unwrap(c).RealIP() }

func userKey(c domain.Caller) string { return "user " + c.User.String() }

// Admit draws a call to the tool server on the budget of its user; retryAfter is when to come back if that is spent. An agent
// draws on none: its runs have bounds of their own.
func (s *Server) Admit(caller domain.Caller) (retryAfter time.Duration, ok bool) {
	if caller.Type == domain.ByAgent {
		return 0, true
	}
	return s.draw(userKey(caller), s.config.Limits.Default)
}

// Refused draws a token that the tool server refused on the budget of its address, as one that this server refuses.
func (s *Server) Refused(r *nethttp.Request) (retryAfter time.Duration, ok bool) {
	return s.draw("auth "+s.echo.IPExtractor(r), s.config.Limits.Auth)
}

func (s *Server) draw(key string, limit Limit) (retryAfter time.Duration, ok bool) {
	if limit.Requests == 0 {
		return 0, true
	}
	v := s.limiter.take(key, limit)
	return v.reset, v.allowed
}

func (s *Server) budget(c huma.Context) (limit Limit, key string) {
	if c.Operation().Metadata[authLimited] != nil {
		return s.config.Limits.Auth, authKey(c)
	}
	caller := callerOf(c.Context())
	switch {
	case caller.User.IsZero():
		return Limit{}, ""
	case c.Operation().Metadata[uploadLimited] != nil:
		return s.config.Limits.Upload, "upload " + caller.User.String()
	case c.Operation().Metadata[aiLimited] != nil:
		return s.config.Limits.AI, "ai " + caller.User.String()
	}
	return s.config.Limits.Default, userKey(caller)
}
