package github

import (
	"context"
	"errors"
	"slices"

	gogithub "github.com/google/go-github/v88/github"

	"ticketd/commands"
	"ticketd/domain/integration"
)

// toHear are the events that a webhook must tell.
var toHear = []string{"issues", "issue_comment"}

var _ commands.Listener = (*connection)(nil)

// Listen implements commands.Listener, by a webhook of the repository, which stays. An app has its own, which its owner sets up;
// and who may not see the repository's webhooks leaves them to a person.
func (c *connection) Listen(ctx context.Context, address string, begin func() error) error {
	secret := c.account.Credentials["webhook_secret"]
	if address == "" || secret == "" || c.account.AuthType == integration.App {
		return nil
	}
	where, err := settled(c.account)
	if err != nil {
		return err
	}
	api, err := c.api()
	if err != nil {
		return err
	}
	// a repository has twenty for an event at most
	there, answer, err := api.Repositories.ListHooks(ctx, where.owner, where.repo, &gogithub.ListOptions{PerPage: 100})
	if err = failed(ctx, answer, err, again); err != nil {
		if hidden(err) {
			return nil
		}
		return err
	}
	for _, h := range there {
		if h.GetConfig().GetURL() == address {
			return able(h)
		}
	}
	if err := begin(); err != nil {
		return err
	}
	_, answer, err = api.Repositories.CreateHook(ctx, where.owner, where.repo, &gogithub.Hook{
		Active: new(true), Events: toHear, Config: &gogithub.HookConfig{URL: &address, ContentType: new("json"), Secret: &secret},
	})
	if err = failed(ctx, answer, err, once); hidden(err) {
		return &commands.VendorError{Kind: commands.Denied, Message: "The repository has no webhook for the program, and the token may not make it: a person must."}
	}
	return err
}

// hidden reports that the token may not do it, which GitHub also tells by knowing nothing.
func hidden(err error) bool {
	trouble, ok := errors.AsType[*commands.VendorError](err)
	return ok && (trouble.Kind == commands.Denied || trouble.Kind == commands.Missing)
}

// able answers what a webhook lacks that is there. What a person has set up is theirs to change.
func able(h *gogithub.Hook) error {
	tells := func(event string) bool { return slices.Contains(h.Events, event) || slices.Contains(h.Events, "*") }
	if h.GetActive() && tells(toHear[0]) && tells(toHear[1]) {
		return nil
	}
	return &commands.VendorError{Kind: commands.Rejected, Message: "The repository's webhook is switched off, or does not send issues and issue comments: see its settings on GitHub."}
}
