package salesforce

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/grant"
	"ticketd/internal/outbound"
)

const (
	login  = "https://login.salesforce.com/services/oauth2"
	scopes = "api refresh_token"
)

// Consent implements commands.Platform.
func (s *Salesforce) Consent(a commands.Account, c commands.Consent) (string, error) {
	if a.AuthType != integration.OAuth2 {
		return "", commands.ErrNoConsent
	}
	challenge := sha256.Sum256([]byte(c.Verifier))
	return outbound.Host(a.BaseURL, login+"/authorize") + "?" + url.Values{
		"response_type": {"code"}, "client_id": {a.Credentials["client_id"]}, "redirect_uri": {c.Redirect}, "scope": {scopes}, "state": {c.State},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode(), nil
}

// Exchange implements commands.Platform.
func (s *Salesforce) Exchange(ctx context.Context, a commands.Account, code string, c commands.Consent) (commands.Renewal, error) {
	return s.token(ctx, a, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {c.Verifier}, "redirect_uri": {c.Redirect}})
}

// Renew implements commands.Platform.
func (s *Salesforce) Renew(ctx context.Context, a commands.Account) (commands.Renewal, error) {
	refresh := a.Credentials[commands.RefreshToken]
	if refresh == "" {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Revoked, Message: "There is no refresh token: a person must consent."}
	}
	return s.token(ctx, a, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
}

func (s *Salesforce) token(ctx context.Context, a commands.Account, form url.Values) (commands.Renewal, error) {
	form.Set("client_id", a.Credentials["client_id"])
	form.Set("client_secret", a.Credentials["client_secret"])
	var said struct {
		Access   string `json:"access_token"`
		Refresh  string `json:"refresh_token"`
		Instance string `json:"instance_url"`
		Seconds  int64  `json:"expires_in"`
	}
	_, err := s.client.Do(ctx, a.Integration, outbound.Request{
		Method: http.MethodPost, URL: outbound.Host(a.BaseURL, login+"/token"), Form: form, Header: map[string]string{"Accept": "application/json"}, Judge: grant.Judge(refused),
	}, &said)
	if err != nil {
		return commands.Renewal{}, err
	}
	if said.Access == "" {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Down, Message: "Salesforce gave no token."}
	}
	r := commands.Renewal{Fields: map[string]string{commands.AccessToken: said.Access}}
	set(r.Fields, commands.RefreshToken, said.Refresh) // a new one only where they are good for one use
	set(r.Fields, instanceURL, said.Instance)
	if said.Seconds > 0 {
		r.Ends = time.Now().Add(time.Duration(min(said.Seconds, 1<<31)) * time.Second)
	}
	return r, nil
}

// refused answers why there is no token, in Salesforce's words; empty when it says nothing.
func refused(_ int, body []byte) string {
	var said struct {
		Code  string `json:"error"`
		Words string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &said) // the page of somebody in between has no code
	if said.Code == "" {
		return ""
	}
	return "Salesforce gives no token: " + cmp.Or(said.Words, said.Code) + "."
}
