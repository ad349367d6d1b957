package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/auth"
	"ticketd/adapters/http"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/eventstore"
)

// ticketd runs a sub-command and answers what it prints.
func ticketd(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	c := command() //nolint:contextcheck // cobra hands it over
	c.SetArgs(args)
	c.SetOut(&out)
	err := c.ExecuteContext(ctx)
	return out.String(), err
}

// environment makes variables of the process, so its tests cannot be parallel. What is not named is not set.
func environment(t *testing.T, pairs ...string) {
	t.Helper()
	for _, name := range []string{
		"HTTP_ADDR", "DATABASE_URL", "DATA_DIR", "ENVIRONMENT", "REGISTRATION", "JWT_SECRET", "ENCRYPTION_KEY", "CORS_ORIGINS", "TRUSTED_PROXIES", "RATE_LIMIT_DEFAULT",
		"RATE_LIMIT_AUTH", "RATE_LIMIT_LOGIN", "RATE_LIMIT_AI", "RATE_LIMIT_WEBHOOKS", "DELIVERY_WORKERS", "PUBLIC_URL", "OUTBOUND_ALLOW", "MCP_ADDR", "MCP_URL", "AI_CONFIG", "AGENT_WORKERS", "WS_MESSAGES_PER_MINUTE", "WS_MAX_CONNECTIONS", "LOG_LEVEL", "LOG_FORMAT", "TICKETD", "TOKEN",
	} {
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
	for n := 0; n < len(pairs); n += 2 {
		t.Setenv(pairs[n], pairs[n+1])
	}
}

func TestConfig(t *testing.T) { //nolint:paralleltest // the environment is the process'
	environment(t)
	c, err := readConfig()
	require.NoError(t, err)
	executable, err := os.Executable()
	require.NoError(t, err)
	require.Equal(t, config{
		HTTPAddr: ":8000", DataDir: "./data", Environment: "development", Registration: "open", LimitDefault: limit{1000, time.Hour},
		LimitAuth: limit{100, 5 * time.Minute}, LimitLogin: limit{10, 5 * time.Minute}, WSMessages: 60, WSConnections: 20000, LogLevel: "info",
		LogFormat: "json", LimitUpload: limit{50, 5 * time.Minute}, StorageQuota: 10240, UploadSize: 100, UploadTypes: "all",
		Workers: usualWorkers(), Lease: 30 * time.Second, SpeechDir: "./engines/vosk", TranscriptionModel: "whisper-1",
		MCPAddr: ":8001", AgentWorkers: 10, DeliveryWorkers: 256, LimitAI: limit{200, time.Hour}, LimitWebhooks: limit{60000, time.Minute},
		passwordCost: auth.OWASP, keysSettle: eventstore.CachedFor, ourselves: []string{executable}, retryAfter: time.Minute,
		deliveryPauses: commands.DefaultPauses, webhookGather: commands.DefaultGather,
	}, c)
	require.True(t, c.development())
	environment(t, "CORS_ORIGINS", "chrome-extension://a,https://b", "RATE_LIMIT_AUTH", "0", "LOG_FORMAT", "text", "LOG_LEVEL", "debug", "ENVIRONMENT", " Production ", "TRUSTED_PROXIES", "10.0.0.0/8,::1/128")
	c, err = readConfig()
	require.NoError(t, err)
	require.Equal(t, []string{"chrome-extension://a", "https://b"}, c.CORSOrigins)
	require.Equal(t, http.Limits{Default: http.Limit{Requests: 1000, Window: time.Hour}, Login: http.Limit{Requests: 10, Window: 5 * time.Minute}, Upload: http.Limit{Requests: 50, Window: 5 * time.Minute}, AI: http.Limit{Requests: 200, Window: time.Hour}, Webhooks: http.Limit{Requests: 60000, Window: time.Minute}}, c.limits())
	require.Equal(t, "production", c.Environment)
	require.False(t, c.development())
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}, c.TrustedProxies)
	for _, known := range []string{"staging", "TEST"} {
		environment(t, "ENVIRONMENT", known)
		c, err = readConfig()
		require.NoError(t, err)
		require.False(t, c.development(), known)
	}
	environment(t, "ENVIRONMENT", "prod")
	_, err = readConfig()
	require.EqualError(t, err, `ENVIRONMENT is "prod"; it is one of [development staging production test]`)
	_, err = c.logger()
	require.NoError(t, err)
	for _, bad := range [][]string{
		{"REGISTRATION", "closed"},
		{"TRUSTED_PROXIES", "10.0.0.1"},
		{"RATE_LIMIT_DEFAULT", "many"},
		{"WS_MESSAGES_PER_MINUTE", "x"},
		{"LOG_LEVEL", "loud"},
		{"ENVIRONMENT", "production"},
		{"JWT_SECRET", "short"},
		{"DATABASE_URL", "nonsense://"},
		{"UPLOAD_TYPES", "some"},
		{"UPLOAD_MAX_MB", "0"},
		{"SCAN_REQUIRED", "true"},
	} {
		environment(t, append(bad, "DATA_DIR", t.TempDir(), "HTTP_ADDR", "127.0.0.1:0")...)
		if bad[0] == "JWT_SECRET" || bad[0] == "ENVIRONMENT" {
			t.Setenv("DATABASE_URL", postgrestest.Database(t))
		}
		_, err := ticketd(t.Context(), "serve")
		require.Error(t, err, bad)
	}
}

func TestLimitsAsWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]limit{
		"1000/h": {1000, time.Hour}, "100/5m": {100, 5 * time.Minute}, "5/s": {5, time.Second}, "1/1h30m": {1, 90 * time.Minute}, "0": {}, "0/h": {},
	} {
		var l limit
		require.NoError(t, l.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, l, text)
	}
	for _, text := range []string{"", "x", "-1/h", "10", "10/", "10/x", "10/0s", "10/-1h", "1.5/h", "/h", "10/h/m"} {
		var l limit
		require.ErrorContains(t, l.UnmarshalText([]byte(text)), "limit like 1000/h", text)
	}
}

func TestPermissionsArePrinted(t *testing.T) {
	t.Parallel()
	table, err := ticketd(t.Context(), "permissions")
	require.NoError(t, err)
	markdown, err := ticketd(t.Context(), "permissions", "--markdown")
	require.NoError(t, err)
	require.Contains(t, markdown, "| permission | admin | support | member | auditor |\n| --- |")
	for _, p := range domain.Permissions() {
		row := []string{string(p)}
		for _, role := range domain.Roles {
			row = append(row, domain.ScopeOf(role, p).String())
		}
		require.Regexp(t, `(?m)^`+strings.Join(quoted(row), `\s+`)+`$`, table)
		require.Contains(t, markdown, "| "+strings.Join(row, " | ")+" |\n")
	}
}

func quoted(words []string) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = regexp.QuoteMeta(w)
	}
	return list
}

func TestSmallCommands(t *testing.T) {
	t.Parallel()
	printed, err := ticketd(t.Context(), "version")
	require.NoError(t, err)
	require.Equal(t, version+"\n", printed)
	printed, err = ticketd(t.Context(), "openapi")
	require.NoError(t, err)
	var document object
	require.NoError(t, json.Unmarshal([]byte(printed), &document))
	require.Regexp(t, `^3\.1`, document["openapi"])
	require.Contains(t, document["paths"], "/api/v1/tickets/{ticket_id}")
	_, err = ticketd(t.Context(), "nonsense")
	require.Error(t, err)
	_, err = ticketd(t.Context(), "serve", "surplus")
	require.Error(t, err)
	for listen, want := range map[string]string{
		":8000": "localhost:8000", "0.0.0.0:80": "localhost:80", "[::]:80": "localhost:80", "127.0.0.1:1": "127.0.0.1:1", "example.org:1": "example.org:1", "nonsense": "nonsense",
	} {
		require.Equal(t, want, localAddress(listen))
	}
}

func TestHealthCommand(t *testing.T) { //nolint:paralleltest // the environment is the process'
	status := nethttp.StatusOK
	server := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		require.Equal(t, "/health", r.URL.Path)
		w.WriteHeader(status)
		_, _ = w.Write([]byte("fine"))
	}))
	environment(t, "HTTP_ADDR", strings.TrimPrefix(server.URL, "http://"))
	printed, err := ticketd(t.Context(), "health")
	require.NoError(t, err)
	require.Equal(t, "fine", printed)
	status = nethttp.StatusServiceUnavailable
	_, err = ticketd(t.Context(), "health")
	require.ErrorContains(t, err, "unhealthy")
	server.Close()
	_, err = ticketd(t.Context(), "health")
	require.Error(t, err)
	environment(t, "HTTP_ADDR", "%zz")
	_, err = ticketd(t.Context(), "health")
	require.Error(t, err)
	environment(t, "REGISTRATION", "x")
	_, err = ticketd(t.Context(), "health")
	require.Error(t, err)
}

