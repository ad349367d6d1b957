package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	nethttp "net/http"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/auth"
	"ticketd/adapters/jobs"
	"ticketd/adapters/postgres/postgrestest"
)

// patience is how long a test waits for what must happen. It is never how long a test takes.
const patience = 90 * time.Second

// glance is how often a test looks whether it has happened: seldom enough to leave the processor to what it waits for.
const glance = 20 * time.Millisecond

const password = "correct horse battery staple"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" { // this process is the program of another test: see embedded_test.go
		ourselves = testChild
		main()
		return
	}
	postgrestest.Main(m, jobs.Migrate)
}

// testChild is how the program of a test runs itself as a child. The race detector would have each rest for a second before
// it ends.
func testChild() (program []string, memory int64) {
	return []string{"env", helperVariable + "=1", "GORACE=atexit_sleep_ms=0", os.Args[0]}, childMemory
}

// instance is one running program.
type instance struct {
	*program
	t       *testing.T
	url     string
	log     *logbook
	stop    context.CancelFunc
	stopped chan error
	once    sync.Once
	noisy   bool // it is meant to complain
}

// quiet is the configuration of a test: no limits, and passwords that cost nothing.
func quiet(t *testing.T) config {
	t.Helper()
	program, memory := testChild()
	return config{
		HTTPAddr: "127.0.0.1:0", DatabaseURL: postgrestest.Database(t), DataDir: t.TempDir(), Environment: "development", Registration: "open",
		WSMessages: 100_000, WSConnections: 1000, LogLevel: "info", LogFormat: "json",
		MCPAddr: "127.0.0.1:0", tools: true, AgentWorkers: 2,
		StorageQuota: 1 << 20, UploadSize: 100, UploadTypes: "all", SpeechDir: "../../engines/vosk", Workers: 1, Lease: 3 * time.Second,
		ourselves: program, childMemory: memory, retryAfter: 50 * time.Millisecond,
		passwordCost: auth.Cost{MemoryKiB: 8, Passes: 1, Threads: 1},
	}
}

// boot starts the real program and stops it with the test, which fails when the program complained.
func boot(t *testing.T, change ...func(*config)) *instance {
	t.Helper()
	c := quiet(t)
	for _, f := range change {
		f(&c)
	}
	return launch(t, c)
}

// onDemand is a program that the first who asks starts, for parallel subtests: they wait until all else is done, and it would
// idle beside that for as long.
func onDemand(t *testing.T, change ...func(*config)) func() *instance {
	t.Helper()
	return sync.OnceValue(func() *instance { return boot(t, change...) })
}

// noisyOnDemand is one that may complain.
func noisyOnDemand(t *testing.T, change ...func(*config)) func() *instance {
	t.Helper()
	return sync.OnceValue(func() *instance {
		i := boot(t, change...)
		i.noisy = true
		return i
	})
}

