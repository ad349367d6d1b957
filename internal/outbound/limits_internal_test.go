package outbound

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// heads answers headers of names and values in turn.
func heads(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func TestLimitsAreReadInEveryFormOfTheVendors(t *testing.T) {
	t.Parallel()
	none := said{limit: -1, remaining: -1}
	for name, c := range map[string]struct {
		header http.Header
		want   said
	}{
		"nothing":                 {heads(), none},
		"no number":               {heads("X-RateLimit-Remaining", "many"), none},
		"less than nothing":       {heads("X-RateLimit-Remaining", "-1"), none},
		"GitHub":                  {heads("X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "4999", "X-RateLimit-Reset", "1772366430"), said{5000, 4999, noon.Add(30 * time.Second), 0}},
		"Zendesk":                 {heads("X-Rate-Limit", "700", "X-Rate-Limit-Remaining", "600", "ratelimit-limit", "700", "ratelimit-remaining", "699", "ratelimit-reset", "41"), said{700, 699, noon.Add(41 * time.Second), time.Second}},
		"Zendesk, shorter":        {heads("X-Rate-Limit", "700", "X-Rate-Limit-Remaining", "600"), said{700, 600, time.Time{}, 0}},
		"Jira, without seconds":   {heads("X-RateLimit-Limit", "350", "X-RateLimit-Remaining", "3", "X-RateLimit-Reset", "2026-03-01T12:00Z"), said{350, 3, noon.Add(time.Minute), time.Minute}},
		"with seconds":            {heads("X-RateLimit-Remaining", "3", "X-RateLimit-Reset", "2026-03-01T13:00:07+01:00"), said{-1, 3, noon.Add(7 * time.Second), 0}},
		"a list, as of the draft": {heads("RateLimit-Limit", "100, 100;w=60", "RateLimit-Remaining", "5", "RateLimit-Reset", "0.5"), said{100, 5, noon.Add(500 * time.Millisecond), time.Second}},
		"no time":                 {heads("X-RateLimit-Remaining", "3", "X-RateLimit-Reset", "soon"), said{-1, 3, time.Time{}, 0}},
		"no number at all":        {heads("X-RateLimit-Remaining", "3", "X-RateLimit-Reset", "NaN"), said{-1, 3, noon, time.Second}},
		"a clock that is ahead":   {heads("Date", "Sun, 01 Mar 2026 12:10:00 GMT", "X-RateLimit-Remaining", "3", "X-RateLimit-Reset", "1772367030"), said{-1, 3, noon.Add(30 * time.Second), 0}},
		"a clock about right":     {heads("Date", "Sun, 01 Mar 2026 11:59:59 GMT", "X-RateLimit-Remaining", "3", "X-RateLimit-Reset", "1772366430"), said{-1, 3, noon.Add(30 * time.Second), 0}},
		"a year from now":         {heads("X-RateLimit-Remaining", "3", "X-RateLimit-Reset", "99999999999999999999"), said{-1, 3, noon.Add(24 * time.Hour), 0}},
	} {
		got := limits(c.header, noon)
		require.True(t, c.want.reset.Equal(got.reset), "%s: %s", name, got.reset)
		got.reset = c.want.reset
		require.Equal(t, c.want, got, name)
	}
}

func TestAVendorSaysWhenItMayBeAskedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"seconds":            {heads("Retry-After", "17"), 17 * time.Second},
		"parts of one":       {heads("Retry-After", "0.25"), 250 * time.Millisecond},
		"a date":             {heads("Retry-After", "Sun, 01 Mar 2026 12:00:20 GMT"), 20 * time.Second},
		"a date by its own":  {heads("Retry-After", "Sun, 01 Mar 2026 13:00:20 GMT", "Date", "Sun, 01 Mar 2026 13:00:00 GMT"), 20 * time.Second},
		"the window":         {heads("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "10"), 10 * time.Second},
		"a window that went": {heads("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1000000000"), time.Minute},
		"one just over":      {heads("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1772366398"), 5 * time.Second},
		"another limit":      {heads("X-RateLimit-Remaining", "4900", "X-RateLimit-Reset", "1772367000"), time.Minute},
		"one almost over":    {heads("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "0.1"), time.Second},
		"nothing":            {heads(), time.Minute},
		"nonsense":           {heads("Retry-After", "later"), time.Minute},
		"before":             {heads("Retry-After", "-5"), 0},
		"for ever":           {heads("Retry-After", "1e300"), 24 * time.Hour},
	} {
		require.Equal(t, c.want, retryAt(c.header, noon).Sub(noon), name)
	}
}
