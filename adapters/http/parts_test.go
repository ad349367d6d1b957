package http

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/projections"
)

func TestIfMatch(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]int{``: 0, ` `: 0, `*`: 0, `"3"`: 3, ` "3" `: 3, `W/"3"`: 3, `3`: 3, `"2147483647"`: 2147483647} {
		version, err := IfMatch{tag}.version(t.Context())
		require.NoError(t, err, tag)
		require.Equal(t, want, version, tag)
	}
	for _, tag := range []string{`"0"`, `"-1"`, `""`, `"x"`, `"1", "2"`, `W/`, `"99999999999999999999"`, `"1.5"`, "\x00"} {
		_, err := IfMatch{tag}.version(t.Context())
		problem, ok := errors.AsType[*Problem](err)
		require.True(t, ok, tag)
		require.Equal(t, nethttp.StatusPreconditionFailed, problem.Status, tag)
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"a": true, "!~": true, "": false, " ": false, "a b": false, "é": false, "a\n": false, "\x7f": false, "12345": true, "123456": false} {
		require.Equal(t, want, printable(text, 5), "%q", text)
	}
}

func FuzzCursor(f *testing.F) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 123456000, time.UTC)
	f.Add(cursorAfter(projections.TicketRow{ID: ticket.ID{UUID: uuid.New()}, CreatedAt: now}))
	f.Add("")
	f.Add(strings.Repeat("A", 32))
	f.Add(strings.Repeat("_", 32))
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, 23)))
	f.Fuzz(func(t *testing.T, cursor string) {
		place, err := parseCursor(cursor)
		if err != nil {
			require.ErrorIs(t, err, errBadCursor)
			return
		}
		require.GreaterOrEqual(t, place.CreatedAt.Year(), 1970)
		require.Less(t, place.CreatedAt.Year(), 10_000)
		again, err := parseCursor(cursorAfter(projections.TicketRow{ID: ticket.ID{UUID: place.ID}, CreatedAt: place.CreatedAt}))
		require.NoError(t, err)
		require.Equal(t, place, again)
	})
}

func TestACursorComesBack(t *testing.T) {
	t.Parallel()
	row := projections.TicketRow{ID: ticket.ID{UUID: uuid.New()}, CreatedAt: time.Date(2026, 11, 21, 10, 0, 0, 123456000, time.UTC)}
	place, err := parseCursor(cursorAfter(row))
	require.NoError(t, err)
	require.Equal(t, projections.TicketCursor{CreatedAt: row.CreatedAt, ID: row.ID.UUID}, place)
}

func TestEveryKindOfRefusalHasAStatus(t *testing.T) {
	t.Parallel()
	for kind, want := range map[domain.Kind]int{
		domain.Invalid: 422, domain.BadReference: 400, domain.Unauthenticated: 401, domain.Forbidden: 403, domain.NotFound: 404, domain.Conflict: 409,
		domain.Stale: 412, domain.TooMany: 429, domain.TooLarge: 413, domain.NoSpace: 507, domain.Unavailable: 503, domain.Internal: 500, domain.Kind(99): 500,
	} {
		require.Equal(t, want, status(kind))
	}
}

// A secret server with nothing behind it, for what needs no database.
func bare(log *slog.Logger) *Server {
	return New(Config{Version: "test"}, Deps{
		Logger: log, Metrics: nethttp.NotFoundHandler(), Observe: func(string, string, int, time.Duration) {}, Sockets: func() int { return 0 },
		Authenticator: refusing{}, Probes: ailing{},
		WebSocket: nethttp.HandlerFunc(func(nethttp.ResponseWriter, *nethttp.Request) { panic("a fault for the test") }),
	})
}

type refusing struct{}

func (refusing) Authenticate(_ context.Context, bearer string) (domain.Caller, error) {
	if bearer == "broken" {
		return domain.Caller{}, errors.New("dial tcp: secret.internal")
	}
	return domain.Caller{}, &domain.Error{Kind: domain.Unauthenticated, Code: "token_invalid", Message: "The token is not valid."}
}

type ailing struct{}

