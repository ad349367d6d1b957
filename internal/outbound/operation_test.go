package outbound_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

func TestTheAnswersOfAnOperationHaveAnEnd(t *testing.T) {
	t.Parallel()
	const one, most = 1 << 20, 64 << 20
	at := vendor(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil && r.URL.Path != "/nothing" {
			_, _ = w.Write(make([]byte, one))
		}
	})
	c := client(t, outbound.Options{})
	account := uuid.New()
	ask := func(c *outbound.Client, path string, sent int) error {
		body := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(make([]byte, sent))), nil }
		_, err := c.Do(t.Context(), account, outbound.Request{Method: http.MethodPost, URL: at + path, Body: body, Size: int64(sent)}, nil)
		return err
	}
	operation := c.Operation()
	require.NoError(t, ask(operation, "/nothing", most), "what is sent does not count")
	for range most / one {
		require.NoError(t, ask(operation, "", 0))
	}
	require.NoError(t, ask(operation, "/nothing", 0))
	require.Equal(t, &commands.VendorError{Kind: commands.Down, Message: "The vendor's answer is too long.", Unsure: true}, refusal(t, ask(operation, "", 0)))
	require.NoError(t, ask(c.Operation(), "", 0), "each has its own")
	require.NoError(t, ask(c, "", 0))

	answer, err := operation.For(account).Get(at)
	require.NoError(t, err)
	_, err = io.ReadAll(answer.Body)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, "The vendor's answer is too long.", refusal(t, outbound.Lost(err, true)).Message)
}

func TestOperationsLearnAnAccountsLimitsTogether(t *testing.T) {
	t.Parallel()
	at := vendor(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	c := client(t, outbound.Options{})
	account := uuid.New()
	for range 2 {
		_, err := c.Operation().Do(t.Context(), account, outbound.Request{Method: http.MethodGet, URL: at}, nil)
		require.Equal(t, commands.Limited, refusal(t, err).Kind)
		at = "http://127.0.0.1:1" // where nobody is, and nothing is sent
	}
}
