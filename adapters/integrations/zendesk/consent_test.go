package zendesk_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

var consent = commands.Consent{State: "s&t", Verifier: "verifier-of-forty-three-characters-at-least", Redirect: "https://here.example/back"}

func TestAConsentLeadsToTokens(t *testing.T) {
	t.Parallel()
	d := open(t)
	a := d.Account()
	a.BaseURL, a.Settings["subdomain"] = "", "acme"
	page, err := d.platform.Consent(a, consent)
	require.NoError(t, err)
	u, err := url.Parse(page)
	require.NoError(t, err)
	require.Equal(t, "https://acme.zendesk.com/oauth/authorizations/new", u.Scheme+"://"+u.Host+u.Path)
	challenge := sha256.Sum256([]byte(consent.Verifier))
	require.Equal(t, url.Values{
		"response_type": {"code"}, "client_id": {"zendesk-client"}, "redirect_uri": {consent.Redirect}, "scope": {"read write"}, "state": {"s&t"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}, u.Query())

	code := d.Consent(u.Query().Get("code_challenge"))
	got, err := d.platform.Exchange(t.Context(), d.Account(), code, consent)
	require.NoError(t, err)
	require.True(t, d.Takes(got.Fields[commands.AccessToken]))
	require.NotEmpty(t, got.Fields[commands.RefreshToken])
	require.WithinDuration(t, time.Now().Add(30*time.Minute), got.Ends, time.Minute)
	_, err = d.platform.Exchange(t.Context(), d.Account(), code, consent)
	require.Equal(t, commands.Revoked, wrong(t, err).Kind)

	byToken := d.Opened(d.ConnectByToken())
	_, err = d.platform.Consent(byToken, consent)
	require.ErrorIs(t, err, commands.ErrNoConsent)
	_, err = d.platform.Renew(t.Context(), byToken)
	require.Equal(t, commands.Revoked, wrong(t, err).Kind)
}

func TestRenewingEndsTheOldTokens(t *testing.T) {
	t.Parallel()
	d := open(t)
	a := d.Account()
	old := a.Credentials[commands.AccessToken]
	d.ExpireTokens()
	_, err := d.Create(t.Context(), draft)
	require.Equal(t, commands.Unauthorized, wrong(t, err).Kind)
	require.Contains(t, err.Error(), "invalid_token")
	require.NotContains(t, err.Error(), old)
	r, err := d.platform.Renew(t.Context(), a)
	require.NoError(t, err)
	require.NotEqual(t, a.Credentials[commands.RefreshToken], r.Fields[commands.RefreshToken])
	a.Credentials[commands.AccessToken] = r.Fields[commands.AccessToken]
	_, err = d.platform.Open(a).Create(t.Context(), draft)
	require.NoError(t, err)

	_, err = d.platform.Renew(t.Context(), a)
	require.Equal(t, commands.Revoked, wrong(t, err).Kind, "the old one was spent")
	require.Equal(t, 1, d.SpentTwice())
}

func TestATokenThatCannotBeHadIsRevokedOrDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault vendorfake.Fault
		kind  commands.VendorErrorKind
	}{
		"refused without words": {vendorfake.Fault{Status: http.StatusForbidden}, commands.Down},
		"the secret is wrong":   {vendorfake.Fault{Status: http.StatusUnauthorized, Body: `{"error":"invalid_client"}`}, commands.Revoked},
		"down":                  {vendorfake.Fault{Status: http.StatusBadGateway}, commands.Down},
		"no token":              {vendorfake.Fault{Status: http.StatusOK, Body: `{}`}, commands.Down},
		"limited":               {vendorfake.Fault{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "5"}}, commands.Limited},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			d.Next("POST /oauth/tokens", c.fault)
			_, err := d.platform.Renew(t.Context(), d.Account())
			require.Equal(t, c.kind, wrong(t, err).Kind)
		})
	}
}
