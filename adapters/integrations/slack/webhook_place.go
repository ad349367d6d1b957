package slack

import (
	"encoding/json"

	"ticketd/commands"
)

var _ commands.WebhookLocator = (*Platform)(nil)

// Place answers the account's channel: the events of an app come for all workspaces that have installed it.
func (p *Platform) Place(a commands.Account) string { return a.Settings["channel"] }

// From answers the channel that an event names.
func (p *Platform) From(w commands.Webhook) string {
	var n notice
	if json.Unmarshal(w.Body, &n) != nil {
		return ""
	}
	return n.Event.channel()
}
