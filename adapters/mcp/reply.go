package mcp

import (
	"bytes"
	"maps"
	nethttp "net/http"
	"strconv"
	"strings"
)

// reply collects an answer. It cannot be flushed, which tells the library that nothing can be streamed.
type reply struct {
	bytes.Buffer
	header nethttp.Header
	status int
}

// Header implements net/http's ResponseWriter.
func (r *reply) Header() nethttp.Header { return r.header }

// WriteHeader implements net/http's ResponseWriter.
func (r *reply) WriteHeader(status int) { r.status = status }

// send writes the answer. What the library refuses in plain text becomes a Problem.
func (r *reply) send(w nethttp.ResponseWriter, request *nethttp.Request, s *Server) {
	if r.status >= nethttp.StatusBadRequest && strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") {
		s.refuse(w, request, newProblem(r.status, "", strings.TrimSpace(r.String())))
		return
	}
	maps.Copy(w.Header(), r.header)
	w.Header().Set("Content-Length", strconv.Itoa(r.Len()))
	w.WriteHeader(r.status)
	_, _ = w.Write(r.Bytes()) // the client has gone if this does not arrive
}
