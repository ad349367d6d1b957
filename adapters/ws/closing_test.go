package ws

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	facts "ticketd/domain/ticket"
)

const pollEvery = time.Millisecond

func TestTokensByEveryWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, caller := w.member(w.acme(), domain.Admin)

	c := w.dial("", offering("bearer", token))
	require.Equal(t, "bearer", c.conn.Subprotocol())
	require.Equal(t, "connected", c.read().Type)

	c = w.dial("", nil)
	r := c.ask("authenticate", map[string]any{"token": token})
	require.Equal(t, "authenticated", r.Type)
	require.Equal(t, caller.User.String(), r.Data["user_id"])
	require.Equal(t, "authenticate", r.RequestID)
	require.Equal(t, "connected", c.read().Type)

	for name, c := range map[string]*client{
		"query":          w.dial("?token=bad", nil),
		"subprotocol":    w.dial("", offering("bearer", "bad")),
		"first message":  w.dial("", nil),
		"another first":  w.dial("", nil),
		"garbage first":  w.dial("", nil),
		"no token first": w.dial("", nil),
	} {
		switch name {
		case "first message":
			c.say("authenticate", map[string]any{"token": "bad"})
		case "another first":
			c.say("ping", nil)
		case "garbage first":
			c.write("hello")
		case "no token first":
			c.say("authenticate", nil)
		}
		require.Equal(t, codeToken, c.end(), name)
	}
	require.Equal(t, codeLater, w.dial("?token=broken", nil).end())
	require.Equal(t, codeForeign, w.dial("?token=forbidden", nil).end())
	agent, caller := w.member(domain.OrgID{UUID: uuid.New()}, domain.Admin)
	caller.Type = domain.ByAgent
	w.know(agent, caller)
	require.Equal(t, codeForeign, w.dial("?token="+agent, nil).end(), "agents have their tools")
}

func TestSilenceIsNotAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hurried(func(x *times) { x.authWithin, x.sweepEvery = 10*time.Millisecond, 10*time.Millisecond }))
	require.Equal(t, codeToken, w.dial("", nil).end())
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	const extension = "chrome-extension://abcdef"
	w := newWorld(t, with(func(c *Config) { c.Origins = []string{extension, "https://desk.example"} }))
	token, _ := w.member(w.acme(), domain.Admin)
	for origin, want := range map[string]bool{
		extension: true, "https://desk.example": true, "https://desk.example.evil": false, "chrome-extension://abc": false, "null": false,
	} {
		c := w.dial("?token="+token, from(origin))
		if want {
			require.Equal(t, "connected", c.read().Type, origin)
		} else {
			require.Equal(t, codeForeign, c.end(), origin)
		}
	}
	w = newWorld(t, with(func(c *Config) { c.Origins = []string{"*"} }))
	token, _ = w.member(w.acme(), domain.Admin)
	require.Equal(t, "connected", w.dial("?token="+token, from("https://anywhere.example")).read().Type)
}

func TestATokenExpiresOnAnOpenSocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hurried(func(x *times) { x.sweepEvery = time.Hour }))
	token, caller := w.member(w.acme(), domain.Admin)
	caller.Expires = time.Now().Add(time.Minute)
	w.know(token, caller)
	fresh := caller
	fresh.Expires = time.Now().Add(time.Hour)
	w.know("fresh", fresh)

	c, prolonged := w.connect(token), w.connect(token)
	require.Contains(t, prolonged.ask("authenticate", map[string]any{"token": "fresh"}).Data, "expires_at")
	w.server.sweep(caller.Expires.Add(usualTimes.expiryGrace - time.Second))
	require.Equal(t, "ping", c.read().Type)
	c.silent()
	w.server.sweep(caller.Expires.Add(usualTimes.expiryGrace + time.Second))
	require.Equal(t, codeToken, c.end())
	require.Equal(t, "ping", prolonged.read().Type)
	prolonged.silent()
}

func TestPingsKeepAServiceWorkerAwake(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hurried(func(x *times) { x.pingEvery, x.sweepEvery = time.Second, 5*time.Millisecond })) // not before it is connected
	token, _ := w.member(w.acme(), domain.Admin)
	c := w.connect(token)
	for range 2 {
		r := c.read()
		require.Equal(t, "ping", r.Type)
		require.Equal(t, system, r.Protocol)
		require.True(t, r.Success)
	}
}

func TestAHalfOpenConnectionIsFoundOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hurried(func(x *times) {
		x.pingEvery, x.pongWait, x.linger = 20*time.Millisecond, 100*time.Millisecond, 10*time.Millisecond
	}))
	token, _ := w.member(w.acme(), domain.Admin)
	conn := w.handshake("?token=" + token) // it never answers a ping
	defer func() { _ = conn.Close() }()
	_, err := io.Copy(io.Discard, conn)
	require.NoError(t, err, "the server ends the connection")
	require.Eventually(t, func() bool { return w.server.Connections() == 0 }, patience, pollEvery)
}

