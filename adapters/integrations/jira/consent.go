package jira

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/grant"
	"ticketd/internal/outbound"
)

// scopes are what a person lets us do. The last one is what tokens are renewed by.
const scopes = "read:jira-work write:jira-work read:jira-user manage:jira-webhook offline_access"

// Consent answers the page where a person consents. Jira takes no PKCE.
func (j *Jira) Consent(a commands.Account, c commands.Consent) (string, error) {
	if a.AuthType != integration.OAuth2 {
		return "", commands.ErrNoConsent
	}
	query := url.Values{
		"audience": {"api.atlassian.com"}, "client_id": {a.Credentials["client_id"]}, "scope": {scopes}, "redirect_uri": {c.Redirect},
		"state": {c.State}, "response_type": {"code"}, "prompt": {"consent"},
	}
	return outbound.Host(a.BaseURL, login+"/authorize?"+query.Encode()), nil
}

// Exchange answers the tokens of a consent, and the site that they are for.
func (j *Jira) Exchange(ctx context.Context, a commands.Account, code string, c commands.Consent) (commands.Renewal, error) {
	return j.tokens(ctx, a, map[string]string{"grant_type": "authorization_code", "code": code, "redirect_uri": c.Redirect})
}

// Renew answers new tokens. The refresh token is good for this once.
func (j *Jira) Renew(ctx context.Context, a commands.Account) (commands.Renewal, error) {
	if a.AuthType != integration.OAuth2 {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Revoked, Message: "Jira does not take the API token any more. A person must give another."}
	}
	token := a.Credentials[commands.RefreshToken]
	if token == "" {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Revoked, Message: "There is nothing to renew: a person must consent."}
	}
	return j.tokens(ctx, a, map[string]string{"grant_type": "refresh_token", "refresh_token": token})
}

// tokens asks for tokens. The site is asked for too, but tokens that are there are never lost for it.
func (j *Jira) tokens(ctx context.Context, a commands.Account, ask map[string]string) (commands.Renewal, error) {
	ask["client_id"], ask["client_secret"] = a.Credentials["client_id"], a.Credentials["client_secret"]
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Seconds int64  `json:"expires_in"`
	}
	now := j.now()
	_, err := j.client.Do(ctx, a.Integration, outbound.Request{
		Method: http.MethodPost, URL: outbound.Host(a.BaseURL, login+"/oauth/token"), JSON: ask, Words: words, Judge: grant.Judge(words),
	}, &got)
	if err != nil {
		return commands.Renewal{}, err
	}
	if got.Access == "" {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Down, Message: "Jira answered without a token.", Unsure: true}
	}
	renewal := commands.Renewal{Fields: map[string]string{commands.AccessToken: got.Access}}
	if got.Refresh != "" {
		renewal.Fields[commands.RefreshToken] = got.Refresh
	}
	if got.Seconds > 0 {
		renewal.Ends = now.Add(time.Duration(got.Seconds) * time.Second)
	}
	if a.Credentials[cloudField] == "" || a.Credentials[siteField] == "" {
		if found, err := j.reach(ctx, a, got.Access); err == nil {
			renewal.Fields[cloudField], renewal.Fields[siteField] = found.ID, found.URL
		}
	}
	return renewal, nil
}
