package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/file"
)

// allTools is what issue and contract promise.
var allTools = []string{
	"analyze_file", "categorize_issue", "create_github_issue", "create_integration_ticket", "create_jira_ticket", "create_salesforce_case", "create_ticket",
	"extract_text_from_image", "find_similar_tickets", "get_system_health", "get_ticket", "list_tickets", "search_knowledge_base", "search_tickets", "transcribe_audio", "update_ticket",
}

func TestHealthNamesTheTools(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	response, err := d.Client().Get(d.URL + "/health")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, 200, response.StatusCode)
	var health struct {
		Status string   `json:"status"`
		Tools  []string `json:"tools_available"`
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&health))
	require.Equal(t, "healthy", health.Status)
	require.ElementsMatch(t, allTools, health.Tools)
}

func (d *desk) toolsOf(token string) (tools []string) {
	d.Helper()
	result, fault := d.rpc(token, "tools/list", nil)
	require.Nil(d, fault)
	for _, tool := range result["tools"].([]any) {
		tools = append(tools, tool.(map[string]any)["name"].(string))
	}
	return tools
}

// A role sees what it may use, and what it does not see it cannot call.
func TestEachRoleHasItsTools(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	readers := []string{
		"analyze_file", "extract_text_from_image", "find_similar_tickets", "get_system_health", "get_ticket", "list_tickets", "search_knowledge_base", "search_tickets", "transcribe_audio",
	}
	for token, tools := range map[string][]string{"ada": allTools, "sam": allTools, "bob": allTools, "bob's agent": allTools, "aud": readers} {
		require.Equal(t, tools, d.toolsOf(token), token)
	}
	for _, name := range allTools {
		if slices.Contains(readers, name) {
			continue
		}
		_, fault := d.rpc("aud", "tools/call", anyMap{"name": name, "arguments": anyMap{}})
		require.Contains(t, fault["message"], "not found", name)
	}
}

func TestWhoCallsTooOftenWaits(t *testing.T) {
	t.Parallel()
	var spent, guessed bool
	d := newDesk(t, func(_ *Config, deps *Deps) {
		deps.Admit = func(caller domain.Caller) (time.Duration, bool) {
			return 1500 * time.Millisecond, !spent || caller.Type == domain.ByAgent
		}
		deps.Refused = func(r *nethttp.Request) (time.Duration, bool) {
			require.NotEmpty(t, r.RemoteAddr)
			return time.Minute, !guessed
		}
	})
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	status := func(token string) int {
		answer, _ := d.send(token, list)
		return answer.StatusCode
	}
	require.Equal(t, []int{200, 401}, []int{status("bob"), status("nobody")})
	spent, guessed = true, true
	for token, after := range map[string]string{"bob": "2", "nobody": "60"} {
		answer, text := d.send(token, list)
		require.Equal(t, 429, answer.StatusCode, text)
		require.Equal(t, after, answer.Header.Get("Retry-After"))
		require.Equal(t, "application/problem+json", answer.Header.Get("Content-Type"))
		require.Contains(t, text, "urn:ticketd:problem:rate_limited")
	}
	require.Equal(t, []int{200, 401, 500}, []int{status("bob's agent"), status(""), status("broken")}, "what is no guess is not counted as one")
}

func TestWhoIsNotKnownGetsNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, c := range []struct {
		authorization string
		status        int
		code          string
	}{
		{"", 401, "token_missing"},
		{"Bearer ", 401, "token_missing"},
		{"Basic ada", 401, "token_missing"},
		{"Bearer nobody", 401, "token_invalid"},
		{"Bearer barred", 403, "forbidden"},
		{"Bearer away", 503, "unavailable"},
		{"Bearer broken", 500, ""},
		{"Bearer panic", 500, ""},
	} {
		response, text := d.send("", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "Authorization", c.authorization, "X-Request-ID", "mine")
		require.Equal(t, c.status, response.StatusCode, text)
		require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
		require.Equal(t, map[string]string{
			"token_missing": "Bearer", "token_invalid": `Bearer error="invalid_token", error_description="The token is not valid."`,
		}[c.code], response.Header.Get("WWW-Authenticate"))
		require.Equal(t, c.status == 503, response.Header.Get("Retry-After") != "")
		require.NotContains(t, text, "secret")
		var p Problem
		require.NoError(t, json.Unmarshal([]byte(text), &p))
		require.Equal(t, c.status, p.Status)
		require.Equal(t, "mine", p.RequestID)
		require.NotEmpty(t, p.Detail)
		require.True(t, strings.HasSuffix(p.Type, c.code), p.Type)
	}
	require.Contains(t, d.log.String(), errPort.Error(), "what is not told is logged")
	require.Contains(t, d.log.String(), "a secret panic")
	_, text := d.send("ada", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "Authorization", "bearer  ada")
	require.Contains(t, text, "create_ticket", "the scheme is not case-sensitive")
}

