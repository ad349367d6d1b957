package domain

import "slices"

// Agent is a kind of AI agent: what it is for. Every organization has one of each.
type Agent string

// The agents.
const (
	CustomerSupport Agent = "customer_support_agent"
	Categorization  Agent = "categorization_agent"
	FileAnalysis    Agent = "file_analysis_agent"
	TitleGeneration Agent = "title_generation_agent"
	Summary         Agent = "summary_agent"
)

// Agents lists them in the order people read them.
var Agents = []Agent{CustomerSupport, Categorization, FileAnalysis, TitleGeneration, Summary}

// ParseAgent reads the name of an agent; "customer_support" is short for "customer_support_agent".
func ParseAgent(name string) (Agent, bool) {
	for _, agent := range []Agent{Agent(name), Agent(name + "_agent")} {
		if slices.Contains(Agents, agent) {
			return agent, true
		}
	}
	return "", false
}
