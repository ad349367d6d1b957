package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	nethttp "net/http"
	"strings"
	"testing"

	mcpclient "github.com/mark3labs/mcp-go/client"
	mcptransport "github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain/file"
)

// toolsURL is where an instance offers its tools.
func (i *instance) toolsURL() string {
	i.t.Helper()
	address := i.toolsAddress.Load()
	require.NotNil(i.t, address, "this instance runs no tool server")
	return "http://" + *address
}

// toolUser is somebody with a client of the protocol that is not ours.
type toolUser struct {
	*client
	mcp     *mcpclient.Client
	offered map[string]mcpgo.Tool
	judge   *mcpserver.MCPServer
}

// tools opens the tools of an instance as the person.
func (c *client) tools(i *instance, options ...mcpclient.ClientOption) *toolUser {
	c.t.Helper()
	over, err := mcptransport.NewStreamableHTTP(i.toolsURL()+"/mcp", mcptransport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + c.token}))
	require.NoError(c.t, err)
	u := &toolUser{client: c, mcp: mcpclient.NewClient(over, options...)}
	c.t.Cleanup(func() { _ = u.mcp.Close() })
	require.NoError(c.t, u.mcp.Start(c.t.Context()))
	initialized, err := u.mcp.Initialize(c.t.Context(), mcpgo.InitializeRequest{})
	require.NoError(c.t, err)
	require.Equal(c.t, "ticketd", initialized.ServerInfo.Name)
	require.Empty(c.t, u.mcp.GetSessionId(), "any instance answers any call")
	u.list()
	return u
}

// list asks for the tools, and notes what each promises to answer.
func (u *toolUser) list() (names []string) {
	u.t.Helper()
	listed, err := u.mcp.ListTools(u.t.Context(), mcpgo.ListToolsRequest{})
	require.NoError(u.t, err)
	u.offered = map[string]mcpgo.Tool{}
	u.judge = mcpserver.NewMCPServer("judge", "1", mcpserver.WithInputSchemaValidation(), mcpserver.WithToolCapabilities(false))
	for _, tool := range listed.Tools {
		names = append(names, tool.Name)
		u.offered[tool.Name] = tool
		promised, err := json.Marshal(tool.OutputSchema)
		require.NoError(u.t, err)
		require.NotEqual(u.t, "{}", string(promised), tool.Name)
		u.judge.AddTool(mcpgo.NewToolWithRawSchema(tool.Name, "", promised), func(context.Context, mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
			return mcpgo.NewToolResultText("fits"), nil
		})
	}
	return names
}

// requireKept asks another implementation of JSON Schema whether an answer is what its tool promised.
func (u *toolUser) requireKept(tool string, answered json.RawMessage) {
	u.t.Helper()
	message := jsonOf(object{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": object{"name": tool, "arguments": answered}})
	require.Contains(u.t, jsonOf(u.judge.HandleMessage(u.t.Context(), json.RawMessage(message))), `"fits"`, "%s: %s", tool, answered)
}

// use calls a tool, with an idempotency key unless it is empty. code is why the tool refuses; empty when it answers.
func (u *toolUser) use(tool string, arguments object, key string) (answered object, code string, err error) {
	u.t.Helper()
	request := mcpgo.CallToolRequest{Params: mcpgo.CallToolParams{Name: tool, Arguments: arguments}}
	if key != "" {
		request.Params.Meta = &mcpgo.Meta{AdditionalFields: map[string]any{"idempotency_key": key}}
	}
	result, err := u.mcp.CallTool(u.t.Context(), request)
	if err != nil {
		return nil, "", err
	}
	text, isText := result.Content[0].(mcpgo.TextContent)
	require.True(u.t, isText)
	require.NoError(u.t, json.Unmarshal([]byte(text.Text), &answered), text.Text)
	if result.IsError {
		require.NotEmpty(u.t, answered["message"])
		require.NotEmpty(u.t, answered["request_id"])
		require.Empty(u.t, result.RawStructuredContent)
		return answered, str(answered["code"]), nil
	}
	require.JSONEq(u.t, text.Text, string(result.RawStructuredContent))
	u.requireKept(tool, result.RawStructuredContent)
	return answered, "", nil
}

// ask calls a tool that answers.
func (u *toolUser) ask(tool string, arguments object, key ...string) object {
	u.t.Helper()
	answered, code, err := u.use(tool, arguments, strings.Join(key, ""))
	require.NoError(u.t, err, tool)
	require.Empty(u.t, code, "%s: %v", tool, answered)
	return answered
}

// refused calls a tool that does not answer, and says why not.
func (u *toolUser) refused(tool string, arguments object) string {
	u.t.Helper()
	answered, code, err := u.use(tool, arguments, "")
	require.NoError(u.t, err, tool)
	require.NotEmpty(u.t, code, "%s answers %v", tool, answered)
	return code
}

// knock sends what is no call by a client of the protocol. Of headers, Host is sent as such.
func (i *instance) knock(method, path, body string, headers ...string) answer {
	i.t.Helper()
	r, err := nethttp.NewRequestWithContext(i.t.Context(), method, i.toolsURL()+path, strings.NewReader(body))
	require.NoError(i.t, err)
	r.Header.Set("Content-Type", "application/json")
	for n := 0; n < len(headers); n += 2 {
		if headers[n] == "Host" {
			r.Host = headers[n+1]
		}
		r.Header.Set(headers[n], headers[n+1])
	}
	response, err := web.Do(r)
	require.NoError(i.t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(i.t, err)
	return answer{t: i.t, status: response.StatusCode, header: response.Header, raw: raw}
}

// scripted reads any upload at once, or when it is let.
type scripted struct{ let <-chan struct{} }

func (s scripted) Read(ctx context.Context, _ commands.Source, _ commands.ReadProgress) (file.Reading, error) {
	if s.let != nil {
		select {
		case <-s.let:
		case <-ctx.Done():
			return file.Reading{}, ctx.Err()
		}
	}
	return file.Reading{
		Text: "Paper jam in tray two", Engine: "script", Confidence: new(0.9), Language: "en",
		Regions:  []file.Region{{Text: "Paper jam in tray two", Confidence: 0.9, X: 1, Y: 2, Width: 3, Height: 4}},
		Segments: []file.Segment{{Start: 0, End: 1, Text: "Paper jam in tray two"}},
	}, nil
}

// readAtOnce has every upload read by a script.
func readAtOnce(c *config) {
	c.replaced = map[file.Stage]commands.Reader{file.Validation: scripted{}, file.OCR: scripted{}, file.Transcription: scripted{}, file.Extraction: scripted{}}
}

// silence is a recording in which nobody speaks, but not the same for everybody.
func silence(t *testing.T, name string) []byte {
	t.Helper()
	const rate, seconds = 8000, 1
	sound := make([]byte, rate*seconds*2)
	copy(sound, name)
	var wav bytes.Buffer
	wav.WriteString("RIFF")
	fields := []any{
		uint32(36 + rate*seconds*2), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1), uint32(rate), uint32(rate * 2), uint16(2), uint16(16),
		[]byte("data"), uint32(rate * seconds * 2), sound,
	}
	for _, field := range fields {
		require.NoError(t, binary.Write(&wav, binary.LittleEndian, field))
	}
	return wav.Bytes()
}
