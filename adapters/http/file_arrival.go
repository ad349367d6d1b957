package http

import (
	"bytes"
	"context"
	"errors"
	"io"
	nethttp "net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
)

// streamedBody marks operations that read their body as it comes.
const streamedBody = "streamed"

// bodyMost is the key in an operation's metadata of how many bytes the body of one that is streamed may have, where that is not
// as many as an upload's.
const bodyMost = "body most"

// streamed lets an operation read its body as it comes: nobody holds it in memory.
func streamed(o *huma.Operation) {
	mark(o, streamedBody, true)
	o.Errors = append(o.Errors, nethttp.StatusRequestTimeout, nethttp.StatusRequestEntityTooLarge)
}

const (
	silence    = time.Minute      // how long a client that uploads may send nothing
	lingerFor  = 30 * time.Second // how long a client that was refused may go on sending
	lingerWait = 5 * time.Second  // how long it may send nothing then
	lingerMost = 1 << 30          // bytes that it may send then
	formRoom   = 1 << 20          // bytes of a form besides its file
)

// receive lets an operation read its body as it comes, and sees to it that a client hears why it is refused.
//
// # Why
//
// A client that sends a hundred megabytes looks for an answer when it is done, or when the line breaks. To close the
// connection on what it still sends makes its own system throw the answer away. So the answer goes out whole, which ends
// the upload of a client that looks; what still comes of others is read, and thrown away, for a while.
func (s *Server) receive(c huma.Context, next func(huma.Context)) {
	if c.Operation().Metadata[streamedBody] == nil {
		next(c)
		return
	}
	r, response := humaecho.Unwrap(c).Request(), humaecho.Unwrap(c).Response()
	connection := nethttp.NewResponseController(response.Writer)
	most, own := c.Operation().Metadata[bodyMost].(int64)
	if !own {
		most = s.config.MaxUpload + formRoom
	}
	body := &arrival{ReadCloser: r.Body, connection: connection, ctx: c.Context(), most: most}
	hurry := context.AfterFunc(c.Context(), func() { _ = connection.SetReadDeadline(time.Now()) })
	defer hurry()
	held := &heldAnswer{ResponseWriter: response.Writer, status: nethttp.StatusOK}
	r.Body, response.Writer = body, held
	defer func() { response.Writer = held.ResponseWriter }() // also when somebody panics
	next(c)
	held.send(connection, body)
}

// arrival is a body that comes over a connection. It ends with the request's context.
type arrival struct {
	io.ReadCloser
	connection *nethttp.ResponseController
	ctx        context.Context
	most       int64 // bytes to take

	taken   int64
	renewed time.Time
	err     error // what it ended with
}

// errTooMuch ends a body that is longer than it may be.
var errTooMuch = errors.New("the body is too long")

// Read implements io.Reader. A client has its time for every second in which it sends something.
func (a *arrival) Read(p []byte) (n int, err error) {
	if a.err != nil {
		return 0, a.err
	}
	if now := time.Now(); now.Sub(a.renewed) > time.Second {
		a.renewed = now
		_ = a.connection.SetReadDeadline(now.Add(silence)) // a connection without deadlines is one of a test
	}
	if a.err = a.ctx.Err(); a.err != nil { // after the deadline was set: whoever ends ctx shortens it then
		return 0, a.err
	}
	n, a.err = a.ReadCloser.Read(p)
	if a.taken += int64(n); a.taken > a.most {
		a.err = errTooMuch
	}
	return n, a.err
}

// drain reads what still comes.
func (a *arrival) drain() {
	begun, scrap := time.Now(), make([]byte, 32<<10)
	for taken := 0; taken < lingerMost; {
		wait := min(lingerWait, lingerFor-time.Since(begun))
		if wait <= 0 || a.connection.SetReadDeadline(time.Now().Add(wait)) != nil || a.ctx.Err() != nil {
			return
		}
		n, err := a.ReadCloser.Read(scrap)
		if err != nil {
			return
		}
		taken += n
	}
}

// heldAnswer holds an answer back until it is whole, so that it goes out with its length. It is a small one.
type heldAnswer struct {
	nethttp.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements net/http's ResponseWriter.
func (h *heldAnswer) WriteHeader(status int) { h.status = status }

// Write implements io.Writer.
func (h *heldAnswer) Write(p []byte) (int, error) { return h.body.Write(p) }

// send writes the answer. A client that was refused in the middle of its body may need some time to see it, and its
// connection cannot be used again.
func (h *heldAnswer) send(connection *nethttp.ResponseController, body *arrival) {
	unread := h.status >= nethttp.StatusBadRequest && !errors.Is(body.err, io.EOF)
	h.Header().Set("Content-Length", strconv.Itoa(h.body.Len()))
	if unread {
		h.Header().Set("Connection", "close")
	}
	h.ResponseWriter.WriteHeader(h.status)
	_, err := h.ResponseWriter.Write(h.body.Bytes())
	if unread && err == nil && connection.Flush() == nil {
		body.drain()
	}
	_ = connection.SetReadDeadline(time.Time{}) // the next request has its own
}