// handshake makes a connection that does nothing by itself.
func (w *world) handshake(query string) net.Conn {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.http.URL, "http://"))
	require.NoError(w.t, err)
	_, err = conn.Write([]byte("GET /ws" + query + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
	require.NoError(w.t, err)
	line := make([]byte, len("HTTP/1.1 101"))
	_, err = conn.Read(line)
	require.NoError(w.t, err)
	require.Equal(w.t, "HTTP/1.1 101", string(line))
	return conn
}

func TestASlowClientIsClosedAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hurried(func(x *times) {
		x.slowAfter, x.writeWait, x.closeWait = 300*time.Millisecond, time.Minute, time.Minute
	}))
	token, caller := w.member(w.acme(), domain.Admin)
	id := w.ticket(w.acme(), "T-1", caller.User)
	slow, quick := w.connect(token), w.connect(token)
	slow.ask("subscribe_all", nil)
	quick.ask("subscribe_all", nil)
	long := facts.Commented{Author: caller.User, Content: strings.Repeat("long ", 2000)}
	for n := int64(1); w.server.Stats().SlowClosed == 0; n++ {
		require.Less(t, n, int64(1000))
		w.happen(id, long)
		began := time.Now()
		require.Equal(t, n, quick.read().Position)
		require.Less(t, time.Since(began), patience/3)
	}
	require.Equal(t, codeSlow, slow.end())
	quick.silent()
	require.Equal(t, map[int]int64{codeSlow: 1}, w.server.Stats().Closed)
}

func TestASlowClientThatNeverReadsIsCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hurried(func(x *times) { x.slowAfter, x.closeWait = 50*time.Millisecond, 50*time.Millisecond }))
	token, caller := w.member(w.acme(), domain.Admin)
	id := w.ticket(w.acme(), "T-1", caller.User)
	slow := w.connect(token)
	slow.ask("subscribe_all", nil)
	long := facts.Commented{Author: caller.User, Content: strings.Repeat("long ", 2000)}
	for w.server.Stats().SlowClosed == 0 {
		w.happen(id, long)
		w.routed()
	}
	require.Eventually(t, func() bool { return w.server.Connections() == 0 }, patience, pollEvery)
}

func TestCaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, with(func(c *Config) { c.MaxConnections, c.MaxPerUser = 4, 2 }))
	ann, _ := w.member(w.acme(), domain.Admin)
	bob, _ := w.member(w.acme(), domain.Admin)
	first := w.connect(ann)
	w.connect(ann)
	require.Equal(t, codeCrowded, w.dial("?token="+ann, nil).end())
	anonymous := w.dial("", nil)
	anonymous.say("authenticate", map[string]any{"token": ann})
	require.Equal(t, codeCrowded, anonymous.end())

	require.Eventually(t, func() bool { return w.server.Connections() == 2 }, patience, pollEvery)
	_ = first.conn.CloseNow()
	require.Eventually(t, func() bool { return w.server.Connections() == 1 }, patience, pollEvery)
	w.connect(ann)
	w.connect(bob)
	w.connect(bob)
	require.Equal(t, codeCrowded, w.dial("?token="+bob, nil).end())

	w.server.config.MaxConnections = -100
	_, response, err := websocket.Dial(t.Context(), w.url(), nil) //nolint:bodyclose // coder/websocket closes it
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
	var problem map[string]any
	require.NoError(t, json.NewDecoder(response.Body).Decode(&problem))
	require.Equal(t, "Too many connections, or the server is stopping.", problem["detail"])
}

func TestTooManyMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, with(func(c *Config) { c.MessagesPerMinute = 60 }))
	token, _ := w.member(w.acme(), domain.Admin)
	c, quiet := w.connect(token), w.connect(token)
	for range 60 {
		require.Equal(t, "pong", c.ask("ping", nil).Type)
	}
	for range 1000 { // the bucket may have refilled a little, but not by as many
		if c.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"ping"}`)) != nil {
			break
		}
	}
	require.Equal(t, codeChatty, c.end())
	quiet.silent()
}

func TestRateRefills(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := newRate(60)
	for range 60 {
		require.True(t, r.allow(now))
	}
	require.False(t, r.allow(now))
	require.True(t, r.allow(now.Add(time.Second)))
	require.False(t, r.allow(now.Add(time.Second)))
	for n := range 600 {
		require.True(t, r.allow(now.Add(time.Hour).Add(time.Duration(n)*time.Second)))
	}
}

func TestGarbageHurtsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, with(func(c *Config) { c.MessagesPerMinute = 60 }))
	token, _ := w.member(w.acme(), domain.Admin)
	quiet, noisy := w.connect(token), w.connect(token)
	for range 10_000 {
		if noisy.conn.Write(t.Context(), websocket.MessageText, []byte("{garbage")) != nil {
			break
		}
	}
	require.Equal(t, codeChatty, noisy.end())
	require.Eventually(t, func() bool { return w.server.Connections() == 1 }, patience, pollEvery)
	quiet.silent()

	big := w.connect(token)
	_ = big.conn.Write(t.Context(), websocket.MessageText, make([]byte, maxMessage+1))
	require.Equal(t, int(websocket.StatusMessageTooBig), big.end())
	quiet.silent()
}

func TestExpelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, caller := w.member(w.acme(), domain.Admin)
	bob, other := w.member(w.acme(), domain.Admin)
	robot := other
	robot.Type, robot.ID, robot.Session = domain.ByAPIToken, uuid.New(), uuid.Nil
	w.know("robot", robot)
	a, b, r := w.connect(ann), w.connect(bob), w.connect("robot")
	w.server.Expel(caller.User)
	require.Equal(t, codeToken, a.end())
	w.server.ExpelSession(uuid.Nil)
	r.silent()
	w.server.ExpelSession(robot.ID)
	require.Equal(t, codeToken, r.end())
	b.silent()
	w.server.ExpelSession(other.Session)
	require.Equal(t, codeToken, b.end())
}

func TestExpelledWhileTheTokenIsJudged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, caller := w.member(w.acme(), domain.Admin)
	once := make(chan struct{}, 1)
	once <- struct{}{}
	late := w.server.auth
	w.server.auth = authenticator(func(ctx context.Context, token string) (domain.Caller, error) {
		c, err := late.Authenticate(ctx, token)
		select {
		case <-once: // the token was good when it was looked at
			w.forget(token)
			w.server.Expel(caller.User)
		default:
		}
		return c, err
	})
	require.Equal(t, codeToken, w.dial("?token="+token, nil).end())
}

type authenticator func(context.Context, string) (domain.Caller, error)

func (f authenticator) Authenticate(ctx context.Context, token string) (domain.Caller, error) {
	return f(ctx, token)
}

func TestCloseTellsEverybodyToComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, _ := w.member(w.acme(), domain.Admin)
	var clients []*client
	for range 20 {
		clients = append(clients, w.connect(token))
	}
	closed := make(chan error)
	go func() { closed <- w.server.Close(t.Context()) }()
	for _, c := range clients {
		require.Equal(t, codeRestart, c.end())
	}
	require.NoError(t, <-closed)
	require.Zero(t, w.server.Connections())
	_, response, err := websocket.Dial(t.Context(), w.url(), nil) //nolint:bodyclose // coder/websocket closes it
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
}

func TestCloseCutsThoseWhoDoNotAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, _ := w.member(w.acme(), domain.Admin)
	conn := w.handshake("?token=" + token)
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, w.server.Close(ctx), context.DeadlineExceeded)
	require.Eventually(t, func() bool { return w.server.Connections() == 0 }, patience, pollEvery)
}

func TestSocketsEndWithRun(t *testing.T) {
	t.Parallel()
	g := newGate()
	w := quietWorld(t, g.option)
	go func() { w.run <- w.server.Run(context.WithoutCancel(t.Context())) }()
	token, caller := w.member(w.acme(), domain.Admin)
	c := w.connect(token)
	require.ErrorIs(t, w.server.Run(t.Context()), errRunTwice)
	g.poison.Store(true)
	w.happen(w.ticket(w.acme(), "T-1", caller.User), moved())
	require.Equal(t, codeRestart, c.end())
	require.ErrorIs(t, <-w.run, errAway)
}

func TestRunWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	g := newGate()
	g.headTrouble.Store(true)
	w := quietWorld(t, g.option, hurried(func(x *times) { x.startWithin, x.retryAfter = 10*time.Millisecond, pollEvery }))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { w.run <- w.server.Run(ctx) }()
	_, response, err := websocket.Dial(t.Context(), w.url(), nil) //nolint:bodyclose // coder/websocket closes it
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	cancel()
	require.NoError(t, <-w.run)
	gone, end := context.WithCancel(t.Context())
	end()
	require.False(t, w.server.started(gone))
}

func TestOnlyHandshakesAreUpgraded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	response, err := http.Get(w.http.URL)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusUpgradeRequired, response.StatusCode)

	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ws", nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		r.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder() // it cannot be hijacked
	w.server.ServeHTTP(recorder, r)
	require.Equal(t, http.StatusHTTPVersionNotSupported, recorder.Code)
	require.Zero(t, w.server.Connections())

	conn, err := net.Dial("tcp", strings.TrimPrefix(w.http.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nand something before its time"))
	require.NoError(t, err)
	n, _ := conn.Read(make([]byte, 1))
	require.Zero(t, n)
	require.Eventually(t, func() bool { return w.server.Connections() == 0 }, patience, pollEvery)
}
