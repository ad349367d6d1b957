package zendesk

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/grant"
	"ticketd/internal/outbound"
)

// scope is all that is asked for: tickets, uploads and who the token is for are under no narrower common one.
const scope = "read write"

// Consent implements commands.Platform.
func (p *Platform) Consent(a commands.Account, c commands.Consent) (string, error) {
	if a.AuthType != integration.OAuth2 {
		return "", commands.ErrNoConsent
	}
	challenge := sha256.Sum256([]byte(c.Verifier))
	return address(a, "/oauth/authorizations/new?"+url.Values{
		"response_type": {"code"}, "client_id": {a.Credentials["client_id"]}, "redirect_uri": {c.Redirect}, "scope": {scope}, "state": {c.State},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode())
}

// Exchange implements commands.Platform.
func (p *Platform) Exchange(ctx context.Context, a commands.Account, code string, c commands.Consent) (commands.Renewal, error) {
	return p.tokens(ctx, a, map[string]string{
		"grant_type": "authorization_code", "code": code, "redirect_uri": c.Redirect, "scope": scope, "code_verifier": c.Verifier,
	})
}

// Renew implements commands.Platform. Zendesk ends both old tokens with its answer.
func (p *Platform) Renew(ctx context.Context, a commands.Account) (commands.Renewal, error) {
	refresh := a.Credentials[commands.RefreshToken]
	if a.AuthType != integration.OAuth2 || refresh == "" {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Revoked, Message: "There is nothing that the access to Zendesk could be renewed with."}
	}
	return p.tokens(ctx, a, map[string]string{"grant_type": "refresh_token", "refresh_token": refresh})
}

func (p *Platform) tokens(ctx context.Context, a commands.Account, form map[string]string) (commands.Renewal, error) {
	address, err := address(a, "/oauth/tokens")
	if err != nil {
		return commands.Renewal{}, err
	}
	form["client_id"], form["client_secret"] = a.Credentials["client_id"], a.Credentials["client_secret"]
	var pair struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Seconds int64  `json:"expires_in"`
	}
	_, err = p.client.Do(ctx, a.Integration, outbound.Request{Method: http.MethodPost, URL: address, JSON: form, Words: words, Judge: grant.Judge(words)}, &pair)
	if err != nil {
		return commands.Renewal{}, err
	}
	if pair.Access == "" {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Down, Message: "Zendesk answered no token."}
	}
	r := commands.Renewal{Fields: map[string]string{commands.AccessToken: pair.Access}}
	if pair.Refresh != "" {
		r.Fields[commands.RefreshToken] = pair.Refresh
	}
	if pair.Seconds > 0 {
		r.Ends = time.Now().Add(time.Duration(pair.Seconds) * time.Second)
	}
	return r, nil
}