func launch(t *testing.T, c config) *instance {
	t.Helper()
	i := &instance{t: t, log: &logbook{}, stopped: make(chan error, 1)}
	log := slog.New(slog.NewJSONHandler(i.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	i.stop = stop
	var err error
	i.program, err = wire(ctx, c, log)
	require.NoError(t, err)
	ready := make(chan string, 1)
	go func() { i.stopped <- i.serve(ctx, func(address string) { ready <- address }) }()
	select {
	case address := <-ready:
		i.url = "http://" + address
	case err := <-i.stopped:
		t.Fatalf("the program did not start: %v", err)
	}
	t.Cleanup(func() {
		i.halt()
		if !i.noisy {
			i.log.requireHealthy(t)
		}
	})
	return i
}

// halt stops the program as Ctrl-C does, and waits.
func (i *instance) halt() {
	i.t.Helper()
	i.once.Do(func() {
		i.stop()
		err := <-i.stopped
		i.close(context.WithoutCancel(i.t.Context()))
		require.NoError(i.t, err)
	})
}

// logbook keeps what the program logs.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// requireHealthy fails on the words that a healthy run never logs.
func (l *logbook) requireHealthy(t *testing.T) {
	t.Helper()
	requireHealthyLog(t, l.String())
}

func requireHealthyLog(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		for _, word := range []string{"error", "exception", "failed", "traceback", "panic"} {
			require.NotContains(t, strings.ToLower(line), word, "a healthy run logs no such line")
		}
	}
}

// client sends requests as one person, or as nobody without a token.
type client struct {
	t      *testing.T
	url    string
	token  string
	header nethttp.Header // sent with every request
	user   string         // the person's id
	org    string
	name   string
	again  string // the refresh token
}

func (i *instance) nobody() *client { return &client{t: i.t, url: i.url, header: nethttp.Header{}} }

// at is the same person at another instance.
func (c *client) at(i *instance) *client {
	other := *c
	other.url = i.url
	return &other
}

// with is the same person with more headers.
func (c *client) with(pairs ...string) *client {
	other := *c
	other.header = c.header.Clone()
	for n := 0; n < len(pairs); n += 2 {
		other.header.Set(pairs[n], pairs[n+1])
	}
	return &other
}

// as is whoever the token says.
func (c *client) as(token string) *client {
	other := *c
	other.token = token
	return &other
}

// on is the same person in a subtest.
func (c *client) on(t *testing.T) *client {
	t.Helper()
	other := *c
	other.t = t
	return &other
}

// object is a JSON object.
type object = map[string]any

// answer is what came back.
type answer struct {
	t      *testing.T
	status int
	header nethttp.Header
	raw    []byte
}

var transport = &nethttp.Transport{MaxIdleConnsPerHost: 64}

var web = &nethttp.Client{Transport: transport, CheckRedirect: func(*nethttp.Request, []*nethttp.Request) error {
	return nethttp.ErrUseLastResponse // a redirect drops the token: it must show
}}

// try sends a request and answers whatever comes. A body may be nil, text that is sent as it is, or anything else as JSON.
func (c *client) try(method, path string, body any) (answer, error) {
	var content io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		content = bytes.NewReader(text)
	}
	request, err := nethttp.NewRequestWithContext(c.t.Context(), method, c.url+path, content)
	if err != nil {
		return answer{}, err
	}
	if content != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	maps.Copy(request.Header, c.header)
	response, err := web.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	return answer{t: c.t, status: response.StatusCode, header: response.Header, raw: raw}, err
}

// do sends a request whose status is known.
func (c *client) do(want int, method, path string, body any) answer {
	c.t.Helper()
	a, err := c.try(method, path, body)
	require.NoError(c.t, err, "%s %s", method, path)
	require.Equal(c.t, want, a.status, "%s %s %v: %s", method, path, body, a.raw)
	if a.status >= 400 {
		a.requireProblem()
	}
	return a
}

func (c *client) get(path string) answer { c.t.Helper(); return c.do(200, "GET", path, nil) }

func (c *client) post(path string, body any) answer {
	c.t.Helper()
	return c.do(201, "POST", path, body)
}

func (c *client) patch(path string, body any) answer {
	c.t.Helper()
	return c.do(200, "PATCH", path, body)
}

// requireProblem checks what all errors have in common.
func (a answer) requireProblem() {
	a.t.Helper()
	require.Equal(a.t, "application/problem+json", a.header.Get("Content-Type"), "%s", a.raw)
	p := a.object()
	require.EqualValues(a.t, a.status, p["status"])
	require.Equal(a.t, nethttp.StatusText(a.status), p["title"])
	require.NotEmpty(a.t, p["type"])
	require.NotEmpty(a.t, p["detail"])
	if a.header.Get("Idempotency-Replayed") == "" { // a repeated refusal names the request it answered first
		require.Equal(a.t, a.header.Get("X-Request-ID"), p["request_id"])
	}
	if a.status == 401 {
		require.Equal(a.t, "Bearer", a.header.Get("WWW-Authenticate"))
	}
	if a.status == 429 {
		require.NotEmpty(a.t, a.header.Get("Retry-After"))
	}
	require.NotContains(a.t, strings.ToLower(string(a.raw)), "sql", "an answer tells nothing of what is inside")
}

func (a answer) into(value any) {
	a.t.Helper()
	require.NoError(a.t, json.Unmarshal(a.raw, value), "%.200s", a.raw)
}

func (a answer) object() (o object) { a.t.Helper(); a.into(&o); return o }

func (a answer) list() (l []object) { a.t.Helper(); a.into(&l); return l }

func (a answer) text(field string) string { a.t.Helper(); return fmt.Sprint(a.object()[field]) }

func (a answer) id() string { a.t.Helper(); return a.text("id") }

