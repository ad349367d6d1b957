package slack

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/grant"
	"ticketd/internal/outbound"
)

// Consent implements commands.Platform. Slack takes no PKCE from those who have a secret.
func (p *Platform) Consent(a commands.Account, c commands.Consent) (string, error) {
	if a.AuthType != integration.OAuth2 {
		return "", commands.ErrNoConsent
	}
	query := url.Values{"client_id": {a.Credentials["client_id"]}, "scope": {strings.Join(append(slices.Clone(scopes), namesScope), ",")}, "state": {c.State}, "redirect_uri": {c.Redirect}}
	return outbound.Host(a.BaseURL, "https://slack.com/oauth/v2/authorize") + "?" + query.Encode(), nil
}

// Exchange implements commands.Platform.
func (p *Platform) Exchange(ctx context.Context, a commands.Account, code string, c commands.Consent) (commands.Renewal, error) {
	answer, err := slackapi.GetOAuthV2ResponseContext(ctx, caller{out: p.out, account: a.Integration},
		a.Credentials["client_id"], a.Credentials["client_secret"], code, c.Redirect, slackapi.OAuthOptionAPIURL(address(a, "")))
	return renewal(answer, err)
}

// Renew implements commands.Platform: the tokens of an app that rotates them. Others do not end until they are revoked.
func (p *Platform) Renew(ctx context.Context, a commands.Account) (commands.Renewal, error) {
	refresh := a.Credentials[commands.RefreshToken]
	if a.AuthType != integration.OAuth2 || refresh == "" {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Revoked, Message: "Slack does not take the token, and there is nothing to renew it with."}
	}
	answer, err := slackapi.RefreshOAuthV2TokenContext(ctx, caller{out: p.out, account: a.Integration, judge: grant.Judge(refused)},
		a.Credentials["client_id"], a.Credentials["client_secret"], refresh, slackapi.OAuthOptionAPIURL(address(a, "")))
	return renewal(answer, err)
}

func renewal(answer *slackapi.OAuthV2Response, err error) (commands.Renewal, error) {
	if err != nil {
		return commands.Renewal{}, err
	}
	if answer.AccessToken == "" {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Down, Message: "Slack answers without a token.", Unsure: true}
	}
	r := commands.Renewal{Fields: map[string]string{commands.AccessToken: answer.AccessToken}}
	if answer.RefreshToken != "" {
		r.Fields[commands.RefreshToken] = answer.RefreshToken
	}
	if answer.ExpiresIn > 0 {
		r.Ends = time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second)
	}
	return r, nil
}
