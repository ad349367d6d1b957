package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

// judge is another implementation of JSON Schema: the library's, which takes our schemas for those of what its tools take.
var judge = func() *server.MCPServer {
	m := server.NewMCPServer("judge", "1", server.WithInputSchemaValidation(), server.WithToolCapabilities(false))
	accept := func(context.Context, mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		return mcpgo.NewToolResultText("fits"), nil
	}
	for _, t := range New(Config{}, Deps{}).tools {
		m.AddTool(mcpgo.NewToolWithRawSchema("in "+t.name, "", t.input.json()), accept)
		m.AddTool(mcpgo.NewToolWithRawSchema("out "+t.name, "", t.output.json()), accept)
	}
	return m
}()

// verdict answers what the other implementation says of a value: nothing when it fits.
func verdict(t *testing.T, of string, value any) string {
	t.Helper()
	message, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": map[string]any{"name": of, "arguments": value}})
	require.NoError(t, err)
	text, err := json.Marshal(judge.HandleMessage(t.Context(), message))
	require.NoError(t, err)
	var answer struct {
		Result mcpgo.CallToolResult `json:"result"`
	}
	require.NoError(t, json.Unmarshal(text, &answer), string(text))
	said := contentOf(&answer.Result)
	if !answer.Result.IsError && said == "fits" {
		return ""
	}
	require.True(t, answer.Result.IsError, string(text))
	return said
}

func requireFits(t *testing.T, name string, structured any) {
	t.Helper()
	require.Empty(t, verdict(t, "out "+name, structured), "what %s answers does not fit its schema", name)
}

// Clients and prompts depend on what a tool says of itself. UPDATE_GOLDEN=1 writes the tools that are new.
func TestToolsStayAsTheyWerePublished(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	left := map[string]bool{}
	for _, f := range files {
		left[f] = true
	}
	for _, tool := range New(Config{}, Deps{}).tools {
		text, err := json.MarshalIndent(tool.spec, "", "  ")
		require.NoError(t, err)
		path := filepath.Join("testdata", tool.name+".json")
		delete(left, path)
		want, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && os.Getenv("UPDATE_GOLDEN") != "" {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(path, append(text, '\n'), 0o644))
			continue
		}
		require.NoError(t, err, "UPDATE_GOLDEN=1 writes it")
		require.Equal(t, string(want), string(text)+"\n", "%s is not what it was", tool.name)
	}
	require.Empty(t, left, "tools that are gone")
}

func TestEveryToolDescribesItself(t *testing.T) {
	t.Parallel()
	permissions := domain.Permissions()
	for _, tool := range New(Config{}, Deps{}).tools {
		require.NotEmpty(t, tool.title, tool.name)
		require.True(t, strings.HasSuffix(tool.text, "."), tool.name)
		if tool.needs != "" {
			require.Contains(t, permissions, tool.needs, tool.name)
		}
		require.False(t, *tool.spec.Annotations.DestructiveHint)
		require.Equal(t, !tool.writes, *tool.spec.Annotations.ReadOnlyHint)
		require.NotContains(t, string(tool.input.json()), `"null"`, "an argument is there or left out")
		require.Contains(t, string(tool.input.json()), `"additionalProperties":false`)
		require.Equal(t, typeObject, tool.output.Type)
	}
}

