// Package slack lets tickets live in a Slack channel too: one is a message, and what is said of it is the message's thread.
//
// # Why
//
// Slack knows no tickets. A message carries what a ticket needs all the same: blocks that people read, and metadata that only
// programs see, where the ids are kept by which a lost answer is settled. Metadata has no room for what people do, so a status is
// told by reactions: see message.status for which one counts.
package slack

import (
	"context"
	"net/http"
	"strings"

	slackapi "github.com/slack-go/slack"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/outbound"
)

// Platform speaks Slack's language.
type Platform struct{ out *outbound.Client }

var _ commands.Platform = (*Platform)(nil)

// New answers a platform that sends its requests through the client.
func New(client *outbound.Client) *Platform { return &Platform{out: client} }

// Open implements commands.Platform.
func (p *Platform) Open(a commands.Account) commands.Connection {
	c := &connection{out: p.out.Operation(), account: a}
	c.api = slackapi.New(token(a), slackapi.OptionAPIURL(address(a, "")), slackapi.OptionHTTPClient(caller{out: c.out, account: a.Integration}))
	return c
}

// connection acts in one channel of a workspace.
type connection struct {
	out     *outbound.Client
	account commands.Account
	api     *slackapi.Client
}

var _ commands.Connection = (*connection)(nil)

// token answers what the account acts with; empty when a person has not consented yet.
func token(a commands.Account) string {
	if a.AuthType == integration.OAuth2 {
		return a.Credentials[commands.AccessToken]
	}
	return a.Credentials["bot_token"]
}

// address answers where a method is.
func address(a commands.Account, method string) string {
	return outbound.Host(a.BaseURL, "https://slack.com/api/") + method
}

// scopes are what the methods below ask of a token.
var scopes = []string{"chat:write", "files:write", "files:read", "reactions:write", "reactions:read", "channels:read", "groups:read", "channels:history", "groups:history"}

// namesScope is for people's names, without which their ids are shown.
const namesScope = "users:read"

// Check asks who the token is for, what it may do, and whether that one is in the channel.
func (c *connection) Check(ctx context.Context) error {
	who, err := c.api.AuthTestContext(ctx)
	if err != nil {
		return err
	}
	if missing := lacking(who.Header); missing != "" {
		return &commands.VendorError{Kind: commands.Denied, Message: "The Slack app lacks the scopes " + missing + ": add them and install it anew."}
	}
	info, err := c.channel(ctx, c.account.Settings["channel"])
	switch {
	case err != nil:
		return err
	case info.IsArchived:
		return &commands.VendorError{Kind: commands.Denied, Message: "The Slack channel is archived."}
	case !info.IsMember:
		return fault("not_in_channel", "", true)
	}
	return nil
}

// lacking answers which scopes the answer does not name. A private channel and a public one need different ones, so of those only
// the lack of both counts, and nothing is lacking where Slack names none at all.
func lacking(h http.Header) string {
	given := h.Get("X-OAuth-Scopes")
	if given == "" {
		return ""
	}
	has := map[string]bool{}
	for s := range strings.SplitSeq(given, ",") {
		has[strings.TrimSpace(s)] = true
	}
	var missing []string
	for _, s := range scopes {
		other := strings.NewReplacer("channels:", "groups:", "groups:", "channels:").Replace(s)
		if !has[s] && (other == s || !has[other]) {
			missing = append(missing, s)
		}
	}
	return strings.Join(missing, ", ")
}
