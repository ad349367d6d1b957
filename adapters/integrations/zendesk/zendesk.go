// Package zendesk keeps tickets in Zendesk Support, too.
//
// # Why
//
// A ticket is found by its external_id, and made under an Idempotency-Key besides: Zendesk keeps a key for two hours, and a queue
// may wait longer. Comments have no such field. What is written from here ends with a line that says what it is of, and only a
// comment that came by the API is known by it: a mail may quote the line at its end.
//
// A description cannot be changed in Zendesk. A new one is added as an internal note, once.
package zendesk

import (
	"context"
	"encoding/base64"
	"net/http"
	"regexp"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/outbound"
)

// Platform is Zendesk.
type Platform struct{ client *outbound.Client }

// New answers Zendesk, spoken to by the client.
func New(client *outbound.Client) *Platform { return &Platform{client} }

// Open implements commands.Platform.
func (p *Platform) Open(a commands.Account) commands.Connection {
	return connection{p.client.Operation(), a}
}

// connection acts in an account.
type connection struct {
	client  *outbound.Client
	account commands.Account
}

// label is what a subdomain may be: a name within Zendesk's own, never a way out of it.
var label = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// address answers where a path of Zendesk's is for an account.
func address(a commands.Account, path string) (string, error) {
	subdomain := a.Settings["subdomain"]
	if a.BaseURL == "" && !label.MatchString(subdomain) {
		return "", &commands.VendorError{Kind: commands.Rejected, Message: "The settings name no subdomain of Zendesk, and there is no base_url."}
	}
	return outbound.Host(a.BaseURL, "https://"+subdomain+".zendesk.com"+path), nil
}

// call sends a request as the account, with the path in the place of the URL.
func (c connection) call(ctx context.Context, r outbound.Request, into any) error {
	url, err := address(c.account, r.URL)
	if err != nil {
		return err
	}
	proof, err := authorization(c.account)
	if err != nil {
		return err
	}
	if r.Header == nil {
		r.Header = map[string]string{}
	}
	r.URL, r.Header["Authorization"], r.Words = url, proof, words
	_, err = c.client.Do(ctx, c.account.Integration, r, into)
	return err
}

func (c connection) get(ctx context.Context, path string, into any) error {
	return c.call(ctx, outbound.Request{Method: http.MethodGet, URL: path}, into)
}

func authorization(a commands.Account) (string, error) {
	if a.AuthType == integration.APIKey {
		pair := a.Credentials["email"] + "/token:" + a.Credentials["api_token"]
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)), nil
	}
	token := a.Credentials[commands.AccessToken]
	if token == "" {
		return "", &commands.VendorError{Kind: commands.Unauthorized, Message: "There is no access token of Zendesk yet."}
	}
	return "Bearer " + token, nil
}
