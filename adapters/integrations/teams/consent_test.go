package teams_test

import (
	"crypto/sha256"
	"encoding/base64"
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
	o := open(t)
	a := o.Account()
	a.BaseURL = ""
	page, err := o.platform.Consent(a, consent)
	require.NoError(t, err)
	u, err := url.Parse(page)
	require.NoError(t, err)
	require.Equal(t, "https://login.microsoftonline.com/9a1b6c1e-0000-4000-8000-00000000000a/oauth2/v2.0/authorize", u.Scheme+"://"+u.Host+u.Path)
	challenge := sha256.Sum256([]byte(consent.Verifier))
	require.Equal(t, url.Values{
		"response_type": {"code"}, "response_mode": {"query"}, "client_id": {"teams-client"}, "redirect_uri": {consent.Redirect}, "state": {"s&t"},
		"scope":          {"offline_access ChannelMessage.Send ChannelMessage.ReadWrite ChannelMessage.Read.All Channel.ReadBasic.All Files.ReadWrite.All"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}, u.Query())

	code := o.Consent(u.Query().Get("code_challenge"))
	got, err := o.platform.Exchange(t.Context(), o.Account(), code, consent)
	require.NoError(t, err)
	require.True(t, o.Takes(got.Fields[commands.AccessToken]))
	require.NotEmpty(t, got.Fields[commands.RefreshToken])
	require.Contains(t, got.Fields["scope"], "ChannelMessage.Send")
	require.WithinDuration(t, time.Now().Add(4000*time.Second), got.Ends, time.Minute)
	_, err = o.platform.Exchange(t.Context(), o.Account(), code, consent)
	require.Equal(t, commands.Revoked, wrong(t, err).Kind)
}

func TestTokensAreRenewedAndTheReturnedOneIsKept(t *testing.T) {
	t.Parallel()
	o := open(t)
	a := o.Account()
	o.ExpireTokens()
	_, err := o.Create(t.Context(), draft)
	require.Equal(t, commands.Unauthorized, wrong(t, err).Kind)
	require.Equal(t, "Microsoft says: InvalidAuthenticationToken: Access token has expired or is not yet valid.", wrong(t, err).Message)
	r, err := o.platform.Renew(t.Context(), a)
	require.NoError(t, err)
	a.Credentials[commands.AccessToken] = r.Fields[commands.AccessToken]
	_, err = o.platform.Open(a).Create(t.Context(), draft)
	require.NoError(t, err)

	const token = "POST /{tenant}/oauth2/v2.0/token"
	o.Next(token, vendorfake.Fault{Status: 200, Body: `{"access_token":"a","refresh_token":"another"}`})
	r, err = o.platform.Renew(t.Context(), a)
	require.NoError(t, err)
	require.Equal(t, "another", r.Fields[commands.RefreshToken])
	require.Zero(t, r.Ends)
	o.Next(token, vendorfake.Fault{Status: 200, Body: `{"access_token":"a"}`})
	r, err = o.platform.Renew(t.Context(), a)
	require.NoError(t, err)
	require.NotContains(t, r.Fields, commands.RefreshToken, "the old one stays")
}

func TestATokenThatCannotBeHadIsRevokedOrDown(t *testing.T) {
	t.Parallel()
	o := open(t)
	a := o.Account()
	const token = "POST /{tenant}/oauth2/v2.0/token"
	for _, c := range []struct {
		fault vendorfake.Fault
		kind  commands.VendorErrorKind
		says  string
	}{
		{vendorfake.Fault{Status: 401}, commands.Down, "The vendor answered 401 Unauthorized."},
		{vendorfake.Fault{Status: 400, Body: `{"error":"temporarily_unavailable"}`}, commands.Down, "Microsoft says: temporarily_unavailable"},
		{vendorfake.Fault{Status: 401, Body: `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Trace ID: 12"}`}, commands.Revoked, "Microsoft says: invalid_client: AADSTS7000215: Invalid client secret provided."},
		{vendorfake.Fault{Status: 502}, commands.Down, "The vendor answered 502 Bad Gateway."},
		{vendorfake.Fault{Status: 200, Body: `{}`}, commands.Down, "Microsoft answered no token."},
	} {
		o.Next(token, c.fault)
		_, err := o.platform.Renew(t.Context(), a)
		require.Equal(t, c.kind, wrong(t, err).Kind)
		require.Equal(t, c.says, wrong(t, err).Message)
	}
	o.RevokeTokens()
	_, err := o.platform.Renew(t.Context(), a)
	require.Equal(t, commands.Revoked, wrong(t, err).Kind)
	require.Equal(t, "Microsoft says: invalid_grant: AADSTS70008: The provided authorization code or refresh token has expired due to inactivity.", wrong(t, err).Message)
	delete(a.Credentials, commands.RefreshToken)
	_, err = o.platform.Renew(t.Context(), a)
	require.Equal(t, commands.Revoked, wrong(t, err).Kind)
}
