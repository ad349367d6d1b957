package mcp

import (
	"context"
	"encoding/json"
	"errors"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"ticketd/domain"
	"ticketd/eventstore"
)

// refusal is what a tool says instead of an answer: for a model to read, and for a program by its code.
type refusal struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Field     string `json:"field,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// refusalOf tells why a tool did not answer. What is not a refusal is logged in full and told to nobody.
func (s *Server) refusalOf(ctx context.Context, name string, err error) refusal {
	r := refusal{RequestID: requestID(ctx)}
	refused, ok := errors.AsType[*domain.Error](err)
	switch {
	case ok && refused.Kind != domain.Internal:
		r.Code, r.Message, r.Field = refused.Code, refused.Message, refused.Field
	case ctx.Err() != nil:
		s.Logger.WarnContext(ctx, "a tool took longer than it may", "tool", name, "cause", err, "request_id", r.RequestID)
		r.Code, r.Message = "timeout", "This took too long and was given up; whether it changed anything is not known."
	case eventstore.IsOutage(err):
		s.Logger.WarnContext(ctx, "the database was not there for a tool", "tool", name, "cause", err, "request_id", r.RequestID)
		r.Code, r.Message = "unavailable", "The database does not answer at the moment; whether this changed anything is not known. Try again with the same "+keyField+"."
	default:
		s.Logger.ErrorContext(ctx, "a tool could not answer", "tool", name, "cause", err, "request_id", r.RequestID)
		r.Code, r.Message = "internal", somethingWrong
	}
	return r
}

// text is the refusal as JSON.
func (r refusal) text() string {
	text, err := json.Marshal(r)
	if err != nil { // texts always marshal
		return r.Message
	}
	return string(text)
}

// result is the refusal as the protocol has it. It is text, because structured content must fit the tool's schema.
func (r refusal) result() *mcpgo.CallToolResult { return mcpgo.NewToolResultError(r.text()) }
