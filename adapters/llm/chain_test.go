package llm_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/llm"
	"ticketd/commands"
)

func TestWithoutAKeyNobodyIsAsked(t *testing.T) {
	t.Parallel()
	settings := openAI(provider(t, chatText("hi")))
	settings.BaseURL = ""
	c := llm.NewChain(patient(settings), llm.Keys{}, llm.Options{})
	require.Empty(t, c.Names())
	refusal := refused(t, c, hello())
	require.Equal(t, "none", refusal.Code)
	require.Empty(t, refusal.PassedOver)
}

func TestProvidersAreAskedInOrder(t *testing.T) {
	t.Parallel()
	first, second, third := provider(t, refuses(http.StatusBadGateway)), provider(t, refuses(http.StatusUnauthorized)), provider(t, chatText("at last"))
	log := &lines{}
	c := chain(t, patient(openAI(first), anthropicAI(second), azureAI(third)), func(o *llm.Options) { o.Log = slog.New(slog.NewTextHandler(log, nil)) })
	answer := completed(t, c, hello())
	require.Equal(t, "at last", answer.Text)
	require.Equal(t, "azure_openai", answer.Provider)
	require.Equal(t, []string{"openai unavailable", "anthropic refused_key"}, who(answer.PassedOver))
	require.Positive(t, answer.PassedOver[0].Took)
	require.Equal(t, 4, first.times(), "an attempt and three more")
	require.Equal(t, 1, second.times(), "a wrong key stays wrong")
	require.Contains(t, log.String(), "provider=openai code=unavailable")
	require.NotContains(t, log.String(), secret)

	third.mu.Lock()
	third.steps = []http.HandlerFunc{refuses(http.StatusForbidden)}
	third.mu.Unlock()
	refusal := refused(t, c, hello())
	require.Equal(t, "refused_key", refusal.Code)
	require.Equal(t, "azure_openai answered 403 Forbidden.", refusal.Message)
	require.Equal(t, []string{"openai unavailable", "anthropic refused_key", "azure_openai refused_key"}, who(refusal.PassedOver))
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func TestWhatAProviderSaysDecidesWhatFollows(t *testing.T) {
	t.Parallel()
	word := func(status int, word string) http.HandlerFunc {
		return says(status, `{"error":{"message":"`+secret+`","type":"`+word+`","code":"`+word+`"}}`)
	}
	for name, c := range map[string]struct {
		step  http.HandlerFunc
		code  string
		times int
		next  bool // somebody else is asked
	}{
		"away":              {refuses(http.StatusServiceUnavailable), "unavailable", 4, true},
		"overloaded":        {refuses(529), "unavailable", 4, true},
		"slow":              {refuses(http.StatusRequestTimeout), "unavailable", 4, true},
		"busy":              {refuses(http.StatusTooManyRequests), "rate_limited", 4, true},
		"no credit":         {word(http.StatusTooManyRequests, "insufficient_quota"), "refused_key", 1, true},
		"unpaid":            {refuses(http.StatusPaymentRequired), "refused_key", 1, true},
		"wrong key":         {refuses(http.StatusUnauthorized), "refused_key", 1, true},
		"unknown model":     {refuses(http.StatusNotFound), "invalid_request", 1, true},
		"other unknown":     {word(http.StatusBadRequest, "model_not_found"), "invalid_request", 1, true},
		"too long for this": {word(http.StatusBadRequest, "context_length_exceeded"), "invalid_request", 1, true},
		"our mistake":       {refuses(http.StatusBadRequest), "invalid_request", 1, false},
		"too large":         {refuses(http.StatusRequestEntityTooLarge), "invalid_request", 1, false},
		"elsewhere":         {says(http.StatusFound, ""), "unavailable", 4, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := provider(t, c.step), provider(t, chatText("hi"))
			both := chain(t, patient(openAI(first), azureAI(second)))
			if c.next {
				require.Equal(t, []string{"openai " + c.code}, who(completed(t, both, hello()).PassedOver))
			} else {
				refusal := refused(t, both, hello())
				require.Equal(t, c.code, refusal.Code)
				require.Equal(t, []string{"openai " + c.code}, who(refusal.PassedOver))
				require.Zero(t, second.times(), "nobody else would do better")
			}
			require.Equal(t, c.times, first.times())
		})
	}
}

func TestAModelThatOneProviderDoesNotHaveAnotherMayHave(t *testing.T) {
	t.Parallel()
	first, second := provider(t, chatText("no")), provider(t, chatText("yes"))
	settings := azureAI(second)
	settings.Models["rare"] = llm.Model{Name: "rare-1", InputUSD: new(0.0), OutputUSD: new(0.0)}
	c, p := chain(t, patient(openAI(first), settings)), hello()
	p.Model = "rare"
	answer := completed(t, c, p)
	require.Equal(t, "rare-1", answer.Model)
	require.Equal(t, []string{"openai invalid_request"}, who(answer.PassedOver))
	require.Zero(t, first.times())
	p.Model = "unheard of"
	refusal := refused(t, c, p)
	require.Equal(t, "invalid_request", refusal.Code)
	require.Equal(t, "azure_openai has no such model.", refusal.Message)
}

func TestAProviderIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header, value string
		atLeast       time.Duration
	}{
		"seconds":      {"Retry-After", "0.08", 80 * time.Millisecond},
		"milliseconds": {"Retry-After-Ms", "80", 80 * time.Millisecond},
		"the past":     {"Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT", 0},
		"nonsense":     {"Retry-After", "NaN", 0},
		"soon":         {"Retry-After", "later", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first, second time.Time
			s := provider(t, func(w http.ResponseWriter, r *http.Request) {
				first = time.Now()
				refuses(http.StatusTooManyRequests, c.header, c.value)(w, r)
			}, func(w http.ResponseWriter, r *http.Request) {
				second = time.Now()
				chatText("hi")(w, r)
			})
			require.Equal(t, "hi", completed(t, chain(t, patient(openAI(s))), hello()).Text)
			require.Equal(t, 2, s.times())
			require.GreaterOrEqual(t, second.Sub(first), c.atLeast)
		})
	}
}

func TestAWaitLongerThanThePromptAllowsIsNotWaited(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{"seconds": "3600", "for ever": "1e300", "date": time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := provider(t, refuses(http.StatusTooManyRequests, "Retry-After", after), chatText("never")), provider(t, chatText("hi"))
			c := chain(t, patient(openAI(first), azureAI(second)))
			for range 2 {
				require.Equal(t, []string{"openai rate_limited"}, who(completed(t, c, hello()).PassedOver))
				require.Equal(t, 1, first.times(), "until then it is left alone by everybody")
			}
		})
	}
}

func TestAProviderThatWantsToBeLeftAloneIsAskedAgainAfterTheRecovery(t *testing.T) {
	t.Parallel()
	s := provider(t, refuses(http.StatusServiceUnavailable, "Retry-After", "3600"), chatText("hi"))
	config := patient(openAI(s))
	config.Breaker.Recovery = time.Millisecond
	c := chain(t, config)
	require.Equal(t, "unavailable", refused(t, c, hello()).Code)
	require.Eventually(t, func() bool {
		answer, err := c.Complete(t.Context(), hello())
		return err == nil && answer.Text == "hi"
	}, waitAtMost, tick)
}

func TestSilenceIsNotAskedTwice(t *testing.T) {
	t.Parallel()
	first, second := provider(t, silence), provider(t, message("end_turn", `[{"type":"text","text":"hi"}]`))
	c, p := chain(t, patient(openAI(first), anthropicAI(second))), hello()
	p.Timeout = 250 * time.Millisecond
	answer := completed(t, c, p)
	require.Equal(t, []string{"openai timeout"}, who(answer.PassedOver))
	require.GreaterOrEqual(t, answer.PassedOver[0].Took, p.Timeout)
	require.Equal(t, 1, first.times())
}

