package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/google/uuid"

	"ticketd/adapters/mcp"
	"ticketd/domain"
)

// benchTools measures a call of a tool beside the same question over REST, and beside a request that asks nothing.
func (w *agentsWorld) benchTools(ctx context.Context, o options, out io.Writer) error {
	api, err := connect(ctx, w.real.address, w.member)
	if err != nil {
		return err
	}
	defer api.close()
	id, err := api.create("/api/v1/tickets", newTicket(""))
	if err != nil {
		return err
	}
	bare, err := connect(ctx, w.tools, "")
	if err != nil {
		return err
	}
	defer bare.close()
	box := mcp.NewToolbox(mcp.ToolboxConfig{URL: "http://" + w.tools + "/mcp", Version: "bench"}, bearer(w.member))
	defer box.Close()
	tools, err := box.Open(ctx, domain.Caller{}, uuid.New())
	if err != nil {
		return err
	}
	defer tools.Close() //nolint:errcheck // nothing was written
	arguments, err := json.Marshal(map[string]string{"ticket_id": id})
	if err != nil {
		return err
	}
	call := func(ctx context.Context, name string, arguments json.RawMessage) error {
		answer, err := tools.Call(ctx, name, arguments, "bench")
		if err == nil && answer.Failed {
			err = fmt.Errorf("%s: %s", name, answer.Content)
		}
		return err
	}
	lines := []line{
		{what: "limit: GET /tickets/{id} over REST", op: func(context.Context) error {
			return api.do(http.MethodGet, "/api/v1/tickets/"+id, "", http.StatusOK, nil)
		}},
		{what: "get_ticket over MCP", op: func(ctx context.Context) error { return call(ctx, "get_ticket", arguments) }},
		{what: "GET /health of the tool server", op: func(context.Context) error { return bare.do(http.MethodGet, "/health", "", http.StatusOK, nil) }},
	}
	if err := inTurns(ctx, o, lines); err != nil {
		return err
	}
	results := newTable("call", "p50 ms:", "p99 ms:", "more than REST, p50 ms:", "target:")
	for i, line := range lines {
		more, target := "", ""
		if i == 1 {
			more, target = ms(line.of.p50()-lines[0].of.p50()), "1"
		}
		results.add(line.what, ms(line.of.p50()), ms(line.of.p99()), more, target)
	}
	results.write(out, "Tools over MCP", "One connection, one call at a time; the client is the one that agents have.")
	return nil
}

// bearer is somebody's token, whoever asks for one.
type bearer string

// ForAgent implements mcp.Credentials.
func (b bearer) ForAgent(context.Context, domain.Caller, uuid.UUID) (string, error) {
	return string(b), nil
}
