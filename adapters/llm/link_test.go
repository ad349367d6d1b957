package llm_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/llm"
	"ticketd/commands"
)

// tells answers this, whoever asks.
func tells(text string) llm.Asked {
	return func(context.Context, commands.Prompt) (commands.Completion, error) {
		return commands.Completion{Text: text, Stop: commands.StopAnswer}, nil
	}
}

// silent answers nothing until nobody waits any more.
func silent(ctx context.Context, _ commands.Prompt) (commands.Completion, error) {
	<-ctx.Done()
	return commands.Completion{}, llm.ErrLate
}

// lasting waits as long as the prompt allows.
func lasting(names ...string) llm.Config {
	config := patient()
	for _, name := range names {
		config.Providers = append(config.Providers, llm.Provider{Name: name, Kind: llm.OpenAI, Models: models(), Timeout: time.Hour})
	}
	return config
}

func TestSilentProvidersLeaveTimeForTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 27*time.Second)
		defer cancel()
		p := hello()
		p.Timeout = 27 * time.Second
		answer, err := llm.NewChainOf(lasting("one", "two", "three"), silent, silent, tells("hi")).Complete(ctx, p)
		require.NoError(t, err)
		require.Equal(t, "hi", answer.Text)
		require.Equal(t, []string{"one timeout", "two timeout"}, who(answer.PassedOver))
		require.Equal(t, []time.Duration{18 * time.Second, 6 * time.Second}, []time.Duration{answer.PassedOver[0].Took, answer.PassedOver[1].Took})
	})
}

func TestAllSilentProvidersLeaveTimeForTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 27*time.Second)
		defer cancel()
		_, err := llm.NewChainOf(lasting("one", "two"), silent, silent).Complete(ctx, hello())
		require.EqualError(t, err, "model: timeout: late")
		require.NoError(t, ctx.Err())
	})
}

// A provider that wants to be left alone again and again is not waited for until the caller has no time left.
func TestWaitsAreWithinTheCallersTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		busy := 0
		first := func(context.Context, commands.Prompt) (commands.Completion, error) {
			busy++
			return commands.Completion{}, llm.Busy(15 * time.Second)
		}
		p := hello()
		p.Timeout = 30 * time.Second
		answer, err := llm.NewChainOf(lasting("one", "two"), first, tells("hi")).Complete(ctx, p)
		require.NoError(t, err)
		require.Equal(t, "hi", answer.Text)
		require.Equal(t, []string{"one rate_limited"}, who(answer.PassedOver))
		require.Equal(t, 2, busy, "once more, for that there was time")
		require.Less(t, answer.PassedOver[0].Took, 20*time.Second)
	})
}

// Silent ones count against a provider, though it is the caller's time that they have used up.
func TestSilenceUntilTheCallersShareIsUpOpensTheBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := lasting("one")
		config.Breaker = llm.Breaker{Failures: 1, Recovery: time.Hour}
		c := llm.NewChainOf(config, silent)
		ctx, cancel := context.WithTimeout(t.Context(), 27*time.Second)
		defer cancel()
		_, err := c.Complete(ctx, hello())
		require.EqualError(t, err, "model: timeout: late")
		_, err = c.Complete(ctx, hello())
		require.ErrorContains(t, err, "circuit_open")
	})
}

func TestWhoWaitsForTheNextMinuteHasNoPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := lasting("one")
		config.Concurrency, config.Providers[0].RequestsPerMinute = 1, 1
		c := llm.NewChainOf(config, tells("hi"))
		p := hello()
		p.Timeout = 3 * time.Minute
		_, err := c.Complete(t.Context(), p)
		require.NoError(t, err)
		go func() { _, _ = c.Complete(t.Context(), p) }()
		synctest.Wait() // for the next minute
		p.Timeout = time.Second
		_, err = c.Complete(t.Context(), p)
		require.EqualError(t, err, "model: rate_limited: All requests of this minute to one are used up.")
	})
}
