package llm

import (
	"cmp"
	"strings"
)

// Keys are what the environment says about the providers.
type Keys struct {
	OpenAI           string // OPENAI_API_KEY
	OpenAIBaseURL    string // OPENAI_BASE_URL; it ends in /v1 as a rule
	Anthropic        string // ANTHROPIC_API_KEY
	AnthropicBaseURL string // ANTHROPIC_BASE_URL; without /v1
	AzureOpenAI      string // AZURE_OPENAI_API_KEY
	AzureEndpoint    string // AZURE_OPENAI_ENDPOINT
	AzureAPIVersion  string // AZURE_OPENAI_API_VERSION; empty: one that has tools and structured answers
	AzureDeployment  string // AZURE_OPENAI_DEPLOYMENT: answers for every model that the configuration gives no name
}

// Check says which of the addresses is none.
func (k Keys) Check() error {
	for _, setting := range []struct{ name, address string }{
		{"OPENAI_BASE_URL", k.OpenAIBaseURL}, {"ANTHROPIC_BASE_URL", k.AnthropicBaseURL}, {"AZURE_OPENAI_ENDPOINT", k.AzureEndpoint},
	} {
		if setting.address == "" {
			continue
		}
		if err := checkURL(setting.name, setting.address); err != nil {
			return err
		}
	}
	return nil
}

// access is how a provider is reached.
type access struct {
	key, baseURL string
}

// of answers how to reach a provider, and whether that is known: an endpoint of the operator's own may want no key.
func (k Keys) of(p Provider) (access, bool) {
	switch p.Kind {
	case OpenAI:
		a := access{k.OpenAI, cmp.Or(p.BaseURL, k.OpenAIBaseURL)}
		return access{a.key, cmp.Or(a.baseURL, "https://api.openai.com/v1")}, a.key != "" || a.baseURL != ""
	case Anthropic:
		a := access{k.Anthropic, cmp.Or(p.BaseURL, k.AnthropicBaseURL)}
		return access{a.key, cmp.Or(a.baseURL, "https://api.anthropic.com")}, a.key != "" || a.baseURL != ""
	case AzureOpenAI:
		a := access{k.AzureOpenAI, cmp.Or(p.BaseURL, k.AzureEndpoint)}
		return a, a.key != "" && a.baseURL != ""
	}
	return access{}, false
}

// isPlain is true for an address without encryption, which is the operator's choice: an engine on the same machine or in
// the same network.
func (a access) isPlain() bool { return strings.HasPrefix(a.baseURL, "http://") }
