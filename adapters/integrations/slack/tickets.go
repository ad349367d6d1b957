package slack

import (
	"context"
	"errors"
	"strings"

	slackapi "github.com/slack-go/slack"

	"ticketd/commands"
)

// Create implements commands.Connection. The message is the ticket: what comes after it may fail, and is told in the note then.
func (c *connection) Create(ctx context.Context, d commands.Draft) (commands.Receipt, error) {
	blocks, note := ticketBlocks(d, showStatus(d.Status, words(d.StatusHere)))
	channel, ts, err := c.api.PostMessageContext(ctx, c.account.Settings["channel"],
		slackapi.MsgOptionText(fallback(d.Title, words(d.StatusHere)), false),
		slackapi.MsgOptionBlocks(blocks...),
		slackapi.MsgOptionMetadata(markStatus(d.Ticket.String(), d.Status, nil)),
		slackapi.MsgOptionDisableLinkUnfurl())
	if err != nil {
		return commands.Receipt{}, err
	}
	if ts == "" {
		return commands.Receipt{}, fault("", "", false)
	}
	ref := commands.Ref{ID: ts, Place: channel}
	if err := c.react(ctx, ref, d.Status); err != nil {
		note = strings.TrimSpace(note + " The status is not shown as a reaction: " + why(err))
	}
	return commands.Receipt{ID: ts, Place: channel, URL: c.link(ctx, ref), Note: note}, nil
}

// link answers where a person sees a message; empty when Slack does not say.
func (c *connection) link(ctx context.Context, ref commands.Ref) string {
	address, err := c.api.GetPermalinkContext(ctx, &slackapi.PermalinkParameters{Channel: ref.Place, Ts: ref.ID})
	if err != nil {
		return ""
	}
	return address
}

func why(err error) string {
	if e, ok := errors.AsType[*commands.VendorError](err); ok {
		return e.Message
	}
	return "there was no time left."
}

// react shows a status as our reaction. Those that we gave before stay: Slack tells them apart by what the message itself says.
func (c *connection) react(ctx context.Context, ref commands.Ref, emoji string) error {
	if emoji == "" {
		return nil
	}
	err := c.api.AddReactionContext(ctx, emoji, slackapi.NewRefToMessage(ref.Place, ref.ID))
	if said, ok := errors.AsType[slackapi.SlackErrorResponse](err); ok && said.Err == reacted {
		return nil
	}
	return err
}

// Update implements commands.Connection.
func (c *connection) Update(ctx context.Context, ref commands.Ref, d commands.Draft) error {
	was, err := c.parent(ctx, ref)
	if err != nil {
		return err
	}
	status, known := statusOf(was.Blocks)
	if !known {
		status = showStatus(d.Status, words(d.StatusHere))
	}
	blocks, _ := ticketBlocks(d, status)
	// the metadata is left as it is by saying nothing of it
	return c.rewrite(ctx, ref, slackapi.MsgOptionText(fallback(d.Title, told(was.Text)), false), slackapi.MsgOptionBlocks(blocks...))
}

// SetStatus implements commands.Connection.
func (c *connection) SetStatus(ctx context.Context, ref commands.Ref, status string) error {
	was, err := c.parent(ctx, ref)
	if err != nil {
		return err
	}
	words := inWords(c.account.Mapping, status)
	options := []slackapi.MsgOption{
		slackapi.MsgOptionText(before(was.Text)+statusLine+words, false),
		slackapi.MsgOptionMetadata(markStatus(was.marked(ticketEvent, idField), status, was.told(c.account.Mapping))),
	}
	if blocks, ok := kept(was.Blocks, showStatus(status, words)); ok {
		options = append(options, slackapi.MsgOptionBlocks(blocks...))
	}
	if err := c.rewrite(ctx, ref, options...); err != nil {
		return err
	}
	return c.react(ctx, ref, status)
}

func (c *connection) rewrite(ctx context.Context, ref commands.Ref, options ...slackapi.MsgOption) error {
	_, _, _, err := c.api.UpdateMessageContext(ctx, ref.Place, ref.ID, options...)
	return err
}
