package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"ticketd/adapters/auth"
	"ticketd/adapters/http"
	"ticketd/adapters/webhook"
	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/domain/integration"
	"ticketd/eventstore"
)

// config is what the environment says; .env.example explains every variable.
type config struct {
	HTTPAddr       string         `env:"HTTP_ADDR" envDefault:":8000"`
	DatabaseURL    string         `env:"DATABASE_URL"`
	DataDir        string         `env:"DATA_DIR" envDefault:"./data"`
	Environment    string         `env:"ENVIRONMENT" envDefault:"development"`
	Registration   string         `env:"REGISTRATION" envDefault:"open"`
	JWTSecret      string         `env:"JWT_SECRET"`
	EncryptionKey  string         `env:"ENCRYPTION_KEY"`
	CORSOrigins    []string       `env:"CORS_ORIGINS"`
	TrustedProxies []netip.Prefix `env:"TRUSTED_PROXIES"`
	LimitDefault   limit          `env:"RATE_LIMIT_DEFAULT" envDefault:"1000/h"`
	LimitAuth      limit          `env:"RATE_LIMIT_AUTH" envDefault:"100/5m"`
	LimitLogin     limit          `env:"RATE_LIMIT_LOGIN" envDefault:"10/5m"`
	LimitUpload    limit          `env:"RATE_LIMIT_UPLOAD" envDefault:"50/5m"`
	WSMessages     int            `env:"WS_MESSAGES_PER_MINUTE" envDefault:"60"`
	WSConnections  int            `env:"WS_MAX_CONNECTIONS" envDefault:"20000"`
	LogLevel       string         `env:"LOG_LEVEL" envDefault:"info"`
	LogFormat      string         `env:"LOG_FORMAT" envDefault:"json"`

	// Files.
	StorageURL         string        `env:"STORAGE_URL"`
	StorageQuota       int64         `env:"STORAGE_QUOTA_MB" envDefault:"10240"`
	UploadSize         int64         `env:"UPLOAD_MAX_MB" envDefault:"100"`
	UploadTypes        string        `env:"UPLOAD_TYPES" envDefault:"all"`
	ClamdAddr          string        `env:"CLAMD_ADDR"`
	ScanRequired       bool          `env:"SCAN_REQUIRED"`
	Workers            int           `env:"WORKERS" envDefault:"-1"`
	Lease              time.Duration `env:"JOB_LEASE" envDefault:"30s"`
	SpeechDir          string        `env:"SPEECH_DIR" envDefault:"./engines/vosk"`
	OpenAIKey          string        `env:"OPENAI_API_KEY"`
	OpenAIBaseURL      string        `env:"OPENAI_BASE_URL"`
	TranscriptionModel string        `env:"TRANSCRIPTION_MODEL" envDefault:"whisper-1"`

	// Agents.
	MCPAddr          string   `env:"MCP_ADDR" envDefault:":8001"`
	MCPURL           string   `env:"MCP_URL"`
	MCPHosts         []string `env:"MCP_HOSTS"`
	AIConfig         string   `env:"AI_CONFIG"`
	AnthropicKey     string   `env:"ANTHROPIC_API_KEY"`
	AnthropicBaseURL string   `env:"ANTHROPIC_BASE_URL"`
	AzureKey         string   `env:"AZURE_OPENAI_API_KEY"`
	AzureEndpoint    string   `env:"AZURE_OPENAI_ENDPOINT"`
	AzureAPIVersion  string   `env:"AZURE_OPENAI_API_VERSION"`
	AzureDeployment  string   `env:"AZURE_OPENAI_DEPLOYMENT"`
	AgentWorkers     int      `env:"AGENT_WORKERS" envDefault:"10"`
	LimitAI          limit    `env:"RATE_LIMIT_AI" envDefault:"200/h"`

	// Integrations.
	PublicURL       string         `env:"PUBLIC_URL"`
	OutboundAllow   []netip.Prefix `env:"OUTBOUND_ALLOW"`
	DeliveryWorkers int            `env:"DELIVERY_WORKERS" envDefault:"256"`
	LimitWebhooks   limit          `env:"RATE_LIMIT_WEBHOOKS" envDefault:"60000/m"`

	// Alerts of operators.
	AlertURL    string `env:"ALERT_URL"`
	AlertSecret string `env:"ALERT_SECRET"`

	tool  bool // works beside a server that may be running
	tools bool // runs the tool server

	// Not the environment's: only tests have others.
	passwordCost   auth.Cost
	keysSettle     time.Duration                              // how long after its deletion nobody can have a key any more
	replaced       map[file.Stage]commands.Reader             // who makes a stage in the place of the usual one
	platforms      map[integration.Platform]commands.Platform // who speaks a vendor's language in the place of the usual one
	childMemory    int64                                      // bytes of address space for a child of ours; 0: what it usually needs
	ourselves      []string                                   // how the program runs itself as a child
	retryAfter     time.Duration                              // before the first retry of a job; it doubles
	webhooks       webhook.Config                             // how patiently webhooks are sent; the lease is that of jobs
	deliveryPauses commands.Pauses                            // of what a vendor does not do at once
	webhookGather  time.Duration                              // from a vendor's webhook until it is asked what changed
	vendorSilence  time.Duration                              // how long a vendor may say nothing; 0: 30 seconds
	modelPause     time.Duration                              // before a model is asked again; it doubles. 0: half a second
}

