package http

import (
	"context"
	nethttp "net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/eventstore"
	"ticketd/projections"
)

const (
	aboutConfigs = "Version 1 is the program's defaults; every change and every roll-back is a version of its own, and the next run of the " +
		"agent goes by the latest, on every instance."
	aboutRollbacks = "That is a new version with the old content; one that says what holds already changes nothing. With preview nothing changes at all: the version is shown the last " +
		"tickets that were categorized, as they stood then, and the answer says what it would take them for. Where a model answers that has its price, and what it does not answer in time is left out."
	aboutConfigChanges = "Only the supplied fields change, all of them or none; null brings a field back to its default. What is not valid answers 400. " + aboutConfigs
)

// AIConfigs is what the routes of configurations work with.
type AIConfigs struct {
	Configs commands.AgentConfigs
	Rows    *projections.AgentConfigs

	Backtests    commands.Backtests
	BacktestRows *projections.Backtests
}

// aiConfigs is the server as the routes of configurations see it.
type aiConfigs struct {
	*Server
	AIConfigs
}

func (s *Server) aiConfigRoutes(with AIConfigs) {
	c := aiConfigs{Server: s, AIConfigs: with}
	const path = "/api/v1/ai-config/{agent_type}"
	register(s, op("get-ai-config", nethttp.MethodGet, path, "How an agent is configured", tagAgents, described(aboutConfigs), errs(404)), c.getAIConfig)
	register(s, op("put-ai-config", nethttp.MethodPut, path, "Change how an agent is configured", tagAgents, described(aboutConfigChanges), errs(400, 404, 409, 412, 415)), c.changeAIConfig)
	register(s, op("update-ai-config", nethttp.MethodPatch, path, "Change how an agent is configured, as PUT does", tagAgents, described(aboutConfigChanges), errs(400, 404, 409, 412, 415)), c.changeAIConfig)
	register(s, op("ai-config-history", nethttp.MethodGet, path+"/history", "Every version of a configuration and what it changed, oldest first", tagAgents, errs(404)), c.aiConfigHistory)
	register(s, op("get-ai-config-version", nethttp.MethodGet, path+"/versions/{version}", "A configuration as a version said it", tagAgents, errs(404)), c.getAIConfigVersion)
	register(s, op("diff-ai-config", nethttp.MethodGet, path+"/diff", "What differs between two versions of a configuration", tagAgents, errs(404)), c.diffAIConfig)
	register(s, op("roll-back-ai-config", nethttp.MethodPost, path+"/rollback", "Make an earlier version of a configuration hold again", tagAgents,
		described(aboutRollbacks), aiBudget, within(previewTime+5*time.Second), errs(400, 404, 409, 412, 415)), c.rollBackAIConfig)
	c.testRoutes(path)
	c.backtestRoutes(path)
	c.shadowRoutes(path)
	item := s.OpenAPI().Paths[path]
	describeBody[aiConfigBody](s, item.Put)
	describeBody[aiConfigBody](s, item.Patch)
	describeBody[aiRollbackBody](s, s.OpenAPI().Paths[path+"/rollback"].Post)
}

// describeBody describes a body behind huma's back, which would answer 422 to what the contract answers with 400.
func describeBody[T any](s *Server, o *huma.Operation) {
	o.RequestBody.Content["application/json"].Schema = huma.SchemaFromType(s.OpenAPI().Components.Schemas, reflect.TypeFor[T]())
}

// AgentType is the path parameter of every route of a configuration.
type AgentType struct {
	Name string `path:"agent_type" example:"customer_support_agent" doc:"customer_support_agent, categorization_agent, file_analysis_agent, title_generation_agent or summary_agent; \"_agent\" may be left out."`
}

// agentOf answers which agent it is about, to those who may see how it is configured.
func agentOf(ctx context.Context, in AgentType) (domain.Agent, error) {
	if !callerOf(ctx).Can(domain.ReadAgentConfig) {
		return "", domain.ErrForbidden
	}
	agent, known := domain.ParseAgent(in.Name)
	if !known {
		return "", agentconfig.Unknown(in.Name)
	}
	return agent, nil
}

// AIConfig is how an agent is configured.
type AIConfig struct {
	AgentType    string     `json:"agent_type" enum:"customer_support_agent,categorization_agent,file_analysis_agent,title_generation_agent,summary_agent"`
	Version      int        `json:"version" doc:"1: the program's defaults."`
	Model        string     `json:"model" example:"gpt-4o-mini"`
	Temperature  float64    `json:"temperature" example:"0.2"`
	MaxTokens    int        `json:"max_tokens" example:"2000" doc:"Of an answer."`
	Timeout      int        `json:"timeout" example:"30" doc:"Seconds."`
	SystemPrompt string     `json:"system_prompt"`
	ToolsEnabled []string   `json:"tools_enabled"`
	UpdatedAt    *Timestamp `json:"updated_at" doc:"null for the defaults."`
	UpdatedBy    *Person    `json:"updated_by" doc:"null for the defaults."`
}

type aiConfigAnswer struct {
	ETag string `header:"ETag"`
	Body AIConfig
}

