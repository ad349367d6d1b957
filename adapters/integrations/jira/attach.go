package jira

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// asksAbove is how many bytes a file has before it is asked whether the site takes it. No site takes less.
const asksAbove = 5 << 20

// attachment is a file of an issue.
type attachment struct {
	ID      string    `json:"id"`
	Name    string    `json:"filename"`
	Size    int64     `json:"size"`
	Content string    `json:"content"`
	Created timestamp `json:"created"`
}

// Attach adds a file as it is read, without holding it.
func (c *connection) Attach(ctx context.Context, ref commands.Ref, u commands.Attachment) (commands.Receipt, error) {
	if err := c.admits(ctx, u.Size); err != nil {
		return commands.Receipt{}, err
	}
	before, after, kind := envelope(u)
	var made []attachment
	_, err := c.do(ctx, outbound.Request{
		Method: http.MethodPost,
		// without it Jira takes the request for one that a foreign page sends
		Header: map[string]string{"X-Atlassian-Token": "no-check"},
		Type:   kind,
		Size:   int64(len(before)) + u.Size + int64(len(after)),
		Body: func() (io.ReadCloser, error) {
			file, err := u.Open(ctx)
			if err != nil {
				return nil, err
			}
			told := &telling{r: file, tell: u.Sent}
			return &body{Reader: io.MultiReader(bytes.NewReader(before), told, bytes.NewReader(after)), Closer: file}, nil
		},
	}, issuePath(ref, "/attachments"), &made)
	if err != nil {
		return commands.Receipt{}, err
	}
	if len(made) == 0 || made[0].ID == "" {
		return commands.Receipt{}, unnamed()
	}
	return commands.Receipt{ID: made[0].ID, URL: made[0].Content}, nil
}

// admits asks whether the site takes a file of this size.
func (c *connection) admits(ctx context.Context, size int64) error {
	if size <= asksAbove {
		return nil
	}
	var limits struct {
		Enabled bool  `json:"enabled"`
		Most    int64 `json:"uploadLimit"`
	}
	if _, err := c.do(ctx, outbound.Request{Method: http.MethodGet}, "/attachment/meta", &limits); err != nil {
		return err
	}
	switch {
	case !limits.Enabled:
		return &commands.VendorError{Kind: commands.TooLarge, Message: "The Jira site takes no attachments."}
	case size > limits.Most:
		return &commands.VendorError{Kind: commands.TooLarge, Message: "The file is larger than the Jira site takes."}
	}
	return nil
}

// envelope answers what stands before and after the bytes of a file in a body of one part, and the type of that body.
func envelope(u commands.Attachment) (before, after []byte, kind string) {
	var all bytes.Buffer
	w := multipart.NewWriter(&all)
	name := strings.NewReplacer("\\", "\\\\", `"`, "\\\"", "\r", " ", "\n", " ", "\x00", " ").Replace(strings.ToValidUTF8(u.Name, "_"))
	// a buffer takes everything
	_, _ = w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="file"; filename="` + name + `"`},
		"Content-Type":        {partType(u.Type)},
	})
	begins := all.Len()
	_ = w.Close()
	return all.Bytes()[:begins], all.Bytes()[begins:], w.FormDataContentType()
}

func partType(kind string) string {
	if kind == "" || strings.ContainsAny(kind, "\r\n") {
		return "application/octet-stream"
	}
	return kind
}

// body is what is sent, and closes the file.
type body struct {
	io.Reader
	io.Closer
}

// telling says how many bytes have gone.
type telling struct {
	r    io.Reader
	sent int64
	tell func(bytes int64)
}

func (t *telling) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if n > 0 {
		t.sent += int64(n)
		t.tell(t.sent)
	}
	return n, err
}
