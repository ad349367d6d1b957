package github

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"time"

	gogithub "github.com/google/go-github/v88/github"
	"github.com/google/uuid"

	"ticketd/commands"
)

const (
	pageSize = 100
	// fetchMost is how many pages of comments are fetched of an issue, and findMost how many are looked through.
	fetchMost, findMost = 10, 50
)

// errMore says that there are more pages than are read.
var errMore = errors.New("there are more pages")

// Fetch answers an issue and its comments, the newest thousand of them.
func (c *connection) Fetch(ctx context.Context, ref commands.Ref) (commands.Remote, error) {
	where, number, err := c.at(ref)
	if err != nil {
		return commands.Remote{}, err
	}
	api, err := c.api()
	if err != nil {
		return commands.Remote{}, err
	}
	issue, answer, err := api.Issues.Get(ctx, where.owner, where.repo, number)
	if err != nil {
		return commands.Remote{}, failed(ctx, answer, err, again)
	}
	first := max(1, (issue.GetComments()+pageSize-1)/pageSize-fetchMost+1)
	remote := commands.Remote{Status: status(issue), Cut: first > 1}
	for comment, err := range comments(ctx, api, where, number, pages{first, fetchMost + 1}, time.Time{}) { // one more, for what is said meanwhile
		if errors.Is(err, errMore) {
			remote.Cut = true
			break
		}
		if err != nil {
			return commands.Remote{}, err
		}
		mark := marked(comment.GetBody())
		if comment.GetUser().GetLogin() != issue.GetUser().GetLogin() {
			mark.Comment = uuid.Nil // the issue is ours, and whoever copies us says it themselves
		}
		if mark.File != uuid.Nil || mark.Ticket != uuid.Nil {
			continue // a file of ours is nobody's words
		}
		remote.Comments = append(remote.Comments, commands.RemoteComment{
			ID: strconv.FormatInt(comment.GetID(), 10), Ours: mark.Comment, Author: author(comment), Text: comment.GetBody(), At: comment.GetCreatedAt().Time,
		})
	}
	return remote, nil
}

// status answers where an issue stands, as a value of the mapping.
func status(issue *gogithub.Issue) string {
	if issue.GetState() != closed {
		return issue.GetState()
	}
	if reason := issue.GetStateReason(); reason != "" {
		return reason
	}
	return completed // closed before there were reasons
}

// author answers who a comment is by. GitHub calls whoever has left it ghost.
func author(comment *gogithub.IssueComment) string {
	if login := comment.GetUser().GetLogin(); login != "" {
		return login
	}
	return "ghost"
}

// pages are those that are read of a list: from the first on, so many at most.
type pages struct{ first, most int }

// comments answers comments of an issue, the oldest first, or why there are no more. since leaves out those that have not changed
// after it. Errors: a *commands.VendorError, the context's, errMore.
func comments(ctx context.Context, api *gogithub.Client, where place, number int, read pages, since time.Time) iter.Seq2[*gogithub.IssueComment, error] {
	return func(yield func(*gogithub.IssueComment, error) bool) {
		options := &gogithub.IssueListCommentsOptions{ListOptions: gogithub.ListOptions{Page: read.first, PerPage: pageSize}}
		if !since.IsZero() {
			options.Since = &since
		}
		for range read.most {
			some, answer, err := api.Issues.ListComments(ctx, where.owner, where.repo, number, options)
			if err != nil {
				yield(nil, failed(ctx, answer, err, again))
				return
			}
			for _, comment := range some {
				if !yield(comment, nil) {
					return
				}
			}
			if answer.NextPage == 0 {
				return
			}
			options.Page = answer.NextPage
		}
		yield(nil, errMore)
	}
}
