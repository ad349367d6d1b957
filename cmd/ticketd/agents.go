package main

import (
	"context"
	"time"

	"ticketd/adapters/auth"
	"ticketd/adapters/http"
	"ticketd/adapters/llm"
	"ticketd/adapters/postgres"
	"ticketd/adapters/rules"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/organization"
	"ticketd/projections"
)

// agents is what works for people.
type agents struct {
	commands     commands.Agents
	configs      commands.AgentConfigs
	backtests    commands.Backtests
	backtestRows *projections.Backtests
	settings     agentSettings
	articles     commands.Articles
	threads      commands.Threads
	rows         *projections.AgentRuns
	replies      *http.Replies
	chain        *llm.Chain
	toolbox      lateToolbox
	rules        *rules.Rules
}

// wireAgents plugs the agents together. The tools are found when the MCP server has its address.
func (p *program) wireAgents(tokens *auth.Tokens, tickets commands.Tickets, users *projections.Users) error {
	c, a := p.config, &p.agents
	config, err := llm.LoadConfig(c.AIConfig)
	if err != nil {
		return err
	}
	keys := c.keys()
	if err := keys.Check(); err != nil {
		return err
	}
	a.chain = llm.NewChain(config, keys, llm.Options{
		Spending: postgres.Spending{Pool: p.pool}, Log: p.log, Now: time.Now, Pause: c.modelPause,
		Alert: p.noteBudget,
	})
	a.rules, a.replies = rules.New(), &http.Replies{}
	a.toolbox.credentials = agentCredentials{tokens}
	a.toolbox.set(c.MCPURL)
	a.commands = commands.NewAgents(p.store, commands.AgentParts{
		Tickets: tickets, Places: p.integrations.rows, Threads: a.threads, Settings: a.settings, Shadows: a.settings, Model: a.chain, HasModel: len(a.chain.Names()) > 0, Rules: a.rules, Toolbox: &a.toolbox,
		Files: fileTexts{&p.files}, Roles: roles{users}, Clock: time.Now, Log: p.log,
	})
	a.backtests = commands.NewBacktests(p.store, a.commands, a.backtestRows)
	return nil
}

// noteBudget has the organization told what its models have cost: the log says each level once, whichever instance comes
// first, and the sockets tell those who run the organization.
func (p *program) noteBudget(ctx context.Context, r llm.Reached) error {
	level, month := organization.BudgetAlert, r.Month.Format("2006-01")
	if r.Stop {
		level = organization.BudgetStop
	}
	p.log.WarnContext(ctx, "an organization has spent most of its budget for models", "org", r.Org, "level", level, "spent_usd", float64(r.Spent)/1e6, "budget_usd", float64(r.Budget)/1e6)
	why := "budget-" + month
	_, err := commands.NewOrganizations(p.store).Handle(ctx, commands.Request{Org: r.Org, By: domain.System, Correlation: why, Causation: why}, r.Org.UUID, organization.NoteBudget{
		Month: month, Level: level, Spent: r.Spent, Budget: r.Budget, By: domain.System,
	})
	return err
}

// close lets idle connections go.
func (a *agents) close() {
	if a.chain != nil {
		a.chain.Close()
	}
	if tools := a.toolbox.there.Load(); tools != nil {
		tools.Close()
	}
}

func (c config) keys() llm.Keys {
	return llm.Keys{
		OpenAI: c.OpenAIKey, OpenAIBaseURL: c.OpenAIBaseURL, Anthropic: c.AnthropicKey, AnthropicBaseURL: c.AnthropicBaseURL,
		AzureOpenAI: c.AzureKey, AzureEndpoint: c.AzureEndpoint, AzureAPIVersion: c.AzureAPIVersion, AzureDeployment: c.AzureDeployment,
	}
}
