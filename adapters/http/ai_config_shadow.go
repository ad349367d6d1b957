package http

import (
	"context"
	nethttp "net/http"

	"ticketd/commands"
	"ticketd/domain/agentconfig"
	"ticketd/projections"
)

// shadowBody says what is to be tried beside what holds.
type shadowBody = candidateBody

// Shadow is what is tried beside a configuration, and what that has shown.
type Shadow struct {
	AgentType string           `json:"agent_type"`
	Version   int              `json:"version" doc:"Of the configuration: setting and ending a trial are versions of it, though what holds stays."`
	Active    bool             `json:"active"`
	Since     *int             `json:"since" doc:"The version with which the trial was set; the runs of the candidate have it as their config_version."`
	Of        *int             `json:"of" doc:"The version that is tried; null: a draft."`
	Candidate *CandidateConfig `json:"candidate"`
	Report    *Comparison      `json:"report" doc:"Of the last runs of the candidate: with_then is agreement with the answers that counted, agreement that with people."`
}

type shadowAnswer struct {
	ETag          string   `header:"ETag"`
	EventPosition Position `header:"X-Event-Position"`
	Body          Shadow
}

const aboutShadows = "The candidate is asked about every ticket that is categorized by itself, after the answer that counts and in a queue of its own, and what it says is only recorded. " +
	"Only categorization_agent can be tried so."

func (c aiConfigs) shadowRoutes(path string) {
	path += "/shadow"
	register(c.Server, op("get-ai-config-shadow", nethttp.MethodGet, path, "What is tried beside a configuration, and what that has shown", tagAgents, errs(404)), c.getShadow)
	register(c.Server, op("set-ai-config-shadow", nethttp.MethodPut, path, "Try a version or a draft beside what holds", tagAgents, described(aboutShadows), errs(400, 404, 409, 412, 415)), c.setShadow)
	register(c.Server, op("clear-ai-config-shadow", nethttp.MethodDelete, path, "Try nothing any more beside what holds", tagAgents, errs(404, 409, 412)), c.clearShadow)
	describeBody[shadowBody](c.Server, c.OpenAPI().Paths[path].Put)
}

func (c aiConfigs) getShadow(ctx context.Context, in *struct {
	AgentType
	Last int `query:"last" minimum:"1" maximum:"500" default:"200" doc:"Of how many runs of the candidate."`
},
) (*shadowAnswer, error) {
	agent, err := agentOf(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	org := callerOf(ctx).Org
	row, err := c.Rows.Find(ctx, org, agent)
	if err != nil {
		return nil, err
	}
	shown := renderShadow(row)
	if shown.Active {
		pairs, err := c.BacktestRows.Shadows(ctx, org, agent, row.Shadow.Version, in.Last)
		if err != nil {
			return nil, err
		}
		runs := make([]commands.ShadowRun, len(pairs))
		for i, pair := range pairs {
			runs[i] = commands.ShadowRun{Run: pair[0], Ticket: pair[1]}
		}
		facts, err := c.Backtests.Shadowed(ctx, org, runs)
		if err != nil {
			return nil, err
		}
		shown.Report = new(renderComparison(facts))
	}
	return &shadowAnswer{ETag: etag(row.Version), Body: shown}, nil
}

func renderShadow(row projections.AgentConfigRow) Shadow {
	shown := Shadow{AgentType: string(row.Agent), Version: row.Version, Active: row.Shadow.Version > 0}
	if shown.Active {
		shown.Since, shown.Candidate = &row.Shadow.Version, new(renderCandidate(row.Shadow.Config))
		if row.Shadow.Of > 0 {
			shown.Of = &row.Shadow.Of
		}
	}
	return shown
}

func (c aiConfigs) setShadow(ctx context.Context, in *struct {
	AgentType
	IfMatch
	Body aiConfigJSON
},
) (*shadowAnswer, error) {
	agent, err := managed(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	var body shadowBody
	if err := readConfigBody(in.Body, body.fields()); err != nil {
		return nil, err
	}
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	draft, drafted, err := body.draft(agent, r.By)
	if err != nil {
		return nil, err
	}
	cmd := agentconfig.SetShadow{Agent: agent, Draft: draft, By: r.By}
	if body.Version != nil {
		cmd.Try = *body.Version
	}
	if cmd.Try < 1 && !drafted {
		return nil, agentconfig.Invalid("version", "must be the number of a version, unless there is a draft")
	}
	return c.changeShadow(ctx, r, cmd)
}

func (c aiConfigs) clearShadow(ctx context.Context, in *struct {
	AgentType
	IfMatch
},
) (*shadowAnswer, error) {
	agent, err := managed(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	return c.changeShadow(ctx, r, agentconfig.ClearShadow{Agent: agent, By: r.By})
}

func (c aiConfigs) changeShadow(ctx context.Context, r commands.Request, cmd agentconfig.Command) (*shadowAnswer, error) {
	stream, err := c.Configs.Handle(ctx, r, cmd)
	if err != nil {
		return nil, err
	}
	versions := projections.AgentConfigVersions(r.Org, cmd.Of(), stream.Events)
	shown := renderShadow(versions[len(versions)-1].AgentConfigRow)
	return &shadowAnswer{ETag: etag(shown.Version), EventPosition: positionOf(stream), Body: shown}, nil
}
