package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/auth"
	"ticketd/domain"
)

// Whatever cannot be answered is answered with a problem.
func TestProblems(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	ticket := "/api/v1/tickets/" + c.ticket().id()
	require.Equal(t, "There is nothing at this address.", c.do(404, "GET", "/api/v1/nothing", nil).detail())
	c.do(404, "GET", "/", nil)
	c.do(404, "GET", "/../../etc/passwd", nil)
	for _, ref := range []string{nobodyID, "999", "-1", "x", "1e3", "99999999999999999999999", "%00", "..%2f", "018f", "%ff"} {
		require.Contains(t, []int{404, 422}, c.status("GET", "/api/v1/tickets/"+ref, nil), ref)
	}
	c.do(422, "GET", "/api/v1/tickets/"+strings.Repeat("9", 65), nil)

	wrong := c.do(405, "PATCH", "/api/v1/tickets", object{})
	require.NotEmpty(t, wrong.header.Get("Allow"))
	c.as("").do(405, "DELETE", "/health", nil)

	for name, media := range map[string]string{"text": "text/plain", "form": "application/x-www-form-urlencoded", "xml": "application/xml", "multipart": "multipart/form-data; boundary=x"} {
		c.with("Content-Type", media).do(415, "POST", "/api/v1/tickets", `{"title":"t","description":"d"}`)
		_ = name
	}
	c.with("Content-Type", "application/json; charset=utf-8").do(201, "POST", "/api/v1/tickets", `{"title":"t","description":"d"}`)
	c.with("Content-Type", "application/problem+json").do(201, "POST", "/api/v1/tickets", `{"title":"t","description":"d"}`)

	for _, malformed := range []string{"{", "nonsense", `{"title":"t",}`, `{"title":"t" "description":"d"}`, "\x00", `{"title":"t"}{}`, strings.Repeat("[", 100_000)} {
		a := c.do(400, "POST", "/api/v1/tickets", malformed)
		require.Equal(t, "The request body is not valid JSON.", a.detail(), malformed[:min(20, len(malformed))])
	}
	c.do(400, "POST", "/api/v1/tickets", "")
	for _, other := range []string{"[]", "null", "1", `"text"`, "true"} {
		c.do(422, "POST", "/api/v1/tickets", other)
		c.do(422, "PATCH", ticket, other)
	}
	huge := `{"title":"t","description":"` + strings.Repeat("x", 2<<20) + `"}`
	for _, path := range []string{"/api/v1/tickets", "/api/v1/auth/register", ticket + "/comments"} {
		require.Contains(t, c.do(413, "POST", path, huge).detail(), "large")
	}
	c.with("Idempotency-Key", "huge").do(413, "POST", "/api/v1/tickets", huge)
	require.Equal(t, "1", c.get(ticket).text("version"))
}

// Text that means something to a database, a header or a page is text here: it is stored and comes back as it was.
func TestHostileTextIsText(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	for n, text := range []string{
		`'; DROP TABLE tickets; --`, `" OR ""="`, `1' OR '1'='1`, `$1 %s %d %!v(MISSING) {{.}} ${jndi:ldap://x}`, "line\r\nSet-Cookie: a=b", `<script>alert(1)</script>`,
		"\u202egnirts\u202c \U0001F600 e\u0301 \u0000x"[:len("\u202egnirts\u202c \U0001F600 e\u0301 ")-1], `\u0041 \\ \" /`, "%25%00%0d%0a", "' UNION SELECT * FROM events --",
	} {
		custom := object{text: text, "nested": object{"list": []any{text}}}
		a := c.post("/api/v1/tickets", object{
			"title": text, "description": text, "subcategory": text, "department": text, "tags": []string{text}, "custom_fields": custom, "source_channel": text,
		})
		for _, shown := range []answer{a, c.get("/api/v1/tickets/" + a.id())} {
			for _, field := range []string{"title", "description", "subcategory", "department", "source_channel"} {
				require.Equal(t, text, shown.text(field), "%s %q", field, text)
			}
			require.Equal(t, []any{text}, shown.object()["tags"])
			require.Equal(t, custom, shown.object()["custom_fields"])
		}
		require.Equal(t, text, c.post("/api/v1/tickets/"+a.id()+"/comments", object{"content": text}).text("content"))
		require.Equal(t, text, c.do(200, "POST", "/api/v1/tickets/"+a.id()+"/status", object{"status": "resolved", "resolution_summary": text}).text("resolution_summary"))
		c.do(200, "POST", "/api/v1/tickets/"+a.id()+"/assign", object{"assigned_to_id": c.user, "reason": text})
		require.Equal(t, text, c.patch("/api/v1/users/me", object{"full_name": text}).text("full_name"), "%q", text)
		token := c.post("/api/v1/api-tokens", object{"name": text})
		require.Equal(t, text, token.text("name"))
		c.do(204, "DELETE", "/api/v1/api-tokens/"+token.id(), nil)
		for _, filter := range []string{"tag", "department"} {
			require.Equal(t, []string{text}, c.get("/api/v1/tickets?"+filter+"="+escape(text)).titles(), "%s=%q", filter, text)
		}
		c.get("/api/v1/tickets?q=" + escape(text))
		for _, filter := range []string{"status", "priority", "category", "assigned_to_id", "sort_by", "created_after", "cursor", "limit", "has_attachments"} {
			c.do(422, "GET", "/api/v1/tickets?"+filter+"="+escape(text), nil)
		}
		for _, path := range []string{"/api/v1/tickets/", "/api/v1/members/"} {
			require.Contains(t, []int{404, 405, 422}, c.status("GET", path+escape(text), nil), "%s%q", path, text)
		}
		require.Len(t, c.get("/api/v1/tickets").list(), n+1)
	}
}