func TestMigrateCommand(t *testing.T) { //nolint:paralleltest // the environment is the process'
	environment(t, "DATABASE_URL", postgrestest.Database(t), "DATA_DIR", t.TempDir())
	status := func() string {
		t.Helper()
		printed, err := ticketd(t.Context(), "migrate", "status")
		require.NoError(t, err)
		return printed
	}
	require.NotContains(t, status(), " pending ")
	steps := strings.Count(status(), "\n")
	for range steps {
		_, err := ticketd(t.Context(), "migrate", "down")
		require.NoError(t, err)
	}
	require.NotContains(t, status(), "applied")
	up, err := ticketd(t.Context(), "migrate", "up")
	require.NoError(t, err)
	require.Equal(t, steps, strings.Count(up, "applied"))
	require.NotContains(t, status(), " pending ")
	for _, bad := range [][]string{{"LOG_LEVEL", "x"}, {"REGISTRATION", "x"}, {"DATABASE_URL", "nonsense://"}} {
		environment(t, bad...)
		_, err := ticketd(t.Context(), "migrate", "status")
		require.Error(t, err, bad)
	}
}

func TestTokenCommand(t *testing.T) {
	c := quiet(t)
	i := launch(t, c)
	environment(t, "DATABASE_URL", c.DatabaseURL, "DATA_DIR", c.DataDir)
	mint := func() *client {
		t.Helper()
		token, err := ticketd(t.Context(), "token")
		require.NoError(t, err)
		return i.nobody().as(strings.TrimSpace(token))
	}
	first := mint()
	require.Equal(t, developer, first.get("/api/v1/users/me").text("username"))
	for range tourTokens - 1 {
		mint().get("/api/v1/users/me")
	}
	first.get("/api/v1/users/me") // whoever watches while the program restarts is let in again
	latest := mint()
	eventually(t, func() bool { return first.status("GET", "/api/v1/users/me", nil) == 401 }, "the oldest stops working")
	require.Len(t, latest.get("/api/v1/api-tokens").list(), tourTokens)
	t.Setenv("ENVIRONMENT", "staging")
	_, err := ticketd(t.Context(), "token")
	require.ErrorIs(t, err, errNoDevelopment)
	t.Setenv("ENVIRONMENT", "production")
	t.Setenv("JWT_SECRET", strings.Repeat("k", 32))
	t.Setenv("ENCRYPTION_KEY", strings.Repeat("00", 32))
	_, err = ticketd(t.Context(), "token")
	require.ErrorIs(t, err, errNoDevelopment)

	// Somebody else who took the name is not let in, nor pushed out.
	other := boot(t)
	other.nobody().post("/api/v1/auth/register", object{"username": developer, "password": password})
	_, err = other.developmentToken(t.Context())
	require.ErrorContains(t, err, "the development account")
}

// The tour is to be copied and pasted: so it is, line by line.
func TestTheTour(t *testing.T) {
	t.Parallel()
	i := boot(t)
	var printed bytes.Buffer
	i.printTour(t.Context(), &printed, strings.TrimPrefix(i.url, "http://"))
	tour := printed.String()
	require.Contains(t, tour, i.url+"/docs")
	require.Contains(t, tour, "your database")
	exports := regexp.MustCompile(`export TICKETD=(\S+) TOKEN=(\S+)`).FindStringSubmatch(tour)
	require.Len(t, exports, 3)
	require.Equal(t, i.url, exports[1])
	c := i.nobody().as(exports[2])

	var seen bytes.Buffer
	var mu sync.Mutex
	w := watcher{url: exports[1], token: exports[2], out: writer(func(p []byte) { mu.Lock(); seen.Write(p); mu.Unlock() })}
	sees := func(text string) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return strings.Contains(seen.String(), text) }
	}
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- w.run(ctx) }()
	eventually(t, sees("-- watching"))

	curls := regexp.MustCompile(`curl -\w+ (?:'[^']*' )?(?:-X (\w+) )?\$TICKETD(\S+) [^\n]*(?:\n\s+-d '([^']*)')?`).FindAllStringSubmatch(tour, -1)
	require.GreaterOrEqual(t, len(curls), 3)
	ticket := ""
	for _, curl := range curls {
		method, path, body := curl[1], strings.ReplaceAll(curl[2], "$TICKET", ticket), any(curl[3])
		if method = cmp.Or(method, "POST"); body == "" {
			method, body = "GET", nil
		}
		a, err := c.try(method, path, body)
		require.NoError(t, err)
		require.Less(t, a.status, 300, "%s: %s", curl[0], a.raw)
		if method == "POST" && ticket == "" {
			ticket = strings.Split(string(a.raw), `"`)[3] // as cut -d'"' -f4 does
			require.Equal(t, a.id(), ticket)
		}
	}
	require.GreaterOrEqual(t, len(c.get("/api/v1/tickets/"+ticket+"/history").list()), 3) // and what the rules say of it, before or after
	for _, notice := range []string{"ticket_created", "ticket_updated", "ticket_status_update", "ai_categorization_complete"} {
		eventually(t, sees(notice))
	}
	cancel()
	require.NoError(t, <-watched)
}

