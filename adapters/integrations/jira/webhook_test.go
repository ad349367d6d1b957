package jira_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/integrations/jira"
	"ticketd/commands"
)

func hook(body string, at time.Time, header ...string) commands.Webhook {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return commands.Webhook{Header: h.Get, Query: func(string) string { return "" }, Body: []byte(body), At: at}
}

// token is signed with "client-secret", from 1700000000 to 1700000180.
const token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJjbGllbnQiLCJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMDE4MH0.TJbQThj4porzF2MKJJTlhwkJIcaELN9Wn7gSJwwvENs"

// endless is signed with the same, and never ends.
const endless = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJjbGllbnQiLCJpYXQiOjE3MDAwMDAwMDB9.gFcT2lotopyYy_ss29LPDz2c7w5QXluoWyG71qKGuW0"

func TestAWebhookIsProvedByItsSignatureOrItsToken(t *testing.T) {
	t.Parallel()
	const (
		signature = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
		secret    = "It's a Secret to Everybody"
	)
	then := time.Unix(1_700_000_060, 0)
	// none is no algorithm
	unsigned := "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + strings.Split(token, ".")[1] + "."
	for name, c := range map[string]struct {
		credentials map[string]string
		hook        commands.Webhook
		want        error
	}{
		"Jira's own example":      {map[string]string{"webhook_secret": secret}, hook("Hello World!", then, "X-Hub-Signature", signature), nil},
		"tampered with":           {map[string]string{"webhook_secret": secret}, hook("Hello World?", then, "X-Hub-Signature", signature), commands.ErrUnsigned},
		"another secret":          {map[string]string{"webhook_secret": "other"}, hook("Hello World!", then, "X-Hub-Signature", signature), commands.ErrUnsigned},
		"no algorithm":            {map[string]string{"webhook_secret": secret}, hook("Hello World!", then, "X-Hub-Signature", strings.TrimPrefix(signature, "sha256=")), commands.ErrUnsigned},
		"no hexadecimal":          {map[string]string{"webhook_secret": secret}, hook("Hello World!", then, "X-Hub-Signature", "sha256=zz"), commands.ErrUnsigned},
		"half of it":              {map[string]string{"webhook_secret": secret}, hook("Hello World!", then, "X-Hub-Signature", signature[:20]), commands.ErrUnsigned},
		"no signature":            {map[string]string{"webhook_secret": secret}, hook("Hello World!", then), commands.ErrUnsigned},
		"no secret":               {nil, hook("Hello World!", then, "X-Hub-Signature", signature), commands.ErrUnsigned},
		"a token":                 {map[string]string{"client_secret": "client-secret"}, hook("{}", then, "Authorization", "Bearer "+token), nil},
		"a token as JWT":          {map[string]string{"client_secret": "client-secret"}, hook("{}", then, "Authorization", "JWT "+token), nil},
		"a token, and no secret":  {nil, hook("{}", then, "Authorization", "Bearer "+token), commands.ErrUnsigned},
		"a token for another":     {map[string]string{"client_secret": "other"}, hook("{}", then, "Authorization", "Bearer "+token), commands.ErrUnsigned},
		"a stale token":           {map[string]string{"client_secret": "client-secret"}, hook("{}", then.Add(8*time.Minute), "Authorization", "Bearer "+token), commands.ErrOutdated},
		"a token from the future": {map[string]string{"client_secret": "client-secret"}, hook("{}", then.Add(-7*time.Minute), "Authorization", "Bearer "+token), commands.ErrOutdated},
		"a token without proof":   {map[string]string{"client_secret": "client-secret"}, hook("{}", then, "Authorization", "Bearer "+unsigned), commands.ErrUnsigned},
		"a token for ever":        {map[string]string{"client_secret": "client-secret"}, hook("{}", then, "Authorization", "Bearer "+endless), commands.ErrUnsigned},
		"no token":                {map[string]string{"client_secret": "client-secret"}, hook("{}", then, "Authorization", "Bearer x"), commands.ErrUnsigned},
		"a signature besides":     {map[string]string{"client_secret": "client-secret"}, hook("{}", then, "X-Hub-Signature", "sha256=00", "Authorization", "Bearer "+token), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := jira.New(nil).Verify(commands.Account{Credentials: c.credentials}, c.hook)
			if c.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, c.want)
			}
		})
	}
}

func TestWhatJiraSendsIsHeard(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]*world{"an administrator's": newWorld(t), "an app's": oauthWorld(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ref := w.made()
			for _, happens := range []func(){
				func() {}, func() { w.fake.Say(ref.ID, "Grace", "Hello") }, func() { w.fake.Move(ref.ID, "done") },
				func() {
					file, _ := upload("a.txt", "x")
					_, err := w.open().Attach(t.Context(), ref, file)
					require.NoError(t, err)
				},
				func() { w.fake.Base().Delete(ref.ID) },
			} {
				happens()
				r := w.fake.Webhook(ref.ID)
				hook := w.webhook(r)
				require.NoError(t, w.jira.Verify(w.account, hook))
				heard, err := w.jira.Hear(w.account, hook)
				require.NoError(t, err)
				require.Equal(t, commands.Heard{Concerns: true, Delivery: r.Header.Get("X-Atlassian-Webhook-Identifier"), Tickets: []string{"SUP-1"}}, heard)
				again := w.fake.Webhook(ref.ID)
				require.NotEqual(t, heard.Delivery, again.Header.Get("X-Atlassian-Webhook-Identifier"))
				_, err = io.Copy(io.Discard, again.Body)
				require.NoError(t, err)
			}
		})
	}
}

func TestANoticeAboutSomethingElseDoesNotConcernUs(t *testing.T) {
	t.Parallel()
	a := commands.Account{Settings: map[string]string{"project_key": "SUP"}}
	for body, concerns := range map[string]bool{
		`{"webhookEvent":"jira:issue_updated","issue":{"key":"SUP-3","fields":{"project":{"key":"SUP"}}}}`: true,
		`{"webhookEvent":"comment_created","issue":{"key":"SUP-3"}}`:                                       true,
		`{"webhookEvent":"comment_created","issue":{"key":"OPS-3"}}`:                                       false,
		`{"webhookEvent":"comment_created","issue":{"key":"SUP"}}`:                                         false,
		`{"webhookEvent":"project_created"}`:                                                               false,
	} {
		heard, err := jira.New(nil).Hear(a, hook(body, time.Now()))
		require.NoError(t, err, body)
		require.Equal(t, concerns, heard.Concerns, body)
		require.Equal(t, concerns, len(heard.Tickets) == 1, body)
	}
	for _, body := range []string{``, `null`, `{`, `[]`, `{"issue":{"key":"SUP-1"}}`, `{"webhookEvent":3}`} {
		_, err := jira.New(nil).Hear(a, hook(body, time.Now()))
		require.ErrorIs(t, err, commands.ErrNotUnderstood, body)
	}
}
