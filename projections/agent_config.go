package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/eventstore"
)

// AgentConfigRow is how an agent is configured in an organization.
type AgentConfigRow struct {
	Org       domain.OrgID
	Agent     domain.Agent
	Version   int // 1: the program's defaults
	Config    agentconfig.Config
	UpdatedAt *time.Time    // nil for the defaults
	UpdatedBy domain.UserID // zero: the program
	Shadow    agentconfig.Shadow
}

// DefaultAgentConfig is the row of an agent that nobody has configured.
func DefaultAgentConfig(org domain.OrgID, agent domain.Agent) AgentConfigRow {
	return AgentConfigRow{Org: org, Agent: agent, Version: 1, Config: agentconfig.Defaults(agent)}
}

// ApplyAgentConfig folds one event into the row.
func ApplyAgentConfig(c AgentConfigRow, r eventstore.Recorded) AgentConfigRow {
	event, ok := r.Event.(agentconfig.Event)
	if !ok {
		return c
	}
	c.Org, c.Version, c.Config = domain.OrgID{UUID: r.Org}, r.Version, c.Config.After(event)
	c.Shadow = c.Shadow.After(event, r.Version)
	at := r.At
	switch e := event.(type) {
	case agentconfig.Adopted:
		c.Agent = e.Agent // the defaults came with the program, whenever somebody noted them
	case agentconfig.Changed:
		c.UpdatedAt, c.UpdatedBy = &at, e.By
	case agentconfig.RolledBack:
		c.UpdatedAt, c.UpdatedBy = &at, e.By
	case agentconfig.ShadowSet:
		c.UpdatedAt, c.UpdatedBy = &at, e.By
	case agentconfig.ShadowCleared:
		c.UpdatedAt, c.UpdatedBy = &at, e.By
	}
	return c
}

// AgentConfigs is the agent_configs table: what holds. Its versions are read from the log. It implements Table.
type AgentConfigs struct{ pool *pgxpool.Pool }

// NewAgentConfigs answers the table in this database.
func NewAgentConfigs(pool *pgxpool.Pool) *AgentConfigs { return &AgentConfigs{pool: pool} }

const agentConfigColumns = `id, org_id, agent, version, model, temperature, max_tokens, timeout, system_prompt, tools, updated_at, updated_by, shadow`

const writeAgentConfig = `
INSERT INTO agent_configs (` + agentConfigColumns + `)
SELECT $1::uuid, $2::uuid, $3::text, $4::int, $5::text, $6::float8, $7::int, $8::int, $9::text, $10::json, $11::timestamptz, $12::uuid, $13::json
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = $4 AND e.hash = $14)
ON CONFLICT (id) DO UPDATE SET
	version = excluded.version, model = excluded.model, temperature = excluded.temperature, max_tokens = excluded.max_tokens,
	timeout = excluded.timeout, system_prompt = excluded.system_prompt, tools = excluded.tools, updated_at = excluded.updated_at,
	updated_by = excluded.updated_by, shadow = excluded.shadow`

// Queue implements eventstore.Inline.
func (t *AgentConfigs) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		for _, row := range t.Rows(s) {
			b.Queue(writeAgentConfig, append(row, s.Events[s.Version()-1].Hash[:])...)
		}
	}
}

// Projection tells how the table is made.
func (t *AgentConfigs) Projection() Projection {
	return Projection{Name: "agent_configs", Key: "id", Nouns: []string{agentconfig.Decider.Category}, Code: 2, Inline: t}
}

// Columns implements Table.
func (*AgentConfigs) Columns() string { return agentConfigColumns }

// Rows implements Table.
func (*AgentConfigs) Rows(s eventstore.Stream) [][]any {
	if s.Category() != agentconfig.Decider.Category {
		return nil
	}
	row := Fold(ApplyAgentConfig, s.Events)
	return [][]any{{
		[16]byte(s.ID), [16]byte(row.Org.UUID), string(row.Agent), row.Version, row.Config.Model, row.Config.Temperature, row.Config.MaxTokens,
		row.Config.Timeout, row.Config.SystemPrompt, jsonText(row.Config.Tools, "[]"), row.UpdatedAt, optional(row.UpdatedBy), row.shadow(),
	}}
}

// shadow answers the JSON of what is tried; nil: NULL.
func (c AgentConfigRow) shadow() *string {
	if c.Shadow.Version == 0 {
		return nil
	}
	return new(jsonText(c.Shadow, "{}"))
}

// Find answers how an agent is configured: by the defaults, at version 1, where nothing is stored. It asks the table each
// time, so that the next run goes by what was committed last, at whichever instance. Errors: agentconfig.ErrNotFound for
// what is no agent.
func (t *AgentConfigs) Find(ctx context.Context, org domain.OrgID, agent domain.Agent) (AgentConfigRow, error) {
	row := DefaultAgentConfig(org, agent)
	if row.Config.Model == "" {
		return row, agentconfig.Unknown(string(agent))
	}
	var tools, shadow []byte
	var updatedBy *uuid.UUID
	err := t.pool.QueryRow(ctx, `
		SELECT version, model, temperature, max_tokens, timeout, system_prompt, tools, updated_at, updated_by, shadow
		FROM agent_configs WHERE org_id = $1 AND id = $2`, [16]byte(org.UUID), [16]byte(agentconfig.StreamID(org, agent)),
	).Scan(&row.Version, &row.Config.Model, &row.Config.Temperature, &row.Config.MaxTokens, &row.Config.Timeout, &row.Config.SystemPrompt,
		&tools, &row.UpdatedAt, &updatedBy, &shadow)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, nil
	}
	if err == nil {
		row.Config.Tools = nil // not into the defaults
		err = json.Unmarshal(tools, &row.Config.Tools)
	}
	if err == nil && shadow != nil {
		err = json.Unmarshal(shadow, &row.Shadow)
	}
	if err != nil {
		return row, fmt.Errorf("find the configuration of %s: %w", agent, err)
	}
	if updatedBy != nil {
		row.UpdatedBy.UUID = *updatedBy
	}
	return row, nil
}
