package jira

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/outbound"
)

// renewBefore is how long a webhook of an app must still live not to be renewed. It lives for thirty days.
const renewBefore = 20 * 24 * time.Hour

// toHear are the events that an app's webhook tells.
var toHear = []string{"comment_created", "comment_deleted", "comment_updated", "jira:issue_created", "jira:issue_deleted", "jira:issue_updated"}

var _ commands.Listener = (*connection)(nil)

// hook is a webhook of an app.
type hook struct {
	ID   int64  `json:"id"`
	URL  string `json:"url"`
	Ends moment `json:"expirationDate"`
}

// moment is a time in milliseconds, or as Jira writes it elsewhere: its description says the one, and its examples the other.
type moment struct{ timestamp }

// UnmarshalJSON reads either. What is neither is no time, as if the webhook had ended.
func (m *moment) UnmarshalJSON(data []byte) error {
	if number, err := strconv.ParseInt(string(data), 10, 64); err == nil {
		m.Time = time.UnixMilli(number)
		return nil
	}
	return m.timestamp.UnmarshalJSON(data)
}

// Listen implements commands.Listener. Only an app has webhooks by request, a few of them: what else there is for the address is
// of a time when the settings were others, and ends.
func (c *connection) Listen(ctx context.Context, address string, begin func() error) error {
	switch {
	case c.account.AuthType != integration.OAuth2, c.account.Credentials["webhook_secret"] != "":
		return nil // an administrator sets the webhook up, or has done so
	case address == "":
		return commands.ErrNoAddress
	}
	project := c.account.Settings["project_key"]
	// the project is in the address, too: Jira may show a filter in another way than it was written
	wanted := address + "?project=" + url.QueryEscape(project)
	var there struct {
		Values []hook `json:"values"`
	}
	if _, err := c.do(ctx, outbound.Request{Method: http.MethodGet}, "/webhook?maxResults=100", &there); err != nil {
		return err
	}
	var ours, others []int64
	var ends time.Time
	for _, h := range there.Values {
		switch base, _, _ := strings.Cut(h.URL, "?"); {
		case base != address:
		case len(ours) > 0 || h.URL != wanted:
			others = append(others, h.ID)
		default:
			ours, ends = []int64{h.ID}, h.Ends.Time
		}
	}
	if len(others) > 0 {
		if err := c.webhooks(ctx, http.MethodDelete, "/webhook", others); err != nil {
			return err
		}
	}
	switch {
	case len(ours) == 0:
		if err := begin(); err != nil {
			return err
		}
		return c.register(ctx, wanted, "project = "+strconv.Quote(project))
	case ends.Sub(c.jira.now()) < renewBefore:
		return c.webhooks(ctx, http.MethodPut, "/webhook/refresh", ours)
	}
	return nil
}

// webhooks has something done to some of them.
func (c *connection) webhooks(ctx context.Context, method, path string, ids []int64) error {
	_, err := c.do(ctx, outbound.Request{Method: method, JSON: map[string]any{"webhookIds": ids}}, path, nil)
	return err
}

// register makes a webhook. Jira says within a success what it has not made, as when an app has as many as it may have, or one
// for another address.
func (c *connection) register(ctx context.Context, address, filter string) error {
	type wanted struct {
		Events []string `json:"events"`
		Filter string   `json:"jqlFilter"`
	}
	ask := struct {
		URL      string   `json:"url"`
		Webhooks []wanted `json:"webhooks"`
	}{address, []wanted{{toHear, filter}}}
	var made struct {
		Results []struct {
			ID     int64    `json:"createdWebhookId"`
			Errors []string `json:"errors"`
		} `json:"webhookRegistrationResult"`
	}
	if _, err := c.do(ctx, outbound.Request{Method: http.MethodPost, JSON: ask}, "/webhook", &made); err != nil {
		return err
	}
	if len(made.Results) != 1 {
		return &commands.VendorError{Kind: commands.Down, Message: "Jira did not say whether it made the webhook.", Unsure: true}
	}
	if said := made.Results[0].Errors; len(said) > 0 {
		return rejected(fmt.Sprintf("Jira makes no webhook: %s An app may have five for each person, all for one address; an administrator's webhook with a webhook_secret does as well.", strings.Join(said, " ")))
	}
	return nil
}
