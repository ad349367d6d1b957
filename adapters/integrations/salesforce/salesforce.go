// Package salesforce keeps tickets as cases of Salesforce.
//
// # Why
//
// A case can be made by the value of an external id: then Salesforce itself never makes it twice, whatever becomes of the
// answer. Where an organization has set up no such field, the last line of the description names our ticket. Salesforce does
// not search descriptions, so whoever looks for a case reads those that were made from its first try to its last.
//
// A token tells no end. It is taken until it is not, and renewed then.
//
// What Salesforce sends is not signed. An outbound message proves itself by a secret in its address, and tells no more than
// which cases to look at.
package salesforce

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// version is of the API, in every path.
const version = "/services/data/v62.0"

// instanceURL is where the organization's own host is kept, which comes with a token.
const instanceURL = "instance_url"

// Salesforce is commands.Platform.
type Salesforce struct{ client *outbound.Client }

var _ commands.Platform = (*Salesforce)(nil)

// New answers Salesforce.
func New(client *outbound.Client) *Salesforce { return &Salesforce{client} }

// Open implements commands.Platform.
func (s *Salesforce) Open(a commands.Account) commands.Connection {
	return &connection{client: s.client.Operation(), account: a}
}

// connection is commands.Connection.
type connection struct {
	client  *outbound.Client
	account commands.Account
}

// host answers where the organization's API is; empty: not known yet.
func (c *connection) host() string {
	host := c.account.BaseURL
	if host == "" {
		host = c.account.Credentials[instanceURL]
	}
	return strings.TrimSuffix(host, "/")
}

// do sends a request to the API, and reads its answer. Errors: a *commands.VendorError, the context's.
func (c *connection) do(ctx context.Context, r outbound.Request, path string, into any) (outbound.Answer, error) {
	token, host := c.account.Credentials[commands.AccessToken], c.host()
	if token == "" || host == "" {
		return outbound.Answer{}, &commands.VendorError{Kind: commands.Unauthorized, Message: "There is no access token yet."}
	}
	r.URL = host + version + path
	r.Header = map[string]string{"Authorization": "Bearer " + token, "Accept": "application/json"}
	r.Words, r.Judge = words, judge
	return c.client.Do(ctx, c.account.Integration, r, into)
}

// saved is what Salesforce answers to who made something.
type saved struct {
	ID string `json:"id"`
}

// id answers what was made. Errors: a *commands.VendorError where Salesforce does not say.
func (s saved) id(unsure bool) (string, error) {
	if !isID(s.ID) {
		return "", &commands.VendorError{Kind: commands.Down, Message: "Salesforce did not say what it made.", Unsure: unsure}
	}
	return s.ID, nil
}

// make sends a request that makes something, and answers its id. Errors: those of do.
func (c *connection) make(ctx context.Context, r outbound.Request, path string) (string, error) {
	var made saved
	if _, err := c.do(ctx, r, path, &made); err != nil {
		return "", err
	}
	return made.id(true)
}

// ids are how Salesforce names what it keeps.
var ids = regexp.MustCompile(`^[a-zA-Z0-9]{15}([a-zA-Z0-9]{3})?$`)

func isID(id string) bool { return ids.MatchString(id) }

// known answers the path of a case. Errors: a *commands.VendorError of the kind Missing for what can be none.
func known(ref commands.Ref) (string, error) {
	if !isID(ref.ID) {
		return "", &commands.VendorError{Kind: commands.Missing, Message: "There can be no case " + ref.ID + "."}
	}
	return "/sobjects/Case/" + ref.ID, nil
}

// query asks for records. Errors: those of do.
func query[T any](ctx context.Context, c *connection, soql string) (records []T, whole bool, err error) {
	var found struct {
		Done    bool `json:"done"`
		Records []T  `json:"records"`
	}
	_, err = c.do(ctx, outbound.Request{Method: http.MethodGet}, "/query?q="+url.QueryEscape(soql), &found)
	return found.Records, found.Done, err
}
