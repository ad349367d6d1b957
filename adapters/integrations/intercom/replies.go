package intercom

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"strings"

	"ticketd/commands"
)

// reply answers what a teammate says on a ticket, without the files.
func reply(admin, body string) map[string]any {
	return map[string]any{"type": "admin", "message_type": "comment", "admin_id": admin, "body": body}
}

// Comment implements commands.Connection.
func (c *connection) Comment(ctx context.Context, ref commands.Ref, n commands.Note) (commands.Receipt, error) {
	admin, err := c.admin(ctx)
	if err != nil {
		return commands.Receipt{}, err
	}
	body := paragraphs(n.Text) + markLine(mark(commentMark, n.Comment), "Open the ticket", n.Link)
	if n.Author != "" {
		body = "<p><b>" + html.EscapeString(n.Author) + "</b></p>" + body
	}
	var made part
	if err := c.call(ctx, http.MethodPost, path(ref)+"/reply", reply(admin, body), &made); err != nil {
		return commands.Receipt{}, err
	}
	return made.receipt()
}

func (p part) receipt() (commands.Receipt, error) {
	if p.ID == "" {
		return commands.Receipt{}, &commands.VendorError{Kind: commands.Down, Message: "Intercom answers without an id.", Unsure: true}
	}
	return commands.Receipt{ID: p.ID}, nil
}

// requestMost is how many bytes a reply may have: the files stand in it as base64.
const requestMost = 20_000_000

// Attach implements commands.Connection: files come with a reply.
func (c *connection) Attach(ctx context.Context, ref commands.Ref, u commands.Attachment) (commands.Receipt, error) {
	if u.Size > requestMost {
		return commands.Receipt{}, tooLarge()
	}
	admin, err := c.admin(ctx)
	if err != nil {
		return commands.Receipt{}, err
	}
	before, after, err := around(admin, u)
	if err != nil {
		return commands.Receipt{}, err
	}
	size := int64(len(before)+len(after)) + int64(base64.StdEncoding.EncodedLen(int(u.Size)))
	if size > requestMost {
		return commands.Receipt{}, tooLarge()
	}
	r, err := c.request(http.MethodPost, path(ref)+"/reply")
	if err != nil {
		return commands.Receipt{}, err
	}
	r.Type, r.Size = "application/json", size
	r.Body = func() (io.ReadCloser, error) {
		file, err := u.Open(ctx)
		if err != nil {
			return nil, err
		}
		return inline(before, file, after, u.Sent), nil
	}
	var made part
	if _, err := c.out.Do(ctx, c.account.Integration, r, &made); err != nil {
		return commands.Receipt{}, err
	}
	return made.receipt()
}

func tooLarge() error {
	return &commands.VendorError{Kind: commands.TooLarge, Message: "Intercom takes files of 15 MB at most."}
}

// hole is where the file's bytes go.
const hole = "the bytes of the file"

// around answers what stands before and after a file's bytes in the reply that brings it.
func around(admin string, u commands.Attachment) (before, after string, err error) {
	body := reply(admin, paragraphs(u.Name)+markLine(mark(fileMark, u.File), "Open the file", u.Link))
	body["attachment_files"] = []any{map[string]any{"content_type": cmp.Or(u.Type, "application/octet-stream"), "data": hole, "name": u.Name}}
	text, err := json.Marshal(body) // the fields by their names: the hole comes before the file's name
	if err != nil {
		return "", "", err
	}
	before, after, _ = strings.Cut(string(text), `"`+hole+`"`)
	return before + `"`, `"` + after, nil
}

// inline answers the reply with the file in it, without ever holding the whole of it.
func inline(before string, file io.ReadCloser, after string, sent func(int64)) io.ReadCloser {
	coded := &coded{from: &counted{Reader: file, sent: sent}}
	return &closing{io.MultiReader(strings.NewReader(before), coded, strings.NewReader(after)), file}
}

type closing struct {
	io.Reader
	io.Closer
}

// coded reads bytes as base64.
type coded struct {
	from io.Reader
	raw  [3 * 8192]byte // a multiple of three: only the last piece is filled up
	text []byte
	left []byte // of text
	end  error
}

func (c *coded) Read(p []byte) (int, error) {
	if len(c.left) == 0 && c.end == nil {
		n, err := io.ReadFull(c.from, c.raw[:])
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		c.end = err
		c.text = base64.StdEncoding.AppendEncode(c.text[:0], c.raw[:n])
		c.left = c.text
	}
	if len(c.left) == 0 {
		return 0, c.end
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}

// counted tells how much of it was read.
type counted struct {
	io.Reader
	read int64
	sent func(int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if n > 0 {
		c.read += int64(n)
		c.sent(c.read)
	}
	return n, err
}
