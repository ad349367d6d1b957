package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"path"
	"strings"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

const (
	// fileMost is how many bytes a file may have.
	fileMost = 2 << 30
	// pathMost is how many characters its name may have, its title subjectMost.
	pathMost = 500
)

// Attach implements commands.Connection: as a file that is shared with the case.
func (c *connection) Attach(ctx context.Context, ref commands.Ref, u commands.Attachment) (commands.Receipt, error) {
	if _, err := known(ref); err != nil {
		return commands.Receipt{}, err
	}
	if u.Size > fileMost {
		return commands.Receipt{}, &commands.VendorError{Kind: commands.TooLarge, Message: "Salesforce takes files of up to 2 GB."}
	}
	title, cut := outbound.Cut(strings.TrimSuffix(u.Name, path.Ext(u.Name)), subjectMost, "")
	note := ""
	if cut {
		note = fmt.Sprintf("The file's title was cut to %d characters.", subjectMost)
	}
	kind, head, tail := frame(ref, u, title)
	id, err := c.make(ctx, outbound.Request{
		Method: http.MethodPost, Type: kind, Size: int64(len(head)) + u.Size + int64(len(tail)),
		Body: func() (io.ReadCloser, error) {
			file, err := u.Open(ctx)
			if err != nil {
				return nil, err
			}
			counted := &counter{file: io.LimitReader(file, u.Size), sent: u.Sent}
			return &framed{io.MultiReader(bytes.NewReader(head), counted, bytes.NewReader(tail)), file}, nil
		},
	}, "/sobjects/ContentVersion")
	if err != nil {
		return commands.Receipt{}, err
	}
	return c.fileReceipt(id, note), nil
}

func (c *connection) fileReceipt(id, note string) commands.Receipt {
	return commands.Receipt{ID: id, URL: c.host() + "/sfc/servlet.shepherd/version/download/" + id, Note: note}
}

// frame answers what stands before and after the bytes of a file. Salesforce wants to know what it is before it comes.
func frame(ref commands.Ref, u commands.Attachment, title string) (kind string, head, tail []byte) {
	name := u.Name
	if long := []rune(name); len(long) > pathMost {
		name = string(long[len(long)-pathMost:]) // its end says what kind of file it is
	}
	if title == "" {
		title = name
	}
	var frame bytes.Buffer // which takes everything: there are no errors
	w := multipart.NewWriter(&frame)
	about, _ := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="entity_content"`}, "Content-Type": {"application/json"}})
	_ = json.NewEncoder(about).Encode(map[string]string{
		"Title": title, "PathOnClient": name, "FirstPublishLocationId": ref.ID, "Description": marker(commands.AttachmentMark, u.File),
	})
	_, _ = w.CreateFormFile("VersionData", name)
	split := frame.Len()
	_ = w.Close()
	return w.FormDataContentType(), frame.Bytes()[:split], frame.Bytes()[split:]
}

// counter tells how much of a file was read.
type counter struct {
	file io.Reader
	sent func(bytes int64)
	read int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	if n > 0 {
		c.read += int64(n)
		c.sent(c.read)
	}
	return n, err
}

// framed closes the file that it reads.
type framed struct {
	io.Reader
	io.Closer
}