func escape(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	made := c.get("/api/v1/tickets")
	require.NoError(t, uuid.Validate(made.header.Get("X-Request-ID")))
	taken := c.with("X-Request-ID", "my-request").ticket()
	require.Equal(t, "my-request", taken.header.Get("X-Request-ID"))
	require.Equal(t, "my-request", c.get("/api/v1/tickets/" + taken.id() + "/history").list()[0]["correlation_id"])
	require.Equal(t, "my-request", c.with("X-Request-ID", "my-request").do(404, "GET", "/nowhere", nil).text("request_id"))
	for _, bad := range []string{strings.Repeat("x", 129), "a b", "é", "a\tb", ""} {
		require.NoError(t, uuid.Validate(c.with("X-Request-ID", bad).get("/health").header.Get("X-Request-ID")), "%q", bad)
	}
	require.Contains(t, i.log.String(), `"request_id":"my-request"`)
	require.NotContains(t, i.log.String(), c.token)
	c.get("/api/v1/tickets?q=confidential&token=" + c.token)
	require.NotContains(t, i.log.String(), "confidential", "a query may hold what nobody should log")
}

// Bytes that are no HTTP, or HTTP with a header that hides another, reach nothing.
func TestHeaderInjection(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.founder("ada")
	for _, request := range []string{
		"GET /api/v1/users/me HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\rSet-Cookie: b=c\r\nConnection: close\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\x00b\r\nConnection: close\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost: x\r\nX Request: a\r\nConnection: close\r\n\r\n",
		"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n",
		"POST /api/v1/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxxx",
		"POST /api/v1/tickets HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\nContent-Length: 5\r\n\r\nxxxxx",
		"GET /health HTTP/9.9\r\nHost: x\r\n\r\n", "nonsense\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(i.url, "http://"))
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		_, err = conn.Write([]byte(request))
		require.NoError(t, err)
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err, "%q", request)
		require.Regexp(t, `^HTTP/1\.[01] [45]\d\d`, line, "%q", request)
		require.NoError(t, conn.Close())
	}
	for _, path := range []string{"/%0d%0aSet-Cookie:%20a=b", "/api/v1/tickets/%0d%0aLocation:%20http://evil", "/api/v1/tickets/?page=1&size=1&x=%0d%0aSet-Cookie:a=b"} {
		a, err := c.try("GET", path, nil)
		require.NoError(t, err)
		require.Empty(t, a.header.Values("Set-Cookie"))
		require.NotContains(t, a.header.Get("Link"), "\n")
	}
}

