package jira_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

const (
	deskAddress = "https://desk.example/api/v1/integrations/1/webhook"
	registers   = "POST /rest/api/3/webhook"
	refreshes   = "PUT /rest/api/3/webhook/refresh"
	removes     = "DELETE /rest/api/3/webhook"
)

// listens has the account listen, which says so before it registers a webhook, and else does not.
func (w *world) listens(address string) error {
	w.Helper()
	listener, ok := w.open().(commands.Listener)
	require.True(w, ok)
	begun, before := 0, w.sent(registers)
	err := listener.Listen(w.Context(), address, func() error {
		begun++
		require.Equal(w, before, w.sent(registers))
		return nil
	})
	require.Equal(w, w.sent(registers)-before, begun)
	return err
}

func TestNoWebhookIsRegisteredUnlessItIsNoted(t *testing.T) {
	t.Parallel()
	w := oauthWorld(t)
	listener, ok := w.open().(commands.Listener)
	require.True(t, ok)
	wrong := errors.New("the database is away")
	require.ErrorIs(t, listener.Listen(t.Context(), deskAddress, func() error { return wrong }), wrong)
	require.Zero(t, w.sent(registers))
}

// sent counts the requests of an operation.
func (w *world) sent(operation string) int {
	n := 0
	for _, r := range w.fake.Base().Requests() {
		if r.Operation == operation {
			n++
		}
	}
	return n
}

func TestAnAppRegistersItsWebhookOnce(t *testing.T) {
	t.Parallel()
	w, began := oauthWorld(t), time.Now()
	for range 3 {
		require.NoError(t, w.listens(deskAddress))
	}
	hooks := w.fake.Hooks()
	require.Len(t, hooks, 1)
	require.Equal(t, deskAddress+"?project=SUP", hooks[0].URL)
	require.Equal(t, `project = "SUP"`, hooks[0].Filter)
	require.ElementsMatch(t, []string{"jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "comment_updated", "comment_deleted"}, hooks[0].Events)
	require.WithinDuration(t, began.Add(30*24*time.Hour), hooks[0].Ends, time.Minute)
	require.Equal(t, []int{1, 0, 0}, []int{w.sent(registers), w.sent(refreshes), w.sent(removes)})
	w.valid()
}

func TestAnAppsWebhookIsRefreshedBeforeItEnds(t *testing.T) {
	t.Parallel()
	w := oauthWorld(t)
	var later time.Duration
	w.jira.At(func() time.Time { return time.Now().Add(later) })
	pass := func(days int) {
		span := time.Duration(days) * 24 * time.Hour
		later += span
		w.fake.Later(span)
		require.NoError(t, w.listens(deskAddress))
	}
	pass(0)
	first := w.fake.Hooks()[0]
	pass(9)
	require.Zero(t, w.sent(refreshes))
	pass(2)
	require.Equal(t, 1, w.sent(refreshes))
	for range 90 {
		pass(1)
	}
	now := w.fake.Hooks()
	require.Len(t, now, 1)
	require.Equal(t, first.ID, now[0].ID)
	require.Less(t, w.sent(refreshes), 12)
	require.Equal(t, 1, w.sent(registers))
	pass(31) // nobody was there for so long
	require.NotEqual(t, first.ID, w.fake.Hooks()[0].ID)
	require.Equal(t, 2, w.sent(registers))
	w.valid()
}

// Jira's description says that the end is a number, and its examples show a text.
func TestAnEndIsReadInEitherForm(t *testing.T) {
	t.Parallel()
	w := oauthWorld(t)
	for end, refreshed := range map[string]int{
		`"` + time.Now().AddDate(0, 0, 29).Format("2006-01-02T15:04:05.000-0700") + `"`: 0, fmt.Sprint(time.Now().AddDate(0, 0, 29).UnixMilli()): 0,
		`"` + time.Now().AddDate(0, 0, 2).Format("2006-01-02T15:04:05.000-0700") + `"`: 1, `null`: 1, `"soon"`: 1, `{}`: 1,
	} {
		before := w.sent(refreshes)
		w.fake.Base().Next("GET /rest/api/3/webhook", vendorfake.Fault{Status: 200, Body: `{"values":[{"id":7,"url":"` + deskAddress + `?project=SUP","expirationDate":` + end + `}]}`})
		require.NoError(t, w.listens(deskAddress))
		require.Equal(t, before+refreshed, w.sent(refreshes), end)
	}
	require.Zero(t, w.sent(registers))
	w.valid()
}

func TestWhatWasRegisteredForOtherSettingsEnds(t *testing.T) {
	t.Parallel()
	w := oauthWorld(t)
	w.fake.Hook(deskAddress+"?project=OPS", `project = "OPS"`)
	w.fake.Hook(deskAddress, `project = "SUP"`)
	require.NoError(t, w.listens(deskAddress))
	hooks := w.fake.Hooks()
	require.Len(t, hooks, 1)
	require.Equal(t, deskAddress+"?project=SUP", hooks[0].URL)
	require.Equal(t, 1, w.sent(removes))

	w.fake.Hook(deskAddress+"?project=SUP", `project = "SUP"`)
	require.NoError(t, w.listens(deskAddress))
	require.Equal(t, hooks, w.fake.Hooks(), "two are one too many")
	w.valid()
}

func TestWhatKeepsJiraFromSendingIsSaid(t *testing.T) {
	t.Parallel()
	const advice = " An app may have five for each person, all for one address; an administrator's webhook with a webhook_secret does as well."
	for name, c := range map[string]struct {
		change func(w *world) string // answers the address
		says   string
	}{
		"nobody knows the address": {func(*world) string { return "" }, commands.ErrNoAddress.Message},
		"another address": {func(w *world) string {
			w.fake.Hook("https://desk.example/api/v1/integrations/2/webhook?project=SUP", `project = "SUP"`)
			return deskAddress
		}, "Jira makes no webhook: Only a single URL per app is allowed to be registered." + advice},
		"too many": {func(w *world) string {
			for range 5 {
				w.fake.Hook("https://desk.example/else", `project = "SUP"`)
			}
			return deskAddress
		}, "Jira makes no webhook: The limit of 5 webhooks is reached." + advice},
		"no permission": {func(w *world) string {
			w.fake.Base().Next("GET /rest/api/3/webhook", vendorfake.Fault{Status: 401, Body: `{"code":401,"message":"Unauthorized; scope does not match"}`})
			return deskAddress
		}, "Unauthorized; scope does not match"},
		"not removed": {func(w *world) string {
			w.fake.Hook(deskAddress, "")
			w.fake.Base().Next(removes, down)
			return deskAddress
		}, "Internal server error"},
		"not made": {func(w *world) string {
			w.fake.Base().Next(registers, down)
			return deskAddress
		}, "Internal server error"},
		"no word of it": {func(w *world) string {
			w.fake.Base().Next(registers, vendorfake.Fault{Status: 200, Body: `{}`})
			return deskAddress
		}, "Jira did not say whether it made the webhook."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := oauthWorld(t)
			require.Equal(t, c.says, vendorError(t, w.listens(c.change(w))).Message)
			w.valid()
		})
	}
}

func TestAnAdministratorsWebhookIsTheAdministrators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.listens(deskAddress), "there is no app")
	require.NoError(t, w.listens(""))
	require.Empty(t, w.fake.Base().Requests())
	app := oauthWorld(t)
	app.account.Credentials["webhook_secret"] = "secret"
	require.NoError(t, app.listens(""))
	require.Empty(t, app.fake.Base().Requests())
}
