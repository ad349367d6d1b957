// Package teams keeps tickets in a channel of Microsoft Teams, too.
//
// # Why
//
// A ticket is a message, and what becomes of it are replies. Graph cleans messages, and does not say of what; so nothing is
// hidden in them, and each ends with a line that says what it is of.
//
// A message has no status. The ticket's stands in its first line, and a reply tells each change. A person changes it by a reply
// that says nothing but "Status: Resolved", in one of the mapping's words; the latest such word in the thread holds. A word in
// the middle of a talk is only talk.
package teams

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

const graph = "https://graph.microsoft.com/v1.0"

// Platform is Microsoft Teams.
type Platform struct {
	client *outbound.Client
	now    func() time.Time
}

// New answers Microsoft Teams, spoken to by the client.
func New(client *outbound.Client) *Platform { return &Platform{client: client, now: time.Now} }

// Open implements commands.Platform.
func (p *Platform) Open(a commands.Account) commands.Connection {
	return connection{p.client.Operation(), p.now, a}
}

// connection acts in an account.
type connection struct {
	client  *outbound.Client
	now     func() time.Time
	account commands.Account
}

// place answers where tickets are made: a team, and a channel of it.
func (c connection) place() string {
	return c.account.Settings["team_id"] + "/" + c.account.Settings["channel_id"]
}

// channel answers the path of the channel where a ticket is.
func (c connection) channel(ref commands.Ref) string {
	place := ref.Place
	if place == "" {
		place = c.place()
	}
	team, channel, _ := strings.Cut(place, "/")
	return "/teams/" + url.PathEscape(team) + "/channels/" + url.PathEscape(channel)
}

// message answers the path of a ticket's message.
func (c connection) message(ref commands.Ref) string {
	return c.channel(ref) + "/messages/" + url.PathEscape(ref.ID)
}

// call sends a request as the account, with a path of Graph's in the place of the URL.
func (c connection) call(ctx context.Context, r outbound.Request, into any) error {
	token := c.account.Credentials[commands.AccessToken]
	if token == "" {
		return &commands.VendorError{Kind: commands.Unauthorized, Message: "There is no access token of Microsoft yet."}
	}
	r.URL = outbound.Host(c.account.BaseURL, graph+r.URL)
	r.Header = map[string]string{"Authorization": "Bearer " + token}
	r.Words, r.Judge = words, judge
	_, err := c.client.Do(ctx, c.account.Integration, r, into)
	return err
}

func (c connection) get(ctx context.Context, path string, into any) error {
	return c.call(ctx, outbound.Request{Method: http.MethodGet, URL: path}, into)
}

// next answers the query of a next page. Only what comes after the question mark is Graph's to say: the token goes nowhere else.
func next(link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil || u.RawQuery == "" {
		return "", &commands.VendorError{Kind: commands.Down, Message: "Microsoft names a next page that makes no sense."}
	}
	return "?" + u.RawQuery, nil
}
