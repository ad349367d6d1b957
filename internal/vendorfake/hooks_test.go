package vendorfake

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// teamsAsked asks a fake Teams, and answers the status and body.
func teamsAsked(t *testing.T, v *Teams, method, path, body string) (int, string) {
	t.Helper()
	kind := ""
	if body != "" {
		kind = "application/json"
	}
	answer, said := ask(t, method, v.URL()+"/v1.0"+path, kind, body, "Authorization", "Bearer "+v.pair.Access)
	return answer.StatusCode, said
}

// echoing answers handshakes with what change makes of the token.
func echoing(t *testing.T, change func(w http.ResponseWriter, token string) string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.URL.Query().Get("validationToken")
		if token == "" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, change(w, token))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestTheFakeGraphAsksTheAddressFirst(t *testing.T) {
	t.Parallel()
	v := NewTeams()
	t.Cleanup(v.Close)
	good := echoing(t, func(_ http.ResponseWriter, token string) string { return token })
	resource := "teams/" + teamsTeam + "/channels/" + teamsChannel + "/messages"
	subscribe := func(change func(s map[string]any)) (int, string) {
		t.Helper()
		s := map[string]any{
			"changeType": "created", "resource": resource, "notificationUrl": good + "?a=b", "lifecycleNotificationUrl": good, "clientState": "s",
			"expirationDateTime": teamsTime(time.Now().Add(70 * time.Hour)),
		}
		change(s)
		body, err := json.Marshal(s)
		require.NoError(t, err)
		return teamsAsked(t, v, "POST", "/subscriptions", string(body))
	}
	for says, change := range map[string]func(s map[string]any){
		"ResourceNotFound":                     func(s map[string]any) { s["resource"] = "teams/x/channels/y/messages" },
		"lifecycleNotificationUrl is required": func(s map[string]any) { delete(s, "lifecycleNotificationUrl") },
		"can only be 4320 minutes":             func(s map[string]any) { s["expirationDateTime"] = teamsTime(time.Now().Add(73 * time.Hour)) },
		"ExtensionError":                       func(s map[string]any) { s["expirationDateTime"] = teamsTime(time.Now()) },
		"must respond with 200 OK": func(s map[string]any) {
			s["notificationUrl"] = echoing(t, func(_ http.ResponseWriter, token string) string { return token + "!" })
		},
		"validation request failed": func(s map[string]any) {
			s["lifecycleNotificationUrl"] = echoing(t, func(w http.ResponseWriter, token string) string {
				w.WriteHeader(http.StatusAccepted)
				return token
			})
		},
		"ValidationError": func(s map[string]any) { s["notificationUrl"] = "http://[" },
		"Subscription validation": func(s map[string]any) {
			s["notificationUrl"] = echoing(t, func(w http.ResponseWriter, token string) string {
				w.Header().Set("Content-Type", "text/html")
				return token
			})
		},
	} {
		status, said := subscribe(change)
		require.GreaterOrEqual(t, status, 400, says)
		require.Contains(t, said, says)
	}
	require.Empty(t, v.Subscriptions())
	require.Empty(t, v.Invalid())

	status, said := subscribe(func(map[string]any) {})
	require.Equal(t, http.StatusCreated, status, said)
	id := v.Subscriptions()[0].ID
	require.Contains(t, said, id)
	status, _ = subscribe(func(map[string]any) {})
	require.Equal(t, http.StatusForbidden, status, "one for a channel")
	_, said = teamsAsked(t, v, "GET", "/subscriptions", "")
	require.Contains(t, said, `"clientState":null`)
	until := func(d time.Duration) string { return `{"expirationDateTime":"` + teamsTime(time.Now().Add(d)) + `"}` }
	for path, c := range map[string]struct {
		ends time.Duration
		want int
	}{"/subscriptions/" + id: {71 * time.Hour, 200}, "/subscriptions/other": {71 * time.Hour, 404}} {
		status, said = teamsAsked(t, v, "PATCH", path, until(c.ends))
		require.Equal(t, c.want, status, said)
	}
	status, _ = teamsAsked(t, v, "PATCH", "/subscriptions/"+id, until(100*time.Hour))
	require.Equal(t, http.StatusBadRequest, status)

	v.Add(Ticket{ID: "1"})
	require.ErrorContains(t, v.Notify(t.Context(), "1"), "418", "it takes handshakes only")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, v.Notify(stopped, "1"), context.Canceled)
	v.Later(72 * time.Hour)
	require.Empty(t, v.Subscriptions())
	status, _ = teamsAsked(t, v, "DELETE", "/subscriptions/"+id, "")
	require.Equal(t, http.StatusNotFound, status)
	require.NoError(t, v.Notify(t.Context(), "1"), "to nobody")
}

func TestTheFakeJirasWebhooksAreAnApps(t *testing.T) {
	t.Parallel()
	status, said := jiraAsked(t, newJira(t), "GET", "/rest/api/3/webhook", "")
	require.Equal(t, http.StatusForbidden, status, said)
	j := newJira(t).OAuth()
	answer, said := ask(t, "POST", j.Base().URL()+"/ex/jira/"+jiraCloud+"/rest/api/3/webhook", "application/json",
		`{"url":"https://a.example","webhooks":[{"events":["comment_created"],"jqlFilter":"text ~ x"},{"events":["comment_created"],"jqlFilter":"project = \"SUP\""}]}`,
		"Authorization", "Bearer "+j.pair.Access)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Contains(t, said, `{"errors":["The clause text ~ x is unsupported."]}`)
	require.Contains(t, said, `{"createdWebhookId":1}`)
	require.Len(t, j.Hooks(), 1)
	j.Later(31 * 24 * time.Hour)
	require.Empty(t, j.Hooks())
}

func TestTheFakeGitHubHasAWebhookOnce(t *testing.T) {
	t.Parallel()
	g := NewGitHub()
	t.Cleanup(g.Close)
	create := func() (int, string) {
		t.Helper()
		answer, said := ask(t, "POST", g.URL()+"/repos/octo/help/hooks", "application/json", `{"name":"web","active":true,"events":["issues"],"config":{"url":"https://a.example","secret":"not shown"}}`,
			"Authorization", "Bearer "+g.pair.Access, "User-Agent", "test")
		require.False(t, strings.Contains(said, "not shown"))
		return answer.StatusCode, said
	}
	for _, want := range []int{201, 422} {
		status, said := create()
		require.Equal(t, want, status, said)
	}
	g.HideHooks()
	status, _ := create()
	require.Equal(t, http.StatusNotFound, status)
	require.Len(t, g.Hooks(), 1)
	require.Empty(t, g.Invalid())
}
