package mcp

import (
	"context"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

// everybody is an Authenticator that lets anybody in as an administrator.
type everybody struct{}

func (everybody) Authenticate(context.Context, string) (domain.Caller, error) {
	return domain.Caller{Actor: domain.Actor{Type: domain.ByAgent, Role: domain.Admin}}, nil
}

// BenchmarkCall is what a call costs besides what its tool does: through the client, over the loopback, to a tool that asks
// nobody. Limit: 1 ms.
func BenchmarkCall(b *testing.B) {
	s := httptest.NewServer(New(Config{}, Deps{
		Probes: &world{}, Authenticator: everybody{}, Logger: slog.New(slog.DiscardHandler),
		Admit: func(domain.Caller) (time.Duration, bool) { return 0, true },
	}))
	b.Cleanup(s.Close)
	tools, err := toolbox(b, s.URL, "any", 0).Open(b.Context(), domain.Caller{}, uuid.New())
	require.NoError(b, err)
	for b.Loop() {
		result, err := tools.Call(b.Context(), "get_system_health", nil, "key")
		if err != nil || result.Failed {
			b.Fatal(err, result)
		}
	}
}

// BenchmarkRoundTrip is a bare HTTP request over the loopback, for comparison.
func BenchmarkRoundTrip(b *testing.B) {
	s := httptest.NewServer(New(Config{}, Deps{}))
	b.Cleanup(s.Close)
	box := toolbox(b, s.URL, "any", 0)
	for b.Loop() {
		r, err := nethttp.NewRequestWithContext(b.Context(), "GET", s.URL+"/health", nil)
		require.NoError(b, err)
		response, err := box.http.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		_ = response.Body.Close()
	}
}
