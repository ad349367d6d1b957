package http

import (
	"context"

	"github.com/google/uuid"

	"ticketd/domain"
)

// Agent is an AI agent of an organization.
type Agent struct {
	ID          uuid.UUID `json:"id" format:"uuid" doc:"The same for ever, and another in every organization."`
	Name        string    `json:"name"`
	AgentType   string    `json:"agent_type"`
	Description string    `json:"description"`
}

// AgentList is the agents of an organization.
type AgentList struct {
	Agents []Agent `json:"agents"`
}

// AgentPath is the path parameter of every chat route.
type AgentPath struct {
	Agent string `path:"agent_id" maxLength:"64" doc:"The agent's id, or its type." example:"customer_support_agent"`
}

// errNoAgent answers who looks for an agent that nobody has.
var errNoAgent = &domain.Error{Kind: domain.NotFound, Code: "agent_not_found", Message: "There is no such agent."}

// named answers the agent that the path names by its id in the caller's organization, its type or the short form of that.
func (p AgentPath) named(ctx context.Context) (domain.Agent, error) {
	if agent, ok := domain.ParseAgent(p.Agent); ok {
		return agent, nil
	}
	id, err := uuid.Parse(p.Agent)
	for _, agent := range domain.Agents {
		if err == nil && id == agentID(callerOf(ctx).Org, agent) {
			return agent, nil
		}
	}
	return "", errNoAgent
}

// agentID names an agent of an organization. Nothing has to be stored for it, so that every organization has the agents
// from its first moment.
func agentID(org domain.OrgID, agent domain.Agent) uuid.UUID {
	return uuid.NewSHA1(org.UUID, []byte(agent))
}

func (c chat) listAgents(ctx context.Context, _ *struct{}) (*struct{ Body AgentList }, error) {
	list := make([]Agent, len(domain.Agents))
	for i, agent := range domain.Agents {
		name, description := introduction(agent)
		list[i] = Agent{ID: agentID(callerOf(ctx).Org, agent), Name: name, AgentType: string(agent), Description: description}
	}
	return &struct{ Body AgentList }{AgentList{list}}, nil
}

// introduction says to people what an agent is for.
func introduction(agent domain.Agent) (name, description string) {
	switch agent {
	case domain.CustomerSupport:
		return "Customer Support", "Helps with a problem, and makes a good ticket of it."
	case domain.Categorization:
		return "Categorization", "Says what a text is about and how urgent it is, and why."
	case domain.FileAnalysis:
		return "File Analysis", "Says what screenshots, documents and recordings show."
	case domain.TitleGeneration:
		return "Title Generation", "Finds a short title for a text."
	case domain.Summary:
		return "Summary", "Says the essence of a long text in a few sentences."
	}
	return string(agent), ""
}
