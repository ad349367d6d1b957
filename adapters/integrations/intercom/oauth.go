package intercom

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/outbound"
)

// Consent implements commands.Platform. Intercom takes no PKCE.
func (p *Platform) Consent(a commands.Account, c commands.Consent) (string, error) {
	if a.AuthType != integration.OAuth2 {
		return "", commands.ErrNoConsent
	}
	query := url.Values{"client_id": {a.Credentials["client_id"]}, "state": {c.State}, "redirect_uri": {c.Redirect}}
	return outbound.Host(a.BaseURL, "https://app.intercom.com/oauth") + "?" + query.Encode(), nil
}

// Exchange implements commands.Platform. The token does not end until it is revoked.
func (p *Platform) Exchange(ctx context.Context, a commands.Account, code string, c commands.Consent) (commands.Renewal, error) {
	var answer struct {
		Token  string `json:"token"`
		Access string `json:"access_token"`
	}
	_, err := p.out.Do(ctx, a.Integration, outbound.Request{
		Method: http.MethodPost, URL: outbound.Host(a.BaseURL, "https://api.intercom.io/auth/eagle/token"), Words: refusal,
		Form: url.Values{"code": {code}, "client_id": {a.Credentials["client_id"]}, "client_secret": {a.Credentials["client_secret"]}, "redirect_uri": {c.Redirect}},
	}, &answer)
	if err != nil {
		return commands.Renewal{}, err
	}
	token := answer.Access
	if token == "" {
		token = answer.Token
	}
	if token == "" {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Down, Message: "Intercom answers without a token.", Unsure: true}
	}
	return commands.Renewal{Fields: map[string]string{commands.AccessToken: token}}, nil
}

// refusal answers why there is no token.
func refusal(status int, body []byte) string {
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	switch {
	case json.Unmarshal(body, &said) != nil || said.Error == "":
		return words(status, body)
	case said.Description != "":
		return "Intercom says: " + said.Description
	}
	return "Intercom says: " + said.Error + "."
}

// Renew implements commands.Platform: a token that is taken no longer was revoked.
func (p *Platform) Renew(context.Context, commands.Account) (commands.Renewal, error) {
	return commands.Renewal{}, &commands.VendorError{Kind: commands.Revoked, Message: "Intercom does not take the token, and its tokens are not renewed."}
}
