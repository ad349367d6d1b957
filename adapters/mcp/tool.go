package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"ticketd/commands"
	"ticketd/domain"
)

// description is what a client learns of a tool, besides its schemas.
type description struct {
	name, title, text string
	needs             domain.Permission // "": whoever is known may use it
	writes            bool              // it changes something
	repeatable        bool              // doing it twice changes nothing more; so is whatever does not write
	outside           bool              // it reaches beyond this service
}

// tool is a description with what stands behind it.
type tool struct {
	description
	spec          mcpgo.Tool
	input, output *schema
	run           func(ctx context.Context, c call, arguments []byte) (any, error)
}

// call is one use of a tool.
type call struct {
	caller  domain.Caller
	request commands.Request // what a command of this call comes with
	key     string           // that makes a repetition do nothing; may be empty
	gone    <-chan struct{}  // closed when the client has left
}

// add ties a handler to its tool; whatever it returns as an error is answered as a refusal.
func add[In, Out any](s *Server, d description, handler func(context.Context, call, In) (Out, error)) {
	t := tool{description: d, input: schemaOf(reflect.TypeFor[In]()).closed(), output: schemaOf(reflect.TypeFor[Out]())}
	t.spec = mcpgo.NewTool(d.name, mcpgo.WithDescription(d.text), mcpgo.WithToolAnnotation(mcpgo.ToolAnnotation{
		Title: d.title, ReadOnlyHint: new(!d.writes), DestructiveHint: new(false), IdempotentHint: new(!d.writes || d.repeatable), OpenWorldHint: new(d.outside),
	}))
	t.spec.Title = d.title
	t.spec.InputSchema.Type, t.spec.OutputSchema.Type = "", "" // instead of which there are:
	t.spec.RawInputSchema, t.spec.RawOutputSchema = t.input.json(), t.output.json()
	t.run = func(ctx context.Context, c call, arguments []byte) (any, error) {
		var in In
		if err := t.input.bind(arguments, &in); err != nil {
			return nil, err
		}
		return handler(ctx, c, in)
	}
	s.tools = append(s.tools, t)
	s.needs[d.name] = d.needs
}

// Tools answers all tools as a client sees them who may use all.
func Tools() []mcpgo.Tool {
	var specs []mcpgo.Tool
	for _, t := range New(Config{}, Deps{}).tools {
		specs = append(specs, t.spec)
	}
	return specs
}

// bind reads arguments that fit the schema. None at all, or null, are an empty object.
func (s *schema) bind(arguments []byte, into any) error {
	if arguments = bytes.TrimSpace(arguments); len(arguments) == 0 || string(arguments) == "null" {
		arguments = []byte("{}")
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(arguments))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return wrong("", "The arguments are not JSON.")
	}
	if err := s.check("", value); err != nil {
		return err
	}
	if err := json.Unmarshal(arguments, into); err != nil { // nothing that fits the schemas of our tools
		return wrong("", "The arguments cannot be read: %v.", err)
	}
	return nil
}

// allowedTools hides the tools that the caller's role may not use, which blocks them, too.
func (s *Server) allowedTools(ctx context.Context, tools []mcpgo.Tool) []mcpgo.Tool {
	caller := visitOf(ctx).caller
	var allowed []mcpgo.Tool
	for _, t := range tools {
		if needs := s.needs[t.Name]; needs == "" || caller.Can(needs) {
			allowed = append(allowed, t)
		}
	}
	return allowed
}

// handle answers calls of one tool, each with a line in the log that holds nothing of what was said.
func (s *Server) handle(t tool) server.ToolHandlerFunc {
	return func(ctx context.Context, r mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		answer, err := s.run(ctx, t, r)
		var text []byte
		if err == nil {
			text, err = json.Marshal(answer)
		}
		if err != nil {
			refused := s.refusalOf(ctx, t.name, err)
			s.logCall(ctx, t.name, refused.Code)
			return refused.result(), nil
		}
		s.logCall(ctx, t.name, "ok")
		return &mcpgo.CallToolResult{
			Content: []mcpgo.Content{mcpgo.NewTextContent(string(text))}, StructuredContent: json.RawMessage(text),
		}, nil
	}
}

// run calls a tool. A panic is an error like any other.
func (s *Server) run(ctx context.Context, t tool, r mcpgo.CallToolRequest) (answer any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	c, err := callOf(ctx, r)
	if err != nil {
		return nil, err
	}
	return t.run(ctx, c, r.Params.RawArguments)
}

// keyField is the field of a call's _meta that makes a repetition of it do nothing.
const keyField = "idempotency_key"

var errKey = &domain.Error{Kind: domain.Invalid, Code: "idempotency_key_invalid", Message: "An idempotency_key has 1 to 255 visible ASCII characters.", Field: "_meta." + keyField}

func callOf(ctx context.Context, r mcpgo.CallToolRequest) (call, error) {
	v, id := visitOf(ctx), requestID(ctx)
	c := call{caller: v.caller, gone: v.gone, request: commands.Request{Org: v.caller.Org, By: v.caller.Actor, Correlation: id, Causation: id}}
	given := r.Params.Meta.GetMetaField(keyField)
	if given == nil {
		return c, nil
	}
	key, isText := given.(string)
	if !isText || !printable(key, 255) {
		return c, errKey
	}
	c.key = key
	return c, nil
}

// newID answers the id for what the call makes. With a key it is always the same, so that a repetition makes the same thing
// again and not another one.
func (c call) newID() uuid.UUID {
	if c.key == "" {
		return commands.NewID()
	}
	return uuid.NewSHA1(c.caller.User.UUID, []byte(c.key))
}

// channel is how things come in that the call makes.
func (c call) channel() string {
	if c.caller.Type == domain.ByAgent {
		return commands.AgentChannel
	}
	return commands.MCPChannel
}

// logCall writes one line a call: no arguments, and of a result only whether there is one.
func (s *Server) logCall(ctx context.Context, name, status string) {
	took := time.Since(visitOf(ctx).began)
	s.Logger.InfoContext(ctx, "tool call", "tool", name, "status", status, "took_ms", float64(took.Microseconds())/1000, "request_id", requestID(ctx))
}

// logRefusedCall is for calls that reach no tool. They are not named: a name that is none of ours may be anything.
func (s *Server) logRefusedCall(ctx context.Context, _ any, method mcpgo.MCPMethod, _ any, _ error) {
	if method == mcpgo.MethodToolsCall {
		s.logCall(ctx, "unknown", "tool_not_found")
	}
}