func (a answer) detail() string { a.t.Helper(); return a.text("detail") }

func (a answer) etag() string { a.t.Helper(); return a.header.Get("ETag") }

var people atomic.Int64

// founder registers somebody with an organization of their own, and signs them in.
func (i *instance) founder(name string) *client {
	i.t.Helper()
	name = fmt.Sprintf("%s%d", name, people.Add(1))
	c := i.nobody()
	registered := c.post("/api/v1/auth/register", object{"username": name, "email": name + "@example.org", "password": password})
	c.user, c.org, c.name = registered.id(), registered.text("organization_id"), name
	c.login()
	return c
}

func (c *client) login() {
	c.t.Helper()
	signedIn := c.as("").do(200, "POST", "/api/v1/auth/login", object{"username": c.name, "password": password})
	c.token, c.again = signedIn.text("access_token"), signedIn.text("refresh_token")
}

// colleague invites somebody into the client's organization, who accepts and signs in.
func (c *client) colleague(role string) *client {
	c.t.Helper()
	name := fmt.Sprintf("%s%d", role, people.Add(1))
	invited := c.post("/api/v1/members/invite", object{"email": name + "@example.org", "role": role})
	other := &client{t: c.t, url: c.url, header: nethttp.Header{}, user: invited.id(), org: c.org, name: name}
	other.post(invited.text("accept_url"), object{"username": name, "password": password})
	other.login()
	return other
}

// ticket makes a ticket with a body that says no more than it must.
func (c *client) ticket(fields ...object) answer {
	c.t.Helper()
	return c.unsorted(append([]object{{"category": "general", "priority": "medium"}}, fields...)...)
}

// unsorted makes a ticket whose category and priority are left to an agent.
func (c *client) unsorted(fields ...object) answer {
	c.t.Helper()
	body := object{"title": "Printer", "description": "It burns."}
	for _, f := range fields {
		maps.Copy(body, f)
	}
	return c.post("/api/v1/tickets", body)
}

// eventually waits for a condition.
func eventually(t *testing.T, condition func() bool, what ...any) {
	t.Helper()
	require.Eventually(t, condition, patience, glance, what...)
}

// socket is an open WebSocket.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
}

// told is what a socket says.
type told struct {
	Type      string `json:"type"`
	Protocol  string `json:"protocol"`
	Success   bool   `json:"success"`
	Error     string `json:"error"`
	Timestamp string `json:"timestamp"`
	Position  int64  `json:"position"`
	Data      object `json:"data"`
}

func (c *client) dial() (*socket, error) {
	//nolint:bodyclose // an upgraded response has no body
	conn, _, err := websocket.Dial(c.t.Context(), "ws"+strings.TrimPrefix(c.url, "http")+"/ws", &websocket.DialOptions{
		Subprotocols: []string{"bearer", c.token},
	})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	return &socket{t: c.t, conn: conn}, nil
}

// connect opens a socket that is closed with the test.
func (c *client) connect() *socket {
	c.t.Helper()
	s, err := c.dial()
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = s.conn.CloseNow() })
	return s
}

func (s *socket) send(kind string, data object) {
	s.t.Helper()
	if data == nil {
		data = object{}
	}
	require.NoError(s.t, wsjson.Write(s.t.Context(), s.conn, object{"type": kind, "data": data}))
}

func (s *socket) read() (told, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var m told
	err := wsjson.Read(ctx, s.conn, &m)
	return m, err
}

// await answers the next message of a type, whatever comes before it.
func (s *socket) await(kind string) told {
	s.t.Helper()
	for {
		m, err := s.read()
		require.NoError(s.t, err, "waiting for %s", kind)
		if m.Type == kind {
			return m
		}
		require.NotEqual(s.t, "error", m.Type, "%s", m.Error)
	}
}

// closed answers the code with which the server closes the socket.
func (s *socket) closed() int {
	s.t.Helper()
	for {
		if _, err := s.read(); err != nil {
			return int(websocket.CloseStatus(err))
		}
	}
}

func str(value any) string { return fmt.Sprint(value) }

func jsonOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func isNil(value any) bool { return value == nil || reflect.ValueOf(value).IsNil() }

func uuidOf(t *testing.T, text string) uuid.UUID {
	t.Helper()
	id, err := uuid.Parse(text)
	require.NoError(t, err)
	return id
}
