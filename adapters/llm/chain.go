package llm

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"ticketd/commands"
)

// Options are what a chain needs of the rest of the program. The zero value counts and tells nothing.
type Options struct {
	Spending Spending // nil: no budget holds
	// Alert is told which shares of a month's budget are spent: by every instance once, and again until it answers no error.
	// The answer waits for it.
	Alert func(ctx context.Context, r Reached) error
	Log   *slog.Logger
	Now   func() time.Time // for months and for the age of answers
	Pause time.Duration    // before the second attempt; it doubles. 0: half a second
}

// Chain asks one provider after the other.
//
// # Why
//
// The budget comes before the answers that are remembered, though those cost nothing: while it is used up every prompt
// of an organization is treated alike. Requests that are on their way when it is used up still go through: what they
// may cost lies between the share of stop and the whole.
type Chain struct {
	config  Config
	options Options
	log     *slog.Logger
	client  *http.Client
	links   []*link
	answers *answers // nil: nothing is remembered
	limit   int64    // of a month, in millionths of a dollar; 0: none
	told    sync.Map // of told: the month in which that was
}

// NewChain makes a chain of the providers whose keys are known, in the order of a configuration from LoadConfig.
func NewChain(config Config, keys Keys, options Options) *Chain {
	c := &Chain{config: config, options: options, log: options.Log, client: newClient(config.Concurrency)}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.options.Now == nil {
		c.options.Now = time.Now
	}
	if c.options.Pause == 0 {
		c.options.Pause = time.Second / 2
	}
	if options.Spending != nil {
		c.limit = micro(config.Budgets.MonthlyUSD)
	}
	if config.Cache > 0 {
		c.answers = newAnswers(config.Cache)
	}
	for _, provider := range config.Providers {
		access, known := keys.of(provider)
		if !known {
			continue
		}
		fallback := ""
		if provider.Kind == AzureOpenAI {
			fallback = keys.AzureDeployment
		}
		c.links = append(c.links, newLink(provider, newEngine(provider, access, keys.AzureAPIVersion, c.client), fallback, config, c.options.Pause))
	}
	return c
}

// Names answers who is asked, in order; nobody when no key is known.
func (c *Chain) Names() []string {
	names := make([]string, 0, len(c.links))
	for _, l := range c.links {
		names = append(names, l.Name)
	}
	return names
}

// Close lets go of idle connections.
func (c *Chain) Close() { c.client.CloseIdleConnections() }

// Complete answers the next turn. Errors: a *commands.ModelError; the context's.
func (c *Chain) Complete(ctx context.Context, p commands.Prompt) (commands.Completion, error) {
	if len(c.links) == 0 {
		return commands.Completion{}, &commands.ModelError{Code: noProvider, Message: "No model provider has a key."}
	}
	switch usedUp, err := c.isUsedUp(ctx, p.Org); {
	case ctx.Err() != nil:
		return commands.Completion{}, ctx.Err()
	case err != nil:
		c.log.WarnContext(ctx, "what an organization has spent on models is unknown", "org", p.Org, "reason", err)
		return commands.Completion{}, &commands.ModelError{Code: unavailable, Message: "It is unknown what this month has cost so far."}
	case usedUp:
		return commands.Completion{}, &commands.ModelError{Code: overBudget, Message: "The month's budget for models is used up."}
	}
	if c.answers == nil {
		return c.ask(ctx, p)
	}
	key := keyOf(p)
	if answer, known := c.answers.find(key, c.options.Now()); known {
		return answer, nil
	}
	answer, err := c.ask(ctx, p)
	if err == nil && (p.Check == nil || p.Check(answer.Text) == nil) {
		c.answers.keep(key, answer, c.options.Now())
	}
	return answer, err
}

// ask asks one provider after the other, until one answers or says that the prompt is at fault.
func (c *Chain) ask(ctx context.Context, p commands.Prompt) (commands.Completion, error) {
	var passed []commands.PassedOver
	var last *providerError
	for _, l := range c.links {
		began := time.Now()
		answer, err := l.complete(ctx, p)
		if err == nil {
			answer.PassedOver = passed
			c.pay(ctx, p.Org, answer.Cost)
			return answer, nil
		}
		refused, ok := errors.AsType[*providerError](err)
		if !ok {
			return commands.Completion{}, err
		}
		last = refused
		passed = append(passed, commands.PassedOver{Provider: l.Name, Code: refused.code, Took: time.Since(began)})
		c.log.InfoContext(ctx, "a model provider is passed over", "provider", l.Name, "code", refused.code, "took", time.Since(began))
		if refused.ours {
			break
		}
	}
	return commands.Completion{}, &commands.ModelError{Code: last.code, Message: last.message, PassedOver: passed}
}
