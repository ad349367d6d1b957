package main

import (
	nethttp "net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

// atItsAddress boots a program that vendors find at an address, which the program knows before it has a port.
func atItsAddress(t *testing.T, change ...func(*config)) *instance {
	t.Helper()
	var behind atomic.Pointer[httputil.ReverseProxy]
	front := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) { behind.Load().ServeHTTP(w, r) }))
	t.Cleanup(front.Close)
	i := boot(t, append(change, func(c *config) { c.PublicURL = front.URL + "/" })...)
	target, err := url.Parse(i.url)
	require.NoError(t, err)
	behind.Store(httputil.NewSingleHostReverseProxy(target))
	return i
}

// Nobody has to subscribe for anything: Graph asks the program itself whether it wants the notices, and what somebody writes in
// the channel comes by them.
func TestAChannelOfTeamsIsHeardOfWithoutAPersonsDoing(t *testing.T) {
	t.Parallel()
	i := atItsAddress(t, hasty)
	ada := i.founder("ada")
	v := vendorfake.NewTeams()
	t.Cleanup(v.Close)
	w := ada.connects(v).usable()
	require.Equal(t, object{"checked_at": w.shown()["health"].(object)["checked_at"], "ok": true, "error": ""}, w.shown()["health"])
	require.Equal(t, true, ada.do(200, "POST", w.path+"/test", nil).object()["ok"])
	subscribed := v.Subscriptions()
	require.Len(t, subscribed, 1)
	require.Contains(t, subscribed[0].URL, w.path+"/webhook?")

	made := ada.ticket(object{"integration_id": w.id})
	external, _ := w.arrived(made.id())["external_ticket_id"].(string)
	w.settled()
	v.Say(external, "Zoe", "We are on it.")
	require.NoError(t, v.Notify(t.Context(), external))
	var heard []object
	w.until(func() bool {
		heard = ada.get("/api/v1/tickets/" + made.id() + "/comments").list()
		return len(heard) == 1
	})
	require.Contains(t, heard[0]["content"], "We are on it.")
}

// The same by the webhooks of an app in Jira, and by one of a repository on GitHub.
func TestWebhooksAreSetUpWithoutAPersonsDoing(t *testing.T) {
	t.Parallel()
	i := atItsAddress(t, hasty)
	ada := i.founder("ada")
	jira, github := vendorfake.NewJira().OAuth(), vendorfake.NewGitHub()
	t.Cleanup(jira.Base().Close)
	t.Cleanup(github.Close)
	app := ada.connects(jira, object{"settings": object{"project_key": "SUP", "site": jira.Base().URL()}}).usable()
	repository := ada.connects(github).usable()
	require.Len(t, jira.Hooks(), 1)
	require.Contains(t, jira.Hooks()[0].URL, app.path+"/webhook?project=SUP")
	require.Len(t, github.Hooks(), 1)
	require.Contains(t, github.Hooks()[0].Config.URL, repository.path+"/webhook")
}

// A program that does not know its address says so where nobody else could set webhooks up. It is used all the same.
func TestAProgramThatVendorsCannotFindSaysSo(t *testing.T) {
	t.Parallel()
	ada := boot(t, hasty).founder("ada")
	teams := ada.connects(begins(t, integration.Teams))
	others := []*towards{ada.connects(begins(t, integration.GitHub)), ada.connects(begins(t, integration.Jira))}
	health := teams.usable().shown()["health"].(object)
	require.Equal(t, true, health["ok"])
	require.Equal(t, "webhooks", health["code"])
	require.Contains(t, health["error"], "PUBLIC_URL")
	for _, w := range others {
		require.Empty(t, w.usable().shown()["health"].(object)["error"], w.Platform())
	}
}
