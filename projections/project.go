package projections

import (
	"context"
	"log/slog"
	"maps"
	"sync"

	"ticketd/eventstore"
)

// Runner keeps async projections going. One that meets an event it cannot apply stops where it is, and the others go
// on: skipping the event would make a view that no rebuild could explain.
type Runner struct {
	feed *eventstore.Feed
	list []Projection
	log  *slog.Logger

	mu      sync.Mutex
	stopped map[string]string
}

// NewRunner answers a runner that has not started.
func NewRunner(feed *eventstore.Feed, log *slog.Logger, list ...Projection) *Runner {
	return &Runner{feed: feed, list: list, log: log, stopped: map[string]string{}}
}

// Run follows the log with every async projection until ctx ends.
func (r *Runner) Run(ctx context.Context) {
	var work sync.WaitGroup
	for _, p := range r.list {
		if p.Handle == nil {
			continue
		}
		work.Go(func() {
			if err := r.feed.Run(ctx, p.Name, p.Handle); err != nil {
				r.log.ErrorContext(ctx, "a projection has stopped", "projection", p.Name, "cause", err)
				r.mu.Lock()
				r.stopped[p.Name] = err.Error()
				r.mu.Unlock()
			}
		})
	}
	work.Wait()
}

// Stopped answers the projections that met an event they cannot apply, with the reason.
func (r *Runner) Stopped() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.stopped)
}
