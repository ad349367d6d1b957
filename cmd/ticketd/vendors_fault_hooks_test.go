package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	nethttp "net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

// hook is a webhook that can be sent again, and otherwise than the vendor would.
type hook struct {
	query  string
	header nethttp.Header
	body   string
}

func hookOf(t *testing.T, r *nethttp.Request) hook {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return hook{r.URL.RawQuery, r.Header, string(body)}
}

// gets sends a webhook, and answers the status.
func (w *towards) gets(h hook) int {
	w.t.Helper()
	r, err := nethttp.NewRequestWithContext(w.t.Context(), "POST", "http://vendor/?"+h.query, strings.NewReader(h.body))
	require.NoError(w.t, err)
	r.Header = h.header
	return w.sendHook(r)
}

// with is the same webhook with another header; empty: without it.
func (h hook) with(name, value string) hook {
	h.header = h.header.Clone()
	h.header.Set(name, value)
	if value == "" {
		h.header.Del(name)
	}
	return h
}

// forged is what is wrong with a webhook, by what is done to it.
type forged map[string]hook

// forgeries answer webhooks like the vendor's that must not be taken.
var forgeries = map[integration.Platform]func(w *towards, genuine hook, ticket string) forged{
	integration.Salesforce: func(_ *towards, genuine hook, _ string) forged { // nothing is signed: a secret is in the address
		return forged{"missing": hook{"", genuine.header, genuine.body}, "bad": hook{"secret=another", genuine.header, genuine.body}}
	},
	integration.Jira: func(_ *towards, genuine hook, _ string) forged {
		return signedInHeader("X-Hub-Signature", genuine)
	},
	integration.GitHub: func(_ *towards, genuine hook, _ string) forged {
		return signedInHeader("X-Hub-Signature-256", genuine)
	},
	integration.Intercom: func(w *towards, genuine hook, ticket string) forged {
		all := signedInHeader("X-Hub-Signature", genuine)
		item := map[string]any{"type": "ticket", "id": ticket}
		all["stale"] = hookOf(w.t, w.Vendor.(*vendorfake.Intercom).Notice("ticket.state.updated", item, time.Now().Add(-time.Hour)))
		return all
	},
	integration.Zendesk: func(w *towards, genuine hook, _ string) forged {
		all := signedInHeader("X-Zendesk-Webhook-Signature", genuine)
		at := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		proof := base64.StdEncoding.EncodeToString(signatureOf([]byte(w.Account().Credentials["webhook_secret"]), at+genuine.body))
		all["stale"] = genuine.with("X-Zendesk-Webhook-Signature-Timestamp", at).with("X-Zendesk-Webhook-Signature", proof)
		all["another time"] = genuine.with("X-Zendesk-Webhook-Signature-Timestamp", at)
		return all
	},
	integration.Slack: func(w *towards, genuine hook, _ string) forged {
		all := signedInHeader("X-Slack-Signature", genuine)
		at := strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)
		proof := "v0=" + hex.EncodeToString(signatureOf([]byte(w.Account().Credentials["signing_secret"]), "v0:"+at+":"+genuine.body))
		all["stale"] = genuine.with("X-Slack-Request-Timestamp", at).with("X-Slack-Signature", proof)
		all["another time"] = genuine.with("X-Slack-Request-Timestamp", at)
		return all
	},
	integration.Teams: func(w *towards, genuine hook, ticket string) forged { // a subscription's hold a secret, an outgoing webhook's are signed
		mention := hookOf(w.t, w.Vendor.(*vendorfake.Teams).Mention(ticket, "Zoe", "Is it up?"))
		all := signedInHeader("Authorization", mention)
		state := w.Account().Credentials["client_state"]
		all["missing from a subscription"] = hook{"", genuine.header, strings.ReplaceAll(genuine.body, state, "")}
		all["bad from a subscription"] = hook{"", genuine.header, strings.ReplaceAll(genuine.body, state, "another")}
		old := mention
		old.body = regexp.MustCompile(`"timestamp":"[^"]+"`).ReplaceAllString(old.body, `"timestamp":"`+time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)+`"`)
		key, err := base64.StdEncoding.DecodeString(w.Account().Credentials["webhook_secret"])
		require.NoError(w.t, err)
		all["stale"] = old.with("Authorization", "HMAC "+base64.StdEncoding.EncodeToString(signatureOf(key, old.body)))
		return all
	},
}

