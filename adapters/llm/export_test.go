package llm

import (
	"context"
	"time"

	"ticketd/commands"
)

// Hasty waits next to nothing between attempts.
func (t *Transcriber) Hasty() *Transcriber {
	t.pause = time.Millisecond
	return t
}

// Asked is a provider without a network.
type Asked func(ctx context.Context, p commands.Prompt) (commands.Completion, error)

func (a Asked) ask(ctx context.Context, p commands.Prompt, _ Model) (commands.Completion, error) {
	return a(ctx, p)
}

// NewChainOf makes a chain in which these answer for the configuration's providers.
func NewChainOf(config Config, asked ...Asked) *Chain {
	c := NewChain(config, Keys{}, Options{})
	for i, a := range asked {
		c.links = append(c.links, newLink(config.Providers[i], a, "", config, time.Millisecond))
	}
	return c
}

// ErrLate is what silence ends with.
var ErrLate error = &providerError{code: timedOut, message: "late"}

// Busy is a provider that wants to be left alone.
func Busy(after time.Duration) error {
	return &providerError{code: rateLimited, message: "busy", after: after, again: true}
}
