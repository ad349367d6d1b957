package mcp

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	nethttp "net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"ticketd/commands"
	"ticketd/domain"
)

// Credentials makes bearer tokens for agents.
type Credentials interface {
	// ForAgent answers a token with which an agent acts for the caller during one run.
	ForAgent(ctx context.Context, caller domain.Caller, run uuid.UUID) (string, error)
}

const (
	// defaultPatience is ToolboxConfig.Timeout where nobody says: longer than any call takes.
	defaultPatience = maxTime + defaultWait + 10*time.Second
	// maxResult is how many bytes an answer may have.
	maxResult = 8 << 20
	// connections are how many to one server are kept for the next calls.
	connections = 64
)

// ToolboxConfig says where the tools are.
type ToolboxConfig struct {
	URL     string        // of the server's MCP endpoint: http://localhost:8001/mcp
	Timeout time.Duration // of one call; 0: a minute
	Version string
}

// Toolbox opens the tools of an MCP server. It implements commands.Toolbox. All that it opens share their connections.
type Toolbox struct {
	config      ToolboxConfig
	credentials Credentials
	http        *nethttp.Client
	lists       lists
}

// NewToolbox answers the tools of the server at an address. It connects to nothing yet.
func NewToolbox(c ToolboxConfig, credentials Credentials) *Toolbox {
	c.Timeout = cmp.Or(c.Timeout, defaultPatience)
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &Toolbox{config: c, credentials: credentials, http: &nethttp.Client{
		CheckRedirect: func(*nethttp.Request, []*nethttp.Request) error { return nethttp.ErrUseLastResponse }, // it would be sent the token
		Transport: whole{&nethttp.Transport{
			DialContext: dialer.DialContext, MaxIdleConnsPerHost: connections, IdleConnTimeout: 90 * time.Second, DisableCompression: true,
		}},
	}}
}

// Close lets idle connections go.
func (t *Toolbox) Close() { t.http.CloseIdleConnections() }

