package vendorfake

import (
	"io"
	"net/http"
	"time"
)

// Left is how much of the limit is left.
type Left struct {
	Most    int           // requests
	Per     time.Duration // in that time
	Rest    int           // of them, after this request
	Reset   time.Time     // when all may come again
	Now     time.Time
	Refused bool // this request is not let through
}

// limit counts the requests of a span of time.
type limit struct {
	most    int
	per     time.Duration
	began   time.Time
	came    int
	refused int
}

// Limit makes the vendor answer like it does when too many requests come, with its own headers on every answer. 0 lifts it.
func (b *Base) Limit(n int, per time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = limit{most: n, per: per, refused: b.limit.refused}
}

// Refused counts the requests that came over the limit.
func (b *Base) Refused() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.limit.refused
}

// refuses writes what is left into the answer's headers, and the whole answer when nothing is.
func (b *Base) refuses(w http.ResponseWriter) bool {
	left, limited := b.count(time.Now())
	if !limited || b.options.Left == nil {
		return false
	}
	status, body := b.options.Left(w.Header(), left)
	if !left.Refused {
		return false
	}
	w.WriteHeader(status)
	// Whoever has gone needs no answer.
	_, _ = io.WriteString(w, body)
	return true
}

func (b *Base) count(now time.Time) (Left, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := &b.limit
	if l.most == 0 {
		return Left{}, false
	}
	if now.Sub(l.began) >= l.per {
		l.began, l.came = now, 0
	}
	l.came++
	left := Left{Most: l.most, Per: l.per, Rest: max(l.most-l.came, 0), Reset: l.began.Add(l.per), Now: now, Refused: l.came > l.most}
	if left.Refused {
		l.refused++
	}
	return left, true
}