func readConfig() (config, error) {
	c, err := env.ParseAs[config]()
	c.passwordCost, c.keysSettle, c.retryAfter = auth.OWASP, eventstore.CachedFor, time.Minute
	c.deliveryPauses, c.webhookGather = commands.DefaultPauses, commands.DefaultGather
	c.ourselves, c.childMemory = ourselves()
	if err != nil {
		return c, err
	}
	if c.Registration != "open" && c.Registration != "invite" {
		return c, fmt.Errorf("REGISTRATION is %q; it is open or invite", c.Registration)
	}
	if c.UploadTypes != "all" && c.UploadTypes != "strict" {
		return c, fmt.Errorf("UPLOAD_TYPES is %q; it is all or strict", c.UploadTypes)
	}
	if c.ScanRequired && c.ClamdAddr == "" {
		return c, errors.New("SCAN_REQUIRED needs CLAMD_ADDR: without a scanner no file could come in")
	}
	if c.UploadSize < 1 || c.StorageQuota < 0 {
		return c, errors.New("UPLOAD_MAX_MB must be 1 or more, and STORAGE_QUOTA_MB 0 (none) or more")
	}
	if c.Workers < 0 {
		c.Workers = usualWorkers()
	}
	c.Environment = strings.ToLower(strings.TrimSpace(c.Environment))
	if !slices.Contains(environments, c.Environment) {
		return c, fmt.Errorf("ENVIRONMENT is %q; it is one of %v", c.Environment, environments)
	}
	return c, nil
}

var environments = []string{"development", "staging", "production", "test"}

// development is where a token lies about in the terminal.
func (c config) development() bool { return c.Environment == "development" }

func (c config) limits() http.Limits {
	return http.Limits{Default: http.Limit(c.LimitDefault), Auth: http.Limit(c.LimitAuth), Login: http.Limit(c.LimitLogin), Upload: http.Limit(c.LimitUpload), AI: http.Limit(c.LimitAI), Webhooks: http.Limit(c.LimitWebhooks)}
}

// limit reads "1000/h", "100/5m", or "0" for none.
type limit http.Limit

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *limit) UnmarshalText(text []byte) error {
	count, window, _ := strings.Cut(string(text), "/")
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is no limit like 1000/h", text)
	}
	if n == 0 {
		*l = limit{}
		return nil
	}
	if window != "" && (window[0] < '0' || window[0] > '9') {
		window = "1" + window
	}
	d, err := time.ParseDuration(window)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no limit like 1000/h", text)
	}
	*l = limit{Requests: n, Window: d}
	return nil
}

func (c config) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, fmt.Errorf("LOG_LEVEL is %q; it is debug, info, warn or error", c.LogLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(os.Stderr, options)), nil
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, options)), nil
}
