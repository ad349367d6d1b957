package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/backtest"
	"ticketd/eventstore"
	"ticketd/projections"
)

const aboutBacktests = "A job shows the candidate the title and the description of past tickets as they stood when they were first categorized, the most recent first, and " +
	"compares what it says with what people finally set; files are not shown. Nothing is written on the tickets. It ends before its time when the budget is used up or somebody " +
	"cancels it, with what was judged until then. The model \"rules\" stands for the built-in rules. Only categorization_agent can be tried so."

func (c aiConfigs) backtestRoutes(path string) {
	register(c.Server, op("backtest-ai-config", nethttp.MethodPost, path+"/backtest", "Try a configuration on past tickets", tagAgents, status202, aiBudget,
		described(aboutBacktests), errs(400, 404, 409, 415)), c.startBacktest)
	register(c.Server, op("list-backtests", nethttp.MethodGet, path+"/backtests", "List backtests, newest first", tagAgents, errs(404)), c.listBacktests)
	register(c.Server, op("get-backtest", nethttp.MethodGet, path+"/backtests/{backtest_id}", "How far a backtest is, and what it has shown", tagAgents, errs(404)), c.getBacktest)
	register(c.Server, op("cancel-backtest", nethttp.MethodDelete, path+"/backtests/{backtest_id}", "End a backtest before it is done", tagAgents,
		described("What was judged stays. One that has ended stays as it is."), errs(404, 409)), c.cancelBacktest)
	describeBody[backtestBody](c.Server, c.OpenAPI().Paths[path+"/backtest"].Post)
}

// backtestBody says what is to be tried on how many tickets.
type backtestBody struct {
	candidateBody

	Sample *int `json:"sample,omitempty" minimum:"1" maximum:"1000" default:"100" doc:"How many tickets."`
}

func (b *backtestBody) fields() []configField {
	return append(b.candidateBody.fields(), configField{name: "sample", into: &b.Sample, wants: "must be a whole number"})
}

// sample answers how many tickets are wanted.
func (b *backtestBody) sample() (int, error) {
	switch {
	case b.Sample == nil:
		return backtest.DefaultSample, nil
	case *b.Sample < 1 || *b.Sample > backtest.MaxSample:
		return 0, agentconfig.Invalid("sample", "must be from 1 to 1000")
	}
	return *b.Sample, nil
}

// Backtest is a trial of a configuration on past tickets.
type Backtest struct {
	ID        uuid.UUID        `json:"id" format:"uuid"`
	AgentType string           `json:"agent_type"`
	Version   *int             `json:"version" doc:"That is tried; null: a draft."`
	State     string           `json:"state" enum:"running,completed,stopped,cancelled"`
	Stopped   *BacktestEnd     `json:"stopped" doc:"Why it ended before its time."`
	Progress  BacktestProgress `json:"progress"`
	CostUSD   float64          `json:"cost_usd"`
	StartedBy Person           `json:"started_by"`
	StartedAt Timestamp        `json:"started_at"`
	EndedAt   *Timestamp       `json:"ended_at"`
}

// BacktestEnd is why a backtest ended before its time.
type BacktestEnd struct {
	Code   string `json:"code" example:"budget"`
	Reason string `json:"reason"`
}

// BacktestProgress is how far a backtest is.
type BacktestProgress struct {
	Tried   int `json:"tried"`
	Tickets int `json:"tickets"`
	Percent int `json:"percent" doc:"From 0 to 100."`
}

// BacktestReport is a backtest with what was tried and what it has shown.
type BacktestReport struct {
	Backtest

	Candidate CandidateConfig `json:"candidate"`
	Report    Comparison      `json:"report" doc:"Of the tickets that were tried so far."`
}

// CandidateConfig is what a configuration says that is tried.
type CandidateConfig struct {
	Model        string   `json:"model"`
	Temperature  float64  `json:"temperature"`
	MaxTokens    int      `json:"max_tokens"`
	Timeout      int      `json:"timeout" doc:"Seconds."`
	SystemPrompt string   `json:"system_prompt"`
	ToolsEnabled []string `json:"tools_enabled"`
}

func renderCandidate(c agentconfig.Config) CandidateConfig {
	return CandidateConfig{
		Model: c.Model, Temperature: c.Temperature, MaxTokens: c.MaxTokens, Timeout: c.Timeout, SystemPrompt: c.SystemPrompt, ToolsEnabled: orEmpty(c.Tools),
	}
}

type backtestAnswer struct {
	ETag          string   `header:"ETag"`
	EventPosition Position `header:"X-Event-Position"`
	Body          BacktestReport
}

