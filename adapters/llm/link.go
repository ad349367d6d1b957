package llm

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"ticketd/commands"
)

// link is one provider of a chain, with what protects it from us and us from it.
//
// # Why
//
// A place is held only while a request is on its way: who waits for the next attempt, or for the next minute, keeps nobody
// else waiting. Silence is not asked again: the attempt has taken all the time that the prompt allows, and the next provider
// may answer. For its sake attempts and waits together take a share of the time until the caller's deadline.
type link struct {
	Provider

	engine   engine
	fallback string // the provider's own name for models without one
	retry    retrypolicy.RetryPolicy[commands.Completion]
	breaker  circuitbreaker.CircuitBreaker[any]
	places   bulkhead.Bulkhead[any]
	minute   ratelimiter.RateLimiter[any] // nil: as many as there are
	recovery time.Duration
	quiet    atomic.Pointer[time.Time] // until then it wants to be left alone
}

func newLink(p Provider, e engine, fallback string, c Config, pause time.Duration) *link {
	l := &link{Provider: p, engine: e, fallback: fallback, recovery: c.Breaker.Recovery}
	l.retry = retrypolicy.NewBuilder[commands.Completion]().
		WithMaxRetries(c.Retries).ReturnLastFailure().
		AbortIf(func(_ commands.Completion, err error) bool {
			refused, ok := errors.AsType[*providerError](err)
			return !ok || !refused.again
		}).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[commands.Completion]) time.Duration { return delay(pause, e) }).
		Build()
	l.breaker = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(c.Breaker.Failures)).
		WithSuccessThreshold(1).WithDelay(c.Breaker.Recovery).
		Build()
	l.places = bulkhead.New[any](uint(c.Concurrency))
	if p.RequestsPerMinute > 0 {
		l.minute = ratelimiter.NewBursty[any](uint(p.RequestsPerMinute), time.Minute)
	}
	return l
}

// delay doubles with every attempt, is never shorter than what the provider asked for, and a little longer for some than
// for others, so that those who were turned away together do not come back together.
func delay(pause time.Duration, e failsafe.ExecutionAttempt[commands.Completion]) time.Duration {
	wait := pause << e.Retries()
	if refused, ok := errors.AsType[*providerError](e.LastError()); ok {
		wait = max(wait, refused.after)
	}
	return wait + rand.N(wait/4+1) //nolint:gosec // nobody gains from guessing it
}

// share answers how much one provider may take of the time that is left: two thirds, so that there is some for the next.
func share(left time.Duration) time.Duration { return left * 2 / 3 }

// complete asks until there is an answer or no hope of one. Errors: a *providerError; the context's.
func (l *link) complete(ctx context.Context, p commands.Prompt) (commands.Completion, error) {
	m, known := l.Models[p.Model]
	if !known {
		return commands.Completion{}, &providerError{code: invalidRequest, message: l.Name + " has no such model."}
	}
	switch {
	case m.Name == "" && l.fallback != "":
		m.Name = l.fallback
	case m.Name == "":
		m.Name = p.Model
	}
	if p.Timeout <= 0 || p.Timeout > l.Timeout {
		p.Timeout = l.Timeout
	}
	bounded := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, share(time.Until(deadline)))
		defer cancel()
	}
	var last error = &providerError{code: timedOut, message: l.Name + " did not answer in time."}
	answer, err := failsafe.With(l.retry).WithContext(bounded).GetWithExecution(func(e failsafe.Execution[commands.Completion]) (commands.Completion, error) {
		answer, err := l.attempt(ctx, bounded, p, m)
		if refused, ok := errors.AsType[*providerError](err); ok && refused.code == circuitOpen && e.LastError() != nil {
			err = e.LastError() // what opened it says more
		}
		last = err
		return answer, err
	})
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return commands.Completion{}, ctx.Err()
		case bounded.Err() != nil: // while it waited for the next attempt
			return commands.Completion{}, last
		}
		return commands.Completion{}, err
	}
	answer.Provider, answer.Model, answer.Cost = l.Name, m.Name, m.cost(answer)
	return answer, nil
}

// attempt asks once, within a part of the caller's time.
func (l *link) attempt(ctx, bounded context.Context, p commands.Prompt, m Model) (commands.Completion, error) {
	if until := l.quiet.Load(); until != nil && time.Until(*until) > 0 {
		return commands.Completion{}, &providerError{code: rateLimited, message: l.Name + " wants to be left alone for a while."}
	}
	if l.breaker.RemainingDelay() > 0 { // found out before waiting for a place
		return commands.Completion{}, l.isAway()
	}
	if l.minute != nil {
		if err := l.minute.AcquirePermitWithMaxWait(bounded, left(bounded, p.Timeout)); err != nil {
			return commands.Completion{}, &providerError{code: rateLimited, message: "All requests of this minute to " + l.Name + " are used up."}
		}
	}
	if err := l.places.AcquirePermitWithMaxWait(bounded, p.Timeout); err != nil {
		return commands.Completion{}, &providerError{code: rateLimited, message: "All places at " + l.Name + " were taken for too long."}
	}
	defer l.places.ReleasePermit()
	if !l.breaker.TryAcquirePermit() {
		return commands.Completion{}, l.isAway()
	}
	attempt, cancel := context.WithTimeout(bounded, p.Timeout)
	defer cancel()
	answer, err := l.engine.ask(attempt, p, m)
	l.note(ctx, err)
	if refused, ok := errors.AsType[*providerError](err); ok && refused.after > left(bounded, p.Timeout) {
		refused.again = false
		l.quiet.Store(new(time.Now().Add(min(refused.after, l.recovery))))
	}
	return answer, err
}

// left answers how much of a time there is until the context's deadline.
func left(ctx context.Context, most time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(0, min(most, time.Until(deadline)))
	}
	return most
}

func (l *link) isAway() error {
	return &providerError{code: circuitOpen, message: l.Name + " was away too often, and is left alone for a while."}
}

// note tells the breaker whether somebody was there: who refuses a key or has too much to do is. A caller who did not
// wait for the answer has learned nothing, but the one request that tries a provider must end in a verdict.
func (l *link) note(ctx context.Context, err error) {
	refused, ok := errors.AsType[*providerError](err)
	switch {
	case !ok || refused.code != unavailable && refused.code != timedOut:
		l.breaker.RecordSuccess()
	case ctx.Err() == nil || l.breaker.IsHalfOpen():
		l.breaker.RecordFailure()
	}
}