func TestTokensThatAreNone(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) { c.JWTSecret = strings.Repeat("k", 32) })
	c := i.founder("ada")
	parts := strings.Split(c.token, ".")
	var claims object
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &claims))
	for _, name := range []string{"sub", "user_id", "org", "role", "exp", "jti"} {
		require.Contains(t, claims, name)
	}
	require.Equal(t, c.user, claims["user_id"])
	encode := func(value any) string { return base64.RawURLEncoding.EncodeToString([]byte(jsonOf(value))) }
	tomorrow := func() time.Time { return time.Now().Add(24 * time.Hour) }
	yesterday := func() time.Time { return time.Now().Add(-24 * time.Hour) }
	user, org := domain.UserID{UUID: uuid.MustParse(c.user)}, domain.OrgID{UUID: uuid.MustParse(c.org)}
	issue := func(key string, now func() time.Time, org domain.OrgID, user domain.UserID) string {
		token, _, err := auth.NewTokens([]byte(key), auth.AccessLife, now).Issue(org, user, domain.Admin, uuid.New())
		require.NoError(t, err)
		return token
	}
	right := strings.Repeat("k", 32)
	c.as(issue(right, time.Now, org, user)).get("/api/v1/users/me") // so the others fail for what they are meant to
	forged := altered(claims, "role", "admin")
	for name, token := range map[string]string{
		"none":                 "",
		"nonsense":             "nonsense",
		"alg none":             encode(object{"alg": "none", "typ": "JWT"}) + "." + parts[1] + ".",
		"alg None, signed":     encode(object{"alg": "None", "typ": "JWT"}) + "." + parts[1] + "." + parts[2],
		"alg RS256":            encode(object{"alg": "RS256", "typ": "JWT"}) + "." + parts[1] + "." + parts[2],
		"no signature":         parts[0] + "." + parts[1] + ".",
		"other claims":         parts[0] + "." + encode(forged) + "." + parts[2],
		"cut":                  c.token[:len(c.token)-2],
		"expired":              issue(right, yesterday, org, user),
		"another key":          issue(strings.Repeat("x", 32), time.Now, org, user),
		"not yet":              issue(right, tomorrow, org, user),
		"another organization": issue(right, time.Now, domain.OrgID{UUID: uuid.New()}, user),
		"nobody":               issue(right, time.Now, org, domain.UserID{UUID: uuid.New()}),
		"a refresh token":      c.again,
	} {
		for _, path := range []string{"/api/v1/users/me", "/api/v1/tickets"} {
			if name == "not yet" && c.as(token).status("GET", path, nil) == 200 {
				continue // without nbf a token from a clock that is ahead is good; it expires all the same
			}
			a := c.as(token).do(401, "GET", path, nil)
			require.NotContains(t, string(a.raw), "signature", name)
		}
		if token != "" {
			s, err := c.as(token).dial()
			require.NoError(t, err)
			if name != "not yet" {
				require.Equal(t, 4001, s.closed(), name)
			}
		}
	}
	for _, header := range []string{"Basic YTpi", "Bearer", "Bearer ", c.token, "bearer\t" + c.token, "Token " + c.token} {
		require.Equal(t, 401, c.as("").with("Authorization", header).status("GET", "/api/v1/users/me", nil), header)
	}
	c.as("").with("Authorization", "bearer "+c.token).get("/api/v1/users/me")
}

func altered(o object, name string, value any) object {
	changed := object{name: value}
	for k, v := range o {
		if _, set := changed[k]; !set {
			changed[k] = v
		}
	}
	changed["org"] = nobodyID
	return changed
}

func TestLimits(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) {
		require.NoError(t, c.LimitDefault.UnmarshalText([]byte("5/h")))
		require.NoError(t, c.LimitLogin.UnmarshalText([]byte("3/h")))
	})
	ada, bob := i.founder("ada"), i.founder("bob")
	for n := range 5 {
		a := ada.get("/api/v1/users/me")
		require.Equal(t, "5", a.header.Get("X-RateLimit-Limit"))
		require.Equal(t, fmt.Sprint(4-n), a.header.Get("X-RateLimit-Remaining"))
		require.Positive(t, number(t, a.header.Get("X-RateLimit-Reset")))
	}
	a := ada.do(429, "GET", "/api/v1/users/me", nil)
	require.Equal(t, a.header.Get("X-RateLimit-Reset"), a.header.Get("Retry-After"))
	require.Equal(t, "0", a.header.Get("X-RateLimit-Remaining"))
	ada.do(429, "POST", "/api/v1/tickets", object{"title": "t", "description": "d"})
	bob.get("/api/v1/users/me") // has a budget of his own
	ada.as("").get("/health")

	// Wrong passwords for one name are counted, wherever they come from.
	wrong := object{"username": ada.name, "password": "wrong"}
	for n := range 3 {
		i.nobody().with("X-Forwarded-For", fmt.Sprint("10.0.0.", n)).do(401, "POST", "/api/v1/auth/login", wrong)
	}
	require.Positive(t, number(t, i.nobody().do(429, "POST", "/api/v1/auth/login", wrong).header.Get("Retry-After")))
	i.nobody().do(429, "POST", "/api/v1/auth/login", object{"username": strings.ToUpper(ada.name), "password": password})
	bob.login()
}

