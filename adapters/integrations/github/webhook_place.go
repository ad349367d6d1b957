package github

import (
	"encoding/json"
	"strings"

	"ticketd/commands"
)

var _ commands.WebhookLocator = (*GitHub)(nil)

// Place answers the account's repository: the webhooks of an app come for all who have installed it.
func (g *GitHub) Place(a commands.Account) string {
	where, err := settled(a)
	if err != nil {
		return ""
	}
	return strings.ToLower(where.String())
}

// From answers the repository that a webhook names.
func (g *GitHub) From(w commands.Webhook) string {
	var n notice
	body, err := payload(w)
	if err != nil || json.Unmarshal(body, &n) != nil || n.Repository == nil {
		return ""
	}
	return strings.ToLower(n.Repository.FullName)
}
