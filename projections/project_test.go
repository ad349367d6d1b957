package projections_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
	"ticketd/projections"
)

// A view that meets what it cannot apply stops, says so, and holds up no other.
func TestAStoppedViewHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	seen := make(chan int, 10)
	runner := projections.NewRunner(&eventstore.Feed{Store: d.store, Pool: d.pool, Log: log}, log,
		projections.Projection{Name: "broken", Handle: func(context.Context, *pgx.Batch, []eventstore.Recorded) error { return errors.New("cannot apply this") }},
		projections.Projection{Name: "sound", Handle: func(_ context.Context, _ *pgx.Batch, events []eventstore.Recorded) error {
			seen <- len(events)
			return nil
		}},
	)
	require.Empty(t, runner.Stopped())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); runner.Run(ctx) }()
	d.opened()
	require.Eventually(t, func() bool { return len(runner.Stopped()) == 1 }, 20*time.Second, time.Millisecond)
	require.Contains(t, runner.Stopped()["broken"], "cannot apply this")
	<-seen
	d.opened()
	<-seen
	cancel()
	<-done
	require.Contains(t, said.String(), "a projection has stopped")
}
