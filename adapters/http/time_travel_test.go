package http

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
)

// A moment includes what happened at it, to the microsecond; several events of one moment all count.
func TestAMomentIncludesWhatHappenedAtIt(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	stream := eventstore.Stream{}
	for n, after := range []time.Duration{0, time.Microsecond, time.Microsecond, time.Second} {
		stream.Events = append(stream.Events, eventstore.Recorded{Version: n + 1, At: began.Add(after)})
	}
	for text, want := range map[string]int{
		"2026-11-21T09:59:59.999999Z": 0, "2026-11-21T10:00:00Z": 1, "2026-11-21T12:00:00.000000999+02:00": 1, "2026-11-21T10:00:00.000001Z": 3,
		"2026-11-21T10:00:00.999999Z": 3, "2026-11-21T10:00:01Z": 4, "2999-01-01T00:00:00Z": 4,
	} {
		place, err := Then{AsOf: AsOf{text}}.past(t.Context())
		require.NoError(t, err)
		require.False(t, place.isNow())
		require.Equal(t, want, place.of(stream).Version(), text)
	}
	for version, want := range map[int]int{1: 1, 4: 4, 5: 0} {
		require.Equal(t, want, past{version: version}.of(stream).Version())
	}
	now, err := Then{}.past(t.Context())
	require.NoError(t, err)
	require.True(t, now.isNow())
	_, err = AsOf{"no time at all"}.moment(t.Context())
	require.ErrorContains(t, err, "since 1970")
}
