package ws

import (
	"context"

	"github.com/google/uuid"

	"ticketd/domain"
)

// Threads finds a conversation with an agent by its id, if the caller may see it.
type Threads interface {
	Find(ctx context.Context, caller domain.Caller, ref string) (uuid.UUID, error)
}

// threadNoun has no status to ask for: a conversation is what was said in it.
func threadNoun(threads Threads) noun {
	return noun{
		name: "thread", protocol: chat, quiet: true,
		find: func(ctx context.Context, caller domain.Caller, ref string) (uuid.UUID, any, error) {
			id, err := threads.Find(ctx, caller, ref)
			return id, nil, err
		},
		about: func(id uuid.UUID) subscription { return subscription{ThreadID: id} },
	}
}