// Open implements commands.Toolbox. Errors: commands.ErrToolsAway, what the credentials or the server refuse, the context's.
func (t *Toolbox) Open(ctx context.Context, caller domain.Caller, run uuid.UUID) (commands.Tools, error) {
	token, err := t.credentials.ForAgent(ctx, caller, run)
	if err != nil {
		return nil, fmt.Errorf("credentials for an agent: %w", err)
	}
	over, err := transport.NewStreamableHTTP(t.config.URL, transport.WithHTTPBasicClient(t.http), transport.WithHTTPHeaders(map[string]string{
		"Authorization": "Bearer " + token, "X-Request-ID": run.String(), // so all that the run causes can be found by it
	}))
	if err != nil {
		return nil, fmt.Errorf("address of the tool server: %w", err)
	}
	tools := &tools{client: client.NewClient(over), timeout: t.config.Timeout, role: caller.Role, lists: &t.lists}
	request := mcpgo.InitializeRequest{}
	request.Params.ClientInfo = mcpgo.Implementation{Name: "ticketd-agent", Version: t.config.Version}
	err = tools.within(ctx, func(ctx context.Context) error {
		_, err := tools.client.Initialize(ctx, request)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the tools: %w", err)
	}
	return tools, nil
}

// tools are those of one run.
type tools struct {
	client  *client.Client
	timeout time.Duration
	role    domain.Role
	lists   *lists
}

// within bounds the time of a request, and tells apart who is at fault when it brings nothing.
func (t *tools) within(ctx context.Context, request func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	err := request(bounded)
	_, refused := errors.AsType[*domain.Error](err)
	_, transported := errors.AsType[*transport.Error](err)
	switch {
	case err == nil || refused:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case bounded.Err() != nil:
		return commands.ErrToolsAway.With(fmt.Sprintf("The tool server has not answered within %s.", t.timeout))
	case transported:
		return fmt.Errorf("%w: %w", commands.ErrToolsAway, err)
	}
	return err
}

// List implements commands.Tools. What it answers is shared: nobody may change it.
func (t *tools) List(ctx context.Context) ([]commands.Tool, error) {
	if list, known := t.lists.find(t.role, time.Now()); known {
		return list, nil
	}
	list, err := t.ask(ctx)
	if err == nil {
		t.lists.keep(t.role, list, time.Now())
	}
	return list, err
}

// ask asks the server which tools it has.
func (t *tools) ask(ctx context.Context) ([]commands.Tool, error) {
	var listed *mcpgo.ListToolsResult
	err := t.within(ctx, func(ctx context.Context) (err error) {
		listed, err = t.client.ListTools(ctx, mcpgo.ListToolsRequest{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the tools: %w", err)
	}
	list := make([]commands.Tool, len(listed.Tools))
	for i, tool := range listed.Tools {
		input, err := json.Marshal(tool.InputSchema)
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", tool.Name, err)
		}
		list[i] = commands.Tool{Name: tool.Name, Description: tool.Description, Input: input, ReadOnly: tool.Annotations.ReadOnlyHint != nil && *tool.Annotations.ReadOnlyHint}
	}
	return list, nil
}

// Call implements commands.Tools.
func (t *tools) Call(ctx context.Context, name string, arguments json.RawMessage, key string) (commands.ToolResult, error) {
	if arguments = bytes.TrimSpace(arguments); len(arguments) == 0 {
		arguments = json.RawMessage("{}")
	}
	if !json.Valid(arguments) || arguments[0] != '{' { // the protocol could not carry them
		return commands.ToolResult{Failed: true, Content: refusal{Code: errArguments.Code, Message: "The arguments must be a JSON object."}.text()}, nil
	}
	request := mcpgo.CallToolRequest{Params: mcpgo.CallToolParams{Name: name, RawArguments: arguments}}
	if key != "" {
		request.Params.Meta = &mcpgo.Meta{AdditionalFields: map[string]any{keyField: key}}
		request.Header = nethttp.Header{"Idempotency-Key": {key}} // lets net/http repeat what a connection lost
	}
	var result *mcpgo.CallToolResult
	err := t.within(ctx, func(ctx context.Context) (err error) {
		result, err = t.client.CallTool(ctx, request)
		return err
	})
	if err == nil {
		return commands.ToolResult{Content: contentOf(result), Failed: result.IsError}, nil
	}
	if _, refused := errors.AsType[*domain.Error](err); !refused && ctx.Err() == nil { // an answer of the protocol: there is no such tool
		return commands.ToolResult{Failed: true, Content: refusal{Code: "tool_refused", Message: err.Error()}.text()}, nil
	}
	return commands.ToolResult{}, fmt.Errorf("call %s: %w", name, err)
}

// contentOf answers what a tool said: JSON when it is structured, else its texts.
func contentOf(r *mcpgo.CallToolResult) string {
	if len(r.RawStructuredContent) > 0 {
		return string(r.RawStructuredContent)
	}
	var texts []string
	for _, c := range r.Content {
		if text, ok := c.(mcpgo.TextContent); ok {
			texts = append(texts, text.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// Close implements commands.Tools.
func (t *tools) Close() error { return t.client.Close() }

// whole reads answers to their end, so that their connection can be used again, and turns those that are refusals of HTTP
// into errors that say so, which the library would take for answers of the protocol.
type whole struct{ nethttp.RoundTripper }

// RoundTrip implements net/http's RoundTripper.
func (w whole) RoundTrip(r *nethttp.Request) (*nethttp.Response, error) {
	response, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResult+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case len(body) > maxResult:
		return nil, fmt.Errorf("the answer has more than %d bytes", maxResult) //nolint:err113 // nobody asks for it
	}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode >= nethttp.StatusBadRequest && media != "application/json" {
		return nil, refusedBy(response.StatusCode, body)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// refusedBy is the error of a status that is no answer of the protocol.
func refusedBy(status int, body []byte) error {
	var p Problem
	if json.Unmarshal(body, &p) != nil || p.Detail == "" {
		p.Detail = nethttp.StatusText(status)
	}
	refused := *commands.ErrToolsAway
	switch status {
	case nethttp.StatusUnauthorized:
		refused = domain.Error{Kind: domain.Unauthenticated, Code: "tools_token_refused"}
	case nethttp.StatusForbidden:
		refused = domain.Error{Kind: domain.Forbidden, Code: "tools_forbidden"}
	case nethttp.StatusRequestEntityTooLarge:
		refused = domain.Error{Kind: domain.TooLarge, Code: "tools_call_too_large"}
	}
	refused.Message = fmt.Sprintf("The tool server answers %d: %s", status, p.Detail)
	return &refused
}
