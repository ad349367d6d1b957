package slack

import (
	"context"
	"strconv"

	slackapi "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackutilsx"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// Comment implements commands.Connection.
func (c *connection) Comment(ctx context.Context, ref commands.Ref, n commands.Note) (commands.Receipt, error) {
	blocks, cut := wordBlocks(n.Text, n.Link)
	text := n.Text
	if n.Author != "" {
		author, _ := outbound.Cut(oneLine(n.Author), factMost, "")
		blocks = append([]slackapi.Block{slackapi.NewContextBlock("author", plain(author))}, blocks...)
		text = author + ": " + text
	}
	text, _ = outbound.Cut(text, textMost, "")
	_, ts, err := c.api.PostMessageContext(ctx, ref.Place,
		slackapi.MsgOptionTS(ref.ID),
		slackapi.MsgOptionText(slackutilsx.EscapeMessage(text), false),
		slackapi.MsgOptionBlocks(blocks...),
		slackapi.MsgOptionMetadata(mark(commentEvent, n.Comment.String())),
		slackapi.MsgOptionDisableLinkUnfurl())
	switch {
	case err != nil:
		return commands.Receipt{}, err
	case ts == "":
		return commands.Receipt{}, fault("", "", false)
	case cut:
		return commands.Receipt{ID: ts, Note: "The comment was cut to " + strconv.Itoa(sections*sectionMost) + " characters."}, nil
	}
	return commands.Receipt{ID: ts}, nil
}