// What is published and what is checked is the same: another implementation of JSON Schema agrees.
func TestArgumentsAreCheckedAsPublished(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("é", n) }
	id := "0198c1d2-3e4f-7a5b-8c6d-7e8f9a0b1c2d"
	tools := map[string]tool{}
	for _, tool := range New(Config{}, Deps{}).tools {
		tools[tool.name] = tool
	}
	for name, c := range map[string]struct {
		tool, arguments, refused string
		formal                   bool // only a sentence of ours: the other implementation does not look at it
	}{
		"all of it":              {tool: "create_ticket", arguments: `{"title":"` + long(500) + `","description":"a","category":"bug","priority":"low","urgency":"high","tags":["a"],"assigned_to_id":"` + id + `","attachments":[{"file_id":"` + id + `"}],"integration":"jira"}`},
		"the least of it":        {tool: "create_ticket", arguments: `{"title":"a","description":"a"}`},
		"nothing":                {tool: "list_tickets", arguments: `{}`},
		"times":                  {tool: "list_tickets", arguments: `{"created_after":"2026-01-31T08:00:00Z","has_attachments":true,"limit":50}`},
		"another object":         {tool: "create_integration_ticket", arguments: `{"integration_type":"jira","ticket_data":{"title":"a","description":"a"}}`},
		"a list for an object":   {tool: "list_tickets", arguments: `[]`, refused: "The arguments must be an object."},
		"null for nothing":       {tool: "list_tickets", arguments: ` null `},
		"null for an object":     {tool: "create_integration_ticket", arguments: `{"integration_type":"jira","ticket_data":null}`, refused: "ticket_data must be an object, not null."},
		"no title":               {tool: "create_ticket", arguments: `{"description":"a"}`, refused: "title is missing."},
		"an empty title":         {tool: "create_ticket", arguments: `{"title":"","description":"a"}`, refused: "title must not be empty."},
		"a blank title":          {tool: "create_ticket", arguments: `{"title":" ","description":"a"}`, refused: "title must not be empty.", formal: true},
		"a long title":           {tool: "create_ticket", arguments: `{"title":"` + long(501) + `","description":"a"}`, refused: "title is 501 characters long; 500 is the most."},
		"a number for a title":   {tool: "create_ticket", arguments: `{"title":1,"description":"a"}`, refused: "title must be a text."},
		"null for a title":       {tool: "update_ticket", arguments: `{"ticket_id":"1","title":null}`, refused: "title must be a text, not null. Leave it out instead."},
		"a title with NUL":       {tool: "create_ticket", arguments: `{"title":"a\u0000","description":"a"}`, refused: "title holds characters that are not text.", formal: true},
		"an unknown field":       {tool: "get_ticket", arguments: `{"ticket_id":"1","color":"red"}`, refused: "The arguments may not hold color, but only ticket_id."},
		"an unknown odd field":   {tool: "get_ticket", arguments: `{"ticket_id":"1","a b":"red"}`, refused: "The arguments may not hold a field of that name"},
		"a category of ours not": {tool: "create_ticket", arguments: `{"title":"a","description":"a","category":"art"}`, refused: "category must be one of technical, billing"},
		"a list's odd element":   {tool: "list_tickets", arguments: `{"status":["open","lost"]}`, refused: "status[1] must be one of new, open"},
		"a text for a list":      {tool: "list_tickets", arguments: `{"status":"open"}`, refused: "status must be a list."},
		"too many":               {tool: "list_tickets", arguments: `{"priority":["low","low","low","low","low"]}`, refused: "priority has 5 entries; 4 is the most."},
		"an empty list":          {tool: "update_ticket", arguments: `{"ticket_id":"1","tags":[]}`, refused: "tags must not be empty."},
		"a part's odd field":     {tool: "create_ticket", arguments: `{"title":"a","description":"a","attachments":[{"id":"` + id + `"}]}`, refused: "attachments[0].file_id is missing."},
		"an object's odd part":   {tool: "create_integration_ticket", arguments: `{"integration_type":"jira","ticket_data":{"title":"a"}}`, refused: "ticket_data.description is missing."},
		"an odd id":              {tool: "create_ticket", arguments: `{"title":"a","description":"a","assigned_to_id":"bob"}`, refused: "assigned_to_id must be an id", formal: true},
		"an odd time":            {tool: "list_tickets", arguments: `{"created_after":"yesterday"}`, refused: "created_after must be a time", formal: true},
		"a time long ago":        {tool: "list_tickets", arguments: `{"created_after":"0001-01-01T00:00:00Z"}`, refused: "created_after must be a time", formal: true},
		"half a number":          {tool: "list_tickets", arguments: `{"limit":1.5}`, refused: "limit must be a whole number."},
		"a text for a number":    {tool: "list_tickets", arguments: `{"limit":"5"}`, refused: "limit must be a whole number."},
		"an endless number":      {tool: "list_tickets", arguments: `{"limit":1e400}`, refused: "limit must be a whole number."},
		"a number too small":     {tool: "list_tickets", arguments: `{"limit":0}`, refused: "limit must be at least 1."},
		"a number too large":     {tool: "list_tickets", arguments: `{"limit":51}`, refused: "limit must be at most 50."},
		"a text for a truth":     {tool: "list_tickets", arguments: `{"has_attachments":"yes"}`, refused: "has_attachments must be true or false."},
		"a name in capitals":     {tool: "get_ticket", arguments: `{"ticket_id":"1","Ticket_ID":2}`, refused: "The arguments may not hold Ticket_ID"},
	} {
		into := map[string]any{}
		err := tools[c.tool].input.bind([]byte(c.arguments), &into)
		said := ""
		if name != "null for nothing" && name != "an endless number" { // the protocol has no such thing
			said = verdict(t, "in "+c.tool, json.RawMessage(c.arguments))
		}
		if c.refused == "" {
			require.NoError(t, err, name)
			require.Empty(t, said, name)
			continue
		}
		refused, ok := errors.AsType[*domain.Error](err)
		require.True(t, ok, "%s: %v", name, err)
		require.ErrorIs(t, err, errArguments)
		require.Contains(t, refused.Message, c.refused, name)
		if !c.formal && name != "an endless number" {
			require.NotEmpty(t, said, "%s: the other implementation takes it", name)
		}
	}
	require.ErrorIs(t, tools["get_ticket"].input.bind([]byte(`{`), nil), errArguments)
	require.ErrorContains(t, tools["list_tickets"].input.bind([]byte(`{"limit":5}`), &struct{ Limit string }{}), "cannot be read")
}

func TestASchemaKnowsItsTypes(t *testing.T) {
	t.Parallel()
	s := schemaOf(reflect.TypeFor[struct {
		Free  map[string]any `json:"free"`
		Share float64        `json:"share" minimum:"0" maximum:"1"`
	}]())
	require.NoError(t, s.bind([]byte(`{"free":{"a":[1]},"share":0.5}`), &map[string]any{}))
	require.ErrorContains(t, s.bind([]byte(`{"free":1,"share":0.5}`), nil), "free must be an object.")
	require.ErrorContains(t, s.bind([]byte(`{"free":{},"share":"x"}`), nil), "share must be a number.")
	require.ErrorContains(t, s.bind([]byte(`{"free":{},"share":-1}`), nil), "share must be at least 0.")
	require.Panics(t, func() { schemaOf(reflect.TypeFor[chan int]()) })
	require.Panics(t, func() { number(reflect.StructTag(`minLength:"x"`), "minLength") })
}