type writer func([]byte)

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

func TestTheTourWithoutAToken(t *testing.T) {
	t.Parallel()
	i := boot(t)
	i.nobody().post("/api/v1/auth/register", object{"username": developer, "password": password})
	var printed bytes.Buffer
	i.printTour(t.Context(), &printed, ":8000")
	require.Empty(t, printed.String())
	require.Contains(t, i.log.String(), "no development token")
}

// Watch comes back after its server restarted, and asks for what it missed, even if it had seen nothing before.
func TestWatchReconnects(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	var port net.ListenConfig
	held, err := port.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c.HTTPAddr = held.Addr().String()
	elsewhere := c
	elsewhere.HTTPAddr = "127.0.0.1:0"
	other := launch(t, elsewhere)
	require.NoError(t, held.Close())
	first := launch(t, c)
	ada := other.founder("ada")

	var mu sync.Mutex
	var seen bytes.Buffer
	sees := func(text string) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return strings.Contains(seen.String(), text) }
	}
	w := watcher{url: first.url, token: ada.token, out: writer(func(p []byte) { mu.Lock(); seen.Write(p); mu.Unlock() })}
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- w.run(ctx) }()
	eventually(t, sees("-- watching"))
	first.halt()
	eventually(t, sees("connection lost"))
	ada.ticket(object{"title": "while nobody watched"})
	second := launch(t, c)
	eventually(t, sees("while nobody watched"), "missed")
	ada.at(second).ticket(object{"title": "live again"})
	eventually(t, sees("live again"))
	mu.Lock()
	require.Equal(t, 1, strings.Count(seen.String(), "while nobody watched"), seen.String())
	mu.Unlock()
	ada.do(200, "POST", "/api/v1/auth/logout", nil)
	require.ErrorContains(t, <-watched, "refused", "without a session there is no coming back")
	cancel()
}

func TestWatchCommand(t *testing.T) { //nolint:paralleltest // the environment is the process'
	environment(t)
	_, err := ticketd(t.Context(), "watch")
	require.ErrorContains(t, err, "TOKEN")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = ticketd(ctx, "watch", "--token", "x", "--url", "http://127.0.0.1:1")
	require.NoError(t, err)
	i := boot(t)
	_, err = ticketd(t.Context(), "watch", "--token", "x", "--url", i.url)
	require.ErrorContains(t, err, "refused")
	require.Equal(t, websocket.StatusCode(4001), websocket.CloseStatus(err))
	var out bytes.Buffer
	(&watcher{out: &out}).show(frame{Error: "no"})
	require.Equal(t, "-- no\n", out.String())
}

// What stops the program from serving is told, not waited out.
func TestServeSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	i := boot(t)
	taken := i.config
	taken.HTTPAddr = strings.TrimPrefix(i.url, "http://")
	other, err := wire(t.Context(), taken, i.program.log)
	require.NoError(t, err)
	defer other.close(context.WithoutCancel(t.Context()))
	require.ErrorContains(t, other.serve(t.Context(), nil), "listen on")

	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	for name, change := range map[string]func(*config){
		"data dir":       func(c *config) { c.DataDir = blocked },
		"encryption key": func(c *config) { c.EncryptionKey = "short" },
	} {
		c := i.config
		change(&c)
		_, err := wire(t.Context(), c, i.program.log)
		require.Error(t, err, name)
	}
}

// A database that goes away is not the end: the program says so, and is ready again when it is back.
func TestADatabaseThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	i := boot(t)
	i.noisy = true
	ada := i.founder("ada")
	i.pool.Close()
	for _, path := range []string{"/health/db", "/ready"} {
		require.Equal(t, 503, i.nobody().status("GET", path, nil))
	}
	require.Equal(t, 200, i.nobody().status("GET", "/health", nil))
	a := ada.do(500, "GET", "/api/v1/tickets", nil)
	require.NotContains(t, string(a.raw), "pool", "our troubles are our own")
	require.Contains(t, i.log.String(), a.text("request_id"))
	a, err := ada.try("GET", "/metrics", nil)
	require.NoError(t, err)
	require.Equal(t, 200, a.status)
}
