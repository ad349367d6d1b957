package llm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"ticketd"
)

// Config says which models answer prompts, in which order, how fast and for how much money.
type Config struct {
	Providers   []Provider    `yaml:"providers"` // in the order in which they are asked
	Breaker     Breaker       `yaml:"breaker"`
	Concurrency int           `yaml:"concurrency"` // requests to one provider at once
	Retries     int           `yaml:"retries"`     // attempts after the first one
	Budgets     Budgets       `yaml:"budgets"`
	Cache       time.Duration `yaml:"cache"` // how long an answer is given again; 0: never
}

// Provider is somebody who runs models.
type Provider struct {
	Name              string           `yaml:"name"`
	Kind              Kind             `yaml:"kind"`
	BaseURL           string           `yaml:"base_url"` // empty: of Keys, or the provider's own
	Models            map[string]Model `yaml:"models"`   // by what an agent asks for
	RequestsPerMinute int              `yaml:"requests_per_minute"`
	Timeout           time.Duration    `yaml:"timeout"` // of one attempt, unless the prompt's is shorter
}

// Model is what stands for a model that an agent asks for.
type Model struct {
	Name      string   `yaml:"name"`       // the provider's own; empty: of Keys, or the same
	InputUSD  *float64 `yaml:"input_usd"`  // for a million tokens
	OutputUSD *float64 `yaml:"output_usd"` // for a million tokens
	Reasoning bool     `yaml:"reasoning"`  // takes no temperature
}

// Kind is whose language a provider speaks.
type Kind string

// The kinds.
const (
	OpenAI      Kind = "openai"
	Anthropic   Kind = "anthropic"
	AzureOpenAI Kind = "azure_openai"
)

// Breaker says when a provider is left alone.
type Breaker struct {
	Failures int           `yaml:"failures"` // in a row
	Recovery time.Duration `yaml:"recovery"`
}

// Budgets is what an organization may spend in a month; 0 is no limit. Alert and Stop are shares of it.
type Budgets struct {
	MonthlyUSD float64 `yaml:"monthly_usd"`
	Alert      float64 `yaml:"alert"`
	Stop       float64 `yaml:"stop"`
}

// LoadConfig reads a configuration; without a path it is the one built into the program. What a file leaves out is as it
// is there. The error names the line or the setting at fault.
func LoadConfig(path string) (Config, error) {
	var config Config
	if err := config.read(ticketd.AIConfig); err != nil {
		return Config{}, fmt.Errorf("the AI configuration of the program: %w", err)
	}
	if path == "" {
		return config, nil
	}
	content, err := os.ReadFile(path) //nolint:gosec // the operator's own file
	if err != nil {
		return Config{}, fmt.Errorf("read the AI configuration: %w", err)
	}
	if err := config.read(content); err != nil {
		return Config{}, fmt.Errorf("the AI configuration %s: %w", path, err)
	}
	return config, nil
}

func (c *Config) read(content []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	switch err := decoder.Decode(c); {
	case errors.Is(err, io.EOF):
		return errors.New("the file says nothing")
	case err != nil:
		return plain(err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("the file holds more than one document")
	}
	return c.check()
}

// complaints are the library's sentences for which there are plainer ones.
var complaints = []struct {
	theirs *regexp.Regexp
	ours   string
}{
	{regexp.MustCompile(`field (\S+) not found in type \S+`), `there is no setting "$1"`},
	{regexp.MustCompile("cannot unmarshal \\S+ `(.*)` into (?:int|float64)"), `"$1" is not a number`},
	{regexp.MustCompile("cannot unmarshal \\S+ `(.*)` into time.Duration"), `"$1" is not a time like 30s or 5m`},
	{regexp.MustCompile("cannot unmarshal \\S+ `(.*)` into \\S+"), `"$1" does not fit here`},
	{regexp.MustCompile(`cannot unmarshal \S+ into \S+`), `something else belongs here`},
}

// plain says what is wrong without the names of our types.
func plain(err error) error {
	lines := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if wrong, ok := errors.AsType[*yaml.TypeError](err); ok {
		lines = wrong.Errors
	}
	for i := range lines {
		for _, complaint := range complaints {
			lines[i] = complaint.theirs.ReplaceAllString(lines[i], complaint.ours)
		}
	}
	return errors.New(strings.Join(lines, "; "))
}

func (c *Config) check() error {
	names := map[string]bool{}
	for i, provider := range c.Providers {
		if provider.Name == "" {
			return fmt.Errorf("provider %d has no name", i+1)
		}
		if names[provider.Name] {
			return fmt.Errorf("two providers are called %s", provider.Name)
		}
		names[provider.Name] = true
		if err := provider.check(); err != nil {
			return fmt.Errorf("provider %s: %w", provider.Name, err)
		}
	}
	switch b := c.Budgets; {
	case c.Breaker.Failures < 1:
		return errors.New("breaker: failures must be 1 or more")
	case c.Breaker.Recovery <= 0:
		return errors.New("breaker: recovery must be more than 0s")
	case c.Concurrency < 1:
		return errors.New("concurrency must be 1 or more")
	case c.Retries < 0 || c.Retries > 10:
		return errors.New("retries must be from 0 to 10")
	case !amount(b.MonthlyUSD):
		return errors.New("budgets: monthly_usd must be from 0 to a billion")
	case !(b.Alert > 0 && b.Alert <= b.Stop && b.Stop <= 1):
		return errors.New("budgets: alert and stop must be shares above 0 and up to 1, and alert must not be above stop")
	case c.Cache < 0:
		return errors.New("cache must be 0s or more")
	}
	return nil
}

func (p Provider) check() error {
	switch p.Kind {
	case OpenAI, Anthropic, AzureOpenAI:
	default:
		return fmt.Errorf("the kind must be openai, anthropic or azure_openai, not %q", string(p.Kind))
	}
	switch {
	case len(p.Models) == 0:
		return errors.New("it has no models")
	case p.RequestsPerMinute < 0:
		return errors.New("requests_per_minute must be 0 or more")
	case p.Timeout <= 0 || p.Timeout > longest:
		return errors.New("timeout must be more than 0s and up to 1h")
	}
	for name, model := range p.Models {
		switch {
		case name == "":
			return errors.New("a model has no name")
		case model.InputUSD == nil || !amount(*model.InputUSD):
			return fmt.Errorf("model %s: input_usd must be from 0 to a billion", name)
		case model.OutputUSD == nil || !amount(*model.OutputUSD):
			return fmt.Errorf("model %s: output_usd must be from 0 to a billion", name)
		}
	}
	if p.BaseURL != "" {
		return checkURL("base_url", p.BaseURL)
	}
	return nil
}

// amount tells dollars that can be counted in millionths from what cannot, as NaN.
func amount(usd float64) bool { return usd >= 0 && usd <= 1e9 }

func checkURL(setting, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("%s must be an address that begins with https:// or http://", setting)
	}
	return nil
}
