package agentconfig

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ticketd/domain"
)

// The limits of a configuration.
const (
	MaxTemperature = 2.0
	MaxTokens      = 128_000
	MaxTimeout     = 600    // seconds
	MaxModel       = 100    // characters
	MaxPrompt      = 50_000 // characters
)

// Tools are the names of all tools that an agent may be given, as the MCP server offers them.
var Tools = []string{
	"analyze_file", "extract_text_from_image", "transcribe_audio", "create_ticket", "update_ticket", "get_ticket", "search_tickets", "list_tickets",
	"search_knowledge_base", "find_similar_tickets", "categorize_issue", "create_integration_ticket", "create_jira_ticket",
	"create_salesforce_case", "create_github_issue", "get_system_health",
}

// Check answers ErrInvalid, with the field at fault, for a configuration that could not have come about.
func (c Config) Check() error {
	return Changed{
		Model: &c.Model, Temperature: &c.Temperature, MaxTokens: &c.MaxTokens, Timeout: &c.Timeout, SystemPrompt: &c.SystemPrompt, Tools: &c.Tools,
	}.check()
}

// check answers ErrInvalid, with the field at fault, for a change that says what no configuration may.
func (e Changed) check() error {
	switch {
	case e.Model != nil && !isModel(*e.Model):
		return Invalid("model", fmt.Sprintf("must be the name of a model: 1 to %d printable characters", MaxModel))
	case e.Temperature != nil && !(*e.Temperature >= 0 && *e.Temperature <= MaxTemperature): // not a number is not either
		return Invalid("temperature", fmt.Sprintf("must be from 0 to %g", MaxTemperature))
	case e.MaxTokens != nil && (*e.MaxTokens < 1 || *e.MaxTokens > MaxTokens):
		return Invalid("max_tokens", fmt.Sprintf("must be from 1 to %d", MaxTokens))
	case e.Timeout != nil && (*e.Timeout < 1 || *e.Timeout > MaxTimeout):
		return Invalid("timeout", fmt.Sprintf("must be from 1 to %d seconds", MaxTimeout))
	case e.SystemPrompt != nil && !isText(*e.SystemPrompt, MaxPrompt):
		return Invalid("system_prompt", fmt.Sprintf("must be text of 1 to %d characters", MaxPrompt))
	case e.Tools != nil:
		return checkTools(*e.Tools)
	}
	return nil
}

func isModel(name string) bool {
	printable := !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	return printable && isText(name, MaxModel)
}

// isText reports a text that can be kept, says something, and is not too long.
func isText(text string, most int) bool {
	return domain.Storable(text) && strings.TrimSpace(text) != "" && utf8.RuneCountInString(text) <= most
}

func checkTools(names []string) error {
	for i, name := range names {
		switch {
		case !slices.Contains(Tools, name):
			return Invalid("tools_enabled", fmt.Sprintf("holds %.100q, which is no tool; there are %s", name, strings.Join(Tools, ", ")))
		case slices.Contains(names[:i], name):
			return Invalid("tools_enabled", fmt.Sprintf("holds %s twice", name))
		}
	}
	return nil
}

// Invalid is ErrInvalid for a field. What is wrong completes a sentence that begins with the field's name.
func Invalid(field, wrong string) error {
	return ErrInvalid.On(field, fmt.Sprintf("The configuration did not pass validation: %s %s.", field, wrong))
}
