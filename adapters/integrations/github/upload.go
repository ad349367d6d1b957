package github

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// shown are the types that GitHub takes among the files of an issue, and how many bytes of each.
var shown = map[string]int64{
	"image/png": 10 << 20, "image/jpeg": 10 << 20, "image/gif": 10 << 20, "image/webp": 10 << 20, "image/svg+xml": 10 << 20,
	"video/mp4": 100 << 20, "video/quicktime": 100 << 20, "video/webm": 100 << 20,
}

// typeOf answers a file's type without its parameters.
func typeOf(u commands.Attachment) string {
	kind, _, err := mime.ParseMediaType(u.Type)
	if err != nil {
		return ""
	}
	return kind
}

func showable(u commands.Attachment) bool { return u.Size > 0 && u.Size <= shown[typeOf(u)] }

// upload puts a picture or a video among the files of a repository's issues, as the website does. GitHub does not describe this
// way, but its own command line goes it.
func (c *connection) upload(ctx context.Context, where place, u commands.Attachment) (kept, error) {
	proof, err := token(c.account)
	if err != nil {
		return kept{}, err
	}
	repo, err := c.repository(ctx, where)
	if err != nil {
		return kept{}, err
	}
	query := url.Values{"name": {u.Name}, "content_type": {typeOf(u)}, "repository_id": {strconv.FormatInt(repo.GetID(), 10)}}
	var asset struct {
		URL string `json:"url"`
	}
	_, err = c.out.Do(ctx, c.account.Integration, outbound.Request{
		Method: http.MethodPost,
		URL:    address(c.account, uploadsHost, "user-attachments/assets?"+query.Encode()),
		Header: map[string]string{"Authorization": "Bearer " + proof, "Accept": "application/json"},
		Body:   func() (io.ReadCloser, error) { return opened(ctx, u) },
		Type:   "application/octet-stream", Size: u.Size,
		Repeatable: true, // nobody sees it before a comment shows it
		Judge:      judge(again),
	}, &asset)
	if err != nil {
		return kept{}, err
	}
	if asset.URL == "" {
		return kept{}, senseless(again)
	}
	text := asset.URL // a video is shown where its address is alone
	if strings.HasPrefix(typeOf(u), "image/") {
		text = "![" + name(u.Name) + "](" + asset.URL + ")"
	}
	return kept{url: asset.URL, text: text}, nil
}
