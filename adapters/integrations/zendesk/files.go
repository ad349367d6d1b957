package zendesk

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"ticketd/commands"
	"ticketd/internal/lastline"
	"ticketd/internal/outbound"
)

// fileMost is how many bytes a file may have, by Zendesk's documentation.
const fileMost = 50 << 20

// Attach implements commands.Connection. The bytes are uploaded first, and hang on nothing; a comment then takes them. Zendesk
// forgets an upload that no comment takes within an hour.
func (c connection) Attach(ctx context.Context, ref commands.Ref, u commands.Attachment) (commands.Receipt, error) {
	if u.Size > fileMost {
		return commands.Receipt{}, &commands.VendorError{Kind: commands.TooLarge, Message: "Zendesk takes files of up to 50 MB."}
	}
	kind := u.Type
	if kind == "" {
		kind = "application/octet-stream"
	}
	var done struct {
		Upload struct {
			Token      string         `json:"token"`
			Attachment attachmentHere `json:"attachment"`
		} `json:"upload"`
	}
	err := c.call(ctx, outbound.Request{
		Method: http.MethodPost, URL: "/api/v2/uploads?" + url.Values{"filename": {u.Name}}.Encode(),
		Type: kind, Size: u.Size, Repeatable: true,
		Body: func() (io.ReadCloser, error) {
			file, err := u.Open(ctx)
			return &told{ReadCloser: file, sent: u.Sent}, err
		},
	}, &done)
	if err != nil {
		return commands.Receipt{}, err
	}
	if done.Upload.Token == "" || done.Upload.Attachment.ID == 0 {
		return commands.Receipt{}, &commands.VendorError{Kind: commands.Down, Message: "Zendesk did not say where it keeps the file."}
	}
	m := lastline.Mark{Kind: ofFile, ID: u.File}
	if _, err := c.say(ctx, ref, commentHere{Body: u.Name + "\n\n" + m.Line(), Public: true, Uploads: []string{done.Upload.Token}}); err != nil {
		return commands.Receipt{}, err
	}
	return attached(done.Upload.Attachment), nil
}

func attached(a attachmentHere) commands.Receipt {
	return commands.Receipt{ID: strconv.FormatInt(a.ID, 10), URL: a.ContentURL}
}

// told reads a file and tells how much of it was read.
type told struct {
	io.ReadCloser

	sent func(int64)
	read int64
}

func (t *told) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if n > 0 {
		t.read += int64(n)
		t.sent(t.read)
	}
	return n, err
}
