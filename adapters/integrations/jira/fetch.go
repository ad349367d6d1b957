package jira

import (
	"context"
	"net/http"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// Fetch answers the issue's status and its comments.
func (c *connection) Fetch(ctx context.Context, ref commands.Ref) (commands.Remote, error) {
	var issue struct {
		Fields struct {
			Status status       `json:"status"`
			Files  []attachment `json:"attachment"`
		} `json:"fields"`
	}
	if _, err := c.do(ctx, outbound.Request{Method: http.MethodGet}, issuePath(ref, "?fields=status,attachment"), &issue); err != nil {
		return commands.Remote{}, err
	}
	comments, cut, err := c.comments(ctx, ref)
	if err != nil {
		return commands.Remote{}, err
	}
	addresses := map[string]string{}
	for _, file := range issue.Fields.Files {
		addresses[file.Name] = file.Content
	}
	remote := commands.Remote{Status: issue.Fields.Status.value(c.account.Mapping.Status), Cut: cut}
	for _, comment := range comments {
		remote.Comments = append(remote.Comments, commands.RemoteComment{
			ID: comment.ID, Ours: comment.ours(), Author: comment.Author.Name, Text: plain(comment.Body, addresses),
			Internal: comment.internal(), At: comment.Created.Time,
		})
	}
	return remote, nil
}
