package http

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What may take long is given up when the program stops; everything else comes to its end.
func TestOnlyLongRequestsEndWithTheProgram(t *testing.T) {
	t.Parallel()
	s := bare(slog.New(slog.DiscardHandler))
	register(s, op("long", nethttp.MethodGet, "/long", "", tagSystem, public, within(time.Minute)), func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		s.EndStreams()
		<-ctx.Done()
		return nil, fmt.Errorf("read: %w", ctx.Err())
	})
	register(s, op("short", nethttp.MethodGet, "/short", "", tagSystem, public), func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return nil, ctx.Err()
	})
	asked := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		return w
	}
	stopped := asked("/long")
	require.Equal(t, 503, stopped.Code)
	require.Contains(t, stopped.Body.String(), "urn:ticketd:problem:stopping")
	require.Equal(t, "5", stopped.Header().Get("Retry-After"))
	require.Equal(t, 204, asked("/short").Code)
}

func TestTheExportOfAPersonEndsWithTheProgram(t *testing.T) {
	t.Parallel()
	s := bare(slog.New(slog.DiscardHandler))
	ctx, done := s.untilEnding(t.Context())
	defer done()
	var text strings.Builder
	d := &document{Writer: bufio.NewWriter(&text), connection: nethttp.NewResponseController(&deadlines{ResponseRecorder: httptest.NewRecorder()})}
	read := 0
	err := writeList(ctx, d, "numbers", func(page context.Context) ([]int, bool, error) {
		read++
		s.EndStreams()
		<-ctx.Done()
		return []int{7}, true, page.Err() // the statement that is under way ends by itself
	})
	require.ErrorIs(t, err, errEnding)
	require.Equal(t, 1, read)
	require.Equal(t, `{"numbers":[7`, text.String())
}