func signatureOf(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// signedInHeader are the forgeries of what is signed over its body.
func signedInHeader(name string, genuine hook) forged {
	proof := genuine.header.Get(name)
	other := []byte(proof)
	if at := len(other) / 2; other[at] == 'a' {
		other[at] = 'b'
	} else {
		other[at] = 'a'
	}
	tampered := genuine
	tampered.body += " "
	return forged{"missing": genuine.with(name, ""), "bad": genuine.with(name, string(other)), "no signature": genuine.with(name, "x"), "tampered": tampered}
}

// Whoever cannot prove to be the vendor makes nobody work, and whatever the vendor sends twice is done once.
func TestAWebhookThatProvesNothingDoesNothing(t *testing.T) {
	t.Parallel()
	program := noisyOnDemand(t, hasty)
	eachVendor(t, program, func(ada *client, platform integration.Platform, _ trouble) {
		t := ada.t
		w := ada.connects(begins(t, platform)).usable()
		made := ada.ticket(object{"integration_id": w.id})
		external := str(w.arrived(made.id())["external_ticket_id"])
		w.settled()
		w.Say(external, "Zoe", "We are on it.")
		genuine := hookOf(t, w.Webhook(external))
		before := len(w.Base().Requests())

		forgeries := forgeries[platform](w, genuine, external)
		require.GreaterOrEqual(t, len(forgeries), 2)
		for what, h := range forgeries {
			require.Equal(t, 401, w.gets(h), what)
		}
		large := genuine
		large.body = string(bytes.Repeat([]byte(" "), 10<<20))
		require.Equal(t, 413, w.gets(large))
		stranger := *w
		stranger.path = "/api/v1/integrations/" + uuid.NewString()
		require.Equal(t, 404, stranger.gets(genuine))
		w.settled()
		require.Len(t, w.Base().Requests(), before, "nothing was asked for it")
		comments := "/api/v1/tickets/" + made.id() + "/comments"
		require.Empty(t, ada.get(comments).list())

		require.Less(t, w.gets(genuine), 300)
		w.until(func() bool { return len(ada.get(comments).list()) == 1 })
		w.settled()
		before = len(w.Base().Requests())
		for range 2 {
			require.Less(t, w.gets(genuine), 300)
		}
		w.settled()
		require.Len(t, w.Base().Requests(), before, "nothing was asked for it again")
		require.Len(t, ada.get(comments).list(), 1)
		counted := string(program().nobody().get("/metrics").raw)
		require.Contains(t, counted, `ticketd_webhooks_total{outcome="repeated",platform="`+string(platform)+`"} 2`)
	})
}

// The webhooks that an app of Jira's has registered come with a token that ends.
func TestAnAppsWebhookOfJiraComesWithATokenThatHasNotEnded(t *testing.T) {
	t.Parallel()
	i := boot(t, hasty)
	i.noisy = true
	w := i.founder("ada").connectsByConsent(integration.Jira).usable()
	external := str(w.arrived(w.ada.ticket(object{"integration_id": w.id}).id())["external_ticket_id"])
	w.settled()
	genuine := hookOf(t, w.Webhook(external))
	vouched := func(secret string, made time.Time) hook {
		claims := jwt.RegisteredClaims{IssuedAt: jwt.NewNumericDate(made), ExpiresAt: jwt.NewNumericDate(made.Add(3 * time.Minute))}
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
		require.NoError(t, err)
		return genuine.with("Authorization", "Bearer "+token)
	}
	secret := w.Account().Credentials["client_secret"]
	require.Equal(t, 401, w.gets(genuine.with("Authorization", "")))
	require.Equal(t, 401, w.gets(vouched("another", time.Now())))
	require.Equal(t, 401, w.gets(vouched(secret, time.Now().Add(-time.Hour))))
	require.Equal(t, 200, w.gets(vouched(secret, time.Now())))
}
