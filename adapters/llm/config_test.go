package llm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/llm"
)

// load reads a file with this content, and answers what is said about it without its path.
func load(t *testing.T, content string) (llm.Config, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ai.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	config, err := llm.LoadConfig(path)
	if err == nil {
		return config, ""
	}
	complaint, whole := strings.CutPrefix(err.Error(), "the AI configuration "+path+": ")
	require.True(t, whole, err)
	return config, complaint
}

func TestTheProgramBringsAConfiguration(t *testing.T) {
	t.Parallel()
	config, err := llm.LoadConfig("")
	require.NoError(t, err)
	require.Equal(t, llm.Breaker{Failures: 5, Recovery: 300 * time.Second}, config.Breaker)
	require.Equal(t, llm.Budgets{MonthlyUSD: 5000, Alert: 0.8, Stop: 0.95}, config.Budgets)
	require.Equal(t, 10, config.Concurrency)
	require.Equal(t, 3, config.Retries)
	require.Equal(t, time.Hour, config.Cache)
	limits := map[string]int{}
	for _, p := range config.Providers {
		limits[p.Name] = p.RequestsPerMinute
		for _, model := range []string{"gpt-4o-mini", "gpt-4o"} {
			require.Positive(t, *p.Models[model].InputUSD, "what the agents' defaults ask for is known, and costs something")
			require.Greater(t, *p.Models[model].OutputUSD, *p.Models[model].InputUSD)
		}
	}
	require.Equal(t, map[string]int{"openai": 1000, "anthropic": 500, "azure_openai": 2000}, limits)
	c := llm.NewChain(config, llm.Keys{OpenAI: "k", Anthropic: "k", AzureOpenAI: "k", AzureEndpoint: "https://example.com"}, llm.Options{})
	require.Equal(t, []string{"openai", "anthropic", "azure_openai"}, c.Names())
	require.Empty(t, llm.NewChain(config, llm.Keys{AzureOpenAI: "k"}, llm.Options{}).Names())
}

func TestWhatAFileLeavesOutIsAsInTheProgram(t *testing.T) {
	t.Parallel()
	config, complaint := load(t, `
providers:
  - {name: local, kind: openai, base_url: "http://127.0.0.1:11434/v1", timeout: 2m, models: {small: {name: llama, input_usd: 0, output_usd: 0}}}
budgets: {monthly_usd: 0}
`)
	require.Empty(t, complaint)
	require.Equal(t, []llm.Provider{{
		Name: "local", Kind: llm.OpenAI, BaseURL: "http://127.0.0.1:11434/v1", Timeout: 2 * time.Minute,
		Models: map[string]llm.Model{"small": {Name: "llama", InputUSD: new(0.0), OutputUSD: new(0.0)}},
	}}, config.Providers)
	require.Equal(t, llm.Budgets{Alert: 0.8, Stop: 0.95}, config.Budgets)
	require.Equal(t, 10, config.Concurrency)
}