func (ailing) Database(context.Context) error { return errors.New("dial tcp: secret.internal") }

// asked is well, and tells who asks.
type asked func(context.Context)

func (asked) Database(context.Context) error { return nil }

func (a asked) Ready(ctx context.Context) map[string]string { a(ctx); return nil }

func (ailing) Ready(context.Context) map[string]string {
	return map[string]string{"database": "does not answer"}
}

// The bodies of errors are a contract, too. UPDATE_GOLDEN=1 writes those that are new.
func TestErrorBodies(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := bare(slog.New(slog.NewTextHandler(&log, nil)))
	for name, c := range map[string]struct{ method, path, token, body string }{
		"nothing_here":       {"GET", "/nothing", "", ""},
		"wrong_method":       {"DELETE", "/health", "", ""},
		"no_token":           {"GET", "/api/v1/tickets", "", ""},
		"bad_token":          {"GET", "/api/v1/tickets", "x", ""},
		"internal":           {"GET", "/api/v1/tickets", "broken", ""},
		"panic":              {"GET", "/ws?", "", ""},
		"no_handshake":       {"GET", "/ws", "", ""},
		"database_away":      {"GET", "/health/db", "", ""},
		"not_ready":          {"GET", "/ready", "", ""},
		"malformed":          {"POST", "/api/v1/auth/login", "", "{"},
		"no_body":            {"POST", "/api/v1/auth/login", "", ""},
		"missing_field":      {"POST", "/api/v1/auth/login", "", `{"username":"ada"}`},
		"unknown_field":      {"POST", "/api/v1/auth/login", "", `{"username":"ada","password":"secret phrase","x":1}`},
		"wrong_type":         {"POST", "/api/v1/auth/login", "", `{"username":7,"password":"secret phrase"}`},
		"several":            {"POST", "/api/v1/auth/register", "", `{"username":7,"email":[],"password":"short"}`},
		"nobody_named":       {"POST", "/api/v1/auth/login", "", `{"password":"secret phrase"}`},
		"too_large":          {"POST", "/api/v1/auth/login", "", `{"username":"` + strings.Repeat("x", maxBody) + `"}`},
		"unsupported_media":  {"POST", "/api/v1/auth/login", "", "text:plain"},
		"redoc_of_old_times": {"GET", "/docs/none.js", "", ""},
	} {
		request := httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body))
		request.Header.Set("X-Request-ID", "golden")
		if c.body != "" {
			request.Header.Set("Content-Type", "application/json")
		}
		if c.body == "text:plain" {
			request.Header.Set("Content-Type", "text/plain")
		}
		if name == "panic" {
			request.Header.Set("Upgrade", "websocket")
		}
		if c.token != "" {
			request.Header.Set("Authorization", "Bearer "+c.token)
		}
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, request)
		require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"), name)
		require.NotContains(t, answer.Body.String(), "secret", name)
		golden(t, name, answer)
	}
	require.Contains(t, log.String(), "secret.internal", "what is not told is logged")
	require.Contains(t, log.String(), "a fault for the test")
}

func golden(t *testing.T, name string, answer *httptest.ResponseRecorder) {
	t.Helper()
	var body any
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body), name)
	text, err := json.MarshalIndent(body, "", "  ")
	require.NoError(t, err)
	path := filepath.Join("testdata", fmt.Sprintf("%d_%s.json", answer.Code, name))
	want, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, append(text, '\n'), 0o644))
		return
	}
	require.NoError(t, err, "UPDATE_GOLDEN=1 writes it")
	require.Equal(t, string(want), string(text)+"\n", name)
}

func TestARequestThatTakesTooLong(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := bare(slog.New(slog.NewTextHandler(&log, nil)))
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	problem, ok := errors.AsType[*Problem](s.problem(ctx, ctx.Err()))
	require.True(t, ok)
	require.Equal(t, nethttp.StatusServiceUnavailable, problem.Status)
	require.Equal(t, "urn:ticketd:problem:timeout", problem.Type)
	require.Contains(t, log.String(), "longer than it may")
}