// Guesses that come at once pass no more often than those that come one by one.
func TestParallelGuesses(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) { require.NoError(t, c.LimitLogin.UnmarshalText([]byte("3/h"))) })
	ada := i.founder("ada")
	for range 5 { // who knows the password spends nothing
		ada.login()
	}
	var work sync.WaitGroup
	statuses := make([]int, 20)
	for n := range statuses {
		work.Go(func() {
			a, err := i.nobody().try("POST", "/api/v1/auth/login", object{"username": ada.name, "password": "wrong"})
			if err == nil {
				statuses[n] = a.status
			}
		})
	}
	work.Wait()
	slices.Sort(statuses)
	require.Equal(t, append([]int{401, 401, 401}, slices.Repeat([]int{429}, 17)...), statuses)
}

// Whoever guesses tokens draws on the budget of their address; whoever has a good one does not.
func TestGuessedTokensAreCounted(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) { require.NoError(t, c.LimitAuth.UnmarshalText([]byte("5/h"))) })
	ada := i.founder("ada") // two of the five
	for range 3 {
		ada.as("ai_dev_guess").do(401, "GET", "/api/v1/users/me", nil)
	}
	require.NotEmpty(t, ada.as("ai_dev_guess").do(429, "GET", "/api/v1/users/me", nil).header.Get("Retry-After"))
	ada.as("").do(401, "GET", "/api/v1/users/me", nil)
	ada.get("/api/v1/users/me")
}

func TestTheLimitOfThoseWhoHaveNotSignedIn(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) { require.NoError(t, c.LimitAuth.UnmarshalText([]byte("4/h"))) })
	routes := []string{"/api/v1/auth/login", "/api/v1/auth/register", "/api/v1/auth/refresh", "/api/v1/invitations/accept/x"}
	for n, path := range routes {
		a := i.nobody().with("X-Forwarded-For", fmt.Sprint("1.2.3.", n), "X-Real-IP", fmt.Sprint("1.2.3.", n)).do(422, "POST", path, object{})
		require.Equal(t, fmt.Sprint(3-n), a.header.Get("X-RateLimit-Remaining"), "all draw on one budget")
	}
	for _, path := range routes {
		i.nobody().with("X-Forwarded-For", "9.9.9.9", "X-Real-IP", "9.9.9.9").do(429, "POST", path, object{})
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	const extension = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
	i := boot(t, func(c *config) { c.CORSOrigins = []string{extension, "https://app.example.org"} })
	c := i.founder("ada")
	preflight := func(origin string) answer {
		t.Helper()
		a, err := c.as("").with("Origin", origin, "Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization,content-type,if-match,idempotency-key").
			try("OPTIONS", "/api/v1/tickets/1", nil)
		require.NoError(t, err)
		return a
	}
	welcome := preflight(extension)
	require.Equal(t, 204, welcome.status)
	require.Equal(t, extension, welcome.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, welcome.header.Get("Access-Control-Allow-Methods"), "PATCH")
	for _, name := range []string{"Authorization", "Content-Type", "If-Match", "Idempotency-Key", "X-Request-ID"} {
		require.Contains(t, welcome.header.Get("Access-Control-Allow-Headers"), name)
	}
	for _, stranger := range []string{"https://evil.example.org", "null", "chrome-extension://zzzz", "https://app.example.org.evil.org"} {
		require.Empty(t, preflight(stranger).header.Get("Access-Control-Allow-Origin"), stranger)
	}
	plain := c.with("Origin", extension).get("/api/v1/tickets")
	require.Equal(t, extension, plain.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, plain.header.Get("Access-Control-Expose-Headers"), "X-Event-Position")
	refused := c.as("").with("Origin", extension).do(401, "GET", "/api/v1/tickets", nil)
	require.Equal(t, extension, refused.header.Get("Access-Control-Allow-Origin"), "an extension can read why")
}

