package http

import (
	"context"
	"errors"
	nethttp "net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const (
	tagAuth    = "auth"
	tagUsers   = "users"
	tagTickets = "tickets"
	tagFiles   = "files"
	tagAgents  = "agents"
	tagAudit   = "audit"
	tagPrivacy = "privacy"
	tagSystem  = "system"
)

type option func(*huma.Operation)

func status201(o *huma.Operation) { o.DefaultStatus = nethttp.StatusCreated }
func status202(o *huma.Operation) { o.DefaultStatus = nethttp.StatusAccepted }
func status204(o *huma.Operation) { o.DefaultStatus = nethttp.StatusNoContent }

// public opens an operation to everybody.
func public(o *huma.Operation) { o.Security = []map[string][]string{} }

// authBudget counts an operation against the limit of those who have not signed in yet.
func authBudget(o *huma.Operation) {
	mark(o, authLimited, true)
	o.Errors = append(o.Errors, nethttp.StatusTooManyRequests)
}

// within lets an operation take longer than others may. Its context ends when the program begins to stop, so it must look at
// it between its statements, and cancel none that is under way.
func within(bound time.Duration) option {
	return func(o *huma.Operation) { mark(o, timeBound, bound) }
}

// mark tells the middlewares something about an operation.
func mark(o *huma.Operation, key string, value any) {
	if o.Metadata == nil {
		o.Metadata = map[string]any{}
	}
	o.Metadata[key] = value
}

// errs lists the refusals an operation may answer besides those that every one of its kind may.
func errs(statuses ...int) option {
	return func(o *huma.Operation) { o.Errors = append(o.Errors, statuses...) }
}

// described adds what a summary has no room for.
func described(text string) option { return func(o *huma.Operation) { o.Description = text } }

// answersAs describes an answer that can be asked for in several media types.
func answersAs(content map[string]*huma.MediaType) option {
	return func(o *huma.Operation) { o.Responses = map[string]*huma.Response{"200": {Content: content}} }
}

// op describes a protected operation.
func op(id, method, path, summary, tag string, options ...option) huma.Operation {
	o := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag}, MaxBodyBytes: maxBody,
		Security: []map[string][]string{{"bearer": {}}},
	}
	for _, set := range options {
		set(&o)
	}
	if len(o.Security) > 0 {
		o.Errors = append(o.Errors, nethttp.StatusUnauthorized, nethttp.StatusForbidden, nethttp.StatusTooManyRequests)
	}
	slices.Sort(o.Errors)
	o.Errors = slices.Compact(o.Errors)
	return o
}

// register ties a handler to its operation; whatever it returns as an error is answered as a Problem.
func register[In, Out any](s *Server, o huma.Operation, handler func(context.Context, *In) (*Out, error)) {
	huma.Register(s.api, o, func(ctx context.Context, in *In) (*Out, error) {
		out, err := handler(ctx, in)
		if errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), errEnding) {
			p := newProblem(ctx, nethttp.StatusServiceUnavailable, "stopping", "The program stops, and this would have taken too long. Ask again.")
			p.retryAfter = "5"
			return nil, p
		}
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// openAPIConfig describes the API as a whole. huma's own pages and $schema links are off: they would come from a CDN.
func openAPIConfig(version string) huma.Config {
	useProblems()
	c := huma.DefaultConfig("AI Ticket Creator", version)
	c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", nil
	c.Formats = map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}
	c.Info.Description = "Turns what a person sees in the browser into a good support ticket, and keeps every step as an event."
	c.Servers = []*huma.Server{{URL: "/", Description: "This server"}}
	c.Tags = []*huma.Tag{
		{Name: tagTickets, Description: "Tickets, their comments and their history"},
		{Name: tagFiles, Description: "Uploads, what was read from them, and background jobs"},
		{Name: tagAgents, Description: "AI agents, what they did, their configuration, and chat with them"},
		{Name: tagKnowledge, Description: "Articles of your organization, which help people and agents to answer"},
		{Name: tagWebhooks, Description: "What happens, sent to addresses of your organization's choice"},
		{Name: tagIntegrations, Description: "Connections with vendors where tickets may live too"},
		{Name: tagAuth, Description: "Signing in and out"},
		{Name: tagUsers, Description: "People and their API tokens"},
		{Name: tagAudit, Description: "The log of everything that happened, for auditors"},
		{Name: tagPrivacy, Description: "What is known of a person, and its erasure"},
		{Name: tagSystem, Description: "Health, metrics and the WebSocket"},
	}
	//nolint:gosec // words about tokens, and none of them
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT, or an API token", Description: "From POST /api/v1/auth/login, or an API token."},
	}
	return c
}
