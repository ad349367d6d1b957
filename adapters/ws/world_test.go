package ws

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	uploads "ticketd/domain/file"
	chats "ticketd/domain/thread"
	facts "ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

const (
	patience     = 15 * time.Second
	kernelBuffer = 32 << 10 // small, so that a slow client is found out soon
)

var dialer = &http.Client{Transport: &http.Transport{
	DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(kernelBuffer)
		}
		return conn, err
	},
}}

// world is a server with everything behind it in memory.
type world struct {
	t      *testing.T
	store  *eventstore.Memory
	server *Server
	http   *httptest.Server
	run    chan error
	cancel context.CancelFunc

	mu      sync.Mutex
	callers map[string]domain.Caller
	tickets map[uuid.UUID]desk
	jobs    map[uuid.UUID]desk
	threads map[uuid.UUID]desk
	streams map[uuid.UUID]eventstore.Stream // as last written
	judge   func(token string)              // called before a token is judged
	find    error                           // what Find answers, when not nil
	from    error                           // what From answers, once
}

// desk is what the world knows about a ticket, an upload or a thread.
type desk struct {
	org    domain.OrgID
	number string // of a ticket
	owner  domain.UserID
}

// jobs finds uploads where the world itself finds tickets, and threads finds conversations.
type (
	jobs    struct{ *world }
	threads struct{ *world }
)

type option func(*Config, *times, *eventstore.Reader)

func newWorld(t *testing.T, options ...option) *world {
	t.Helper()
	w := quietWorld(t, options...)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	w.cancel = cancel
	go func() { w.run <- w.server.Run(ctx) }()
	require.Eventually(t, func() bool { return w.server.started(t.Context()) }, patience, time.Millisecond)
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-w.run)
	})
	return w
}

// quietWorld does not run its server yet.
func quietWorld(t *testing.T, options ...option) *world {
	t.Helper()
	w := &world{
		t: t, store: eventstore.NewMemory(catalog.Codec), run: make(chan error, 1),
		callers: map[string]domain.Caller{}, tickets: map[uuid.UUID]desk{}, jobs: map[uuid.UUID]desk{}, threads: map[uuid.UUID]desk{},
		streams: map[uuid.UUID]eventstore.Stream{},
	}
	config, short := Config{MessagesPerMinute: 1000}, usualTimes
	var events eventstore.Reader = w.store
	for _, o := range options {
		o(&config, &short, &events)
	}
	w.server = newServer(config, short, w, w, jobs{w}, threads{w}, w, events, slog.New(slog.DiscardHandler))
	w.http = httptest.NewUnstartedServer(w.server)
	w.http.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		require.NoError(t, c.(*net.TCPConn).SetWriteBuffer(kernelBuffer))
		return ctx
	}
	w.http.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		require.NoError(t, w.server.Close(ctx))
		w.http.Close()
	})
	return w
}

