package commands

import (
	"context"
	"runtime"
)

// turns are places for what keeps a processor, the database or the disk busy: as few as there are processors. A hundred
// uploads or runs that arrive at once would else hold up everybody who asks for a ticket.
type turns chan struct{}

func newTurns() turns { return make(turns, runtime.GOMAXPROCS(0)) }

// take waits for a place and does it there. Errors: the context's, and its own.
func (t turns) take(ctx context.Context, do func() error) error {
	select {
	case t <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t }()
	return do()
}
