// Package intercom lets tickets live in an Intercom workspace too.
//
// # Why
//
// A ticket there belongs to a contact, is of a type that the workspace made up, and stands in one of that type's own states. So
// states are named by the four categories that every workspace has, and the first state of a category is taken. Nothing that is
// sent has room for an id of ours: the ids by which a lost answer is settled stand in the texts, in an address where there is one.
package intercom

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/outbound"
)

// version is the first one in which a reply to a ticket takes files: an earlier one loses them and says nothing.
const version = "2.16"

// Platform speaks Intercom's language.
type Platform struct{ out *outbound.Client }

var _ commands.Platform = (*Platform)(nil)

// New answers a platform that sends its requests through the client.
func New(client *outbound.Client) *Platform { return &Platform{out: client} }

// Open implements commands.Platform.
func (p *Platform) Open(a commands.Account) commands.Connection {
	return &connection{out: p.out.Operation(), account: a}
}

// connection acts in a workspace.
type connection struct {
	out     *outbound.Client
	account commands.Account
}

var _ commands.Connection = (*connection)(nil)

// hosts are where the workspaces of a region live.
var hosts = map[string]string{"": "https://api.intercom.io", "us": "https://api.intercom.io", "eu": "https://api.eu.intercom.io", "au": "https://api.au.intercom.io"}

// request answers one without a body. Errors: a *commands.VendorError.
func (c *connection) request(method, path string) (outbound.Request, error) {
	host, known := hosts[c.account.Settings["region"]]
	if !known {
		return outbound.Request{}, &commands.VendorError{Kind: commands.Rejected, Message: "The region must be us, eu or au."}
	}
	token := c.account.Credentials["token"]
	if c.account.AuthType == integration.OAuth2 {
		token = c.account.Credentials[commands.AccessToken]
	}
	if token == "" {
		return outbound.Request{}, &commands.VendorError{Kind: commands.Unauthorized, Message: "There is no Intercom token yet."}
	}
	return outbound.Request{
		Method: method, URL: outbound.Host(c.account.BaseURL, host+path), Words: words,
		Header: map[string]string{"Authorization": "Bearer " + token, "Intercom-Version": version, "Accept": "application/json"},
	}, nil
}

// call sends a request. body may be nil.
func (c *connection) call(ctx context.Context, method, path string, body, into any) error {
	r, err := c.request(method, path)
	if err != nil {
		return err
	}
	r.JSON, r.Repeatable = body, strings.HasSuffix(path, "/search") // which is only asked by POST
	_, err = c.out.Do(ctx, c.account.Integration, r, into)
	return err
}

// words answers what an answer complains of.
func words(_ int, body []byte) string {
	var said struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Field   string `json:"field"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &said) != nil || len(said.Errors) == 0 {
		return ""
	}
	var all []string
	for _, e := range said.Errors {
		text := e.Message
		if text == "" {
			text = e.Code
		}
		if e.Field != "" {
			text = e.Field + ": " + text
		}
		all = append(all, text)
	}
	return "Intercom says: " + strings.TrimSuffix(strings.Join(all, "; "), ".") + "."
}

// me is whom the token belongs to.
type me struct {
	ID  string `json:"id"`
	App struct {
		ID string `json:"id_code"`
	} `json:"app"`
}

func (c *connection) me(ctx context.Context) (me, error) {
	var who me
	if err := c.call(ctx, http.MethodGet, "/me", nil, &who); err != nil {
		return me{}, err
	}
	if who.ID == "" {
		return me{}, &commands.VendorError{Kind: commands.Denied, Message: "The Intercom token belongs to no teammate."}
	}
	return who, nil
}

// admin answers who replies.
func (c *connection) admin(ctx context.Context) (string, error) {
	if id := c.account.Settings["admin_id"]; id != "" {
		return id, nil
	}
	who, err := c.me(ctx)
	return who.ID, err
}

// Check asks who the token belongs to, and whether what the settings name is there.
func (c *connection) Check(ctx context.Context) error {
	who, err := c.me(ctx)
	if err != nil {
		return err
	}
	if app := c.account.Settings["app_id"]; app != "" && app != who.App.ID {
		return &commands.VendorError{Kind: commands.Rejected, Message: "The Intercom token is for the workspace " + who.App.ID + ", not for " + app + "."}
	}
	if err := c.checkAdmin(ctx); err != nil {
		return err
	}
	kind, err := c.ticketType(ctx)
	if err != nil {
		return err
	}
	if name := c.account.Settings["priority_attribute"]; name != "" && kind.attribute(name) == nil {
		return &commands.VendorError{Kind: commands.Missing, Message: "The ticket type has no attribute " + name + "."}
	}
	return c.checkContact(ctx)
}

func (c *connection) checkAdmin(ctx context.Context) error {
	id := c.account.Settings["admin_id"]
	if id == "" {
		return nil
	}
	var all struct {
		Admins []struct {
			ID string `json:"id"`
		} `json:"admins"`
	}
	if err := c.call(ctx, http.MethodGet, "/admins", nil, &all); err != nil {
		return err
	}
	for _, a := range all.Admins {
		if a.ID == id {
			return nil
		}
	}
	return &commands.VendorError{Kind: commands.Missing, Message: "There is no teammate with the admin_id " + id + "."}
}

func (c *connection) checkContact(ctx context.Context) error {
	id := c.account.Settings["contact_id"]
	if id == "" {
		return nil
	}
	var found struct {
		Count int `json:"total_count"`
	}
	if err := c.call(ctx, http.MethodPost, "/contacts/search", map[string]any{"query": filter("id", "=", id)}, &found); err != nil {
		return err
	}
	if found.Count == 0 {
		return &commands.VendorError{Kind: commands.Missing, Message: "There is no contact " + id + "."}
	}
	return nil
}

func filter(field, operator string, value any) map[string]any {
	return map[string]any{"field": field, "operator": operator, "value": value}
}
