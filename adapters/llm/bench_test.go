package llm_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/llm"
)

// BenchmarkCall measures what a call through the chain costs above a bare one to the same provider, which answers at once.
func BenchmarkCall(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		s := provider(b, chatText("hi"))
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
		b.Cleanup(client.CloseIdleConnections)
		for b.Loop() {
			r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, s.url+"/v1/chat/completions",
				strings.NewReader(`{"model":"theirs","temperature":0.2,"max_tokens":100,"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Hello from Ada"}]}`))
			require.NoError(b, err)
			response, err := client.Do(r)
			require.NoError(b, err)
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	})
	through := func(kind func(*script) llm.Provider, step http.HandlerFunc, cache time.Duration) func(*testing.B) {
		return func(b *testing.B) {
			b.Helper()
			config := patient(kind(provider(b, step)))
			config.Cache, config.Providers[0].RequestsPerMinute = cache, 1e9
			c, p := chain(b, config), hello()
			for b.Loop() {
				_, err := c.Complete(b.Context(), p)
				require.NoError(b, err)
			}
		}
	}
	said := message("end_turn", `[{"type":"text","text":"hi"}]`)
	b.Run("openai", through(openAI, chatText("hi"), 0))
	b.Run("anthropic", through(anthropicAI, said, 0))
	b.Run("azure", through(azureAI, chatText("hi"), 0))
	b.Run("remembered", through(openAI, chatText("hi"), time.Hour))
}
