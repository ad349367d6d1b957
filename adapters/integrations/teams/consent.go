package teams

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"

	"ticketd/commands"
	"ticketd/internal/grant"
	"ticketd/internal/outbound"
)

const login = "https://login.microsoftonline.com/"

// scopes are what a person is asked for. A message can be sent for a person only, never for an application alone.
const scopes = "offline_access ChannelMessage.Send ChannelMessage.ReadWrite ChannelMessage.Read.All Channel.ReadBasic.All Files.ReadWrite.All"

// granted is the credential that says what the token may do, as Microsoft told it with the token.
const granted = "scope"

func loginAt(a commands.Account, path string) string {
	return outbound.Host(a.BaseURL, login+url.PathEscape(a.Credentials["tenant_id"])+path)
}

// Consent implements commands.Platform.
func (p *Platform) Consent(a commands.Account, c commands.Consent) (string, error) {
	challenge := sha256.Sum256([]byte(c.Verifier))
	return loginAt(a, "/oauth2/v2.0/authorize?"+url.Values{
		"response_type": {"code"}, "response_mode": {"query"}, "client_id": {a.Credentials["client_id"]}, "redirect_uri": {c.Redirect},
		"scope": {scopes}, "state": {c.State},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode()), nil
}

// Exchange implements commands.Platform.
func (p *Platform) Exchange(ctx context.Context, a commands.Account, code string, c commands.Consent) (commands.Renewal, error) {
	return p.tokens(ctx, a, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.Redirect}, "scope": {scopes}, "code_verifier": {c.Verifier},
	})
}

// Renew implements commands.Platform. Microsoft may answer another refresh token, and the old one lasts on for a while.
func (p *Platform) Renew(ctx context.Context, a commands.Account) (commands.Renewal, error) {
	refresh := a.Credentials[commands.RefreshToken]
	if refresh == "" {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Revoked, Message: "There is nothing that the access to Microsoft could be renewed with."}
	}
	return p.tokens(ctx, a, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
}

func (p *Platform) tokens(ctx context.Context, a commands.Account, form url.Values) (commands.Renewal, error) {
	form.Set("client_id", a.Credentials["client_id"])
	form.Set("client_secret", a.Credentials["client_secret"])
	var pair struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Scope   string `json:"scope"`
		Seconds int64  `json:"expires_in"`
	}
	_, err := p.client.Do(ctx, a.Integration, outbound.Request{
		Method: http.MethodPost, URL: loginAt(a, "/oauth2/v2.0/token"), Form: form, Words: words, Judge: grant.Judge(words),
	}, &pair)
	if err != nil {
		return commands.Renewal{}, err
	}
	if pair.Access == "" {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Down, Message: "Microsoft answered no token."}
	}
	r := commands.Renewal{Fields: map[string]string{commands.AccessToken: pair.Access, granted: pair.Scope}}
	if pair.Refresh != "" {
		r.Fields[commands.RefreshToken] = pair.Refresh
	}
	if pair.Seconds > 0 {
		r.Ends = p.now().Add(time.Duration(pair.Seconds) * time.Second)
	}
	return r, nil
}