func (w *world) Authenticate(_ context.Context, token string) (domain.Caller, error) {
	if w.judge != nil {
		w.judge(token)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch token {
	case "broken":
		return domain.Caller{}, context.DeadlineExceeded
	case "forbidden":
		return domain.Caller{}, domain.ErrForbidden
	}
	if c, ok := w.callers[token]; ok {
		return c, nil
	}
	return domain.Caller{}, &domain.Error{Kind: domain.Unauthenticated, Code: "bad_token", Message: "The token is not valid."}
}

var errNoTicket = &domain.Error{Kind: domain.NotFound, Code: "not_found", Message: "There is no such ticket."}

func (w *world) Find(_ context.Context, c domain.Caller, ref string) (uuid.UUID, any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ref == "panic" {
		panic("a fault for the test")
	}
	if w.find != nil {
		return uuid.Nil, nil, w.find
	}
	for id, d := range w.tickets {
		if (id.String() == ref || d.number == ref) && d.org == c.Org && c.May(domain.ReadTickets, d.owner) {
			return id, map[string]string{"ticket_id": id.String(), "status": "open"}, nil
		}
	}
	return uuid.Nil, nil, errNoTicket
}

func (j jobs) Find(_ context.Context, c domain.Caller, ref string) (uuid.UUID, any, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.find != nil {
		return uuid.Nil, nil, j.find
	}
	for id, d := range j.jobs {
		if id.String() == ref && d.org == c.Org && c.May(domain.ReadFiles, d.owner) {
			return id, map[string]string{"job_id": id.String(), "status": "processing"}, nil
		}
	}
	return uuid.Nil, nil, uploads.ErrNotFound
}

func (h threads) Find(_ context.Context, c domain.Caller, ref string) (uuid.UUID, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.find != nil {
		return uuid.Nil, h.find
	}
	for id, d := range h.threads {
		if id.String() == ref && d.org == c.Org && c.May(domain.ReadThreads, d.owner) {
			return id, nil
		}
	}
	return uuid.Nil, chats.ErrNotFound
}

func (w *world) From(_ context.Context, events []eventstore.Recorded) ([]projections.Notice, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.from; err != nil {
		w.from = nil
		return nil, err
	}
	var notices []projections.Notice
	for _, r := range events {
		if n, ok := noticeOf(r); ok {
			n.Owners = []domain.UserID{w.tickets[r.Stream].owner, w.jobs[r.Stream].owner, w.threads[r.Stream].owner}
			notices = append(notices, n)
		}
	}
	return notices, nil
}

func noticeOf(r eventstore.Recorded) (projections.Notice, bool) {
	n := projections.Notice{
		Position: r.Position, At: r.At, Org: domain.OrgID{UUID: r.Org}, Topic: r.Stream, Protocol: ticket, Needs: domain.ReadTickets,
	}
	switch e := r.Event.(type) {
	case uploads.Event:
		n.Protocol, n.Needs, n.Type, n.Data = file, domain.ReadFiles, fileNotice(e), map[string]any{"job_id": r.Stream}
	case chats.Event:
		n.Protocol, n.Needs, n.Type, n.Data = chat, domain.ReadThreads, chatNotice(e), map[string]any{"thread_id": r.Stream}
		return n, n.Type != ""
	case facts.Opened:
		n.Type, n.Data = "ticket_created", map[string]any{"ticket_id": r.Stream, "title": e.Title}
	case facts.Edited:
		n.Type, n.Data = "ticket_updated", map[string]any{"ticket_id": r.Stream}
		if e.Category != nil {
			n.Type = "ai_categorization_complete"
		}
	case facts.StatusChanged:
		n.Type, n.Data = "ticket_status_update", map[string]any{"ticket_id": r.Stream, "status": e.To}
	case facts.Assigned:
		n.Type, n.Data = "ticket_assigned", map[string]any{"ticket_id": r.Stream, "assigned_to": e.Assignee}
	case facts.Commented:
		n.Type, n.Data = "ticket_comment_added", map[string]any{"ticket_id": r.Stream, "content": e.Content}
		if e.Internal {
			n.Needs = domain.ReadInternal
		}
	case facts.Detached:
		n.Type, n.Data = "unwritable", func() {}
	default:
		return n, false
	}
	return n, true
}

func fileNotice(event uploads.Event) string {
	switch e := event.(type) {
	case uploads.UploadStarted:
		return "file_upload_started"
	case uploads.Uploaded:
		return "file_upload_completed"
	case uploads.StageCompleted:
		return map[uploads.Stage]string{
			uploads.OCR: "ocr_completed", uploads.Transcription: "transcription_completed", uploads.Extraction: "extraction_completed",
		}[e.Stage]
	case uploads.UploadRefused, uploads.Quarantined, uploads.StageFailed:
		return "file_processing_failed"
	case uploads.Processed:
		return "file_processing_completed"
	case uploads.Deleted, uploads.WordsErased:
		return "file_deleted"
	case uploads.StageStarted, uploads.StageProgressed, uploads.StageSkipped, uploads.ProcessingRequested:
	}
	return "file_processing_progress"
}

func chatNotice(event chats.Event) string {
	switch event.(type) {
	case chats.Started:
	case chats.MessageAdded:
		return "message_added"
	case chats.Replied:
		return "reply_completed"
	case chats.ReplyFailed:
		return "reply_failed"
	case chats.Renamed, chats.Deleted, chats.WordsErased:
		return "thread_updated"
	}
	return ""
}

// member signs somebody in and answers the token.
func (w *world) member(org domain.OrgID, role domain.Role) (token string, c domain.Caller) {
	id := uuid.New()
	token = uuid.NewString()
	c = domain.Caller{Actor: domain.Actor{Type: domain.ByUser, ID: id, User: domain.UserID{UUID: id}, Role: role}, Org: org, Session: uuid.New()}
	w.know(token, c)
	return token, c
}

func (w *world) know(token string, c domain.Caller) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.callers[token] = c
}

func (w *world) forget(token string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.callers, token)
}

// ticket makes one that has no events yet.
func (w *world) ticket(org domain.OrgID, number string, owner domain.UserID) uuid.UUID {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := uuid.New()
	w.tickets[id] = desk{org, number, owner}
	return id
}

