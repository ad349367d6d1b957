package eventstore_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/eventstore"
	"ticketd/eventstore/eventstoretest"
)

// wallClock is a machine's clock that somebody turns.
type wallClock struct{ ahead atomic.Int64 }

func (c *wallClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *wallClock) turn(by time.Duration) { c.ahead.Add(int64(by)) }

// openAt opens an instance whose machine has this clock; it signs what it writes with its name.
func openAt(t *testing.T, pool *pgxpool.Pool, c *wallClock, name string) machine {
	t.Helper()
	own, err := pgxpool.NewWithConfig(t.Context(), pool.Config())
	require.NoError(t, err)
	t.Cleanup(own.Close)
	return machine{open(t, own, eventstore.Options{Now: c.now}), name}
}

type machine struct {
	instance
	name string
}

func (m machine) append(ctx context.Context, stream eventstore.Stream, text string) (eventstore.Stream, error) {
	stream, err := m.Load(ctx, org, stream.ID)
	if err != nil {
		return stream, err
	}
	grown, err := m.Append(ctx, eventstore.Metadata{Command: m.name}, eventstore.Write{Stream: stream, Events: note(text)})
	if err != nil {
		return stream, err
	}
	return grown[0], nil
}

// Two machines' clocks are set back, one after the other, between the changes they make. Time goes back neither in what
// one of them begins, nor in a stream that both write to.
func TestTimeStandsStillWhereTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	pool := database(t)
	var first, second wallClock
	a, b := openAt(t, pool, &first, "a"), openAt(t, pool, &second, "b")
	shared := fresh()
	write := func(m machine, stream eventstore.Stream) time.Time {
		t.Helper()
		grown, err := m.append(t.Context(), stream, "x")
		require.NoError(t, err)
		return grown.Events[grown.Version()-1].At
	}
	latest := write(a, shared)
	first.turn(-time.Hour)
	require.Equal(t, latest, write(a, fresh()), "it stands still")
	require.Equal(t, latest, write(a, shared))
	second.turn(-2 * time.Hour)
	require.Equal(t, latest, write(b, shared), "in a stream that another began, too")
	require.True(t, write(b, fresh()).Before(latest), "elsewhere a clock that is wrong is only wrong")
	second.turn(3 * time.Hour)
	ahead := write(b, shared)
	require.Greater(t, ahead.Sub(latest), 30*time.Minute)
	require.Equal(t, ahead, write(a, shared))
	require.Equal(t, latest, write(a, fresh()))
	first.turn(time.Hour)
	require.True(t, write(a, fresh()).After(latest), "and goes on")
	requireTimeGoesOn(t, a.instance, shared)
	last := map[string]time.Time{}
	for _, e := range everything(t, a.instance) {
		if e.Stream != shared.ID { // there the other one's clock counts as well, and there alone: a wrong one is not catching
			require.False(t, e.At.Before(last[e.Metadata.Command]), "position %d", e.Position)
			last[e.Metadata.Command] = e.At
		}
	}
}

// The same while many write at once and the clocks jump.
func TestAStreamsTimeNeverGoesBack(t *testing.T) {
	t.Parallel()
	pool := database(t)
	var clocks [2]wallClock
	machines := []machine{openAt(t, pool, &clocks[0], "a"), openAt(t, pool, &clocks[1], "b")}
	streams := []eventstore.Stream{fresh(), fresh(), fresh()}
	var work errgroup.Group
	for n := range 8 {
		work.Go(func() error {
			for k := range 20 {
				clocks[n%2].turn(time.Duration(k%3-1) * time.Hour) // back, on, and ahead
				for {
					_, err := machines[n%2].append(t.Context(), streams[(n+k)%len(streams)], strconv.Itoa(k))
					if errors.Is(err, eventstore.ErrConflict) {
						continue
					}
					if err != nil {
						return err
					}
					break
				}
			}
			return nil
		})
	}
	require.NoError(t, work.Wait())
	require.Len(t, everything(t, machines[0].instance), 8*20)
	for _, stream := range streams {
		requireTimeGoesOn(t, machines[0].instance, stream)
	}
	eventstoretest.RequireChains(t, machines[0].Rows(t))
}

func everything(t *testing.T, s eventstore.Reader) []eventstore.Recorded {
	t.Helper()
	events, err := s.Read(t.Context(), eventstore.Query{})
	require.NoError(t, err)
	return events
}

// requireTimeGoesOn checks that a stream as it stood at any moment is its beginning: nothing is left out of the middle.
func requireTimeGoesOn(t *testing.T, s eventstore.Reader, stream eventstore.Stream) {
	t.Helper()
	all, err := s.Read(t.Context(), eventstore.Query{Streams: []uuid.UUID{stream.ID}})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for i, e := range all {
		if i > 0 {
			require.False(t, e.At.Before(all[i-1].At), "version %d", e.Version)
		}
		then, err := s.Read(t.Context(), eventstore.Query{Streams: []uuid.UUID{stream.ID}, Until: e.At})
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(then), e.Version)
		require.Equal(t, all[:len(then)], then)
	}
}
