package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	nethttp "net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"ticketd/adapters/auth"
	"ticketd/adapters/mcp"
	"ticketd/commands"
	"ticketd/domain"
)

// lateToolbox is the tools of an MCP server whose address is known when it listens.
type lateToolbox struct {
	credentials mcp.Credentials
	there       atomic.Pointer[mcp.Toolbox]
}

func (l *lateToolbox) set(url string) {
	if url != "" {
		l.there.Store(mcp.NewToolbox(mcp.ToolboxConfig{URL: url, Version: version}, l.credentials))
	}
}

// Open implements commands.Toolbox.
func (l *lateToolbox) Open(ctx context.Context, caller domain.Caller, run uuid.UUID) (commands.Tools, error) {
	there := l.there.Load()
	if there == nil {
		return nil, commands.ErrToolsAway.With("This program runs no tool server, and MCP_URL names none.")
	}
	return there.Open(ctx, caller, run)
}

// agentCredentials makes tokens with which agents act for people.
type agentCredentials struct{ tokens *auth.Tokens }

// ForAgent implements mcp.Credentials.
func (c agentCredentials) ForAgent(_ context.Context, caller domain.Caller, run uuid.UUID) (string, error) {
	return c.tokens.IssueToAgent(caller.Org, caller.User, caller.Role, run)
}

// serveTools answers agents until stop, which finishes the calls that are under way.
func (p *program) serveTools(ctx context.Context, ended chan<- error) (stop func(context.Context) error, err error) {
	if p.tools == nil {
		return func(context.Context) error { return nil }, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.config.MCPAddr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", p.config.MCPAddr, err)
	}
	if p.config.MCPURL == "" {
		p.agents.toolbox.set("http://" + localAddress(listener.Addr().String()) + "/mcp")
	}
	p.toolsAddress.Store(new(listener.Addr().String()))
	p.log.InfoContext(ctx, "the tools are ready", "address", listener.Addr().String())
	server := &nethttp.Server{Handler: p.tools, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	server.RegisterOnShutdown(p.tools.EndWaits)
	var work sync.WaitGroup
	work.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, nethttp.ErrServerClosed) {
			ended <- err
		}
	})
	return func(ctx context.Context) error {
		defer work.Wait()
		return server.Shutdown(ctx)
	}, nil
}
