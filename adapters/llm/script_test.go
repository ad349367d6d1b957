package llm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/llm"
	"ticketd/commands"
	"ticketd/domain"
)

// secret must never be seen in an error.
const secret = "sk-secret-12"

// request is what a provider was asked.
type request struct {
	path   string
	query  string
	header http.Header
	body   map[string]any
}

// script is a provider that answers the n-th request with the n-th step, and all later ones with the last.
type script struct {
	url string

	mu    sync.Mutex
	steps []http.HandlerFunc
	asked []request
}

func provider(tb testing.TB, steps ...http.HandlerFunc) *script {
	tb.Helper()
	s := &script{steps: steps}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		asked := request{path: r.URL.Path, query: r.URL.RawQuery, header: r.Header}
		_ = json.Unmarshal(content, &asked.body)
		s.mu.Lock()
		s.asked = append(s.asked, asked)
		step := s.steps[min(len(s.asked), len(s.steps))-1]
		s.mu.Unlock()
		step(w, r)
	}))
	tb.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *script) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func (s *script) last() request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[len(s.asked)-1]
}

// says answers a status and a body; headers come in pairs.
func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// refuses answers an error whose words nobody may repeat.
func refuses(status int, headers ...string) http.HandlerFunc {
	return says(status, `{"error":{"message":"key `+secret+` and your prompt about Ada","type":"bad","code":"its_word"}}`, headers...)
}

// chat is an answer as OpenAI gives it.
func chat(message, reason string) http.HandlerFunc {
	return says(http.StatusOK, chatBody(message, reason))
}

func chatBody(message, reason string) string {
	return fmt.Sprintf(`{"id":"c1","object":"chat.completion","created":1,"model":"theirs-2026","choices":[{"index":0,"finish_reason":%q,"message":%s}],
		"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`, reason, message)
}

func chatText(text string) http.HandlerFunc {
	quoted, _ := json.Marshal(text)
	return chat(`{"role":"assistant","content":`+string(quoted)+`}`, "stop")
}

// silence answers nothing until the caller has gone.
func silence(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// cutOff begins an answer and hangs up.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"id":"c1","choices":[{"message":{"content":"hal`)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func models() map[string]llm.Model {
	return map[string]llm.Model{"m": {Name: "theirs", InputUSD: new(1.5), OutputUSD: new(2.0)}}
}

func openAI(s *script) llm.Provider {
	return llm.Provider{Name: "openai", Kind: llm.OpenAI, BaseURL: s.url + "/v1", Models: models(), Timeout: waitAtMost}
}

func anthropicAI(s *script) llm.Provider {
	return llm.Provider{Name: "anthropic", Kind: llm.Anthropic, BaseURL: s.url, Models: models(), Timeout: waitAtMost}
}

func azureAI(s *script) llm.Provider {
	return llm.Provider{Name: "azure_openai", Kind: llm.AzureOpenAI, BaseURL: s.url, Models: models(), Timeout: waitAtMost}
}

// patient never opens its breaker, remembers nothing and asks four times.
func patient(providers ...llm.Provider) llm.Config {
	return llm.Config{
		Providers: providers, Breaker: llm.Breaker{Failures: 1000, Recovery: time.Hour}, Concurrency: 10, Retries: 3,
		Budgets: llm.Budgets{MonthlyUSD: 1, Alert: 0.8, Stop: 0.95},
	}
}

func keys() llm.Keys {
	return llm.Keys{OpenAI: secret, Anthropic: secret, AzureOpenAI: secret}
}

// chain is in a hurry between attempts.
func chain(tb testing.TB, config llm.Config, options ...func(*llm.Options)) *llm.Chain {
	tb.Helper()
	o := llm.Options{Pause: time.Microsecond}
	for _, option := range options {
		option(&o)
	}
	c := llm.NewChain(config, keys(), o)
	tb.Cleanup(c.Close)
	return c
}

var here = domain.OrgID{UUID: uuid.UUID{1}}

func hello() commands.Prompt {
	return commands.Prompt{Org: here, Model: "m", Temperature: 0.2, MaxTokens: 100, System: "Be kind.", Turns: []commands.Turn{{Role: commands.UserTurn, Text: "Hello from Ada"}}}
}

// completed asks and wants an answer.
func completed(t *testing.T, c *llm.Chain, p commands.Prompt) commands.Completion {
	t.Helper()
	answer, err := c.Complete(t.Context(), p)
	require.NoError(t, err)
	return answer
}

// refused asks and wants none; whatever is said must not repeat the key, the prompt or the provider.
func refused(t *testing.T, c *llm.Chain, p commands.Prompt) *commands.ModelError {
	t.Helper()
	_, err := c.Complete(t.Context(), p)
	refusal, ok := errors.AsType[*commands.ModelError](err)
	require.True(t, ok, "%v", err)
	for _, word := range []string{secret, "Ada", "its_word", "127.0.0.1"} {
		require.NotContains(t, refusal.Error(), word)
	}
	return refusal
}

// who answers who was passed over and why, as "openai timeout".
func who(passed []commands.PassedOver) []string {
	var list []string
	for _, p := range passed {
		list = append(list, p.Provider+" "+p.Code)
	}
	return list
}