func TestRequestsThatAreNoCalls(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for name, c := range map[string]struct {
		method, path, body, contentType string
		status                          int
	}{
		"a stream":        {"GET", "/mcp", "", "", 405},
		"a session's end": {"DELETE", "/mcp", "", "", 405},
		"a preflight":     {"OPTIONS", "/mcp", "", "", 405},
		"a sick post":     {"POST", "/health", "", "", 405},
		"nothing":         {"GET", "/", "", "", 404},
		"a form":          {"POST", "/mcp", "a=b", "application/x-www-form-urlencoded", 400},
		"too much":        {"POST", "/mcp", strings.Repeat(" ", maxBody+1), "application/json", 413},
		"a slash":         {"POST", "/mcp/", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, "application/json", 200},
		"a head":          {"HEAD", "/health", "", "", 200},
	} {
		r, err := nethttp.NewRequestWithContext(t.Context(), c.method, d.URL+c.path, strings.NewReader(c.body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer ada")
		r.Header.Set("Content-Type", c.contentType)
		response, err := d.Client().Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, c.status, response.StatusCode, "%s: %s", name, text)
		require.NotEmpty(t, response.Header.Get("X-Request-ID"))
		require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
		if c.status >= 400 {
			require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"), name)
		}
		require.Equal(t, c.status == 405, response.Header.Get("Allow") != "", name)
	}
	for body, code := range map[string]float64{
		`{`: -32700, `[]`: -32700, `{"jsonrpc":"1.0","id":1,"method":"ping"}`: -32600, `{"jsonrpc":"2.0","id":1,"method":"resources/list"}`: -32601,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop_tables"}}`:           -32602,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_ticket","arguments":`: -32700,
	} {
		_, text := d.send("ada", body)
		var answer struct {
			Error struct{ Code float64 }
		}
		require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
		require.Equal(t, code, answer.Error.Code, text)
	}
	response, _ := d.send("ada", `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	require.Equal(t, 202, response.StatusCode)
}

func TestABodyThatBreaksOffIsRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/mcp", io.MultiReader(strings.NewReader("{"), brokenReader{}))
	r.Header.Set("Authorization", "Bearer ada")
	answer := httptest.NewRecorder()
	d.tools.ServeHTTP(answer, r)
	require.Equal(t, 400, answer.Code)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// No session is kept, so any instance answers any call, with or without the handshake of old clients.
func TestThereAreNoSessions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	response, text := d.send("ada", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"old","version":"1"}}}`)
	require.Equal(t, 200, response.StatusCode)
	require.Empty(t, response.Header.Get("Mcp-Session-Id"))
	require.Contains(t, compact(text), `"name":"ticketd"`)
	for _, session := range []string{"", "anything"} {
		_, text := d.send("ada", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "Mcp-Session-Id", session)
		require.Contains(t, text, "create_ticket")
	}
}

func TestAServerIsKnownByItsNames(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *Config, _ *Deps) { c.Hosts = []string{"tools.example.org", "[2001:db8::1]:8001"} })
	_, port, err := net.SplitHostPort(d.Listener.Addr().String())
	require.NoError(t, err)
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for host, status := range map[string]int{
		"localhost:" + port: 200, "127.0.0.1": 200, "[::1]:" + port: 200, "tools.example.org": 200, "TOOLS.example.org:443": 200, "[2001:db8::1]": 200,
		"evil.example.org": 403, "tools.example.org.evil.org": 403, "10.0.0.1:" + port: 403,
	} {
		response, text := d.send("ada", ping, "Host", host)
		require.Equal(t, status, response.StatusCode, "%s: %s", host, text)
	}
	for origin, status := range map[string]int{
		"http://localhost:6274": 200, "https://tools.example.org": 200, "https://evil.example.org": 403, "null": 403, "::": 403,
	} {
		response, text := d.send("ada", ping, "Origin", origin)
		require.Equal(t, status, response.StatusCode, "%s: %s", origin, text)
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/health", nil) // not over the loopback
	r.Host = "pod-7.internal"
	r.Header.Set("Origin", "https://pod-7.internal")
	answer := httptest.NewRecorder()
	d.tools.ServeHTTP(answer, r)
	require.Equal(t, 200, answer.Code)
}

func TestACallLeavesOneLineWithoutItsWords(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	before := d.log.String()
	d.ok("bob", "create_ticket", anyMap{"title": "Confidential", "description": "Confidential"}, keyField, "confidential")
	d.refuses("ticket_not_found", "bob", "get_ticket", anyMap{"ticket_id": "confidential"})
	d.refuses("arguments_invalid", "bob", "get_ticket", anyMap{"confidential": "confidential"})
	_, fault := d.rpc("bob", "tools/call", anyMap{"name": "confidential", "arguments": anyMap{}})
	require.NotNil(t, fault)
	lines := strings.Split(strings.TrimSpace(strings.TrimPrefix(d.log.String(), before)), "\n")
	require.Len(t, lines, 4, lines)
	for i, want := range []string{"tool=create_ticket status=ok", "tool=get_ticket status=ticket_not_found", "tool=get_ticket status=arguments_invalid", "tool=unknown status=tool_not_found"} {
		require.Contains(t, lines[i], want)
		require.Contains(t, lines[i], "took_ms=")
		require.Contains(t, lines[i], "request_id=")
		require.NotContains(t, strings.ToLower(lines[i]), "confidential")
		for _, word := range []string{"error", "exception", "failed", "traceback"} {
			require.NotContains(t, strings.ToLower(lines[i]), word)
		}
	}
}

func TestWhatGoesWrongBehindAToolIsLoggedAndNotTold(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	text := d.uploaded("bob", "a.txt", file.Text, readings{file.Extraction: {Text: "Hello"}})
	d.world.fault, d.world.panics = errPort, true
	calls := map[string]anyMap{
		"search_knowledge_base": {"query": "a"}, "find_similar_tickets": {"text": "a"}, "analyze_file": {"file_id": text},
		"categorize_issue": {"description": "a", "attachments": []anyMap{{"file_id": text}}},
	}
	for name, arguments := range calls {
		refused := d.refuses("internal", "bob", name, arguments)
		require.Equal(t, somethingWrong, refused.Message)
		require.Contains(t, d.log.String(), refused.RequestID)
	}
	d.world.fault = nil
	d.refuses("internal", "bob", "categorize_issue", anyMap{"description": "a"})
	require.Contains(t, d.log.String(), errPort.Error())
	require.Contains(t, d.log.String(), "a secret panic")
	d.ok("bob", "get_system_health", nil)
}

func TestToolsWithoutTheirDatabase(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id, text := d.opened("bob", "Printer"), d.uploading("bob", "a.txt", file.Text)
	d.pool.Close()
	for name, arguments := range map[string]anyMap{
		"get_ticket": {"ticket_id": id}, "list_tickets": {}, "search_tickets": {"query": "a"}, "create_ticket": {"title": "a", "description": "b"},
		"update_ticket": {"ticket_id": id, "title": "c"}, "analyze_file": {"file_id": text}, "create_jira_ticket": {"ticket_id": id},
		"categorize_issue": {"description": "a", "attachments": []anyMap{{"file_id": text}}}, "find_similar_tickets": {"ticket_id": id},
		"create_integration_ticket": {"integration_type": "jira", "ticket_data": anyMap{"title": "a", "description": "b"}},
	} {
		_, refused := d.use("bob", name, arguments)
		require.NotNil(t, refused, name)
		require.Contains(t, []string{"internal", "unavailable"}, refused.Code, name)
	}
}

func TestWhyAToolDidNotAnswer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	outage := &net.OpError{Op: "dial", Err: io.EOF}
	require.Equal(t, "timeout", d.tools.refusalOf(ended, "a", ended.Err()).Code)
	require.Equal(t, "unavailable", d.tools.refusalOf(t.Context(), "a", outage).Code)
	require.Equal(t, "internal", d.tools.refusalOf(t.Context(), "a", errPort).Code)
	require.Equal(t, "internal", d.tools.refusalOf(t.Context(), "a", &domain.Error{Kind: domain.Internal, Code: "secret"}).Code)
	require.Equal(t, 503, d.tools.problem(t.Context(), outage).Status)
}

func TestFiftyCallsAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var calls sync.WaitGroup
	for i := range 50 {
		calls.Go(func() {
			token := []string{"bob", "cyd", "sam", "eve", "bob's agent"}[i%5]
			made, refused := d.use(token, "create_ticket", anyMap{"title": fmt.Sprint("Ticket ", i), "description": token})
			if refused != nil {
				d.Error(refused)
				return
			}
			d.use(token, "get_ticket", anyMap{"ticket_id": made["ticket_id"]})
			d.use(token, "list_tickets", nil)
		})
	}
	calls.Wait()
	for token, count := range map[string]int{"bob": 20, "cyd": 10, "sam": 40, "eve": 10} {
		require.EqualValues(t, count, d.ok(token, "list_tickets", nil)["total"], token)
	}
}

func TestAServerStopsWithCallsInFlight(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *Config, _ *Deps) { c.Wait = time.Minute })
	d.Config.RegisterOnShutdown(d.tools.EndWaits)
	id := d.uploading("bob", "a.txt", file.Text)
	waiting := d.wait(id)
	require.NoError(t, d.Config.Shutdown(t.Context()))
	require.Equal(t, "queued", (<-waiting)["processing_status"])
}

func TestThePageDescribesEveryTool(t *testing.T) {
	t.Parallel()
	page := Markdown()
	for _, name := range allTools {
		require.Contains(t, page, "\n## "+name+"\n")
		require.Contains(t, page, "| ["+name+"](#"+name+") |")
	}
	require.Contains(t, page, "| `title` | text | Required. What is wrong or wanted, in one line. At most 500 characters. |")
	require.Contains(t, page, "| `attachments[].file_id` | uuid |")
	require.Contains(t, page, "| `limit` | integer | From 1 to 50. Left out: 10. |")
	require.Contains(t, page, "| `status` | list of `new` `open` ")
	require.Contains(t, page, "| `next_cursor` | text | May be absent. Leads to the next page")
	require.NotContains(t, page, "\n\n\n")
	require.Equal(t, page, Markdown())
}

func TestACallForACallerWithoutTools(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	nobody := d.callers["bob"]
	nobody.Role = "guest"
	d.callers["guest"] = nobody
	require.Equal(t, []string{"get_system_health"}, d.toolsOf("guest"))
}
