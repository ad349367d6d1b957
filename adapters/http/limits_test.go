package http

import (
	"fmt"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

// clocked is a limiter whose clock stands until the test moves it.
func clocked() (*limiter, *time.Time) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	l := newLimiter()
	l.now = func() time.Time { return now }
	return l, &now
}

// The tool server's calls draw on the same budgets as REST's.
func TestTheToolServerSharesTheBudgets(t *testing.T) {
	t.Parallel()
	s := bare(slog.New(slog.DiscardHandler))
	s.config.Limits = Limits{Default: Limit{Requests: 2, Window: time.Hour}, Auth: Limit{Requests: 2, Window: time.Hour}}
	ada := domain.Caller{Actor: domain.Actor{Type: domain.ByUser, User: domain.UserID{UUID: uuid.New()}}}
	s.limiter.take(userKey(ada), s.config.Limits.Default) // a request over REST
	_, ok := s.Admit(ada)
	require.True(t, ok)
	after, ok := s.Admit(ada)
	require.False(t, ok)
	require.InDelta(t, time.Hour, after, float64(time.Minute))
	agent := ada
	agent.Type = domain.ByAgent
	_, ok = s.Admit(agent)
	require.True(t, ok, "its runs have bounds of their own")

	guess := func() *nethttp.Request {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/tickets", nil)
		r.Header.Set("Authorization", "Bearer x")
		return r
	}
	s.ServeHTTP(httptest.NewRecorder(), guess())
	_, ok = s.Refused(guess())
	require.True(t, ok)
	_, ok = s.Refused(guess())
	require.False(t, ok)
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, guess())
	require.Equal(t, 429, answer.Code, "of the same address")

	s.config.Limits = Limits{}
	for range 9 {
		_, admitted := s.Admit(ada)
		_, counted := s.Refused(guess())
		require.True(t, admitted && counted, "0 is no limit")
	}
}

// peek looks what is left, and counts nothing.
func (l *limiter) peek(key string, limit Limit) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, v := l.look(key, limit)
	return v
}

func TestWhatIsGivenBackMayBeSpentAgain(t *testing.T) {
	t.Parallel()
	l, now := clocked()
	limit := Limit{Requests: 2, Window: time.Minute}
	require.True(t, l.take("ada", limit).allowed)
	require.True(t, l.take("ada", limit).allowed)
	require.False(t, l.take("ada", limit).allowed)
	l.giveBack("ada", limit)
	require.Equal(t, 1, l.peek("ada", limit).remaining)
	*now = now.Add(time.Minute) // what the window before counted can be given back, too
	require.Equal(t, 1, l.peek("ada", limit).remaining)
	l.giveBack("ada", limit)
	l.giveBack("ada", limit)
	require.Equal(t, 2, l.peek("ada", limit).remaining, "never more than there is")
}

func TestAWindowSlides(t *testing.T) {
	t.Parallel()
	l, now := clocked()
	limit := Limit{Requests: 10, Window: time.Minute}
	spend := func() (allowed int) {
		for l.take("ada", limit).allowed {
			allowed++
		}
		return allowed
	}
	require.Equal(t, 10, spend())
	v := l.take("ada", limit)
	require.Equal(t, verdict{limit: 10, reset: time.Minute}, v)
	require.Equal(t, "60", v.seconds())
	require.True(t, l.take("bob", limit).allowed, "everybody has a budget of their own")

	*now = now.Add(59*time.Second + 999*time.Millisecond)
	require.Zero(t, spend())
	require.Equal(t, "1", l.peek("ada", limit).seconds(), "rounded up: who waits so long is let in")
	*now = now.Add(30*time.Second + time.Millisecond) // half of the window before still weighs
	require.Equal(t, 5, spend())
	require.False(t, l.peek("ada", limit).allowed)
	*now = now.Add(time.Minute)
	require.Equal(t, 8, spend(), "five weigh a half")
	*now = now.Add(5 * time.Minute)
	require.Equal(t, 10, spend())
}

func TestRemainingFalls(t *testing.T) {
	t.Parallel()
	l, _ := clocked()
	limit := Limit{Requests: 3, Window: time.Hour}
	for want := 2; want >= 0; want-- {
		require.Equal(t, want+1, l.peek("ada", limit).remaining)
		require.Equal(t, want, l.take("ada", limit).remaining)
	}
	require.Zero(t, l.take("ada", limit).remaining)
}

func TestWhoeverStaysAwayIsForgotten(t *testing.T) {
	t.Parallel()
	l, now := clocked()
	limit := Limit{Requests: 3, Window: time.Second}
	for n := range 1000 {
		l.take(fmt.Sprint(n), limit)
	}
	require.Len(t, l.counts, 1000)
	*now = now.Add(2 * time.Minute)
	l.take("one who stays", limit)
	require.Len(t, l.counts, 1)
}
