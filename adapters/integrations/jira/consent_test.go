package jira_test

import (
	"maps"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

func TestAPersonConsentsOnJirasPage(t *testing.T) {
	t.Parallel()
	w := oauthWorld(t)
	consent := commands.Consent{State: "state", Verifier: "verifier", Redirect: "https://desk.example/back"}
	page, err := w.jira.Consent(w.account, consent)
	require.NoError(t, err)
	u, err := url.Parse(page)
	require.NoError(t, err)
	require.Equal(t, "/authorize", u.Path)
	require.Equal(t, "state", u.Query().Get("state"))
	require.Equal(t, "https://desk.example/back", u.Query().Get("redirect_uri"))
	require.Contains(t, u.Query().Get("scope"), "offline_access")

	delete(w.account.Credentials, "cloud_id")
	w.account.Settings["site"] = w.fake.Base().URL()
	renewal, err := w.jira.Exchange(t.Context(), w.account, w.fake.Base().Consent(""), consent)
	require.NoError(t, err)
	require.Equal(t, "11223344-a1b2-3b33-c444-def123456789", renewal.Fields["cloud_id"])
	require.Equal(t, w.fake.Base().URL(), renewal.Fields["site_url"])
	require.NotEmpty(t, renewal.Fields[commands.RefreshToken])
	require.WithinDuration(t, time.Now().Add(time.Hour), renewal.Ends, time.Minute)
	w.account.Credentials[commands.AccessToken] = renewal.Fields[commands.AccessToken]
	require.NoError(t, w.open().Check(t.Context()), "the site is looked up as long as nobody has kept it")

	_, err = w.jira.Exchange(t.Context(), w.account, "another", consent)
	require.Equal(t, commands.Revoked, vendorError(t, err).Kind)
	w.valid()
}

func TestOnlyTokensAreGivenByConsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.jira.Consent(w.account, commands.Consent{})
	require.ErrorIs(t, err, commands.ErrNoConsent)
	_, err = w.jira.Renew(t.Context(), w.account)
	require.Equal(t, commands.Revoked, vendorError(t, err).Kind)
}

func TestATokenThatEndsIsRenewedOnce(t *testing.T) {
	t.Parallel()
	w := oauthWorld(t)
	w.fake.Base().ExpireTokens()
	_, err := w.open().Create(t.Context(), draft())
	require.Equal(t, commands.Unauthorized, vendorError(t, err).Kind)
	before := w.account.Credentials[commands.RefreshToken]
	renewal, err := w.jira.Renew(t.Context(), w.account)
	require.NoError(t, err)
	require.NotEqual(t, before, renewal.Fields[commands.RefreshToken])
	maps.Copy(w.account.Credentials, renewal.Fields)
	_, err = w.open().Create(t.Context(), draft())
	require.NoError(t, err)

	w.account.Credentials[commands.RefreshToken] = before
	_, err = w.jira.Renew(t.Context(), w.account)
	require.Equal(t, commands.Revoked, vendorError(t, err).Kind)
	require.Equal(t, 1, w.fake.Base().SpentTwice())
	delete(w.account.Credentials, commands.RefreshToken)
	_, err = w.jira.Renew(t.Context(), w.account)
	require.Equal(t, commands.Revoked, vendorError(t, err).Kind)
	w.valid()
}

func TestARenewalThatComesToNothingIsToldAsItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault vendorfake.Fault
		kind  commands.VendorErrorKind
	}{
		"down":     {down, commands.Down},
		"no token": {vendorfake.Fault{Status: 200, Body: `{}`}, commands.Down},
		"slow":     {vendorfake.Fault{Status: 429, Header: map[string]string{"Retry-After": "3"}}, commands.Limited},
		"a proxy":  {vendorfake.Fault{Status: 403, Body: `<html>`}, commands.Down},
		"refused":  {vendorfake.Fault{Status: 403, Body: `{"error":"unauthorized_client"}`}, commands.Revoked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := oauthWorld(t)
			w.fake.Base().Next("POST /oauth/token", c.fault)
			_, err := w.jira.Renew(t.Context(), w.account)
			require.Equal(t, c.kind, vendorError(t, err).Kind)
		})
	}
}

func TestTokensAreKeptThoughTheSiteIsNotFound(t *testing.T) {
	t.Parallel()
	w := oauthWorld(t)
	delete(w.account.Credentials, "cloud_id")
	w.fake.Base().Next("GET /oauth/token/accessible-resources", down)
	renewal, err := w.jira.Renew(t.Context(), w.account)
	require.NoError(t, err)
	require.NotEmpty(t, renewal.Fields[commands.RefreshToken])
	require.NotContains(t, renewal.Fields, "cloud_id")
}

func TestTheSiteIsTheOneThatTheSettingsName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings map[string]string
		kind     commands.VendorErrorKind
	}{
		"by its id":             {map[string]string{"cloud_id": "11223344-a1b2-3b33-c444-def123456789"}, ""},
		"by its address":        {map[string]string{"site": "URL"}, ""},
		"the first":             {map[string]string{}, commands.Missing}, // which is another one
		"one it does not reach": {map[string]string{"site": "nobody.atlassian.net"}, commands.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := oauthWorld(t)
			delete(w.account.Credentials, "cloud_id")
			delete(w.account.Credentials, "site_url")
			for setting, value := range c.settings {
				if value == "URL" {
					value = w.fake.Base().URL() + "/"
				}
				w.account.Settings[setting] = value
			}
			receipt, err := w.open().Create(t.Context(), draft())
			if c.kind != "" {
				require.Equal(t, c.kind, vendorError(t, err).Kind)
				return
			}
			require.NoError(t, err)
			require.Empty(t, receipt.URL, "nobody knows yet where people see it")
			w.valid()
		})
	}
	w := oauthWorld(t)
	delete(w.account.Credentials, commands.AccessToken)
	_, err := w.open().Create(t.Context(), draft())
	require.Equal(t, commands.Unauthorized, vendorError(t, err).Kind)
	require.Empty(t, w.fake.Base().Requests())
}
