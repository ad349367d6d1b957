package github

import (
	"context"

	gogithub "github.com/google/go-github/v88/github"

	"ticketd/commands"
	"ticketd/domain/integration"
)

// Check tries whether issues of the repository can be written.
func (c *connection) Check(ctx context.Context) error {
	where, err := settled(c.account)
	if err != nil {
		return err
	}
	repo, err := c.repository(ctx, where)
	if err != nil {
		return err
	}
	switch {
	case repo.GetFullName() == "":
		return senseless(again)
	case repo.GetArchived():
		return &commands.VendorError{Kind: commands.Denied, Message: "The repository " + where.String() + " is archived: nobody may write to it."}
	case !repo.GetHasIssues():
		return &commands.VendorError{Kind: commands.Rejected, Message: "The repository " + where.String() + " has no issues: they are switched off in its settings."}
	case c.account.AuthType == integration.App:
		return c.checkApp(ctx, where)
	case !repo.GetPermissions().GetPush():
		return &commands.VendorError{Kind: commands.Denied, Message: "Whoever the token is for may not write to the repository " + where.String() + ", which labels and files need."}
	}
	return nil
}

// checkApp tries whether an app may see issues: what a repository says of permissions is about people.
func (c *connection) checkApp(ctx context.Context, where place) error {
	api, err := c.api()
	if err != nil {
		return err
	}
	_, answer, err := api.Issues.ListByRepo(ctx, where.owner, where.repo, &gogithub.IssueListByRepoOptions{ListOptions: gogithub.ListOptions{PerPage: 1}})
	return failed(ctx, answer, err, again)
}
