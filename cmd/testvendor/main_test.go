package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/jira"
	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/outbound"
	"ticketd/internal/vendorfake"
)

// Whatever a person does there is told by a signed webhook, and can be seen.
func TestAPersonThereIsHeard(t *testing.T) {
	t.Parallel()
	v := vendorfake.NewJira()
	t.Cleanup(v.Base().Close)
	there := httptest.NewServer(person(v))
	t.Cleanup(there.Close)
	client := outbound.New(outbound.Options{Allow: loopback})
	t.Cleanup(client.Close)
	platform := jira.New(client)
	hooks := make(chan error, 2)
	here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = platform.Verify(v.Account(), commands.Webhook{Header: r.Header.Get, Query: r.URL.Query().Get, Body: body})
		}
		hooks <- err
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(here.Close)
	made, err := platform.Open(v.Account()).Create(t.Context(), commands.Draft{Title: "VPN", Description: "It is down."})
	require.NoError(t, err)
	for path, form := range map[string]url.Values{
		"/say": {"author": {"Zoe"}, "text": {"On it."}}, "/move": {"status": {"done"}},
	} {
		form.Set("ticket", made.ID)
		form.Set("hook", here.URL+"/hook")
		answer, err := there.Client().PostForm(there.URL+path, form)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, 200, answer.StatusCode)
		require.NoError(t, <-hooks)
	}
	answer, err := there.Client().PostForm(there.URL+"/move", url.Values{"ticket": {made.ID}, "status": {"new"}, "hook": {"http://127.0.0.1:1"}})
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, 502, answer.StatusCode)
	answer, err = there.Client().PostForm(there.URL+"/move", url.Values{"ticket": {made.ID}, "status": {"done"}, "hook": {":"}})
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, 502, answer.StatusCode)
	answer, err = there.Client().Get(there.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	var shown struct {
		Tickets []vendorfake.Ticket
		Invalid []string `json:"invalid_requests"`
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&shown))
	require.Empty(t, shown.Invalid)
	require.Equal(t, "done", shown.Tickets[0].Status)
	require.Contains(t, shown.Tickets[0].Comments[0].Text, "On it.")
}

func TestEveryVendorSaysHowToConnect(t *testing.T) {
	t.Parallel()
	for _, platform := range integration.Platforms {
		ctx, stop := context.WithCancel(t.Context())
		out, in := io.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- run(ctx, []string{"-platform", string(platform), "-addr", "127.0.0.1:0"}, in) }()
		line, err := bufio.NewReader(out).ReadBytes('\n')
		require.NoError(t, err)
		var body map[string]any
		require.NoError(t, json.Unmarshal(line, &body))
		require.Equal(t, string(platform), body["platform"])
		stop()
		require.NoError(t, <-ended)
	}
}

func TestWhatCannotBePlayedIsSaid(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, run(t.Context(), []string{"-platform", "fax", "-addr", "127.0.0.1:0"}, io.Discard), `no vendor "fax"`)
	require.Error(t, run(t.Context(), []string{"-what"}, io.Discard))
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	require.ErrorContains(t, run(t.Context(), []string{"-addr", taken.Addr().String()}, io.Discard), "listen")
	out, in := io.Pipe()
	require.NoError(t, out.Close())
	require.ErrorContains(t, run(t.Context(), []string{"-addr", "127.0.0.1:0"}, in), "how to connect")
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
