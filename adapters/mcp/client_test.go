package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
)

var _ commands.Toolbox = (*Toolbox)(nil)

// tokens gives agents the token they are known by.
type tokens struct{ token string }

func (t tokens) ForAgent(context.Context, domain.Caller, uuid.UUID) (string, error) {
	if t.token == "" {
		return "", errPort
	}
	return t.token, nil
}

// toolbox answers the tools of a server for an agent that is known by a token.
func toolbox(tb testing.TB, address, token string, timeout time.Duration) *Toolbox {
	tb.Helper()
	box := NewToolbox(ToolboxConfig{URL: address + "/mcp", Timeout: timeout, Version: "test"}, tokens{token})
	tb.Cleanup(box.Close)
	return box
}

func (d *desk) open(token string) commands.Tools {
	d.Helper()
	tools, err := toolbox(d, d.URL, token, 0).Open(d.Context(), d.callers[token], uuid.New())
	require.NoError(d, err)
	d.Cleanup(func() { require.NoError(d, tools.Close()) })
	return tools
}

func TestAnAgentListsItsTools(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	list, err := d.open("bob's agent").List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, len(allTools))
	published := map[string]tool{}
	for _, tool := range d.tools.tools {
		published[tool.name] = tool
	}
	for i, tool := range list {
		require.Equal(t, allTools[i], tool.Name)
		require.Equal(t, published[tool.Name].text, tool.Description)
		require.Equal(t, !published[tool.Name].writes, tool.ReadOnly, tool.Name)
		var got, want map[string]any
		require.NoError(t, json.Unmarshal(tool.Input, &got))
		require.NoError(t, json.Unmarshal(published[tool.Name].input.json(), &want))
		for field, empty := range map[string]any{"properties": map[string]any{}, "required": []any{}} { // models ask for them
			if want[field] == nil {
				want[field] = empty
			}
		}
		require.Equal(t, want, got, tool.Name)
	}
	few, err := d.open("aud").List(t.Context())
	require.NoError(t, err)
	require.Less(t, len(few), len(list))
}

func TestAnAgentCallsATool(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	run := uuid.New()
	tools, err := toolbox(t, d.URL, "bob's agent", 0).Open(t.Context(), d.callers["bob's agent"], run)
	require.NoError(t, err)
	create := json.RawMessage(`{"title":"Printer","description":"It burns."}`)
	var ids []string
	for range 2 {
		result, err := tools.Call(t.Context(), "create_ticket", create, run.String())
		require.NoError(t, err)
		require.False(t, result.Failed, result.Content)
		var made CreatedTicket
		require.NoError(t, json.Unmarshal([]byte(result.Content), &struct {
			TicketID *uuid.UUID `json:"ticket_id"`
		}{&made.TicketID}))
		ids = append(ids, made.TicketID.String())
	}
	require.Equal(t, ids[0], ids[1], "the key makes it once")
	stream, err := d.store.Load(t.Context(), d.callers["bob"].Org.UUID, uuid.MustParse(ids[0]))
	require.NoError(t, err)
	require.Equal(t, run.String(), stream.Events[0].Metadata.CorrelationID, "all that a run causes can be found by it")

	for name, c := range map[string]struct {
		tool, arguments, says string
	}{
		"a refusal":        {"get_ticket", `{"ticket_id":"none"}`, `"code":"ticket_not_found"`},
		"wrong arguments":  {"get_ticket", `{"ticket_id":7}`, `"code":"arguments_invalid"`},
		"no arguments":     {"get_ticket", ``, `"code":"arguments_invalid"`},
		"no JSON":          {"get_ticket", `{"ticket_id":`, `"code":"arguments_invalid"`},
		"no object":        {"get_ticket", `["ticket_id"]`, `"code":"arguments_invalid"`},
		"no such tool":     {"drop_tables", `{}`, `tool 'drop_tables' not found`},
		"an unlisted tool": {"create_ticket ", `{}`, `not found`},
	} {
		result, err := tools.Call(t.Context(), c.tool, json.RawMessage(c.arguments), "")
		require.NoError(t, err, name)
		require.True(t, result.Failed, name)
		require.Contains(t, result.Content, c.says, name)
		require.True(t, json.Valid([]byte(result.Content)), name)
	}
	require.NoError(t, tools.Close())
}

