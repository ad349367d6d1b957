package agentconfig

import (
	_ "embed" // the prompts are texts to read, and not strings to quote

	"ticketd/domain"
)

// The instructions that the program brings along. They hold until an organization writes its own, and change only with a
// release; what an organization has adopted stays as it was.
var (
	//go:embed prompts/customer_support_agent.md
	customerSupportPrompt string

	//go:embed prompts/categorization_agent.md
	categorizationPrompt string

	//go:embed prompts/file_analysis_agent.md
	fileAnalysisPrompt string

	//go:embed prompts/title_generation_agent.md
	titleGenerationPrompt string

	//go:embed prompts/summary_agent.md
	summaryPrompt string
)

const (
	smallModel = "gpt-4o-mini"
	largeModel = "gpt-4o"
)

// Defaults answers the configuration that an agent has where nobody has changed it; an empty one for what is no agent.
// The tools are the fewest that each can do with: what an agent cannot call, nobody can talk it into calling.
func Defaults(agent domain.Agent) Config {
	switch agent {
	case domain.CustomerSupport:
		return Config{
			Model: smallModel, Temperature: 0.2, MaxTokens: 2000, Timeout: 30, SystemPrompt: customerSupportPrompt,
			Tools: []string{"analyze_file", "create_ticket", "search_knowledge_base", "categorize_issue", "create_jira_ticket", "create_salesforce_case"},
		}
	case domain.Categorization:
		return Config{Model: smallModel, Temperature: 0.1, MaxTokens: 500, Timeout: 15, SystemPrompt: categorizationPrompt, Tools: []string{}}
	case domain.FileAnalysis:
		return Config{
			Model: largeModel, Temperature: 0.1, MaxTokens: 1500, Timeout: 60, SystemPrompt: fileAnalysisPrompt,
			Tools: []string{"analyze_file", "extract_text_from_image", "transcribe_audio"},
		}
	case domain.TitleGeneration:
		return Config{Model: smallModel, Temperature: 0.3, MaxTokens: 100, Timeout: 15, SystemPrompt: titleGenerationPrompt, Tools: []string{}}
	case domain.Summary:
		return Config{Model: smallModel, Temperature: 0.2, MaxTokens: 800, Timeout: 30, SystemPrompt: summaryPrompt, Tools: []string{"get_ticket"}}
	}
	return Config{}
}
