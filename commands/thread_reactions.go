package commands

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/thread"
	"ticketd/eventstore"
)

// ReplyJob names a message that waits for its reply. It holds no words: the worker reads them when it begins.
type ReplyJob struct {
	Org         domain.OrgID
	Thread      uuid.UUID
	Message     uuid.UUID
	Agent       domain.Agent  // who shall answer
	Author      domain.UserID // of the message: the agent acts with their rights
	Correlation string        // the request everything started with
	Causation   string        // the position of the event that asked for it
}

// ReplyJobs hands messages to workers, which let the agent of the thread answer.
type ReplyJobs interface {
	// Enqueue asks for the reply to a message. To ask again for the same is harmless.
	Enqueue(ctx context.Context, job ReplyJob) error
}

// ReplyToMessages has every message answered that a person adds to a thread, unless it was answered before: one after the
// other, so that the agent knows what it said to the one before, and replies stand in the order of the messages.
func ReplyToMessages(threads Threads, jobs ReplyJobs) Reaction {
	return Reaction{
		Name: "reply_to_messages", Facts: []string{"thread.message_added", "thread.replied", "thread.reply_failed"},
		React: func(ctx context.Context, r eventstore.Recorded) error {
			stream, err := threads.handler.load(ctx, domain.OrgID{UUID: r.Org}, r.Stream)
			if err != nil {
				return err
			}
			state := threads.handler.Fold(stream)
			next, author, waits := state.Next()
			if !waits {
				return nil
			}
			why := because(spoken(stream, next))
			return jobs.Enqueue(ctx, ReplyJob{
				Org: why.Org, Thread: r.Stream, Message: next, Agent: state.Agent, Author: author, Correlation: why.Correlation, Causation: why.Causation,
			})
		},
	}
}

// spoken answers the event of a message in its thread.
func spoken(stream eventstore.Stream, message uuid.UUID) eventstore.Recorded {
	i := slices.IndexFunc(stream.Events, func(r eventstore.Recorded) bool {
		added, ok := r.Event.(thread.MessageAdded)
		return ok && added.MessageID == message
	})
	return stream.Events[i]
}
