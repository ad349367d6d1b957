package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

const (
	// patience is how long a receiver may take with a request.
	patience = 10 * time.Second
	// shownAnswer is how many bytes of an answer's body are shown to whoever tries an address out.
	shownAnswer = 500
	// longestPause is the longest Retry-After that is believed.
	longestPause = 24 * time.Hour
)

// Sender sends signed requests to addresses that organizations name.
type Sender struct {
	Client   *outbound.Client
	Patience time.Duration    // with one request; 0: 10 s
	Now      func() time.Time // nil: the machine's
}

// attempt is what came of one request.
type attempt struct {
	commands.WebhookAttempt
	gone  bool      // the receiver says that it is there no longer
	again time.Time // not before; zero: as usual
}

func (s Sender) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s Sender) patience() time.Duration {
	if s.Patience == 0 {
		return patience
	}
	return s.Patience
}

// send sends a message once. A redirect is no answer: what was signed for one address is not for another.
func (s Sender) send(ctx context.Context, account uuid.UUID, url string, secrets [][]byte, m message) attempt {
	began := s.now()
	a := attempt{WebhookAttempt: commands.WebhookAttempt{ID: m.id}}
	ctx, done := context.WithTimeout(ctx, s.patience())
	defer done()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(m.body))
	if err != nil {
		a.Why = "The address makes no sense."
		return a
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("webhook-id", m.id)
	request.Header.Set("webhook-timestamp", stamp(began))
	request.Header.Set("webhook-signature", sign(secrets, m.id, began, m.body))
	client := s.Client.For(account)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	a.Took = s.now().Sub(began)
	if err != nil {
		a.Why, a.again = s.lost(err)
		return a
	}
	defer func() { _ = response.Body.Close() }() // what is left of it says nothing more
	a.read(response)
	a.judge(response, s.now())
	return a
}

// read keeps how the answer begins, if that is text. What is wrong with the rest does not matter.
func (a *attempt) read(response *http.Response) {
	began, _ := io.ReadAll(io.LimitReader(response.Body, shownAnswer))
	if text := strings.ToValidUTF8(string(began), ""); utf8.Valid(began) || len(began)-len(text) < utf8.UTFMax {
		a.Began = strings.ReplaceAll(text, "\x00", "")
	}
}

// judge says whether the message was taken.
func (a *attempt) judge(response *http.Response, now time.Time) {
	a.Status = response.StatusCode
	switch {
	case a.Status >= 200 && a.Status < 300:
		return
	case a.Status >= 300 && a.Status < 400:
		a.Why = fmt.Sprintf("The receiver answered %d: it sends elsewhere, and redirects are not followed.", a.Status)
	case a.Status == http.StatusGone:
		a.Why, a.gone = "The receiver answered 410: it is there no longer.", true
	default:
		a.Why = strings.TrimSpace(fmt.Sprintf("The receiver answered %d %s", a.Status, http.StatusText(a.Status))) + "."
	}
	if a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable {
		a.again = retryAfter(response.Header.Get("Retry-After"), now)
	}
}

// retryAfter reads a Retry-After, of seconds or a date; zero when it says nothing.
func retryAfter(text string, now time.Time) time.Time {
	var pause time.Duration
	if seconds, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		pause = time.Duration(min(seconds, int(longestPause/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		pause = at.Sub(now)
	}
	if pause <= 0 {
		return time.Time{}
	}
	return now.Add(min(pause, longestPause))
}

// lost says in words why there was no answer, and when it may be tried again.
func (s Sender) lost(err error) (why string, again time.Time) {
	cause := outbound.Lost(err, true)
	if errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Sprintf("The receiver did not answer within %v.", s.patience()), time.Time{}
	}
	if errors.Is(cause, context.Canceled) {
		return "The program was stopped before the receiver answered.", time.Time{}
	}
	vendor, ok := errors.AsType[*commands.VendorError](cause)
	switch {
	case !ok:
	case vendor.Kind == commands.Rejected:
		return vendor.Message, time.Time{}
	case vendor.Kind == commands.Limited:
		return "The receiver has asked for a pause.", vendor.RetryAt
	}
	return "The receiver cannot be reached, or the connection broke.", time.Time{}
}
