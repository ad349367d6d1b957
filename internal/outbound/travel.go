package outbound

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// traveller sends the requests of an account.
type traveller struct {
	client *Client
	pace   *pace
}

// RoundTrip sends a request when its turn has come. Errors: those that Lost reads.
func (t *traveller) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "http" && req.URL.Scheme != "https" || req.URL.Host == "" {
		closeBody(req)
		return nil, errNoWeb
	}
	entered, err := t.pace.enter(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	res, err := t.send(req)
	if err != nil {
		t.pace.lose()
		return nil, err
	}
	t.pace.leave(entered, res.StatusCode, res.Header)
	return res, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // a RoundTripper must
	}
}

func (t *traveller) send(req *http.Request) (*http.Response, error) {
	caller := req.Context()
	var sent atomic.Bool
	ctx := httptrace.WithClientTrace(caller, &httptrace.ClientTrace{WroteHeaderField: func(string, []string) { sent.Store(true) }})
	w, ctx := watch(ctx, t.client.silence)
	req = req.Clone(ctx)
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", t.client.userAgent)
	}
	w.over(req)
	res, err := t.client.transport.RoundTrip(req)
	if err != nil {
		w.end()
		switch {
		case caller.Err() != nil:
			return nil, &endedError{caller.Err()}
		case errors.Is(context.Cause(ctx), errSilence):
			err = errSilence
		}
		if !sent.Load() {
			return nil, &unsentError{err}
		}
		return nil, err
	}
	w.answered.Store(true)
	w.rest()
	res.Body = &answerBody{ReadCloser: res.Body, watch: w, caller: caller, ctx: ctx, left: answerMost, operation: t.client.left}
	return res, nil
}

// watchman ends a request about which nothing is heard for too long.
type watchman struct {
	silence  time.Duration
	timer    *time.Timer
	cancel   context.CancelCauseFunc
	answered atomic.Bool // what is still sent says nothing any more
}

// watch begins to wait for the vendor.
func watch(ctx context.Context, silence time.Duration) (*watchman, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &watchman{silence: silence, cancel: cancel, timer: time.AfterFunc(silence, func() { cancel(errSilence) })}, ctx
}

// wait says that the vendor has its turn.
func (w *watchman) wait() { w.timer.Reset(w.silence) }

// rest says that it is not the vendor who is waited for.
func (w *watchman) rest() { w.timer.Stop() }

func (w *watchman) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// over watches over what is sent.
func (w *watchman) over(req *http.Request) {
	if req.Body == nil || req.Body == http.NoBody {
		return
	}
	req.Body = &sentBody{req.Body, w}
	if again := req.GetBody; again != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return &sentBody{body, w}, nil
		}
	}
}

// sentBody is what is sent: that the next piece of it is asked for is a sign of life.
type sentBody struct {
	io.ReadCloser

	watch *watchman
}

func (b *sentBody) Read(p []byte) (int, error) {
	if b.watch.answered.Load() {
		return b.ReadCloser.Read(p)
	}
	b.watch.rest() // what our own side takes does not count
	n, err := b.ReadCloser.Read(p)
	b.watch.wait()
	if b.watch.answered.Load() { // meanwhile
		b.watch.rest()
	}
	return n, err
}

// answerBody is what comes back.
type answerBody struct {
	io.ReadCloser

	watch       *watchman
	caller, ctx context.Context //nolint:containedctx // as long as the answer is read
	left        int
	operation   *allowance
}

func (b *answerBody) Read(p []byte) (int, error) {
	room := b.operation.within(b.left)
	if room == 0 {
		var one [1]byte
		p = one[:]
	}
	b.watch.wait()
	n, err := b.ReadCloser.Read(p[:min(len(p), max(room, 1))])
	b.watch.rest()
	if room == 0 && n > 0 {
		return 0, errTooLong
	}
	b.left -= n
	b.operation.spend(n)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case b.caller.Err() != nil:
		return n, &endedError{b.caller.Err()}
	case errors.Is(context.Cause(b.ctx), errSilence):
		return n, errSilence
	}
	return n, err
}

func (b *answerBody) Close() error {
	b.watch.end()
	return b.ReadCloser.Close()
}
