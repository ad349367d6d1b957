package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
	"ticketd/domain"
)

// A short turn against a server that takes everything.
func TestMessagesAreMeasured(t *testing.T) {
	t.Parallel()
	pool := openPool(t, postgrestest.Database(t))
	var threads, messages atomic.Int64
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.HasSuffix(r.URL.Path, "/messages") {
			threads.Add(1)
			_, _ = io.WriteString(w, `{"id":"`+uuid.NewString()+`"}`)
			return
		}
		messages.Add(1)
		var said struct {
			Content     string
			Attachments []struct{ FileID domain.FileID }
		}
		if err := json.Unmarshal(body, &said); err != nil || said.Content == "" || len(said.Attachments) != chatFiles {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(listening.Close)
	w := &chatWorld{world: newWorld()}
	w.pool, w.real = pool, &server{address: strings.TrimPrefix(listening.URL, "http://")}
	var out strings.Builder
	require.NoError(t, w.measure(t.Context(), options{span: 100 * time.Millisecond, rounds: 1}, chatSizes{60, 3}, &out))
	require.Contains(t, out.String(), "the same behind 3 others")
	require.Contains(t, out.String(), "a message with 5 attachments")
	require.Greater(t, messages.Load(), int64(3))
	require.GreaterOrEqual(t, threads.Load(), messages.Load()/tooLong)

	stopped, stop := context.WithCancel(t.Context())
	stop()
	require.Error(t, w.measure(stopped, options{span: time.Millisecond, rounds: 1}, chatSizes{60, 3}, &out))
}
