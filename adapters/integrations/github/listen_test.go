package github_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

const (
	hookAddress = "https://desk.example/api/v1/integrations/1/webhook"
	listsHooks  = "GET /repos/{owner}/{repo}/hooks"
	createsHook = "POST /repos/{owner}/{repo}/hooks"
)

// listens has the account listen, which says so before it makes a webhook, and else does not.
func (w *world) listens(t *testing.T, address string) error {
	t.Helper()
	listener, ok := w.platform.Open(w.account).(commands.Listener)
	require.True(t, ok)
	begun, before := 0, count(w.Requests(), createsHook)
	err := listener.Listen(t.Context(), address, func() error {
		begun++
		require.Equal(t, before, count(w.Requests(), createsHook))
		return nil
	})
	require.Equal(t, count(w.Requests(), createsHook)-before, begun)
	return err
}

func TestNoWebhookIsMadeUnlessItIsNoted(t *testing.T) {
	t.Parallel()
	w := meet(t)
	listener, ok := w.platform.Open(w.account).(commands.Listener)
	require.True(t, ok)
	wrong := errors.New("the database is away")
	require.ErrorIs(t, listener.Listen(t.Context(), hookAddress, func() error { return wrong }), wrong)
	require.Zero(t, count(w.Requests(), createsHook))
}

func TestARepositoryHasItsWebhookOnce(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]*world{"by consent": meet(t), "by a token": meet(t, (*vendorfake.GitHub).ConnectByToken)} {
		var other vendorfake.GitHubHook
		other.Config.URL = "https://else.example/hook"
		w.Hook(other)
		for range 3 {
			require.NoError(t, w.listens(t, hookAddress), name)
		}
		hooks := w.Hooks()
		require.Len(t, hooks, 2)
		var want vendorfake.GitHubHook
		want.Active, want.Events = true, []string{"issues", "issue_comment"}
		want.Config.URL, want.Config.Type, want.Config.Secret = hookAddress, "json", w.account.Credentials["webhook_secret"]
		require.Equal(t, want, hooks[1])
		require.Equal(t, 1, count(w.Requests(), createsHook))
	}
}

func TestWebhooksOfOthersAreLeftToThem(t *testing.T) {
	t.Parallel()
	app := asApp(t)
	before := len(app.Requests())
	require.NoError(t, app.listens(t, hookAddress), "an app has its own")
	require.Len(t, app.Requests(), before)

	w := meet(t)
	require.NoError(t, w.listens(t, ""), "a person may know the address")
	require.Empty(t, w.Requests())
	w.HideHooks()
	require.NoError(t, w.listens(t, hookAddress), "who may not see them cannot tell whether there are any")
	w.Next(listsHooks, vendorfake.Fault{Status: 403, Body: `{"message":"Resource not accessible by personal access token"}`})
	require.NoError(t, w.listens(t, hookAddress))
	delete(w.account.Credentials, "webhook_secret")
	seen := len(w.Requests())
	require.NoError(t, w.listens(t, hookAddress), "nothing would be taken that it sends")
	require.Len(t, w.Requests(), seen)
}

func TestWhatKeepsGitHubFromSendingIsSaid(t *testing.T) {
	t.Parallel()
	const lacks = "The repository's webhook is switched off, or does not send issues and issue comments: see its settings on GitHub."
	set := func(active bool, events ...string) func(*world) {
		return func(w *world) {
			h := vendorfake.GitHubHook{Active: active, Events: events}
			h.Config.URL = hookAddress
			w.Hook(h)
		}
	}
	for name, c := range map[string]struct {
		change func(w *world)
		says   string
	}{
		"everything is sent":   {set(true, "*"), ""},
		"more is sent":         {set(true, "push", "issue_comment", "issues"), ""},
		"switched off":         {set(false, "issues", "issue_comment"), lacks},
		"comments are missing": {set(true, "issues"), lacks},
		"issues are missing":   {set(true, "issue_comment"), lacks},
		"not made": {func(w *world) {
			w.Next(createsHook, vendorfake.Fault{Status: 404, Body: `{"message":"Not Found"}`})
		}, "The repository has no webhook for the program, and the token may not make it: a person must."},
		"no list": {func(w *world) {
			w.Next(listsHooks, vendorfake.Fault{Status: 401, Body: `{"message":"Bad credentials"}`})
		}, "GitHub says: Bad credentials."},
		"no token":      {func(w *world) { delete(w.account.Credentials, commands.AccessToken) }, "There is no token for GitHub yet."},
		"no repository": {func(w *world) { w.account.Settings["repo"] = "a/b" }, `"octo/a/b" cannot be the owner and the name of a repository on GitHub.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := meet(t)
			c.change(w)
			err := w.listens(t, hookAddress)
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.says, wrong(t, err).Message)
		})
	}
}
