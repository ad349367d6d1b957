package ws

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
)

// bearer is the subprotocol whose neighbour is the token: browsers can set no other header of a handshake.
const bearer = "bearer"

func acceptEvery(*http.Request) bool { return true }

// ServeHTTP upgrades one request and returns; the socket lives on without it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isHandshake(r) {
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "This address speaks WebSocket, version 13.", http.StatusUpgradeRequired)
		return
	}
	if !s.started(r.Context()) {
		unavailable(w, "The server is starting or stopping.")
		return
	}
	k, ok := s.enter()
	if !ok {
		unavailable(w, "Too many connections, or the server is stopping.")
		return
	}
	if !s.allows(r.Header.Get("Origin")) {
		k.shut(fate{codeForeign, "this origin may not connect"})
	} else if token := tokenOf(r); token != "" && k.fate.Load() == nil {
		if err := s.authenticate(r.Context(), k, token); err != nil {
			k.shut(s.fateOf(r.Context(), err))
		}
	}
	conn, buffers, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.leave(k)
		http.Error(w, "This connection cannot be upgraded.", http.StatusHTTPVersionNotSupported)
		return
	}
	k.wire.attach(conn)
	if buffers.Reader.Buffered() > 0 { // nobody may speak before the handshake is over
		k.wire.cut()
		s.leave(k)
		return
	}
	go s.serve(k, slim(r))
}

// unavailable answers as every error of the API does. Its words are ours and need no escaping.
func unavailable(w http.ResponseWriter, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = fmt.Fprintf(w, `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":%q}`, detail) // the client has gone if this does not arrive
}

// serve keeps the socket until it is closed.
func (s *Server) serve(k *socket, r *http.Request) {
	defer s.leave(k)
	defer k.wire.cut()
	// A failure is a client that left during the handshake.
	_ = s.melody.HandleRequestWithKeys(&detached{wire: k.wire, header: http.Header{}}, r, map[string]any{socketKey: k})
}

// isHandshake reports whether gorilla will accept the request. It must be known before the connection is ours, while
// a refusal can still be an HTTP answer.
func isHandshake(r *http.Request) bool {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	return err == nil && len(key) == 16 && r.Method == http.MethodGet &&
		websocket.IsWebSocketUpgrade(r) && r.Header.Get("Sec-WebSocket-Version") == "13"
}

// started waits a moment for Run.
func (s *Server) started(ctx context.Context) bool {
	timer := time.NewTimer(s.times.startWithin)
	defer timer.Stop()
	select {
	case <-s.following:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// allows judges where a page comes from. A client without an origin is no browser.
func (s *Server) allows(origin string) bool {
	return origin == "" || slices.Contains(s.config.Origins, origin) || slices.Contains(s.config.Origins, "*")
}

func tokenOf(r *http.Request) string {
	if token := r.URL.Query().Get("token"); token != "" {
		return token
	}
	if offered := subprotocols(r); len(offered) > 1 && offered[0] == bearer {
		return offered[1]
	}
	return ""
}

func subprotocols(r *http.Request) []string {
	offered := strings.Split(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",")
	for i := range offered {
		offered[i] = strings.TrimSpace(offered[i])
	}
	return offered
}

// slim copies what the upgrade needs, and neither the token nor anything that keeps the request alive.
func slim(r *http.Request) *http.Request {
	h := http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {strings.Clone(r.Header.Get("Sec-WebSocket-Key"))},
	}
	if slices.Contains(subprotocols(r), bearer) {
		h.Set("Sec-WebSocket-Protocol", bearer)
	}
	return &http.Request{Method: http.MethodGet, Header: h}
}

// detached is a response whose connection is ours already.
type detached struct {
	wire   *wire
	header http.Header
}

func (d *detached) Header() http.Header       { return d.header }
func (d *detached) Write([]byte) (int, error) { return 0, http.ErrHijacked }
func (d *detached) WriteHeader(int)           {}

func (d *detached) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	const least = 16 // gorilla brings its own buffers
	return d.wire, bufio.NewReadWriter(bufio.NewReaderSize(strings.NewReader(""), least), bufio.NewWriterSize(io.Discard, least)), nil
}

// newSocket needs s.mu.
func (s *Server) newSocket() *socket {
	now := time.Now()
	k := &socket{
		server: s, id: uuid.New(), since: now, lane: s.lanes[s.turn%len(s.lanes)], room: make(chan struct{}, 1),
		wire:     &wire{linger: s.times.linger, in: &s.counters.bytesIn, out: &s.counters.bytesOut},
		nextPing: now.Add(s.times.pingEvery), rate: newRate(s.config.MessagesPerMinute),
	}
	s.turn++
	k.ctx, k.cancel = context.WithCancel(s.base)
	k.deadline.Store(now.Add(s.times.authWithin).UnixNano())
	return k
}