// The tools answer any client of the protocol, of its present and of its former version.
func TestTheLibrarysOwnClient(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for name, options := range map[string][]client.ClientOption{"present": nil, "former": {client.WithProtocolVersion(mcpgo.LATEST_LEGACY_PROTOCOL_VERSION)}} {
		over, err := transport.NewStreamableHTTP(d.URL+"/mcp", transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer sam"}))
		require.NoError(t, err)
		c := client.NewClient(over, options...)
		require.NoError(t, c.Start(t.Context()))
		initialized, err := c.Initialize(t.Context(), mcpgo.InitializeRequest{})
		require.NoError(t, err, name)
		require.Equal(t, "ticketd", initialized.ServerInfo.Name)
		require.NotEmpty(t, initialized.Instructions)
		require.Empty(t, c.GetSessionId())
		list, err := c.ListTools(t.Context(), mcpgo.ListToolsRequest{})
		require.NoError(t, err)
		require.Len(t, list.Tools, len(allTools))
		request := mcpgo.CallToolRequest{}
		request.Params.Name, request.Params.Arguments = "create_ticket", map[string]any{"title": "a", "description": "b"}
		result, err := c.CallTool(t.Context(), request)
		require.NoError(t, err)
		require.False(t, result.IsError)
		require.NotEmpty(t, result.RawStructuredContent)
		require.NoError(t, c.Close())
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var opened atomic.Int64
	counting := httptest.NewUnstartedServer(d.tools)
	counting.Config.ConnState = func(_ net.Conn, s nethttp.ConnState) {
		if s == nethttp.StateNew {
			opened.Add(1)
		}
	}
	counting.Start()
	t.Cleanup(counting.Close)
	box := toolbox(t, counting.URL, "bob", 0)
	for range 3 {
		tools, err := box.Open(t.Context(), d.callers["bob"], uuid.New())
		require.NoError(t, err)
		for range 5 {
			_, err = tools.List(t.Context())
			require.NoError(t, err)
			_, err = tools.Call(t.Context(), "list_tickets", nil, "")
			require.NoError(t, err)
		}
		require.NoError(t, tools.Close())
	}
	require.EqualValues(t, 1, opened.Load())
}

func TestFiftyCallsOfAnAgentAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	tools := d.open("bob")
	var calls sync.WaitGroup
	for i := range 50 {
		calls.Go(func() {
			result, err := tools.Call(t.Context(), "create_ticket", fmt.Appendf(nil, `{"title":"Ticket %d","description":"b"}`, i), fmt.Sprint("key-", i/2))
			if err != nil || result.Failed {
				t.Error(err, result)
			}
		})
	}
	calls.Wait()
	require.EqualValues(t, 25, d.ok("bob", "list_tickets", nil)["total"])
}

func TestAToolServerThatIsDown(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	tools := d.open("bob")
	d.Close()
	_, err := tools.Call(t.Context(), "list_tickets", nil, "")
	require.ErrorIs(t, err, commands.ErrToolsAway)
	require.ErrorContains(t, err, "call list_tickets: tools_unavailable: The tool server does not answer.")
	require.Equal(t, domain.Unavailable, domain.KindOf(err))
	_, err = tools.List(t.Context())
	require.ErrorIs(t, err, commands.ErrToolsAway)
	_, err = toolbox(t, d.URL, "bob", 0).Open(t.Context(), d.callers["bob"], uuid.New())
	require.ErrorIs(t, err, commands.ErrToolsAway)
}

func TestAnAgentThatGetsNoToken(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	_, err := toolbox(t, d.URL, "", 0).Open(t.Context(), d.callers["bob"], uuid.New())
	require.ErrorIs(t, err, errPort)
	_, err = toolbox(t, "://", "bob", 0).Open(t.Context(), d.callers["bob"], uuid.New())
	require.ErrorContains(t, err, "address of the tool server")
	for token, kind := range map[string]domain.Kind{"nobody": domain.Unauthenticated, "barred": domain.Forbidden, "away": domain.Unavailable, "broken": domain.Unavailable} {
		_, err = toolbox(t, d.URL, token, 0).Open(t.Context(), d.callers["bob"], uuid.New())
		require.Equal(t, kind, domain.KindOf(err), "%s: %v", token, err)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestACallThatIsCalledOff(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	tools := d.open("bob")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errPort)
	_, err := tools.Call(ctx, "list_tickets", nil, "")
	require.ErrorIs(t, err, errPort)
	_, err = tools.List(ctx)
	require.ErrorIs(t, err, errPort)
}

// serving answers what a handler says once the tools are open, which waits for it so long.
func (d *desk) serving(patience time.Duration, say nethttp.HandlerFunc) commands.Tools {
	d.Helper()
	var opened atomic.Bool
	odd := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if opened.Load() {
			say(w, r)
		} else {
			d.tools.ServeHTTP(w, r)
		}
	}))
	d.Cleanup(odd.Close)
	tools, err := toolbox(d, odd.URL, "bob", patience).Open(d.Context(), d.callers["bob"], uuid.New())
	require.NoError(d, err)
	opened.Store(true)
	return tools
}

