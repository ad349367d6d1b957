package slack

import (
	"context"
	"io"
	"net/http"

	slackapi "github.com/slack-go/slack"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// fileMost is how many bytes a file may have.
const fileMost = 1 << 30

// Attach implements commands.Connection: Slack names an address, takes the bytes there, and then shows the file in the thread.
// Only that last step can be seen, so nothing is left behind when an earlier one fails.
func (c *connection) Attach(ctx context.Context, ref commands.Ref, u commands.Attachment) (commands.Receipt, error) {
	switch {
	case u.Size > fileMost:
		return commands.Receipt{}, &commands.VendorError{Kind: commands.TooLarge, Message: "Slack takes files of 1 GB at most."}
	case u.Size == 0:
		return commands.Receipt{}, &commands.VendorError{Kind: commands.TooLarge, Message: "Slack takes no empty files."}
	}
	place, err := c.api.GetUploadURLExternalContext(ctx, slackapi.GetUploadURLExternalParameters{FileName: u.Name, FileSize: int(u.Size)})
	if err != nil {
		return commands.Receipt{}, err
	}
	if place.UploadURL == "" || place.FileID == "" {
		return commands.Receipt{}, fault("", "", true)
	}
	if err := c.upload(ctx, outbound.Host(c.account.BaseURL, place.UploadURL), u); err != nil {
		return commands.Receipt{}, err
	}
	done, err := c.api.CompleteUploadExternalContext(ctx, slackapi.CompleteUploadExternalParameters{
		Files: []slackapi.FileSummary{{ID: place.FileID, Title: u.Name}}, Channel: ref.Place, ThreadTimestamp: ref.ID,
	})
	switch {
	case err != nil:
		return commands.Receipt{}, err
	case len(done.Files) == 0:
		return commands.Receipt{}, fault("", "", false)
	}
	return commands.Receipt{ID: place.FileID}, nil
}

// upload sends the bytes. The address is a secret itself: no token goes there. Sending them again does no harm.
func (c *connection) upload(ctx context.Context, address string, u commands.Attachment) error {
	_, err := c.out.Do(ctx, c.account.Integration, outbound.Request{
		Method: http.MethodPost, URL: address, Type: "application/octet-stream", Size: u.Size, Repeatable: true,
		Body: func() (io.ReadCloser, error) {
			bytes, err := u.Open(ctx)
			if err != nil {
				return nil, err
			}
			return &counted{ReadCloser: bytes, sent: u.Sent}, nil
		},
	}, nil)
	return err
}

// counted tells how much of it was read.
type counted struct {
	io.ReadCloser
	read int64
	sent func(int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if n > 0 {
		c.read += int64(n)
		c.sent(c.read)
	}
	return n, err
}