// A client that leaves cancels nothing: the database would log it.
func TestAClientThatHasGone(t *testing.T) {
	t.Parallel()
	s := bare(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	looked := make(chan error, 1)
	s.Probes = asked(func(ctx context.Context) { looked <- ctx.Err(); _, bounded := ctx.Deadline(); require.True(t, bounded) })
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/ready", nil))
	require.NoError(t, <-looked)
	require.PanicsWithValue(t, nethttp.ErrAbortHandler, func() {
		_ = s.recoverPanics(func(echoContext) error { panic(nethttp.ErrAbortHandler) })(nil)
	})
}

// An invitation's token is part of its address.
func TestTheLogHoldsNoAddress(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := bare(slog.New(slog.NewTextHandler(&log, nil)))
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/invitations/accept/the-token?x=the-token", nil))
	require.Contains(t, log.String(), "route=/api/v1/invitations/accept/:token")
	require.NotContains(t, log.String(), "the-token")
}

func TestWhereARequestComesFrom(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for _, c := range []struct {
		trusted               []netip.Prefix
		from, forwarded, want string
	}{
		{nil, "10.1.1.1:1", "1.2.3.4", "10.1.1.1"},
		{nil, "127.0.0.1:1", "1.2.3.4", "127.0.0.1"},
		{proxies, "10.1.1.1:1", "1.2.3.4", "1.2.3.4"},
		{proxies, "[2001:db8::1]:1", "1.2.3.4", "1.2.3.4"},
		{proxies, "10.1.1.1:1", "9.9.9.9, 1.2.3.4, 10.2.2.2", "1.2.3.4"},
		{proxies, "10.1.1.1:1", "", "10.1.1.1"},
		{proxies, "192.168.0.1:1", "1.2.3.4", "192.168.0.1"},
		{proxies, "127.0.0.1:1", "1.2.3.4", "127.0.0.1"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr = c.from
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		require.Equal(t, c.want, addressBehind(c.trusted)(r), "%+v", c)
	}
}

func TestABodyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for want, err := range map[int]error{408: fmt.Errorf("read: %w", os.ErrDeadlineExceeded), 413: &nethttp.MaxBytesError{}, 400: errors.New("gone")} {
		problem, ok := errors.AsType[*Problem](bodyProblem(t.Context(), err))
		require.True(t, ok)
		require.Equal(t, want, problem.Status)
	}
}

func TestHarmless(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"body.password", "body.current_password", "path.token", "body.refresh_token", "body.credentials.API_Secret"} {
		require.Nil(t, shown(field, "short"), field)
	}
	require.Equal(t, 7, shown("body.username", 7))
	require.Equal(t, "x", shown("", "x"))
	require.Equal(t, "x", harmless("x"))
	require.Nil(t, harmless(strings.Repeat("x", 101)))
	require.Equal(t, 1.5, harmless(1.5))
	require.Equal(t, true, harmless(true))
	require.Nil(t, harmless(map[string]any{"password": "x"}))
	require.Equal(t, "no location", sentence(ProblemField{Message: "no location"}))
	require.Equal(t, "x", (&Problem{Detail: "x"}).Error())
}

func TestOptional(t *testing.T) {
	t.Parallel()
	var o struct {
		Absent, Null, Set Optional[string]
		List              Optional[[]string]
	}
	require.NoError(t, json.Unmarshal([]byte(`{"Null":null,"Set":"x","List":["a"]}`), &o))
	require.Nil(t, o.Absent.ptr())
	require.Equal(t, "", *o.Null.ptr())
	require.Equal(t, "x", *o.Set.ptr())
	require.Equal(t, []string{"a"}, *o.List.ptr())
	require.Error(t, json.Unmarshal([]byte(`{"Set":1}`), &o))
}

func TestTimestampsAreInMilliseconds(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 1_999_999, time.FixedZone("CET", 3600))
	text, err := json.Marshal(struct{ A, B *Timestamp }{A: optionalTime(&at)})
	require.NoError(t, err)
	require.JSONEq(t, `{"A":"2026-11-21T11:00:00.001Z","B":null}`, string(text))
}
