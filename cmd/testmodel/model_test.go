package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asked answers what the model says to a body.
func asked(t *testing.T, body string) (int, string) {
	t.Helper()
	recorder := httptest.NewRecorder()
	model{}.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(body)))
	return recorder.Code, recorder.Body.String()
}

func TestItSaysEveryFieldThatIsAskedFor(t *testing.T) {
	t.Parallel()
	status, said := asked(t, `{"model":"m","messages":[{"role":"user"}],"response_format":{"json_schema":{"schema":{"required":["category","confidence"]}}}}`)
	require.Equal(t, 200, status)
	require.Contains(t, said, `{\"category\":\"technical\",\"confidence\":0.9}`)
	require.Contains(t, said, `"finish_reason":"stop"`)
}

func TestItLooksSomethingUpOnce(t *testing.T) {
	t.Parallel()
	_, said := asked(t, `{"messages":[{"role":"user"}],"tools":[{"function":{"name":"search_knowledge_base"}}]}`)
	require.Contains(t, said, `"finish_reason":"tool_calls"`)
	_, said = asked(t, `{"messages":[{"role":"user"},{"role":"tool"}],"tools":[{"function":{"name":"search_knowledge_base"}}]}`)
	require.Contains(t, said, "This answer comes from a script")
	_, said = asked(t, `{"messages":[{"role":"user"}],"tools":[{"function":{"name":"create_ticket"}}]}`)
	require.Contains(t, said, "This answer comes from a script")
}

func TestItKnowsNothingElse(t *testing.T) {
	t.Parallel()
	status, _ := asked(t, `no question`)
	require.Equal(t, 400, status)
	recorder := httptest.NewRecorder()
	model{}.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/v1/models", nil))
	require.Equal(t, 404, recorder.Code)
}

func TestNobodyWaitsForAnAnswerThatNobodyWants(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	recorder := httptest.NewRecorder()
	model{delay: time.Hour}.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(`{}`)).WithContext(ctx))
	require.Empty(t, recorder.Body.String())
}

func TestItListensUntilItIsStopped(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.Error(t, run(t.Context(), []string{"-addr", address}), "somebody else listens there")
	require.Error(t, run(t.Context(), []string{"-wrong"}))
	require.NoError(t, free.Close())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-addr", address}) }()
	require.Eventually(t, func() bool {
		answer, err := http.Post("http://"+address+"/v1/chat/completions", "application/json", strings.NewReader(`{}`))
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return err == nil && strings.Contains(string(text), "script")
	}, 5*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}
