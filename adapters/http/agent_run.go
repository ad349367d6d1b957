package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/eventstore"
	"ticketd/projections"
)

func (s *Server) agentRunRoutes() {
	register(s, op("get-run", nethttp.MethodGet, "/api/v1/agent/runs/{run_id}", "What an agent did, step by step", tagAgents, errs(404),
		described("Made of the run's events: which configuration, which model, which tools with which arguments, what it took and what came of it.")), s.getRun)
}

// Run is one execution of an agent.
type Run struct {
	RunID         uuid.UUID      `json:"run_id" format:"uuid"`
	AgentType     string         `json:"agent_type"`
	Purpose       string         `json:"purpose"`
	Status        string         `json:"status" enum:"running,completed,failed"`
	ConfigVersion int            `json:"config_version" doc:"0: a draft that was tried."`
	RequestedBy   Person         `json:"requested_by"`
	Input         map[string]any `json:"input"`
	Files         []uuid.UUID    `json:"files"`
	TicketID      *uuid.UUID     `json:"ticket_id" doc:"It is about, or that it made."`
	ThreadID      *uuid.UUID     `json:"thread_id"`
	Provider      string         `json:"provider" doc:"builtin: the rules of the program, and no model."`
	Model         string         `json:"model"`
	Confidence    *float64       `json:"confidence"`
	Result        map[string]any `json:"result"`
	Error         *RunError      `json:"error"`
	Steps         []RunStep      `json:"steps" doc:"The first first."`
	Usage         RunUsage       `json:"usage"`
	StartedAt     Timestamp      `json:"started_at"`
	EndedAt       *Timestamp     `json:"ended_at"`
}

// RunError is why nothing came of a run.
type RunError struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// RunUsage is what a run took.
type RunUsage struct {
	Turns        int     `json:"turns"`
	ToolCalls    int     `json:"tool_calls"`
	InputTokens  int     `json:"input_tokens"`
	OutputTokens int     `json:"output_tokens"`
	CostUSD      float64 `json:"cost_usd"`
	TookMS       int     `json:"took_ms" doc:"From start to end; 0 while it runs."`

	Replaced map[string]int `json:"replaced" doc:"How many values of each kind (email, phone, card, ssn) providers were shown placeholders for."`
}

// RunStep is one thing that happened in a run.
type RunStep struct {
	Position  int64          `json:"position"`
	At        Timestamp      `json:"at"`
	Type      string         `json:"type" enum:"model,provider_failed,tool"`
	Turn      int            `json:"turn"`
	Provider  string         `json:"provider,omitempty"`
	Model     string         `json:"model,omitempty"`
	Stop      string         `json:"stop,omitempty"`
	Code      string         `json:"code,omitempty"`
	Tool      string         `json:"tool,omitempty"`
	Arguments map[string]any `json:"arguments,omitempty"`
	Result    string         `json:"result,omitempty" doc:"The beginning."`
	Failed    bool           `json:"failed,omitempty"`
	Tokens    int            `json:"tokens,omitempty"`
	CostUSD   float64        `json:"cost_usd,omitempty"`
	Cached    bool           `json:"cached,omitempty"`
	Replaced  map[string]int `json:"replaced,omitempty" doc:"What stood as placeholders in what the provider was sent."`
	TookMS    int            `json:"took_ms"`
}

// RunID is the path parameter of a run's routes.
type RunID struct {
	ID uuid.UUID `path:"run_id" format:"uuid"`
}

func (s *Server) getRun(ctx context.Context, in *RunID) (*struct{ Body Run }, error) {
	caller := callerOf(ctx)
	row, err := s.AgentRuns.FindVisible(ctx, caller, in.ID)
	if err != nil {
		return nil, err
	}
	stream, err := s.Log.Load(ctx, caller.Org.UUID, in.ID)
	if err != nil {
		return nil, err
	}
	people, err := s.People.Names(ctx, caller.Org, []domain.UserID{row.RequestedBy})
	if err != nil {
		return nil, err
	}
	run := renderRun(row, stream)
	run.RequestedBy = renderPerson(row.RequestedBy, people)
	return &struct{ Body Run }{run}, nil
}

const millionth = 1e-6

func renderRun(row projections.AgentRunRow, stream eventstore.Stream) Run {
	run := Run{
		RunID: row.ID, AgentType: string(row.Agent), Purpose: string(row.Purpose), Status: string(row.Status), ConfigVersion: row.ConfigVersion,
		TicketID: unlessNil(row.Ticket), ThreadID: unlessNil(row.Thread), Provider: row.Provider, Model: row.Model, Confidence: row.Confidence,
		Input: map[string]any{}, Files: []uuid.UUID{}, Steps: []RunStep{}, StartedAt: Timestamp(row.StartedAt), EndedAt: optionalTime(row.EndedAt),
		Usage: RunUsage{Turns: row.Turns, InputTokens: row.InputTokens, OutputTokens: row.OutputTokens, CostUSD: float64(row.Cost) * millionth, Replaced: map[string]int{}},
	}
	replaced := func(counts map[string]int) map[string]int {
		for kind, n := range counts {
			run.Usage.Replaced[kind] = max(run.Usage.Replaced[kind], n) // each turn counts those before it too
		}
		return counts
	}
	for _, r := range stream.Events {
		step := RunStep{Position: r.Position, At: Timestamp(r.At)}
		switch e := r.Event.(type) {
		case agentrun.Started:
			if e.Input != nil {
				run.Input = e.Input
			}
			for _, id := range e.Files {
				run.Files = append(run.Files, id.UUID)
			}
			continue
		case agentrun.ModelAsked:
			step.Type, step.Turn, step.Provider, step.Model, step.Stop = "model", e.Turn, e.Provider, e.Model, e.Stop
			step.Tokens, step.CostUSD, step.Cached, step.TookMS = e.InputTokens+e.OutputTokens, float64(e.Cost)*millionth, e.Cached, e.Millis
			step.Replaced = replaced(e.Replaced)
		case agentrun.ProviderFailed:
			step.Type, step.Turn, step.Provider, step.Code, step.Failed, step.TookMS = "provider_failed", e.Turn, e.Provider, e.Code, true, e.Millis
			step.Replaced = replaced(e.Replaced)
		case agentrun.ToolCalled:
			run.Usage.ToolCalls++
			step.Type, step.Turn, step.Tool, step.Arguments, step.Result = "tool", e.Turn, e.Tool, e.Arguments, e.Result
			step.Failed, step.TookMS = e.Failed, e.Millis
		case agentrun.Completed:
			run.Result, run.Usage.TookMS = e.Result, e.Millis
			continue
		case agentrun.Failed:
			run.Error, run.Usage.TookMS = &RunError{Code: e.Code, Reason: e.Reason}, e.Millis
			continue
		default:
			continue
		}
		run.Steps = append(run.Steps, step)
	}
	return run
}