func (c aiConfigs) getAIConfig(ctx context.Context, in *AgentType) (*aiConfigAnswer, error) {
	agent, err := agentOf(ctx, *in)
	if err != nil {
		return nil, err
	}
	row, err := c.Rows.Find(ctx, callerOf(ctx).Org, agent)
	if err != nil {
		return nil, err
	}
	shown, err := c.renderAIConfig(ctx, row)
	if err != nil {
		return nil, err
	}
	return &aiConfigAnswer{ETag: etag(row.Version), Body: shown}, nil
}

func (c aiConfigs) renderAIConfig(ctx context.Context, row projections.AgentConfigRow) (AIConfig, error) {
	shown := AIConfig{
		AgentType: string(row.Agent), Version: row.Version, Model: row.Config.Model, Temperature: row.Config.Temperature, MaxTokens: row.Config.MaxTokens,
		Timeout: row.Config.Timeout, SystemPrompt: row.Config.SystemPrompt, ToolsEnabled: orEmpty(row.Config.Tools), UpdatedAt: optionalTime(row.UpdatedAt),
	}
	if row.UpdatedBy.IsZero() {
		return shown, nil
	}
	people, err := c.People.Names(ctx, row.Org, []domain.UserID{row.UpdatedBy})
	if err != nil {
		return shown, err
	}
	shown.UpdatedBy = new(renderPerson(row.UpdatedBy, people))
	return shown, nil
}

// AIConfigUpdate is what came of a change.
type AIConfigUpdate struct {
	AgentType    string         `json:"agent_type"`
	Status       string         `json:"status" enum:"updated,rolled_back,previewed"`
	Version      int            `json:"version" doc:"What holds now; as before if nothing differs."`
	RolledBackTo int            `json:"rolled_back_to,omitempty" doc:"The version whose content holds again."`
	Changes      AIConfigValues `json:"changes" doc:"The supplied fields as they are now; after a roll-back all of them."`

	Preview *RollbackPreview `json:"preview,omitempty" doc:"What a roll-back would change."`
}

// AIConfigValues are some fields of a configuration.
type AIConfigValues struct {
	Model        *string   `json:"model,omitempty"`
	Temperature  *float64  `json:"temperature,omitempty"`
	MaxTokens    *int      `json:"max_tokens,omitempty"`
	Timeout      *int      `json:"timeout,omitempty"`
	SystemPrompt *string   `json:"system_prompt,omitempty"`
	ToolsEnabled *[]string `json:"tools_enabled,omitempty"`
}

type aiConfigUpdateAnswer struct {
	ETag          string   `header:"ETag"`
	EventPosition Position `header:"X-Event-Position"`
	Body          AIConfigUpdate
}

func (c aiConfigs) changeAIConfig(ctx context.Context, in *struct {
	AgentType
	IfMatch
	Body aiConfigJSON
},
) (*aiConfigUpdateAnswer, error) {
	agent, err := agentOf(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	var body aiConfigBody
	if err := readConfigBody(in.Body, body.fields()); err != nil {
		return nil, err
	}
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	cmd := body.change(agent, r.By)
	stream, err := c.Configs.Handle(ctx, r, cmd)
	if err != nil {
		return nil, err
	}
	return answerAIConfig(stream, AIConfigUpdate{AgentType: string(agent), Status: "updated", Changes: AIConfigValues{
		Model: cmd.Model, Temperature: cmd.Temperature, MaxTokens: cmd.MaxTokens, Timeout: cmd.Timeout, SystemPrompt: cmd.SystemPrompt, ToolsEnabled: cmd.Tools,
	}}), nil
}

// answerAIConfig answers a change with the version that holds: the first as long as nothing is stored.
func answerAIConfig(stream eventstore.Stream, update AIConfigUpdate) *aiConfigUpdateAnswer {
	update.Version = max(1, stream.Version())
	return &aiConfigUpdateAnswer{ETag: etag(update.Version), EventPosition: positionOf(stream), Body: update}
}

func (c aiConfigs) rollBackAIConfig(ctx context.Context, in *struct {
	AgentType
	IfMatch
	Preview bool `query:"preview" doc:"Say what would change, and change nothing."`
	Last    int  `query:"last" minimum:"1" maximum:"100" default:"20" doc:"How many decisions a preview looks at."`
	Body    aiConfigJSON
},
) (*aiConfigUpdateAnswer, error) {
	agent, err := agentOf(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	var body aiRollbackBody
	if err := readConfigBody(in.Body, body.fields()); err != nil {
		return nil, err
	}
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	if in.Preview {
		return c.preview(ctx, agent, body.Version, in.Last)
	}
	stream, err := c.Configs.Handle(ctx, r, agentconfig.RollBack{Agent: agent, To: body.Version, By: r.By})
	if err != nil {
		return nil, err
	}
	versions := projections.AgentConfigVersions(r.Org, agent, stream.Events)
	holds := versions[len(versions)-1].Config
	return answerAIConfig(stream, AIConfigUpdate{AgentType: string(agent), Status: "rolled_back", RolledBackTo: body.Version, Changes: AIConfigValues{
		Model: &holds.Model, Temperature: &holds.Temperature, MaxTokens: &holds.MaxTokens, Timeout: &holds.Timeout, SystemPrompt: &holds.SystemPrompt, ToolsEnabled: new(orEmpty(holds.Tools)),
	}}), nil
}