func TestSilenceInTheMiddleOfAnAnswerIsSilence(t *testing.T) {
	t.Parallel()
	half := func(w http.ResponseWriter, r *http.Request) {
		says(http.StatusOK, `{"choices":[`)(w, r)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	for _, kind := range []func(*script) llm.Provider{openAI, anthropicAI} {
		s := provider(t, half)
		settings := kind(s)
		settings.Timeout = 100 * time.Millisecond
		refusal := refused(t, chain(t, patient(settings)), hello())
		require.Equal(t, "timeout", refusal.Code)
		require.Equal(t, settings.Name+" did not answer in time.", refusal.Message)
		require.Equal(t, 1, s.times())
	}
}

func TestAProviderThatIsNotThereIsUnavailable(t *testing.T) {
	t.Parallel()
	s := &script{url: "http://127.0.0.1:1"}
	for _, kind := range []func(*script) llm.Provider{openAI, anthropicAI, azureAI} {
		refusal := refused(t, chain(t, patient(kind(s))), hello())
		require.Equal(t, "unavailable", refusal.Code)
		require.Equal(t, kind(s).Name+" cannot be reached.", refusal.Message)
	}
}

func TestABreakerOpensAndThenTriesOnce(t *testing.T) {
	t.Parallel()
	var ill atomic.Bool
	ill.Store(true)
	begun, verdict := make(chan struct{}), make(chan struct{})
	s := provider(t, func(w http.ResponseWriter, r *http.Request) {
		if ill.Load() {
			refuses(http.StatusInternalServerError)(w, r)
			return
		}
		begun <- struct{}{}
		<-verdict
		chatText("well again")(w, r)
	})
	config := patient(openAI(s))
	config.Breaker, config.Retries = llm.Breaker{Failures: 5, Recovery: 300 * time.Millisecond}, 1
	c := chain(t, config)
	require.Equal(t, "unavailable", refused(t, c, hello()).Code)
	require.Equal(t, "unavailable", refused(t, c, hello()).Code)
	require.Equal(t, "unavailable", refused(t, c, hello()).Code, "what opened the breaker says more than that it is open")
	require.Equal(t, 5, s.times())
	refusal := refused(t, c, hello())
	require.Equal(t, "circuit_open", refusal.Code)
	require.Equal(t, []string{"openai circuit_open"}, who(refusal.PassedOver))
	require.Equal(t, 5, s.times(), "nobody is asked")

	ill.Store(false)
	answers := make(chan commands.Completion)
	go func() {
		beat := time.NewTicker(tick)
		defer beat.Stop()
		for range beat.C {
			if answer, err := c.Complete(context.WithoutCancel(t.Context()), hello()); err == nil {
				answers <- answer
				return
			}
		}
	}()
	<-begun
	require.Equal(t, "circuit_open", refused(t, c, hello()).Code, "only one tries")
	require.Equal(t, 6, s.times())
	close(verdict)
	require.Equal(t, "well again", (<-answers).Text)
	go func() { <-begun }()
	require.Equal(t, "well again", completed(t, c, hello()).Text)
}

func TestAProviderThatIsStillIllIsLeftAloneAgain(t *testing.T) {
	t.Parallel()
	s := provider(t, refuses(http.StatusInternalServerError))
	config := patient(openAI(s))
	config.Breaker, config.Retries = llm.Breaker{Failures: 1, Recovery: 50 * time.Millisecond}, 3
	c := chain(t, config)
	require.Equal(t, "unavailable", refused(t, c, hello()).Code)
	require.Eventually(t, func() bool { return refused(t, c, hello()).Code == "unavailable" }, waitAtMost, tick)
	require.Equal(t, 2, s.times())
}

func TestWhoCallsOffLeavesTheVerdictOpen(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{}, 1)
	s := provider(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		silence(w, r)
	})
	config := patient(openAI(s))
	config.Breaker = llm.Breaker{Failures: 1, Recovery: time.Hour}
	c := chain(t, config)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-begun
			cancel()
		}()
		_, err := c.Complete(ctx, hello())
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Equal(t, 3, s.times(), "the provider was not at fault")
}

func TestWhoCallsOffTheOneThatTriesLeavesTheBreakerOpen(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{}, 1)
	s := provider(t, refuses(http.StatusInternalServerError), func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		silence(w, r)
	}, chatText("well again"))
	config := patient(openAI(s))
	config.Breaker, config.Retries = llm.Breaker{Failures: 1, Recovery: 50 * time.Millisecond}, 0
	c := chain(t, config)
	refused(t, c, hello())
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	require.Eventually(t, func() bool {
		_, _ = c.Complete(ctx, hello())
		return ctx.Err() != nil
	}, waitAtMost, tick)
	require.Eventually(t, func() bool {
		answer, err := c.Complete(t.Context(), hello())
		return err == nil && answer.Text == "well again"
	}, waitAtMost, tick, "the next one tries")
}

func TestWhoCallsOffDoesNotWaitForTheNextAttempt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := provider(t, func(w http.ResponseWriter, r *http.Request) {
		refuses(http.StatusTooManyRequests, "Retry-After", "20")(w, r)
		cancel()
	})
	_, err := chain(t, patient(openAI(s), azureAI(s))).Complete(ctx, hello())
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, s.times())
}

func TestOnlySoManyRequestsAreOnTheirWay(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	gate := make(chan struct{})
	s := provider(t, func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		for {
			high := most.Load()
			if n <= high || most.CompareAndSwap(high, n) {
				break
			}
		}
		<-gate
		now.Add(-1)
		chatText("hi")(w, r)
	})
	c := chain(t, patient(openAI(s)))
	var all sync.WaitGroup
	var answered atomic.Int64
	for range 40 {
		all.Go(func() {
			if _, err := c.Complete(t.Context(), hello()); err == nil {
				answered.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return now.Load() == 10 }, waitAtMost, tick)
	p := hello()
	p.Timeout = time.Millisecond
	refusal := refused(t, c, p)
	require.Equal(t, "rate_limited", refusal.Code)
	require.Equal(t, "All places at openai were taken for too long.", refusal.Message)
	close(gate)
	all.Wait()
	require.EqualValues(t, 40, answered.Load())
	require.EqualValues(t, 10, most.Load())
}

func TestOnlySoManyRequestsAreMadeInAMinute(t *testing.T) {
	t.Parallel()
	first, second := provider(t, chatText("one")), provider(t, chatText("two"))
	settings := openAI(first)
	settings.RequestsPerMinute = 2
	c, p := chain(t, patient(settings, azureAI(second))), hello()
	p.Timeout = 10 * time.Second // the minute is longer
	for range 2 {
		require.Equal(t, "one", completed(t, c, p).Text)
	}
	answer := completed(t, c, p)
	require.Equal(t, "two", answer.Text)
	require.Equal(t, []string{"openai rate_limited"}, who(answer.PassedOver))
	require.Equal(t, 2, first.times())
}
