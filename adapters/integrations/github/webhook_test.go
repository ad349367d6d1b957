package github_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/github"
	"ticketd/commands"
)

func TestASignatureIsThatOfGitHubsOwnExample(t *testing.T) {
	t.Parallel()
	for body, signature := range map[string]string{
		"Hello, World!":     "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
		`{"hello":"world"}`: "sha256=f96e2f2d25f3a0a0ebc0d8ab645f4dd49bd0f0f80db32c4b68d047c7b06dd8d0",
	} {
		platform := github.New(nil)
		account := commands.Account{Credentials: map[string]string{"webhook_secret": "It's a Secret to Everybody"}}
		given := signature
		header := func(name string) string { return http.Header{"X-Hub-Signature-256": {given}}.Get(name) }
		hook := commands.Webhook{Header: header, Body: []byte(body)}
		require.NoError(t, platform.Verify(account, hook))

		for _, given = range []string{"", "sha256=", signature[7:], "sha1=" + signature[7:], "sha256=" + strings.Repeat("0", 64), signature[:70], signature + "00", "sha256=zz"} {
			require.ErrorIs(t, platform.Verify(account, hook), commands.ErrUnsigned, given)
		}
		given = signature
		tampered := commands.Webhook{Header: header, Body: bytes.ToUpper([]byte(body))}
		require.ErrorIs(t, platform.Verify(account, tampered), commands.ErrUnsigned)
		account.Credentials["webhook_secret"] = "another"
		require.ErrorIs(t, platform.Verify(account, hook), commands.ErrUnsigned)
		account.Credentials["webhook_secret"] = ""
		require.ErrorIs(t, platform.Verify(account, hook), commands.ErrUnsigned)
	}
}

func TestEveryChangeOfAnIssueIsHeard(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	deliveries := map[string]bool{}
	for _, happen := range []func(){
		func() {},
		func() { w.Move("1", "completed") },
		func() { w.Move("1", "open") },
		func() { w.Say("1", "grace", "Hello") },
		func() { w.Label("1", "triage") },
		func() { w.Delete("1") },
	} {
		happen()
		hook := received(t, w.Webhook("1"))
		require.NoError(t, w.platform.Verify(w.account, hook))
		heard, err := w.platform.Hear(w.account, hook)
		require.NoError(t, err)
		require.True(t, heard.Concerns)
		require.Equal(t, []string{ref.ID}, heard.Tickets)
		require.Nil(t, heard.Answer)
		deliveries[heard.Delivery] = true
	}
	require.Len(t, deliveries, 6)
	require.NotContains(t, deliveries, "")
	_, err := w.Fetch(t.Context(), ref)
	require.Equal(t, commands.Missing, wrong(t, err).Kind)
}

func TestOurOwnCommentsAndFilesTellNothing(t *testing.T) {
	t.Parallel()
	w := meet(t)
	ref := w.made(t)
	for _, happen := range []func() error{
		func() error {
			_, err := w.Comment(t.Context(), ref, commands.Note{Comment: uuid.New(), Text: "Hello"})
			return err
		},
		func() error { _, err := w.Attach(t.Context(), ref, attachment("a.txt", "text/plain", "a")); return err },
	} {
		require.NoError(t, happen())
		heard, err := w.platform.Hear(w.account, received(t, w.Webhook("1")))
		require.NoError(t, err)
		require.True(t, heard.Concerns)
		require.Empty(t, heard.Tickets)
	}
}

func TestWhatIsNotAboutTheRepositorysIssuesConcernsNobody(t *testing.T) {
	t.Parallel()
	w := meet(t)
	issue := map[string]any{"number": 1}
	for name, c := range map[string]struct {
		event    string
		said     map[string]any
		concerns bool
		tickets  []string
	}{
		"a ping":                         {"ping", map[string]any{"zen": "Design for failure."}, true, nil},
		"a ping of an app":               {"ping", map[string]any{"zen": "Design for failure.", "repository": nil}, true, nil},
		"another repository":             {"issues", map[string]any{"issue": issue, "repository": map[string]any{"full_name": "octo/other"}}, false, nil},
		"great letters":                  {"issues", map[string]any{"issue": issue, "repository": map[string]any{"full_name": "Octo/Help"}}, true, []string{"1"}},
		"a push":                         {"push", map[string]any{"ref": "refs/heads/main"}, true, nil},
		"an installation":                {"installation", map[string]any{"repository": nil}, false, nil},
		"a comment on a pull request":    {"issue_comment", map[string]any{"issue": map[string]any{"number": 1, "pull_request": map[string]any{"url": "u"}}}, true, nil},
		"an issue without a number":      {"issues", map[string]any{"issue": map[string]any{}}, true, nil},
		"a transfer to somewhere else":   {"issues", map[string]any{"action": "transferred", "issue": issue}, true, []string{"1"}},
		"a comment of a person is heard": {"issue_comment", map[string]any{"action": "edited", "issue": issue, "comment": map[string]any{"body": "Hello"}}, true, []string{"1"}},
	} {
		heard, err := w.platform.Hear(w.account, received(t, w.Signed(c.event, c.said)))
		require.NoError(t, err, name)
		require.Equal(t, c.concerns, heard.Concerns, name)
		require.Equal(t, c.tickets, heard.Tickets, name)
		require.NotEmpty(t, heard.Delivery, name)
	}
}

func TestAWebhookMayComeInAForm(t *testing.T) {
	t.Parallel()
	w := meet(t)
	w.made(t)
	hook := received(t, w.Webhook("1"))
	hook.Body = []byte(url.Values{"payload": {string(hook.Body)}}.Encode())
	event := hook.Header
	hook.Header = func(name string) string {
		if name == "Content-Type" {
			return "application/x-www-form-urlencoded"
		}
		return event(name)
	}
	heard, err := w.platform.Hear(w.account, hook)
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, heard.Tickets)

	hook.Body = []byte("payload=%zz")
	_, err = w.platform.Hear(w.account, hook)
	require.ErrorIs(t, err, commands.ErrNotUnderstood)
}

func TestAWebhookThatMakesNoSenseIsNotUnderstood(t *testing.T) {
	t.Parallel()
	w := meet(t)
	for _, body := range []string{"", "{", "[]", `"x"`, `{"issue":{"number":"one"}}`, `{"repository":7}`} {
		hook := received(t, w.Signed("issues", map[string]any{}))
		hook.Body = []byte(body)
		_, err := w.platform.Hear(w.account, hook)
		require.ErrorIs(t, err, commands.ErrNotUnderstood, body)
	}
	hook := received(t, w.Signed("", map[string]any{}))
	_, err := w.platform.Hear(w.account, hook)
	require.ErrorIs(t, err, commands.ErrNotUnderstood)
}
