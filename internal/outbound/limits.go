package outbound

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// untold is how long to wait where a vendor does not say.
	untold = time.Minute
	// overdue is how long to wait where a vendor names a moment that has just passed.
	overdue = 5 * time.Second
	// longestLimit is the longest that a header is believed.
	longestLimit = 24 * time.Hour
	// farEpoch is what a number is at least that counts from 1970: no wait is that long.
	farEpoch = 500_000_000
	// skewMost is how far two clocks may differ before the vendor's is gone by.
	skewMost = 2 * time.Second
)

// said is what the headers of an answer say about how much may be asked. -1: nothing.
type said struct {
	limit, remaining int
	reset            time.Time     // zero: not said
	about            time.Duration // by how much reset may be wrong
}

// isExact reports whether the end of the window can be gone by.
func (s said) isExact() bool { return s.remaining >= 0 && !s.reset.IsZero() && s.about <= time.Second }

// families are how the headers begin, the most precise first.
var families = []string{"X-RateLimit", "RateLimit", "X-Rate-Limit"}

// limits reads the headers of an answer.
func limits(h http.Header, now time.Time) said {
	for _, f := range families {
		remaining := count(h.Get(f + "-Remaining"))
		if remaining < 0 {
			continue
		}
		reset, about := resetAt(h, f+"-Reset", now)
		limit := max(count(h.Get(f+"-Limit")), count(h.Get(f))) // Zendesk's has no ending
		return said{limit: limit, remaining: remaining, reset: reset, about: about}
	}
	return said{limit: -1, remaining: -1}
}

// count reads a number that others may follow, like "100, 100;w=60".
func count(text string) int {
	text, _, _ = strings.Cut(text, ",")
	text, _, _ = strings.Cut(text, ";")
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// resetAt reads when the count begins anew, by our clock, and by how much that may be wrong.
func resetAt(h http.Header, name string, now time.Time) (at time.Time, about time.Duration) {
	text := strings.TrimSpace(h.Get(name))
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		if number >= farEpoch {
			return ours(time.UnixMilli(int64(min(number, 1e11)*1000)), h, now), 0
		}
		return later(now, number), time.Second
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return ours(at, h, now), 0
	}
	if at, err := time.Parse("2006-01-02T15:04Z07:00", text); err == nil { // Jira's
		return ours(at.Add(time.Minute), h, now), time.Minute // the minute that it is in must have passed
	}
	return time.Time{}, 0
}

// ours answers a time of the vendor's clock by ours.
func ours(at time.Time, h http.Header, now time.Time) time.Time {
	if theirs, err := http.ParseTime(h.Get("Date")); err == nil {
		if skew := theirs.Sub(now); skew.Abs() > skewMost {
			at = at.Add(-skew)
		}
	}
	if most := now.Add(longestLimit); at.After(most) {
		return most
	}
	return at
}

func later(now time.Time, seconds float64) time.Time {
	if !(seconds > 0) { // NaN, too
		return now
	}
	return now.Add(time.Duration(min(seconds, longestLimit.Seconds()) * float64(time.Second)))
}

// retryAfter reads a header Retry-After: seconds, or a date.
func retryAfter(h http.Header, now time.Time) (time.Time, bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return later(now, seconds), true
	}
	if date, err := http.ParseTime(text); err == nil {
		return ours(date, h, now), true
	}
	return time.Time{}, false
}

// retryAt answers when a vendor that refused may be asked again.
func retryAt(h http.Header, now time.Time) time.Time {
	if at, ok := retryAfter(h, now); ok {
		return at
	}
	switch s := limits(h, now); {
	case s.remaining != 0: // the refusal is for something that the headers do not count
	case s.reset.After(now):
		return later(s.reset, max(0, 1-s.reset.Sub(now).Seconds())) // at least a second
	case now.Sub(s.reset) < untold: // the next window began while the answer travelled, or the clocks differ
		return now.Add(overdue)
	}
	return now.Add(untold)
}

// isSpent reports whether a refusal is for the number of requests.
func isSpent(h http.Header) bool {
	return h.Get("Retry-After") != "" || limits(h, time.Time{}).remaining == 0
}