func (c aiConfigs) startBacktest(ctx context.Context, in *struct {
	AgentType
	Body aiConfigJSON
},
) (*backtestAnswer, error) {
	agent, err := managed(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	var body backtestBody
	if err := readConfigBody(in.Body, body.fields()); err != nil {
		return nil, err
	}
	sample, err := body.sample()
	if err != nil {
		return nil, err
	}
	candidate, err := c.candidate(ctx, agent, &body.candidateBody)
	if err != nil {
		return nil, err
	}
	stream, err := c.Backtests.Start(ctx, request(ctx), newID(ctx), candidate, sample)
	if err != nil {
		return nil, err
	}
	return c.answerBacktest(ctx, stream)
}

// answerBacktest shows a backtest as its events tell it.
func (c aiConfigs) answerBacktest(ctx context.Context, stream eventstore.Stream) (*backtestAnswer, error) {
	row := projections.Fold(projections.ApplyBacktest, stream.Events)
	people, err := c.People.Names(ctx, row.Org, []domain.UserID{row.StartedBy})
	if err != nil {
		return nil, err
	}
	shown := BacktestReport{Backtest: renderBacktest(row)}
	shown.StartedBy = renderPerson(row.StartedBy, people)
	var started backtest.Started
	var judged []backtest.Judged
	for _, r := range stream.Events {
		switch e := r.Event.(type) {
		case backtest.Started:
			started = e
		case backtest.Judged:
			judged = append(judged, e)
		}
	}
	shown.Candidate = renderCandidate(agentconfig.Config(started.Candidate))
	shown.Report = renderComparison(backtest.Facts(started.Tickets, judged))
	return &backtestAnswer{ETag: etag(row.Version), EventPosition: positionOf(stream), Body: shown}, nil
}

func renderBacktest(row projections.BacktestRow) Backtest {
	shown := Backtest{
		ID: row.ID, AgentType: string(row.Agent), State: string(row.Status), CostUSD: float64(row.Cost) * millionth, StartedAt: Timestamp(row.StartedAt),
		EndedAt: optionalTime(row.EndedAt), Progress: BacktestProgress{Tried: row.Tried, Tickets: row.Tickets, Percent: 100 * row.Tried / max(1, row.Tickets)},
	}
	if row.ConfigVersion > 0 {
		shown.Version = &row.ConfigVersion
	}
	if row.Code != "" {
		shown.Stopped = &BacktestEnd{Code: row.Code, Reason: row.Reason}
	}
	return shown
}

func (c aiConfigs) listBacktests(ctx context.Context, in *struct {
	AgentType
	Limit int `query:"limit" minimum:"1" maximum:"100" default:"20"`
},
) (*struct{ Body []Backtest }, error) {
	agent, err := agentOf(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	org := callerOf(ctx).Org
	rows, err := c.BacktestRows.List(ctx, org, agent, in.Limit)
	if err != nil {
		return nil, err
	}
	authors := make([]domain.UserID, len(rows))
	for i, row := range rows {
		authors[i] = row.StartedBy
	}
	people, err := c.People.Names(ctx, org, authors)
	if err != nil {
		return nil, err
	}
	list := make([]Backtest, len(rows))
	for i, row := range rows {
		list[i] = renderBacktest(row)
		list[i].StartedBy = renderPerson(row.StartedBy, people)
	}
	return &struct{ Body []Backtest }{list}, nil
}

// BacktestPath is the path parameters of one backtest.
type BacktestPath struct {
	AgentType

	ID uuid.UUID `path:"backtest_id" format:"uuid"`
}

func (c aiConfigs) getBacktest(ctx context.Context, in *BacktestPath) (*backtestAnswer, error) {
	agent, err := agentOf(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	org := callerOf(ctx).Org
	if _, err := c.BacktestRows.Find(ctx, org, agent, in.ID); err != nil {
		return nil, err
	}
	stream, err := c.Log.Load(ctx, org.UUID, in.ID)
	if err != nil {
		return nil, err
	}
	return c.answerBacktest(ctx, stream)
}

func (c aiConfigs) cancelBacktest(ctx context.Context, in *BacktestPath) (*backtestAnswer, error) {
	agent, err := managed(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	if _, err := c.BacktestRows.Find(ctx, callerOf(ctx).Org, agent, in.ID); err != nil {
		return nil, err
	}
	stream, err := c.Backtests.Cancel(ctx, request(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return c.answerBacktest(ctx, stream)
}
