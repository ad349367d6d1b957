package github

import (
	"context"
	"errors"
	"time"

	gogithub "github.com/google/go-github/v88/github"

	"ticketd/commands"
)

// apart is how far GitHub's clock may be from ours.
const apart = 5 * time.Minute

// Find looks for what carries a marker, among what has changed since it was tried.
func (c *connection) Find(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	since := m.Since
	if !since.IsZero() {
		since = since.Add(-apart).UTC().Truncate(time.Second)
	}
	if m.Kind == commands.TicketMark {
		return c.findIssue(ctx, m, since)
	}
	return c.findComment(ctx, m, since)
}

func (c *connection) findIssue(ctx context.Context, m commands.Mark, since time.Time) (commands.Receipt, bool, error) {
	where, err := settled(c.account)
	if err != nil {
		return commands.Receipt{}, false, err
	}
	api, err := c.api()
	if err != nil {
		return commands.Receipt{}, false, err
	}
	options := &gogithub.IssueListByRepoOptions{State: "all", Sort: "created", Direction: "desc", Since: since, ListOptions: gogithub.ListOptions{PerPage: pageSize}}
	for range findMost {
		issues, answer, err := api.Issues.ListByRepo(ctx, where.owner, where.repo, options)
		if err != nil {
			return commands.Receipt{}, false, failed(ctx, answer, err, again)
		}
		for _, issue := range issues {
			if issue != nil && !issue.IsPullRequest() && marked(issue.GetBody()).Ticket == m.Key {
				return issued(where, issue), true, nil
			}
		}
		if answer.NextPage == 0 || len(issues) > 0 && issues[len(issues)-1].GetCreatedAt().Before(since) {
			return commands.Receipt{}, false, nil
		}
		options.ListOptions.Page = answer.NextPage
	}
	return commands.Receipt{}, false, commands.TooMany("issues")
}

// findComment finds a comment, which is what a file hangs on too.
func (c *connection) findComment(ctx context.Context, m commands.Mark, since time.Time) (commands.Receipt, bool, error) {
	where, number, err := c.at(m.Ref)
	if err != nil {
		return commands.Receipt{}, false, err
	}
	api, err := c.api()
	if err != nil {
		return commands.Receipt{}, false, err
	}
	for comment, err := range comments(ctx, api, where, number, pages{1, findMost}, since) {
		if errors.Is(err, errMore) {
			err = commands.TooMany("comments")
		}
		if err != nil {
			return commands.Receipt{}, false, err
		}
		mark := marked(comment.GetBody())
		if m.Kind == commands.AttachmentMark && mark.File == m.Key || m.Kind == commands.CommentMark && mark.Comment == m.Key {
			return said(comment), true, nil
		}
	}
	return commands.Receipt{}, false, nil
}