func TestHowTheProgramIs(t *testing.T) {
	t.Parallel()
	i := boot(t)
	c := i.nobody()
	require.Equal(t, object{"status": "healthy"}, c.get("/health").object())
	require.Equal(t, object{"database": "connected"}, c.get("/health/db").object())
	require.Equal(t, object{"status": "ready"}, c.get("/ready").object())
	require.Equal(t, object{"status": "ok", "active_connections": 0.0}, c.get("/api/v1/websocket/health").object())
	ada := i.founder("ada")
	ada.connect().await("connected")
	require.Equal(t, "1", c.get("/api/v1/websocket/health").text("active_connections"))
	ada.ticket()
	eventually(t, func() bool {
		return strings.Contains(string(c.get("/metrics").raw), `ticketd_projection_lag_positions{subscriber="ticket_search"} 0`)
	})
	metrics := string(c.get("/metrics").raw)
	for _, name := range []string{
		"ticketd_commands_appended_total", "ticketd_append_seconds_count", "ticketd_lane_batch_size_count", "ticketd_sockets_open 1",
		`ticketd_http_request_seconds_count{method="POST",route="/api/v1/tickets",status="201"} 1`, "go_goroutines",
	} {
		require.Contains(t, metrics, name)
	}
	require.NotContains(t, metrics, ada.user, "no id of anybody becomes a label")

	page := c.get("/docs")
	require.Contains(t, page.header.Get("Content-Type"), "text/html")
	require.Contains(t, page.header.Get("Content-Security-Policy"), "default-src 'none'")
	require.NotRegexp(t, regexp.MustCompile(`(?i)(src|href)\s*=\s*["']?(https?:)?//`), string(page.raw))
	bundle := c.get("/docs/redoc.standalone.js")
	require.Contains(t, bundle.header.Get("Content-Type"), "javascript")
	require.Greater(t, len(bundle.raw), 100_000)
	require.Equal(t, "nosniff", page.header.Get("X-Content-Type-Options"))
	require.Contains(t, c.get("/openapi.json").text("openapi"), "3.1")
	require.Contains(t, string(c.get("/openapi.yaml").raw), "openapi: 3.1")
	a, err := c.try("GET", "/ws", nil)
	require.NoError(t, err)
	require.Equal(t, 426, a.status)

	// What has stopped is named, and why it did stays in the log.
	i.health.stopped.Store("release_tickets", "has stopped")
	i.draining.Store(true)
	a = c.do(503, "GET", "/ready", nil)
	require.Contains(t, string(a.raw), `{"location":"release_tickets","message":"has stopped"}`)
	require.Contains(t, string(a.raw), `{"location":"program","message":"is stopping"}`)
}

// Nobody can say of a ticket that a program made it.
func TestChannelsOfProgramsAreRefused(t *testing.T) {
	t.Parallel()
	ada := boot(t).founder("ada")
	for _, channel := range []string{"agent", "mcp"} {
		refused := ada.do(400, "POST", "/api/v1/tickets", object{"title": "t", "description": "d", "source_channel": channel})
		require.Equal(t, "urn:ticketd:problem:source_channel_reserved", refused.text("type"))
		require.Contains(t, refused.text("detail"), `source_channel cannot be "`+channel+`"`)
	}
	require.Equal(t, false, ada.ticket(object{"source_channel": "email"}).object()["ai_generated"])
}

// The tools draw on the budgets of REST, and agents on none.
func TestLimitsOfTheTools(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) {
		require.NoError(t, c.LimitDefault.UnmarshalText([]byte("2/h")))
		require.NoError(t, c.LimitAuth.UnmarshalText([]byte("3/h")))
	})
	ada := i.founder("ada")
	health := object{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": object{"name": "get_system_health", "arguments": object{}}}
	there := *ada
	there.url = i.toolsURL()
	there.do(200, "POST", "/mcp", health)
	ada.get("/api/v1/users/me")
	require.Positive(t, number(t, there.do(429, "POST", "/mcp", health).header.Get("Retry-After")))
	ada.do(429, "GET", "/api/v1/users/me", nil)
	guess := there.as("wrong")
	for status := 401; status == 401; {
		status = guess.status("POST", "/mcp", health)
		require.Contains(t, []int{401, 429}, status)
	}
	require.Positive(t, number(t, ada.as("wrong").do(429, "GET", "/api/v1/users/me", nil).header.Get("Retry-After")), "it is the address that guessed")
}
