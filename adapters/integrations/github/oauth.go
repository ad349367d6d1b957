package github

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

// scope is what a person lets the program do. GitHub Apps have their own permissions, and GitHub ignores it.
const scope = "repo"

// refusalMost is how many characters of a refusal are repeated.
const refusalMost = 300

// Consent answers GitHub's page where a person lets the program act for them.
func (g *GitHub) Consent(a commands.Account, c commands.Consent) (string, error) {
	if a.AuthType != integration.OAuth2 {
		return "", commands.ErrNoConsent
	}
	challenge := sha256.Sum256([]byte(c.Verifier))
	query := url.Values{
		"client_id": {a.Credentials["client_id"]}, "redirect_uri": {c.Redirect}, "scope": {scope}, "state": {c.State},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	return address(a, loginHost, "login/oauth/authorize?"+query.Encode()), nil
}

// Exchange answers the tokens that the code of a consent stands for.
func (g *GitHub) Exchange(ctx context.Context, a commands.Account, code string, c commands.Consent) (commands.Renewal, error) {
	return g.tokens(ctx, a, commands.Rejected, url.Values{"code": {code}, "code_verifier": {c.Verifier}, "redirect_uri": {c.Redirect}})
}

// refresh spends the refresh token, which is good for one use.
func (g *GitHub) refresh(ctx context.Context, a commands.Account) (commands.Renewal, error) {
	if a.Credentials[commands.RefreshToken] == "" {
		return commands.Renewal{}, revoked("There is no refresh token for GitHub: a person must consent.")
	}
	return g.tokens(ctx, a, commands.Revoked, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.Credentials[commands.RefreshToken]}})
}

// tokens asks for tokens. refusal is what it means when GitHub will not give them.
func (g *GitHub) tokens(ctx context.Context, a commands.Account, refusal commands.VendorErrorKind, form url.Values) (commands.Renewal, error) {
	form.Set("client_id", a.Credentials["client_id"])
	form.Set("client_secret", a.Credentials["client_secret"])
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Seconds int64  `json:"expires_in"`
	}
	_, err := g.out.Do(ctx, a.Integration, outbound.Request{
		Method: http.MethodPost,
		URL:    address(a, loginHost, "login/oauth/access_token"),
		Header: map[string]string{"Accept": "application/json"},
		Form:   form,
		Judge:  judgeGrant(refusal),
	}, &got)
	if err != nil {
		return commands.Renewal{}, err
	}
	if got.Access == "" {
		return commands.Renewal{}, senseless(once)
	}
	renewal := commands.Renewal{Fields: map[string]string{commands.AccessToken: got.Access}}
	if got.Refresh != "" {
		renewal.Fields[commands.RefreshToken] = got.Refresh
	}
	if got.Seconds > 0 {
		renewal.Ends = time.Now().Add(time.Duration(got.Seconds) * time.Second)
	}
	return renewal, nil
}

// judgeGrant reads refusals of tokens, which GitHub gives with the status of a success. refusal is what those for good mean.
func judgeGrant(refusal commands.VendorErrorKind) func(int, http.Header, []byte) *commands.VendorError {
	return func(status int, header http.Header, body []byte) *commands.VendorError {
		var problem struct {
			Code  string `json:"error"`
			Words string `json:"error_description"`
		}
		_ = json.Unmarshal(body, &problem) // what is none says nothing
		switch {
		case status == http.StatusForbidden || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
			e := fault(status, header, body, once)
			if e.Kind == commands.Denied {
				e.Kind = commands.Down // GitHub does not refuse tokens in this way: somebody in between does
			}
			return e
		case problem.Code == "" && status < http.StatusBadRequest:
			return nil
		case problem.Code == "":
			return &commands.VendorError{Kind: commands.Down, Message: "GitHub gives no token, and does not say why."}
		}
		message, _ := outbound.Cut(line(cmp.Or(problem.Words, problem.Code)), refusalMost, "")
		kind := grant.Kind(problem.Code, problem.Words)
		if kind == commands.Revoked {
			kind = refusal
		}
		return &commands.VendorError{Kind: kind, Message: "GitHub gives no token: " + message}
	}
}
