package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// caller sends the requests that the library makes, so that every request to Slack keeps the account's limits, which Slack counts
// by method, and fails in one way.
type caller struct {
	out     *outbound.Client
	account uuid.UUID
	judge   judgement // nil: the one of all other requests
}

// Do answers Slack's words when they say that all went well. Errors: a *commands.VendorError, or the context's.
func (c caller) Do(r *http.Request) (*http.Response, error) {
	method := path.Base(r.URL.Path)
	repeatable := !once[method]
	request := outbound.Request{
		Method: r.Method, URL: r.URL.String(), Header: map[string]string{},
		Body: r.GetBody, Type: r.Header.Get("Content-Type"), Size: r.ContentLength,
		Repeatable: repeatable, Pace: method, Judge: judge(repeatable),
	}
	if c.judge != nil {
		request.Judge = c.judge
	}
	if authorization := r.Header.Get("Authorization"); authorization != "" {
		request.Header["Authorization"] = authorization
	}
	var body json.RawMessage
	answer, err := c.out.Do(r.Context(), c.account, request, &body)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: answer.Status, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// once names the methods that do another thing when they are called again.
var once = map[string]bool{"chat.postMessage": true, "files.completeUploadExternal": true, "oauth.v2.access": true}

// get asks one of the methods that Slack describes as GET alone, where the library would post a form.
func (c *connection) get(ctx context.Context, method string, query url.Values, into any) error {
	_, err := c.out.Do(ctx, c.account.Integration, outbound.Request{
		Method: http.MethodGet, URL: address(c.account, method) + "?" + query.Encode(),
		Header: map[string]string{"Authorization": "Bearer " + token(c.account)}, Pace: method, Judge: judge(true),
	}, into)
	return err
}

// channelInfo is what Slack says of a channel.
type channelInfo struct {
	IsMember   bool `json:"is_member"`
	IsArchived bool `json:"is_archived"`
}

func (c *connection) channel(ctx context.Context, id string) (channelInfo, error) {
	var answer struct {
		Channel channelInfo `json:"channel"`
	}
	err := c.get(ctx, "conversations.info", url.Values{"channel": {id}}, &answer)
	return answer.Channel, err
}

// page is one answer of a method that answers messages.
type page struct {
	Messages []message `json:"messages"`
	More     bool      `json:"has_more"`
	Metadata struct {
		Cursor string `json:"next_cursor"`
	} `json:"response_metadata"`
}

// pages reads a method page by page until there are no more, or each says that it has seen enough. more: there are more than are
// read.
func (c *connection) pages(ctx context.Context, method string, query url.Values, each func(page) bool) (more bool, err error) {
	query.Set("include_all_metadata", "true")
	for range pagesMost {
		var p page
		if err := c.get(ctx, method, query, &p); err != nil {
			return false, err
		}
		if !each(p) || !p.More || p.Metadata.Cursor == "" {
			return false, nil
		}
		query.Set("cursor", p.Metadata.Cursor)
	}
	return true, nil
}

// pageSize is what Slack recommends at most; it may answer fewer. pagesMost is how many pages are read.
const pageSize, pagesMost = 200, 100

// thread answers the message of a ticket and what was said beneath it, the oldest first, and stops when that is so much; and
// whether there is more.
func (c *connection) thread(ctx context.Context, ref commands.Ref, most int) (parent message, replies []message, cut bool, err error) {
	query := url.Values{"channel": {ref.Place}, "ts": {ref.ID}, "limit": {strconv.Itoa(pageSize)}}
	more, err := c.pages(ctx, "conversations.replies", query, func(p page) bool {
		for _, m := range p.Messages {
			if m.TS == ref.ID {
				parent = m // which every page begins with
			} else {
				replies = append(replies, m)
			}
		}
		cut = p.More && len(replies) >= most
		return !cut
	})
	if err != nil {
		return message{}, nil, false, err
	}
	return parent, replies, cut || more, present(parent)
}

// parent answers the message of a ticket alone.
func (c *connection) parent(ctx context.Context, ref commands.Ref) (message, error) {
	var found message
	query := url.Values{"channel": {ref.Place}, "ts": {ref.ID}, "limit": {"1"}}
	_, err := c.pages(ctx, "conversations.replies", query, func(p page) bool {
		for _, m := range p.Messages {
			if m.TS == ref.ID {
				found = m
			}
		}
		return false
	})
	if err != nil {
		return message{}, err
	}
	return found, present(found)
}

// present refuses a message that was deleted: Slack leaves a tombstone where a thread hangs on it.
func present(m message) error {
	if m.TS == "" || m.Subtype == "tombstone" {
		return fault("message_not_found", "", true)
	}
	return nil
}
