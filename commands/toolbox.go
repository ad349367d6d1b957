package commands

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"ticketd/domain"
)

// ErrToolsAway is why tools cannot be used at the moment. Trying again later, with the same keys, is harmless.
var ErrToolsAway = &domain.Error{Kind: domain.Unavailable, Code: "tools_unavailable", Message: "The tool server does not answer."}

// Toolbox opens the tools for one run, with the rights of the person it is for.
type Toolbox interface {
	// Open connects as an agent that acts for the caller. Close ends the connection. Errors: ErrToolsAway, and
	// what the server refuses.
	Open(ctx context.Context, caller domain.Caller, run uuid.UUID) (Tools, error)
}

// Tools is what an agent may call in one run.
type Tools interface {
	// List answers the tools that the caller may use.
	List(ctx context.Context) ([]Tool, error)

	// Call calls one. key makes a repeated call do nothing the second time. An error is of the connection, ErrToolsAway
	// among them; what the tool itself refuses is a ToolResult that Failed.
	Call(ctx context.Context, name string, arguments json.RawMessage, key string) (ToolResult, error)

	Close() error
}

// ToolResult is what a tool said: JSON when it is structured, else text.
type ToolResult struct {
	Content string
	Failed  bool
}