// job makes an upload that has no events yet.
func (w *world) job(org domain.OrgID, owner domain.UserID) uuid.UUID {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := uuid.New()
	w.jobs[id] = desk{org: org, owner: owner}
	return id
}

// thread makes one that has no events yet.
func (w *world) thread(org domain.OrgID, owner domain.UserID) uuid.UUID {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := uuid.New()
	w.threads[id] = desk{org: org, owner: owner}
	return id
}

// happen appends events to a ticket, an upload or a thread and answers the last position.
func (w *world) happen(id uuid.UUID, events ...any) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	stream, known := w.streams[id]
	if !known {
		stream = eventstore.Stream{Org: cmp.Or(w.tickets[id].org, w.jobs[id].org, w.threads[id].org).UUID, ID: id}
	}
	grown, err := w.store.Append(context.WithoutCancel(w.t.Context()), eventstore.Metadata{}, eventstore.Write{Stream: stream, Events: events})
	require.NoError(w.t, err)
	w.streams[id] = grown[0]
	return grown[0].Position()
}

func (w *world) head() int64 {
	head, err := w.store.Head(context.WithoutCancel(w.t.Context()))
	require.NoError(w.t, err)
	return head
}

// routed waits until every lane has been told everything.
func (w *world) routed() {
	w.t.Helper()
	head := w.head()
	require.Eventually(w.t, func() bool {
		for _, l := range w.server.lanes {
			l.mu.Lock()
			at := l.position
			l.mu.Unlock()
			if at < head {
				return false
			}
		}
		return true
	}, patience, time.Millisecond)
}

func progressed() any { return uploads.StageProgressed{Stage: uploads.OCR, Attempt: 1, Percent: 50} }

func moved() any { return facts.StatusChanged{From: facts.Open, To: facts.InProgress} }

// reply is a message from the server.
type reply struct {
	Type      string
	Protocol  string
	Success   bool
	Timestamp string
	Position  int64
	Data      map[string]any
	Error     string
	RequestID any `json:"request_id"`
}

// client is the other side.
type client struct {
	t    *testing.T
	conn *websocket.Conn
}

func (w *world) url() string { return "ws" + strings.TrimPrefix(w.http.URL, "http") + "/ws" }

func (w *world) dial(query string, o *websocket.DialOptions) *client {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if o == nil {
		o = &websocket.DialOptions{}
	}
	o.HTTPClient = dialer
	conn, _, err := websocket.Dial(ctx, w.url()+query, o) //nolint:bodyclose // coder/websocket closes it
	require.NoError(w.t, err)
	conn.SetReadLimit(-1)
	w.t.Cleanup(func() { _ = conn.CloseNow() })
	return &client{w.t, conn}
}

// connect dials with a token and reads "connected".
func (w *world) connect(token string) *client {
	w.t.Helper()
	c := w.dial("?token="+token, nil)
	require.Equal(w.t, "connected", c.read().Type)
	return c
}

func (c *client) write(text string) {
	c.t.Helper()
	require.NoError(c.t, c.conn.Write(c.t.Context(), websocket.MessageText, []byte(text)))
}

func (c *client) say(kind string, data any) {
	c.t.Helper()
	text, err := json.Marshal(map[string]any{"type": kind, "data": data, "request_id": kind})
	require.NoError(c.t, err)
	c.write(string(text))
}

func (c *client) ask(kind string, data any) reply {
	c.t.Helper()
	c.say(kind, data)
	return c.read()
}

func (c *client) read() reply {
	c.t.Helper()
	r, err := c.next()
	require.NoError(c.t, err)
	return r
}

func (c *client) next() (r reply, err error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	_, text, err := c.conn.Read(ctx)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}

// end reads until the connection is closed and answers the code.
func (c *client) end() int {
	c.t.Helper()
	for {
		if _, err := c.next(); err != nil {
			return int(websocket.CloseStatus(err))
		}
	}
}

// silent asserts that nothing had been sent before the answer to a ping.
func (c *client) silent() {
	c.t.Helper()
	require.Equal(c.t, "pong", c.ask("ping", nil).Type)
}

func (w *world) acme() domain.OrgID {
	return domain.OrgID{UUID: uuid.NewSHA1(uuid.Nil, []byte("acme"))}
}

func offering(protocols ...string) *websocket.DialOptions {
	return &websocket.DialOptions{Subprotocols: protocols}
}

func from(origin string) *websocket.DialOptions {
	return &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}}
}

func with(change func(*Config)) option {
	return func(c *Config, _ *times, _ *eventstore.Reader) { change(c) }
}

func hurried(change func(*times)) option {
	return func(_ *Config, t *times, _ *eventstore.Reader) { change(t) }
}