func TestAToolServerThatIsSilent(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	tools := d.serving(2*time.Second, func(_ nethttp.ResponseWriter, r *nethttp.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then a server notices that its client has left
		<-r.Context().Done()
	})
	_, err := tools.Call(t.Context(), "list_tickets", nil, "")
	require.ErrorIs(t, err, commands.ErrToolsAway)
	require.ErrorContains(t, err, "has not answered within 2s")
}

func TestAToolServerThatAnswersNonsense(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for name, c := range map[string]struct {
		says nethttp.HandlerFunc
		kind domain.Kind
	}{
		"bytes": {func(w nethttp.ResponseWriter, _ *nethttp.Request) { _, _ = w.Write([]byte("hello")) }, domain.Unavailable},
		"no JSON": {func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("{"))
		}, domain.Unavailable},
		"too much": {func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			_, _ = w.Write(make([]byte, maxResult+2))
		}, domain.Unavailable},
		"cut off": {func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}, domain.Unavailable},
		"a redirect": {func(w nethttp.ResponseWriter, r *nethttp.Request) {
			nethttp.Redirect(w, r, "/elsewhere", nethttp.StatusTemporaryRedirect)
		}, domain.Unavailable},
		"a gateway": {func(w nethttp.ResponseWriter, _ *nethttp.Request) { w.WriteHeader(nethttp.StatusBadGateway) }, domain.Unavailable},
		"too large": {func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			w.WriteHeader(nethttp.StatusRequestEntityTooLarge)
		}, domain.TooLarge},
	} {
		_, err := d.serving(time.Minute, c.says).Call(t.Context(), "list_tickets", nil, "a key")
		require.Error(t, err, name)
		require.Equal(t, c.kind, domain.KindOf(err), "%s: %v", name, err)
	}
}

func TestWhatAToolSaysInText(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a\nb", contentOf(&mcpgo.CallToolResult{Content: []mcpgo.Content{mcpgo.NewTextContent("a"), mcpgo.NewImageContent("", ""), mcpgo.NewTextContent("b")}}))
	require.Equal(t, `{"a":1}`, contentOf(&mcpgo.CallToolResult{RawStructuredContent: json.RawMessage(`{"a":1}`), Content: []mcpgo.Content{mcpgo.NewTextContent("a")}}))
	require.True(t, errors.Is(refusedBy(502, []byte(strings.Repeat("x", 10))), commands.ErrToolsAway))
}
