package http

import (
	"context"
	"time"

	"ticketd/domain"
	"ticketd/domain/backtest"
)

// previewTime is how long a preview may ask a model; what is left then is told as out of time.
const previewTime = 25 * time.Second

// RollbackPreview is what a roll-back would change of the last decisions. It changed nothing.
type RollbackPreview struct {
	Version    int                 `json:"version" doc:"That would hold again."`
	Decisions  int                 `json:"decisions" doc:"That were looked at: the last."`
	Compared   int                 `json:"compared" doc:"Of them, those that the version answered."`
	Differing  int                 `json:"differing"`
	Stopped    string              `json:"stopped,omitempty" doc:"budget: the rest was not asked."`
	NotAsked   []NotJudged         `json:"not_compared" doc:"Why the rest is not compared."`
	CostUSD    float64             `json:"cost_usd"`
	Examples   []ComparisonExample `json:"examples"`
	Comparison Comparison          `json:"comparison" doc:"With what people finally set, too."`
}

func renderPreview(version int, facts []backtest.Judged, stopped string) *RollbackPreview {
	shown := renderComparison(facts)
	missing := map[string]int{}
	for _, f := range facts {
		if f.Said.Category == "" {
			missing[f.Unjudged]++
		}
	}
	p := &RollbackPreview{
		Version: version, Decisions: shown.Tickets, Compared: shown.WithThen.Compared, Differing: shown.WithThen.Compared - shown.WithThen.Agreed, Stopped: stopped,
		NotAsked: []NotJudged{}, CostUSD: shown.CostUSD, Examples: shown.Differing, Comparison: shown,
	}
	for _, n := range shown.NotJudged {
		if count := missing[n.Reason]; count > 0 {
			p.NotAsked = append(p.NotAsked, NotJudged{Reason: n.Reason, Count: count})
		}
	}
	return p
}

// preview answers what a roll-back would change.
func (c aiConfigs) preview(ctx context.Context, agent domain.Agent, version, last int) (*aiConfigUpdateAnswer, error) {
	if !callerOf(ctx).May(domain.ManageAgentConfig) {
		return nil, domain.ErrForbidden
	}
	org := callerOf(ctx).Org
	row, err := c.Rows.Find(ctx, org, agent)
	if err != nil {
		return nil, err
	}
	candidate, err := c.candidate(ctx, agent, &candidateBody{Version: &version})
	if err != nil {
		return nil, err
	}
	facts, stopped, err := c.Backtests.Preview(ctx, request(ctx), candidate, last, previewTime)
	if err != nil {
		return nil, err
	}
	return &aiConfigUpdateAnswer{ETag: etag(row.Version), Body: AIConfigUpdate{
		AgentType: string(agent), Status: "previewed", Version: row.Version, Preview: renderPreview(version, facts, stopped),
	}}, nil
}
