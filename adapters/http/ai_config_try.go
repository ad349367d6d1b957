package http

import (
	"context"
	nethttp "net/http"
	"strings"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/agentrun"
	"ticketd/domain/ticket"
)

const aboutTests = "The answer is the run, with the result, the provider and the model, what it took and what it cost; a run of which nothing came says why. " +
	"Nothing else happens: the configuration that holds stays, and as tools might change something, a test has none."

func (c aiConfigs) testRoutes(path string) {
	register(c.Server, op("test-ai-config", nethttp.MethodPost, path+"/test", "Try a configuration, or a draft of one, on an input", tagAgents, aiBudget, within(longestRun),
		described(aboutTests), errs(400, 404, 415, 503)), c.testAIConfig)
	describeBody[aiTestBody](c.Server, c.OpenAPI().Paths[path+"/test"].Post)
}

// aiTestBody is what an agent is tried on.
type aiTestBody struct {
	Input  string       `json:"input" minLength:"1" maxLength:"50000" example:"The export stops at 90 % since this morning"`
	Title  string       `json:"title,omitempty" maxLength:"500"`
	Files  []string     `json:"files,omitempty" maxItems:"50" doc:"Ids of uploads."`
	Config aiConfigJSON `json:"config,omitempty" doc:"A draft: fields of a configuration, as PUT takes them; the others are as they hold."`
}

func (b *aiTestBody) fields() []configField {
	return []configField{
		{name: "input", into: &b.Input, wants: "must be text", required: true},
		{name: "title", into: &b.Title, wants: "must be text"},
		{name: "files", into: &b.Files, wants: "must be a list of ids"},
		{name: "config", into: &b.Config, wants: "must be an object"},
	}
}

// ask is what the agent is asked.
func (b *aiTestBody) ask(agent domain.Agent) (commands.Ask, error) {
	switch {
	case strings.TrimSpace(b.Input) == "" || len([]rune(b.Input)) > ticket.MaxDescription || !domain.Storable(b.Input):
		return commands.Ask{}, agentconfig.Invalid("input", "must be text of 1 to 50000 characters")
	case len([]rune(b.Title)) > ticket.MaxTitle || !domain.Storable(b.Title):
		return commands.Ask{}, agentconfig.Invalid("title", "must be text of at most 500 characters")
	}
	files, others := filesAndContext(b.Files)
	if len(others) > 0 || len(files) > 50 {
		return commands.Ask{}, agentconfig.Invalid("files", "must be a list of at most 50 ids")
	}
	return commands.Ask{Agent: agent, Purpose: agentrun.Test, Title: b.Title, Text: b.Input, Files: files}, nil
}

func (c aiConfigs) testAIConfig(ctx context.Context, in *struct {
	AgentType
	Body aiConfigJSON
},
) (*struct{ Body Run }, error) {
	agent, err := managed(ctx, in.AgentType)
	if err != nil {
		return nil, err
	}
	var body aiTestBody
	if err := readConfigBody(in.Body, body.fields()); err != nil {
		return nil, err
	}
	ask, err := body.ask(agent)
	if err != nil {
		return nil, err
	}
	candidate, err := c.candidate(ctx, agent, &candidateBody{Draft: body.Config})
	if err != nil {
		return nil, err
	}
	if candidate.Version == 0 {
		ask.Draft = &candidate.Config
	}
	id := newID(ctx)
	_, err = c.Agents.Run(ctx, request(ctx), callerOf(ctx), id, ask)
	if err != nil && domain.KindOf(err) != domain.Unavailable {
		return nil, err
	}
	return c.testRun(ctx, id, err)
}

// testRun answers the run of a test: one of which nothing came, too, for that is what a test is there to find out.
func (c aiConfigs) testRun(ctx context.Context, id uuid.UUID, refused error) (*struct{ Body Run }, error) {
	answer, err := c.getRun(ctx, &RunID{id})
	if refused != nil && domain.KindOf(err) == domain.NotFound { // it has not even begun
		return nil, refused
	}
	return answer, err
}
