package http

import (
	"context"
	"fmt"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/projections"
)

// aiConfigVersions answers every version of a configuration, as its events tell them.
func (c aiConfigs) aiConfigVersions(ctx context.Context, in AgentType) ([]projections.AgentConfigVersion, error) {
	agent, err := agentOf(ctx, in)
	if err != nil {
		return nil, err
	}
	org := callerOf(ctx).Org
	stream, err := c.Log.Load(ctx, org.UUID, agentconfig.StreamID(org, agent))
	if err != nil {
		return nil, err
	}
	return projections.AgentConfigVersions(org, agent, stream.Events), nil
}

// AIConfigVersion is one version of a configuration and how it came about.
type AIConfigVersion struct {
	Version      int          `json:"version"`
	Kind         string       `json:"kind" enum:"defaults,changed,rolled_back,shadow_set,shadow_cleared"`
	RolledBackTo *int         `json:"rolled_back_to" doc:"The version that holds again."`
	OccurredAt   *Timestamp   `json:"occurred_at" doc:"null for the defaults, which came with the program."`
	Actor        HistoryActor `json:"actor"`
	Changes      []Change     `json:"changes" doc:"Since the version before."`
}

func (c aiConfigs) aiConfigHistory(ctx context.Context, in *struct {
	AgentType
	After int `query:"after" minimum:"0" doc:"Versions after this one."`
	Limit int `query:"limit" minimum:"1" maximum:"100" default:"50"`
},
) (*struct{ Body []AIConfigVersion }, error) {
	versions, err := c.aiConfigVersions(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	page := versions[min(in.After, len(versions)):]
	page = page[:min(in.Limit, len(page))]
	authors := make([]domain.UserID, len(page))
	for i, v := range page {
		authors[i].UUID = v.Actor.Person()
	}
	people, err := c.People.Names(ctx, callerOf(ctx).Org, authors)
	if err != nil {
		return nil, err
	}
	list := make([]AIConfigVersion, len(page))
	for i, v := range page {
		list[i] = AIConfigVersion{
			Version: v.Version, Kind: string(v.Kind), OccurredAt: optionalTime(v.UpdatedAt), Actor: renderActor(v.Actor, people), Changes: renderChanges(v.Changes),
		}
		if v.RolledBackTo > 0 {
			list[i].RolledBackTo = &v.RolledBackTo
		}
	}
	return &struct{ Body []AIConfigVersion }{list}, nil
}

func renderChanges(list []projections.ConfigChange) []Change {
	shown := make([]Change, len(list))
	for i, change := range list {
		shown[i] = Change{Field: change.Field, Old: change.Old, New: change.New}
	}
	return shown
}

func (c aiConfigs) getAIConfigVersion(ctx context.Context, in *struct {
	AgentType
	Version int `path:"version" example:"1"`
},
) (*struct{ Body AIConfig }, error) {
	versions, err := c.aiConfigVersions(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	version, err := projections.AgentConfigVersionAt(versions, in.Version)
	if err != nil {
		return nil, err
	}
	shown, err := c.renderAIConfig(ctx, version.AgentConfigRow)
	if err != nil {
		return nil, err
	}
	return &struct{ Body AIConfig }{shown}, nil
}

// AIConfigDiff is what differs between two versions of a configuration.
type AIConfigDiff struct {
	AgentType        string   `json:"agent_type"`
	From             int      `json:"from"`
	To               int      `json:"to"`
	Changes          []Change `json:"changes" doc:"The fields that differ: old is from's, new is to's."`
	SystemPromptDiff string   `json:"system_prompt_diff" doc:"The lines of the prompt that differ, as diff -u writes them; empty if none does."`
}

func (c aiConfigs) diffAIConfig(ctx context.Context, in *struct {
	AgentType
	From int `query:"from" minimum:"1" doc:"A version. Without it the one before to."`
	To   int `query:"to" minimum:"1" doc:"A version. Without it the latest."`
},
) (*struct{ Body AIConfigDiff }, error) {
	versions, err := c.aiConfigVersions(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	if in.To == 0 {
		in.To = len(versions)
	}
	if in.From == 0 {
		in.From = max(1, in.To-1)
	}
	from, err := projections.AgentConfigVersionAt(versions, in.From)
	if err != nil {
		return nil, err
	}
	to, err := projections.AgentConfigVersionAt(versions, in.To)
	if err != nil {
		return nil, err
	}
	return &struct{ Body AIConfigDiff }{AIConfigDiff{
		AgentType: string(to.Agent), From: from.Version, To: to.Version, Changes: renderChanges(projections.DiffConfigs(from.Config, to.Config)),
		SystemPromptDiff: projections.LineDiff(fmt.Sprint("version ", from.Version), fmt.Sprint("version ", to.Version), from.Config.SystemPrompt, to.Config.SystemPrompt),
	}}, nil
}
