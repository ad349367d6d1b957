package http

import (
	"context"
	"time"

	"github.com/google/uuid"

	"ticketd/domain/thread"
	"ticketd/eventstore"
	"ticketd/internal/wake"
	"ticketd/projections"
)

// longestWait is how long a request waits for a reply, whatever its agent may take.
const longestWait = 10 * time.Minute

// Replies wakes the requests that wait for a reply when something happens in their thread. It follows the log of all
// instances, so that it does not matter which of them replies, and nobody has to poll. The zero Replies is ready for use.
type Replies struct{ bell wake.Bell }

// Observe hears of events, in whatever order.
func (r *Replies) Observe(events []eventstore.Recorded) {
	for _, e := range events {
		if _, ok := e.Event.(thread.Event); ok {
			r.bell.Wake(e.Stream)
		}
	}
}

// await answers a message and the reply to it, or the message alone when there is none in time; nothing when the thread
// was deleted. It begins to listen before it looks, so that nothing happens in between.
func (c chat) await(ctx context.Context, row projections.ThreadRow, message uuid.UUID) ([]projections.MessageRow, error) {
	heard, done := c.Replies.bell.Join(row.ID)
	defer done()
	patience, err := c.patience(ctx, row)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		over := ctx.Err() != nil // then it looks a last time
		rows, err := c.look(ctx, row, message)
		if err != nil || over || len(rows) == 0 || rows[0].ReplyStatus != projections.ReplyPending {
			return rows, err
		}
		select {
		case <-heard:
		case <-ctx.Done():
		}
	}
}

func (c chat) patience(ctx context.Context, row projections.ThreadRow) (time.Duration, error) {
	asking, done := unhurried(ctx)
	defer done()
	patience, err := c.Patience(asking, row.Org, row.Agent)
	if err != nil {
		return 0, err
	}
	return min(patience, longestWait), nil
}

func (c chat) look(ctx context.Context, row projections.ThreadRow, message uuid.UUID) ([]projections.MessageRow, error) {
	looking, done := unhurried(ctx)
	defer done()
	return c.Messages.WithReply(looking, row.Org, row.ID, message)
}

// unhurried gives a statement as long as a request has, in one that waits longer than that: whatever ends the waiting
// cancels no statement that is under way.
func unhurried(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), maxTime)
}
