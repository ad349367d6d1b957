package http

import (
	"context"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/projections"
)

// managed answers which agent it is about, to those who may change how it is configured.
func managed(ctx context.Context, in AgentType) (domain.Agent, error) {
	agent, err := agentOf(ctx, in)
	if err == nil && !callerOf(ctx).May(domain.ManageAgentConfig) {
		return "", domain.ErrForbidden
	}
	return agent, err
}

// candidateBody names what is to be tried: a version, or a draft of which the fields are given that differ from what holds.
type candidateBody struct {
	Version *int         `json:"version,omitempty" minimum:"1" doc:"A version there is. Neither this nor a draft: what holds."`
	Draft   aiConfigJSON `json:"draft,omitempty" doc:"Fields of a configuration, as PUT takes them; the others are as they hold."`
}

func (b *candidateBody) fields() []configField {
	return []configField{
		{name: "version", into: &b.Version, wants: "must be the number of a version"},
		{name: "draft", into: &b.Draft, wants: "must be an object"},
	}
}

// draft answers the change that a draft is; false when there is none.
func (b *candidateBody) draft(agent domain.Agent, by domain.Actor) (agentconfig.Change, bool, error) {
	given := len(b.Draft) > 0 && string(b.Draft) != "null"
	switch {
	case !given:
		return agentconfig.Change{Agent: agent, By: by}, false, nil
	case b.Version != nil:
		return agentconfig.Change{}, false, agentconfig.Invalid("draft", "cannot be given beside version")
	}
	var body aiConfigBody
	if err := readConfigBody(b.Draft, body.fields()); err != nil {
		return agentconfig.Change{}, false, err
	}
	return body.change(agent, by), true, nil
}

// candidate answers what is to be tried. Errors: agentconfig.ErrInvalid, agentconfig.ErrNoVersion.
func (c aiConfigs) candidate(ctx context.Context, agent domain.Agent, b *candidateBody) (commands.Candidate, error) {
	caller := callerOf(ctx)
	change, drafted, err := b.draft(agent, caller.Actor)
	if err != nil {
		return commands.Candidate{}, err
	}
	if b.Version != nil {
		stream, err := c.Log.Load(ctx, caller.Org.UUID, agentconfig.StreamID(caller.Org, agent))
		if err != nil {
			return commands.Candidate{}, err
		}
		found, err := projections.AgentConfigVersionAt(projections.AgentConfigVersions(caller.Org, agent, stream.Events), *b.Version)
		return commands.Candidate{Agent: agent, Version: *b.Version, Config: found.Config}, err
	}
	row, err := c.Rows.Find(ctx, caller.Org, agent)
	if err != nil {
		return commands.Candidate{}, err
	}
	if !drafted {
		return commands.Candidate{Agent: agent, Version: row.Version, Config: row.Config}, nil
	}
	config, err := change.On(row.Config)
	return commands.Candidate{Agent: agent, Config: config}, err
}
