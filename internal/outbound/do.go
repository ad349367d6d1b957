package outbound

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"ticketd/commands"
)

// Answer is what came back, beside its body.
type Answer struct {
	Status int
	Header http.Header
}

// Request is one to a vendor. Of JSON, Form and Body there is one at most.
type Request struct {
	Method string
	URL    string
	Header map[string]string
	JSON   any
	Form   url.Values

	// Body answers bytes as they are, from the first, as often as it is asked.
	Body func() (io.ReadCloser, error)
	Type string // MIME, of Body
	Size int64  // of Body; -1: not known

	// Repeatable says that doing it twice is doing it once, so that an answer that is lost leaves no doubt. GET, HEAD, PUT, PATCH
	// and DELETE are, without saying so.
	Repeatable bool

	// Pace names what the vendor counts together with this one, where it counts by method; empty: all that the account asks.
	Pace string

	// Words answers what a vendor's body says is wrong, as a sentence; "" when it says nothing. May be nil.
	Words func(status int, body []byte) string

	// Judge answers what is wrong where a status does not tell, or tells something else. Nil is answered where it does; it is
	// asked for a success, too. A RetryAt that is left out of Limited is read from the headers. May be nil.
	Judge func(status int, header http.Header, body []byte) *commands.VendorError
}

func (r Request) repeatable() bool {
	return r.Repeatable || r.Method != http.MethodPost
}

// Do sends a request for an account, and reads the answer of a success as JSON into `into`, unless that is nil or there is no
// content. Errors: a *commands.VendorError; the context's, after which it may have been done.
func (c *Client) Do(ctx context.Context, account uuid.UUID, r Request, into any) (Answer, error) {
	req, err := r.build(ctx)
	if err != nil {
		return Answer{}, err
	}
	pace := c.pace(lane{account, r.Pace})
	res, err := c.at(pace).Do(req)
	if err != nil {
		return Answer{}, Lost(err, r.repeatable())
	}
	defer func() { _ = res.Body.Close() }() // everything was read
	answer := Answer{Status: res.StatusCode, Header: res.Header}
	body, err := io.ReadAll(res.Body)
	if err != nil && isSuccess(res.StatusCode) { // what is wrong is known without its words
		return answer, Lost(err, r.repeatable())
	}
	if wrong := c.judge(r, answer, body); wrong != nil {
		wrong.Message = r.withoutSecrets(wrong.Message)
		if wrong.Kind == commands.Limited {
			pace.hold(wrong.RetryAt)
		}
		return answer, wrong
	}
	if into == nil || res.StatusCode == http.StatusNoContent {
		return answer, nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return answer, Lost(fmt.Errorf("%w: %w", errSenseless, err), r.repeatable())
	}
	return answer, nil
}

// build answers the request. Errors: a *commands.VendorError, the context's.
func (r Request) build(ctx context.Context) (*http.Request, error) {
	body, kind, size := r.Body, r.Type, r.Size
	if r.JSON != nil || r.Form != nil {
		text := []byte(r.Form.Encode())
		kind = "application/x-www-form-urlencoded"
		if r.JSON != nil {
			var err error
			if text, err = json.Marshal(r.JSON); err != nil {
				return nil, &commands.VendorError{Kind: commands.Rejected, Message: "What is to be sent cannot be written as JSON."}
			}
			kind = "application/json; charset=utf-8"
		}
		body, size = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }, int64(len(text))
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, http.NoBody)
	if err != nil {
		return nil, &commands.VendorError{Kind: commands.Rejected, Message: "The vendor's address makes no sense."}
	}
	if body != nil && size != 0 {
		if req.Body, err = body(); err != nil {
			return nil, unread(ctx)
		}
		req.GetBody, req.ContentLength = body, size
	}
	if body != nil && kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	return req, nil
}

// unread is that our own side does not give what is to be sent. Errors: a *commands.VendorError, the context's.
func unread(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &commands.VendorError{Kind: commands.Down, Message: "What is to be sent cannot be read at the moment."}
}

func isSuccess(status int) bool { return status >= 200 && status < 300 }

// judge answers what is wrong with an answer; nil: nothing.
func (c *Client) judge(r Request, a Answer, body []byte) *commands.VendorError {
	if r.Judge != nil {
		if wrong := r.Judge(a.Status, a.Header, body); wrong != nil {
			if wrong.Kind == commands.Limited && wrong.RetryAt.IsZero() {
				wrong.RetryAt = retryAt(a.Header, c.now())
			}
			return wrong
		}
	}
	if isSuccess(a.Status) {
		return nil
	}
	words := ""
	if r.Words != nil {
		words = r.Words(a.Status, body)
	}
	return Fault(a.Status, a.Header, words, r.repeatable(), c.now())
}

// shortestSecret is how long something must be to be taken for a secret that a vendor repeats.
const shortestSecret = 8

// withoutSecrets answers a vendor's words without what was proved with: some repeat it.
func (r Request) withoutSecrets(words string) string {
	for name, value := range r.Header {
		if strings.EqualFold(name, "Authorization") {
			_, secret, _ := strings.Cut(value, " ")
			words = without(words, secret)
		}
	}
	for _, values := range r.Form {
		for _, value := range values {
			words = without(words, value)
		}
	}
	return words
}

func without(words, secret string) string {
	if len(secret) < shortestSecret {
		return words
	}
	return strings.ReplaceAll(words, secret, "***")
}
