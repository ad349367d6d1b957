package teams

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"

	"ticketd/commands"
	"ticketd/internal/lastline"
	"ticketd/internal/outbound"
)

const (
	// simpleMost is how many bytes go in one request. Larger files go in pieces.
	simpleMost = 4 << 20
	// piece is how many bytes go in a request of several: a multiple of 320 KiB, as SharePoint wants it.
	piece = 16 * 320 << 10
	// nameMost is how many characters of a file's name are kept.
	nameMost = 100
)

// item is a file in SharePoint.
type item struct {
	ID        string `json:"id"`
	ETag      string `json:"eTag"`
	WebDavURL string `json:"webDavUrl"`
	Parent    struct {
		Drive string `json:"driveId"`
	} `json:"parentReference"`
}

// Attach implements commands.Connection. The channel's folder takes the bytes, under a name that no other file has: trying again
// replaces them. A reply then points there.
func (c connection) Attach(ctx context.Context, ref commands.Ref, u commands.Attachment) (commands.Receipt, error) {
	var folder item
	if err := c.get(ctx, c.channel(ref)+"/filesFolder", &folder); err != nil {
		return commands.Receipt{}, err
	}
	if folder.ID == "" || folder.Parent.Drive == "" {
		return commands.Receipt{}, errNowhere
	}
	drive := "/drives/" + url.PathEscape(folder.Parent.Drive) + "/items/"
	kept, err := c.upload(ctx, drive+url.PathEscape(folder.ID)+":/"+url.PathEscape(nameOf(u))+":/", u)
	if err != nil {
		return commands.Receipt{}, err
	}
	if kept.ID == "" {
		return commands.Receipt{}, errNowhere
	}
	// Only what is asked for by name has the address that a message may point to.
	if err := c.get(ctx, drive+url.PathEscape(kept.ID)+"?$select=id,name,eTag,webDavUrl", &kept); err != nil {
		return commands.Receipt{}, err
	}
	id := guid.FindString(kept.ETag)
	if id == "" || kept.WebDavURL == "" {
		return commands.Receipt{}, errNowhere
	}
	reply, err := c.reply(ctx, ref, messageHere{
		Body:        asHTML(`<attachment id="`+id+`"></attachment>`, paragraph(u.Name), paragraph(lastline.Mark{Kind: ofFile, ID: u.File}.Line())),
		Attachments: []attachment{{ID: id, ContentType: "reference", ContentURL: kept.WebDavURL, Name: u.Name}},
	})
	if err != nil {
		return commands.Receipt{}, err
	}
	return commands.Receipt{ID: reply, URL: kept.WebDavURL}, nil
}

// errNowhere refuses answers that do not say what they were asked for. Trying again replaces what may be there.
var errNowhere = &commands.VendorError{Kind: commands.Down, Message: "Microsoft did not say where the file is."}

// guid is the name of a file in its eTag.
var guid = regexp.MustCompile(`[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`)

// forbidden are the characters that no name in SharePoint has.
var forbidden = regexp.MustCompile(`["*:<>?/\\|\x00-\x1f]`)

// nameOf answers the name under which a file is kept.
func nameOf(u commands.Attachment) string {
	name := strings.Trim(forbidden.ReplaceAllString(u.Name, "_"), " .~")
	ending := path.Ext(name)
	if len(ending) > 10 {
		ending = ""
	}
	name, _ = outbound.Cut(strings.TrimSuffix(name, ending), nameMost, "")
	return strings.TrimSpace(name) + " " + strings.ReplaceAll(u.File.String(), "-", "") + ending
}

// upload sends a file to a path, in one request or in pieces.
func (c connection) upload(ctx context.Context, path string, u commands.Attachment) (item, error) {
	var kept item
	if u.Size <= simpleMost {
		kind := u.Type
		if kind == "" {
			kind = "application/octet-stream"
		}
		err := c.call(ctx, outbound.Request{
			Method: http.MethodPut, URL: path + "content", Type: kind, Size: u.Size, Body: part(ctx, u, 0, u.Size),
		}, &kept)
		return kept, err
	}
	var session struct {
		UploadURL string `json:"uploadUrl"`
	}
	err := c.call(ctx, outbound.Request{
		Method: http.MethodPost, URL: path + "createUploadSession", Repeatable: true,
		JSON: map[string]any{"item": map[string]string{"@microsoft.graph.conflictBehavior": "replace"}},
	}, &session)
	if err != nil {
		return kept, err
	}
	// The address is a secret itself, and no Authorization must go there.
	address := outbound.Host(c.account.BaseURL, session.UploadURL)
	for from := int64(0); from < u.Size; from += piece {
		size := min(piece, u.Size-from)
		_, err := c.client.Do(ctx, c.account.Integration, outbound.Request{
			Method: http.MethodPut, URL: address, Type: "application/octet-stream", Size: size, Body: part(ctx, u, from, size),
			Header: map[string]string{"Content-Range": fmt.Sprintf("bytes %d-%d/%d", from, from+size-1, u.Size)},
			Words:  words, Judge: judge,
		}, &kept)
		if err != nil {
			return kept, err
		}
	}
	return kept, nil
}

// part answers what opens a piece of a file, and tells how much of the file was read.
func part(ctx context.Context, u commands.Attachment, from, size int64) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		file, err := u.Open(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := file.Seek(from, io.SeekStart); err != nil {
			_ = file.Close() // nothing was read
			return nil, err
		}
		return &told{Reader: io.LimitReader(file, size), Closer: file, sent: u.Sent, read: from}, nil
	}
}

// told reads a file and tells how much of it was read.
type told struct {
	io.Reader
	io.Closer

	sent func(int64)
	read int64
}

func (t *told) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	if n > 0 {
		t.read += int64(n)
		t.sent(t.read)
	}
	return n, err
}
