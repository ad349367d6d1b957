package github

import (
	"context"
	"errors"
	"io"

	"ticketd/commands"
	"ticketd/domain/integration"
)

// kept is where a file is, and how a comment shows it.
type kept struct{ url, text string }

// Attach puts a file where GitHub takes it, and shows it in a comment: pictures and videos among those of the issue, if the
// token is a person's; everything else, and what GitHub does not take there, on a branch. Putting a file somewhere twice does
// no harm, as long as no comment shows it. So only the comment leaves a doubt, which Find settles by its marker.
func (c *connection) Attach(ctx context.Context, ref commands.Ref, u commands.Attachment) (commands.Receipt, error) {
	where, number, err := c.at(ref)
	if err != nil {
		return commands.Receipt{}, err
	}
	var file kept
	var note string
	_, ownServer := server(c.account)
	onBranch := ownServer || c.account.AuthType == integration.App || !showable(u)
	if !onBranch {
		file, err = c.upload(ctx, where, u)
		if onBranch = err != nil && isRefusal(err); onBranch {
			note = "GitHub did not take the file among those of the issue, so it is on the branch " + c.branch() + "."
		}
	}
	if onBranch {
		file, err = c.commit(ctx, where, number, u)
	}
	if err != nil {
		return commands.Receipt{}, err
	}
	receipt, err := c.say(ctx, ref, marker{File: u.File}.before(file.text))
	if err != nil {
		return commands.Receipt{}, err
	}
	receipt.URL, receipt.Note = file.url, note
	return receipt, nil
}

// isRefusal reports whether GitHub will not take something that it might take elsewhere.
func isRefusal(err error) bool {
	e, ok := errors.AsType[*commands.VendorError](err)
	if !ok {
		return false
	}
	return e.Kind == commands.Missing || e.Kind == commands.Denied || e.Kind == commands.Rejected || e.Kind == commands.TooLarge
}

// opened answers a file's bytes, and tells how many have been sent.
func opened(ctx context.Context, u commands.Attachment) (io.ReadCloser, error) {
	file, err := u.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &counted{ReadCloser: file, told: u.Sent}, nil
}

// counted tells how much of it has been read.
type counted struct {
	io.ReadCloser

	read int64
	told func(bytes int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if n > 0 {
		c.read += int64(n)
		c.told(c.read)
	}
	return n, err
}
