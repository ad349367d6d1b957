package main

import (
	"context"
	"time"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/eventstore"
	"ticketd/projections"
)

// agentSettings tells runs how an agent is configured: now by the table, which every instance writes and none keeps a copy
// of, and then by the log. It implements commands.AgentSettings and
// commands.Shadows.
type agentSettings struct {
	rows *projections.AgentConfigs
	log  eventstore.Log
}

// Find implements commands.AgentSettings.
func (a agentSettings) Find(ctx context.Context, org domain.OrgID, agent domain.Agent) (int, agentconfig.Config, error) {
	row, err := a.rows.Find(ctx, org, agent)
	return row.Version, row.Config, err
}

// Version implements commands.AgentSettings.
func (a agentSettings) Version(ctx context.Context, org domain.OrgID, agent domain.Agent, version int) (agentconfig.Config, error) {
	stream, err := a.log.Load(ctx, org.UUID, agentconfig.StreamID(org, agent))
	if err != nil {
		return agentconfig.Config{}, err
	}
	found, err := projections.AgentConfigVersionAt(projections.AgentConfigVersions(org, agent, stream.Events), version)
	return found.Config, err
}

// Shadow implements commands.Shadows.
func (a agentSettings) Shadow(ctx context.Context, org domain.OrgID, agent domain.Agent) (agentconfig.Shadow, error) {
	row, err := a.rows.Find(ctx, org, agent)
	return row.Shadow, err
}

// ShadowOf implements commands.Shadows.
func (a agentSettings) ShadowOf(ctx context.Context, org domain.OrgID, agent domain.Agent, version int) (agentconfig.Shadow, error) {
	stream, err := a.log.Load(ctx, org.UUID, agentconfig.StreamID(org, agent))
	if err != nil {
		return agentconfig.Shadow{}, err
	}
	found, err := projections.AgentConfigVersionAt(projections.AgentConfigVersions(org, agent, stream.Events), version)
	return found.Shadow, err
}

// patience answers how long an agent may take.
func (a agentSettings) patience(ctx context.Context, org domain.OrgID, agent domain.Agent) (time.Duration, error) {
	_, config, err := a.Find(ctx, org, agent)
	return time.Duration(config.Timeout) * time.Second, err
}
