package github

import (
	"context"
	"strconv"

	gogithub "github.com/google/go-github/v88/github"

	"ticketd/commands"
)

// Comment adds somebody's words to an issue, under their name: on GitHub all of them are by whoever the token is for.
func (c *connection) Comment(ctx context.Context, ref commands.Ref, n commands.Note) (commands.Receipt, error) {
	text := quiet(n.Text)
	if author := name(n.Author); author != "" {
		text = "**" + author + "** wrote:\n\n" + text
	}
	body, cut := within(marker{Comment: n.Comment}, text, n.Link)
	receipt, err := c.say(ctx, ref, body)
	if err == nil && cut {
		receipt.Note = "The comment was cut to " + strconv.Itoa(bodyMost) + " characters."
	}
	return receipt, err
}

// say adds a comment to an issue.
func (c *connection) say(ctx context.Context, ref commands.Ref, body string) (commands.Receipt, error) {
	where, number, err := c.at(ref)
	if err != nil {
		return commands.Receipt{}, err
	}
	api, err := c.api()
	if err != nil {
		return commands.Receipt{}, err
	}
	comment, answer, err := api.Issues.CreateComment(ctx, where.owner, where.repo, number, &gogithub.IssueComment{Body: &body})
	if err != nil {
		return commands.Receipt{}, failed(ctx, answer, err, once)
	}
	if comment.GetID() == 0 {
		return commands.Receipt{}, senseless(once)
	}
	return said(comment), nil
}

// said answers the receipt of a comment.
func said(comment *gogithub.IssueComment) commands.Receipt {
	return commands.Receipt{ID: strconv.FormatInt(comment.GetID(), 10), URL: comment.GetHTMLURL()}
}
