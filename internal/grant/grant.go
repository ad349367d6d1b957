// Package grant reads why a vendor gives no tokens.
//
// # Why
//
// An integration whose consent has ended waits for a person. A vendor that is busy, and a proxy in between, refuse with the
// same statuses as one that will never give a token again. So a status proves nothing here: only a code that names the end does,
// unless the words beside it say that it will pass.
package grant

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"time"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// ends are the codes after which no other try brings a token.
var ends = []string{
	"invalid_grant", "invalid_client", "unauthorized_client", "access_denied", "redirect_uri_mismatch", // of several
	"interaction_required", "consent_required", "login_required", // Microsoft's
	"invalid_client_id", "invalid_client_credentials", "inactive_user", "inactive_org", // Salesforce's
	"bad_refresh_token", "bad_verification_code", "incorrect_client_credentials", "application_suspended", "Not Found", // GitHub's, who knows no such client
	"invalid_refresh_token", "token_revoked", "token_expired", "account_inactive", "invalid_auth", "invalid_client_secret", "bad_client_secret", // Slack's
}

var (
	tooMany = regexp.MustCompile(`(?i)rate.?limit|rate exceeded|throttl|too many`)
	passing = regexp.MustCompile(`(?i)temporar|try again later`)
)

// Kind answers what the code of a refusal means, and the words beside it: Revoked, Limited or Down.
func Kind(code, words string) commands.VendorErrorKind {
	switch said := code + " " + words; {
	case tooMany.MatchString(said):
		return commands.Limited
	case slices.Contains(ends, code) && !passing.MatchString(said):
		return commands.Revoked
	}
	return commands.Down
}

// Judge answers an outbound.Request's Judge for a vendor's tokens. words are the request's own.
func Judge(words func(status int, body []byte) string) func(int, http.Header, []byte) *commands.VendorError {
	return func(status int, header http.Header, body []byte) *commands.VendorError {
		var said struct {
			Code  string `json:"error"`
			Words string `json:"error_description"`
		}
		_ = json.Unmarshal(body, &said) // the page of somebody in between has no code
		if said.Code == "" && status < http.StatusMultipleChoices {
			return nil
		}
		wrong := outbound.Fault(status, header, words(status, body), false, time.Now())
		if wrong.Kind != commands.Limited && wrong.Kind != commands.Down {
			wrong.Kind = Kind(said.Code, said.Words)
		}
		return wrong
	}
}
