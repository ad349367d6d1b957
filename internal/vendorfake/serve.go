package vendorfake

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"time"
)

// bodyMost is how long a body may be that is read at once: a file of 100 MB in base64, and what is around it.
const bodyMost = 160 << 20

// Request is a valid request for an operation.
type Request struct {
	*http.Request
	Operation string            // by the description
	Params    map[string]string // of the path
	Data      []byte            // the body, of JSON and forms. Others are read from Body, once

	base  *Base
	route *route
	body  *body
}

// body remembers that the caller went before its end: what is missing then is nobody's mistake.
type body struct {
	io.ReadCloser
	cut bool
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.cut = b.cut || err != nil && !errors.Is(err, io.EOF)
	return n, err
}

// JSON reads the body, which is valid by the description.
func (r *Request) JSON(into any) error { return json.Unmarshal(r.Data, into) }

// Wrong remembers that the request is not valid, by something that the description does not say.
func (r *Request) Wrong(reason string) {
	if !r.body.cut {
		r.base.wrong(r.Method+" "+r.URL.Path, reason)
	}
}

// Answer writes an answer of JSON. nil: none.
func Answer(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// Whoever has gone needs no answer.
	_ = json.NewEncoder(w).Encode(body)
}

// serve answers a request: held against the description, then against the limit and the faults that are planned, then played.
func (b *Base) serve(w http.ResponseWriter, req *http.Request) {
	number := b.note(req)
	watched := &watched{ResponseWriter: w}
	defer func() { b.noteStatus(number, watched.status) }()

	sent := &body{ReadCloser: req.Body}
	req.Body = sent
	r, reason := b.understand(req, sent, number)
	if reason == "" {
		reason = b.validate(req.Context(), r)
	}
	if sent.cut {
		panic(http.ErrAbortHandler)
	}
	if reason != "" {
		b.wrong(req.Method+" "+req.URL.RequestURI(), reason)
		drain(req)
		Answer(watched, http.StatusBadRequest, map[string]any{"message": reason})
		return
	}
	if b.refuses(watched) {
		drain(req)
		return
	}
	b.play(watched, r, b.take(r))
}

// understand answers the request with its operation, or why it makes no sense.
func (b *Base) understand(req *http.Request, sent *body, number int) (*Request, string) {
	found, params := b.find(req)
	if found == nil {
		return nil, "there is no such operation"
	}
	b.noteOperation(number, found.operation)
	r := &Request{Request: req, Operation: found.operation, Params: params, base: b, route: found, body: sent}
	if !r.raw() {
		data, err := io.ReadAll(http.MaxBytesReader(nil, req.Body, bodyMost))
		if err != nil {
			return nil, "the body: " + err.Error()
		}
		r.Data = data
	}
	return r, ""
}

// play does what was asked, unless something goes wrong on the way.
func (b *Base) play(w http.ResponseWriter, r *Request, fault Fault) {
	switch {
	case fault.DropBefore:
		panic(http.ErrAbortHandler)
	case fault.Silence:
		// the server notices that the caller has gone only when there is nothing left to read
		drain(r.Request)
		select {
		case <-r.Context().Done():
		case <-b.closing:
		}
		panic(http.ErrAbortHandler)
	case fault.DropAfter:
		b.do(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case fault.Garbage:
		done := httptest.NewRecorder()
		b.do(done, r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(done.Code)
		_, _ = io.WriteString(w, `{"id": "`)
	case fault.Status != 0:
		drain(r.Request)
		w.Header().Set("Content-Type", "application/json")
		for name, value := range fault.Header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, fault.Body)
	default:
		b.do(w, r)
	}
}

// do plays the operation.
func (b *Base) do(w http.ResponseWriter, r *Request) {
	defer drain(r.Request)
	handler := b.options.Operations[r.Operation]
	if handler == nil {
		b.wrong(r.Operation, "it is not played")
		Answer(w, http.StatusNotImplemented, map[string]any{"message": "not played"})
		return
	}
	if b.options.Admit != nil && r.route.guarded(b.doc.Security) && !b.options.Admit(w, r) {
		return
	}
	if r.Data != nil {
		r.Body = io.NopCloser(bytes.NewReader(r.Data))
	}
	handler(w, r)
}

// drain reads what is left of a body: whoever sends it would not hear the answer otherwise.
func drain(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

func (b *Base) note(req *http.Request) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, Seen{Method: req.Method, Path: req.URL.Path, At: time.Now()})
	return len(b.seen) - 1
}

func (b *Base) noteOperation(number int, operation string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[number].Operation = operation
}

func (b *Base) noteStatus(number, status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[number].Status = status
}

func (b *Base) wrong(what, reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.invalid = append(b.invalid, what+": "+reason)
}

// watched remembers the status of an answer.
type watched struct {
	http.ResponseWriter
	status int
}

func (w *watched) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}