func TestAConfigurationThatIsWrongIsToldWhere(t *testing.T) {
	t.Parallel()
	with := func(line string) string { // a provider with one more line
		return "providers:\n  - name: p\n    kind: openai\n    timeout: 1s\n    models: {m: {input_usd: 1, output_usd: 2}}\n    " + line + "\n"
	}
	for name, c := range map[string]struct{ content, want string }{
		"nothing":             {"# only this\n", "the file says nothing"},
		"two documents":       {"cache: 1h\n---\ncache: 2h\n", "the file holds more than one document"},
		"no YAML":             {"cache: [", "line 1: did not find expected node content"},
		"unknown":             {"cahce: 1h\nretires: 3\n", `line 1: there is no setting "cahce"; line 2: there is no setting "retires"`},
		"unknown in a model":  {with("models: {}") + "\n", `line 6: mapping key "models" already defined at line 5`},
		"unknown in provider": {with("api_key: x"), `line 6: there is no setting "api_key"`},
		"no number":           {"retries: many\n", `line 1: "many" is not a number`},
		"no share":            {"budgets: {alert: most}\n", `line 1: "most" is not a number`},
		"no time":             {"cache: soon\n", `line 1: "soon" is not a time like 30s or 5m`},
		"a time without unit": {"cache: 3600\n", `line 1: "3600" is not a time like 30s or 5m`},
		"a list":              {"breaker: [1]\n", `line 1: something else belongs here`},
		"a word":              {"breaker: often\n", `line 1: "often" does not fit here`},
		"negative retries":    {"retries: -1\n", "retries must be from 0 to 10"},
		"no places":           {"concurrency: 0\n", "concurrency must be 1 or more"},
		"no failures":         {"breaker: {failures: 0}\n", "breaker: failures must be 1 or more"},
		"no recovery":         {"breaker: {recovery: 0s}\n", "breaker: recovery must be more than 0s"},
		"negative budget":     {"budgets: {monthly_usd: -1}\n", "budgets: monthly_usd must be from 0 to a billion"},
		"endless budget":      {"budgets: {monthly_usd: .nan}\n", "budgets: monthly_usd must be from 0 to a billion"},
		"late alert":          {"budgets: {alert: 0.99}\n", "budgets: alert and stop must be shares above 0 and up to 1, and alert must not be above stop"},
		"negative cache":      {"cache: -1s\n", "cache must be 0s or more"},
		"no name":             {"providers: [{kind: openai}]\n", "provider 1 has no name"},
		"same name":           {with("") + "  - {name: p, kind: openai, timeout: 1s, models: {m: {input_usd: 1, output_usd: 2}}}\n", "two providers are called p"},
		"unknown kind":        {"providers: [{name: p, kind: oracle}]\n", `provider p: the kind must be openai, anthropic or azure_openai, not "oracle"`},
		"no models":           {"providers: [{name: p, kind: openai}]\n", "provider p: it has no models"},
		"negative rate":       {with("requests_per_minute: -1"), "provider p: requests_per_minute must be 0 or more"},
		"no timeout":          {"providers: [{name: p, kind: openai, models: {m: {}}}]\n", "provider p: timeout must be more than 0s and up to 1h"},
		"no price":            {"providers: [{name: p, kind: openai, timeout: 1s, models: {m: {output_usd: 1}}}]\n", "provider p: model m: input_usd must be from 0 to a billion"},
		"negative price":      {"providers: [{name: p, kind: openai, timeout: 1s, models: {m: {input_usd: 1, output_usd: -1}}}]\n", "provider p: model m: output_usd must be from 0 to a billion"},
		"nameless model":      {"providers: [{name: p, kind: openai, timeout: 1s, models: {'': {}}}]\n", "provider p: a model has no name"},
		"no address":          {with("base_url: localhost:11434"), "provider p: base_url must be an address that begins with https:// or http://"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, complaint := load(t, c.content)
			require.Equal(t, c.want, complaint)
		})
	}
}

func TestAConfigurationThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	_, err := llm.LoadConfig(filepath.Join(t.TempDir(), "gone.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAddressesOfTheEnvironmentAreChecked(t *testing.T) {
	t.Parallel()
	require.NoError(t, llm.Keys{OpenAIBaseURL: "http://10.0.0.1/v1"}.Check())
	require.EqualError(t, llm.Keys{OpenAIBaseURL: "ftp://x"}.Check(), "OPENAI_BASE_URL must be an address that begins with https:// or http://")
	require.EqualError(t, llm.Keys{AnthropicBaseURL: "x"}.Check(), "ANTHROPIC_BASE_URL must be an address that begins with https:// or http://")
	require.EqualError(t, llm.Keys{AzureEndpoint: "https://"}.Check(), "AZURE_OPENAI_ENDPOINT must be an address that begins with https:// or http://")
}
