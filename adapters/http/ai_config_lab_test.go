package http

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/backtest"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

const sorterConfig = "/api/v1/ai-config/categorization_agent"

// plainRules take everything for billing.
type plainRules struct{}

// Classify implements commands.Classifier.
func (plainRules) Classify(context.Context, domain.OrgID, commands.HelpRequest) commands.Classification {
	return commands.Classification{Category: "billing", Priority: ticket.Low, Confidence: 0.75, Title: "t", Reasons: []string{"r"}}
}

// labSettings are those of the tables.
type labSettings struct{ rows *projections.AgentConfigs }

// Find implements commands.AgentSettings.
func (l labSettings) Find(ctx context.Context, org domain.OrgID, agent domain.Agent) (int, agentconfig.Config, error) {
	row, err := l.rows.Find(ctx, org, agent)
	return row.Version, row.Config, err
}

// Version implements commands.AgentSettings.
func (labSettings) Version(context.Context, domain.OrgID, domain.Agent, int) (agentconfig.Config, error) {
	return agentconfig.Config{}, agentconfig.ErrNoVersion
}

// noTexts has read nothing.
type noTexts struct{}

// Texts implements commands.FileTexts.
func (noTexts) Texts(context.Context, domain.OrgID, domain.Actor, []domain.FileID) ([]commands.FileText, error) {
	return nil, nil
}

// newLabShelf answers a server where configurations are tried, by rules and with nobody to do the jobs.
func newLabShelf(t *testing.T) *shelf {
	t.Helper()
	s := newShelf(t)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: s.pool})
	require.NoError(t, err)
	rows, trials, runs := projections.NewAgentConfigs(s.pool), projections.NewBacktests(s.pool), projections.NewAgentRuns(s.pool)
	store := eventstore.Open(t.Context(), s.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{rows, trials, runs, projections.NewTickets(s.pool)}})
	t.Cleanup(store.Close)
	agents := commands.NewAgents(store, commands.AgentParts{
		Tickets: s.http.Tickets, Settings: labSettings{rows}, Rules: plainRules{}, Files: noTexts{}, Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	with := s.http.Deps
	with.Agents, with.AgentRuns, with.Log = agents, runs, store
	with.AIConfigs = AIConfigs{Configs: commands.NewAgentConfigs(store), Rows: rows, Backtests: commands.NewBacktests(store, agents, trials), BacktestRows: trials}
	s.Close()
	s.store = store
	s.http = New(s.http.config, with)
	s.Server = httptest.NewServer(s.http)
	return s
}

// decided makes a ticket that was categorized and then resolved.
func (s *shelf) decided(category ticket.Category) uuid.UUID {
	s.Helper()
	ada := s.callers["ada"]
	id := commands.NewID()
	_, err := s.store.Append(s.Context(), eventstore.Metadata{Actor: eventstore.Actor{Type: "system"}}, eventstore.Write{
		Stream: eventstore.Stream{Org: ada.Org.UUID, ID: id}, Events: []any{
			ticket.Opened{Number: time.Now().UnixNano(), Title: "t", Description: "d", Category: ticket.General, Priority: ticket.Medium, Urgency: ticket.Medium, CreatedBy: ada.User},
			ticket.Categorized{
				Run: commands.NewID(), Agent: domain.Categorization, Category: category, Priority: ticket.Low, Confidence: 0.5, CreatedBy: ada.User,
				Applied: ticket.Chosen{Category: true, Priority: true},
			},
			ticket.StatusChanged{From: ticket.Open, To: ticket.Resolved},
		},
	})
	require.NoError(s, err)
	return id
}

// A roll-back may ask a model about a hundred tickets, when it is previewed.
func TestARollBackDrawsOnTheBudgetOfAgents(t *testing.T) {
	t.Parallel()
	s := newLabShelf(t)
	s.http.config.Limits = Limits{Default: Limit{Requests: 9, Window: time.Hour}, AI: Limit{Requests: 1, Window: time.Hour}}
	require.Equal(t, "1", s.post("ada", sorterConfig+"/rollback?preview=true", `{"version":1}`).Get("X-RateLimit-Limit"))
	require.Equal(t, 429, s.post("ada", sorterConfig+"/rollback?preview=true", `{"version":1}`).status)
}

func TestTrialsAreForAdministrators(t *testing.T) {
	t.Parallel()
	s := newLabShelf(t)
	s.decided("bug")
	body := map[string]string{"/test": `{"input":"x"}`, "/backtest": `{}`, "/rollback?preview=true": `{"version":1}`}
	for path, text := range body {
		for _, who := range []string{"sam", "bob", "aud"} {
			require.Equal(t, 403, s.ask(who, "POST", sorterConfig+path, strings.NewReader(text), "Content-Type", "application/json").status, "%s %s", who, path)
		}
		require.Equal(t, 404, s.ask("ada", "POST", "/api/v1/ai-config/sales"+path, strings.NewReader(text), "Content-Type", "application/json").status, path)
	}
	for _, who := range []string{"sam", "aud"} {
		require.Equal(t, 403, s.put(who, sorterConfig+"/shadow", `{"version":1}`).status)
		require.Equal(t, 403, s.ask(who, "DELETE", sorterConfig+"/shadow", nil).status)
		require.Equal(t, 200, s.get(who, sorterConfig+"/shadow").status)
		require.Equal(t, 200, s.get(who, sorterConfig+"/backtests").status)
	}
	require.Equal(t, 403, s.get("bob", sorterConfig+"/backtests").status)
	require.Equal(t, 403, s.get("bob", sorterConfig+"/shadow").status)
	require.Equal(t, 404, s.get("ada", "/api/v1/ai-config/sales/shadow").status)
	require.Equal(t, 404, s.get("ada", "/api/v1/ai-config/sales/backtests").status)
}

func TestATrialThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	s := newLabShelf(t)
	s.decided("bug")
	post := func(path, body string) reply {
		return s.ask("ada", "POST", sorterConfig+path, strings.NewReader(body), "Content-Type", "application/json")
	}
	for path, bodies := range map[string][]string{
		"/test": {
			`{}`, `[]`, `{"input":3}`, `{"input":" "}`, `{"input":"x","unknown":1}`, `{"input":"x","config":3}`, `{"input":"x","config":{"timeout":0}}`, `{"input":"x","config":{"colour":1}}`,
			`{"input":"x","files":["no id"]}`, `{"input":"x","title":"` + strings.Repeat("x", 501) + `"}`, `{"input":"` + strings.Repeat("x", 50_001) + `"}`, `{"input":"a\u0000"}`,
		},
		"/backtest": {`[]`, `{"sample":0}`, `{"sample":1001}`, `{"sample":"x"}`, `{"version":1,"draft":{}}`, `{"draft":[]}`, `{"draft":{"model":""}}`, `{"draft":{"tools_enabled":["x"]}}`, `{"version":"x"}`},
	} {
		for _, body := range bodies {
			answer := post(path, body)
			require.Equal(t, 400, answer.status, "%s %.80s: %s", path, body, answer.text)
			require.Contains(t, answer.body["detail"], "validation", "%s %.80s", path, body)
		}
	}
	for _, body := range []string{`{}`, `[]`, `{"version":0}`, `{"version":-1}`, `{"version":1,"draft":{}}`, `{"draft":{"timeout":0}}`, `{"draft":3}`} {
		require.Equal(t, 400, s.put("ada", sorterConfig+"/shadow", body).status, body)
	}
	require.Equal(t, 404, s.put("ada", sorterConfig+"/shadow", `{"version":2}`).status)
	require.Equal(t, 404, post("/backtest", `{"version":2}`).status)
	require.Equal(t, 404, post("/backtest", `{"version":0}`).status)
	require.Equal(t, 404, post("/rollback?preview=true", `{"version":2}`).status)
	for _, last := range []string{"0", "101", "x"} {
		require.Equal(t, 422, post("/rollback?preview=true&last="+last, `{"version":1}`).status, last)
	}
	for _, path := range []string{"/backtest", "/rollback?preview=true"} {
		answer := s.ask("ada", "POST", supportConfig+path, strings.NewReader(`{"version":1}`), "Content-Type", "application/json")
		require.Equal(t, 400, answer.status, path)
		require.Contains(t, answer.body["detail"], "only categorization_agent")
	}
	require.Equal(t, 400, s.put("ada", supportConfig+"/shadow", `{"version":1}`).status)
	require.Equal(t, 409, s.ask("eve", "POST", sorterConfig+"/backtest", strings.NewReader(`{}`), "Content-Type", "application/json").status, "there is nothing to compare with")
}

func TestABacktestIsShownWhileItIsUnderWay(t *testing.T) {
	t.Parallel()
	s := newLabShelf(t)
	right, wrong := s.decided("billing"), s.decided("bug")
	begun := s.ask("ada", "POST", sorterConfig+"/backtest", strings.NewReader(`{"draft":{"timeout":9},"sample":2}`), "Content-Type", "application/json", "Idempotency-Key", "k")
	require.Equal(t, 202, begun.status, begun.text)
	require.NotEmpty(t, begun.Get("X-Event-Position"))
	again := s.ask("ada", "POST", sorterConfig+"/backtest", strings.NewReader(`{"draft":{"timeout":9},"sample":2}`), "Content-Type", "application/json", "Idempotency-Key", "k")
	require.Equal(t, begun.body["id"], again.body["id"])
	require.Equal(t, []any{"running", nil, map[string]any{"tried": 0.0, "tickets": 2.0, "percent": 0.0}}, []any{begun.body["state"], begun.body["version"], begun.body["progress"]})
	require.EqualValues(t, 9, begun.body["candidate"].(map[string]any)["timeout"])
	path := sorterConfig + "/backtests/" + begun.body["id"].(string)
	require.Equal(t, 404, s.get("eve", path).status)
	require.Equal(t, 404, s.ask("eve", "DELETE", path, nil).status)
	require.Equal(t, 404, s.get("ada", supportConfig+"/backtests/"+begun.body["id"].(string)).status, "it is another agent's")

	id := uuid.MustParse(begun.body["id"].(string))
	stream, err := s.store.Load(t.Context(), s.callers["ada"].Org.UUID, id)
	require.NoError(t, err)
	said := backtest.Verdict{Category: "billing", Priority: "low", Confidence: 0.75}
	_, err = s.store.Append(t.Context(), eventstore.Metadata{Actor: eventstore.Actor{Type: "system"}}, eventstore.Write{Stream: stream, Events: []any{
		backtest.Judged{Ticket: right, Then: said, Said: said, Right: said, Basis: backtest.Stood, Provider: "p", Cost: 2_000_000, Millis: 4},
	}})
	require.NoError(t, err)
	shown := s.get("aud", path)
	require.Equal(t, map[string]any{"tried": 1.0, "tickets": 2.0, "percent": 50.0}, shown.body["progress"])
	require.EqualValues(t, 2, shown.body["cost_usd"])
	report := shown.body["report"].(map[string]any)
	require.Equal(t, []any{1.0, 1.0, map[string]any{"p50": 4.0, "p99": 4.0}}, []any{report["judged"], report["agreement"], report["latency_ms"]})

	ended := s.ask("ada", "DELETE", path, nil)
	require.Equal(t, "cancelled", ended.body["state"])
	require.Equal(t, ended.text, s.ask("ada", "DELETE", path, nil).text)

	preview := s.ask("ada", "POST", sorterConfig+"/rollback?preview=true&last=9", strings.NewReader(`{"version":1}`), "Content-Type", "application/json")
	require.Equal(t, []any{200, "previewed", 1.0}, []any{preview.status, preview.body["status"], preview.body["version"]})
	seen := preview.body["preview"].(map[string]any)
	require.Equal(t, []any{2.0, 2.0, 1.0}, []any{seen["decisions"], seen["compared"], seen["differing"]})
	example := seen["examples"].([]any)[0].(map[string]any)
	require.Equal(t, []any{wrong.String(), "bug", "billing"}, []any{example["ticket_id"], example["then"].(map[string]any)["category"], example["now"].(map[string]any)["category"]})
}

func TestATestAnswersItsRun(t *testing.T) {
	t.Parallel()
	s := newLabShelf(t)
	post := func(config, body string) reply {
		return s.ask("ada", "POST", config+"/test", strings.NewReader(body), "Content-Type", "application/json")
	}
	run := post(sorterConfig, `{"input":"x","title":"y"}`)
	require.Equal(t, 200, run.status, run.text)
	require.Equal(t, []any{"completed", "test", 1.0, "builtin", "rules"}, []any{run.body["status"], run.body["purpose"], run.body["config_version"], run.body["provider"], run.body["model"]})
	require.Equal(t, "billing", run.body["result"].(map[string]any)["category"])
	require.Equal(t, run.body, s.get("ada", "/api/v1/agent/runs/"+run.body["run_id"].(string)).body)
	drafted := post(sorterConfig, `{"input":"x","config":{"temperature":1}}`)
	require.EqualValues(t, 0, drafted.body["config_version"])
	none := post("/api/v1/ai-config/summary_agent", `{"input":"x"}`)
	require.Equal(t, []any{200, "failed"}, []any{none.status, none.body["status"]}, "rules write no summaries, and it says so")
	require.NotEmpty(t, none.body["error"].(map[string]any)["reason"])
	require.Equal(t, 1.0, s.get("ada", sorterConfig).body["version"], "nothing has changed")
	require.Equal(t, 400, post(sorterConfig, fmt.Sprintf(`{"input":"x","files":[%q]}`, uuid.New())).status)
}

func TestAShadowIsSetAndEnded(t *testing.T) {
	t.Parallel()
	s := newLabShelf(t)
	none := s.get("ada", sorterConfig+"/shadow")
	require.Equal(t, []any{false, nil, nil, `"1"`}, []any{none.body["active"], none.body["since"], none.body["report"], none.Get("ETag")})
	set := s.put("ada", sorterConfig+"/shadow", `{"draft":{"temperature":1}}`, "If-Match", `"1"`)
	require.Equal(t, []any{200, true, 2.0, nil}, []any{set.status, set.body["active"], set.body["since"], set.body["of"]})
	require.EqualValues(t, 1, set.body["candidate"].(map[string]any)["temperature"])
	require.Equal(t, 412, s.put("ada", sorterConfig+"/shadow", `{"version":1}`, "If-Match", `"1"`).status)
	require.Equal(t, 1.0, s.put("ada", sorterConfig+"/shadow", `{"version":1}`, "If-Match", `"2"`).body["of"])
	shown := s.get("aud", sorterConfig+"/shadow")
	require.Equal(t, []any{true, 3.0, 1.0, 0.0}, []any{shown.body["active"], shown.body["since"], shown.body["of"], shown.body["report"].(map[string]any)["tickets"]})
	require.Equal(t, false, s.get("eve", sorterConfig+"/shadow").body["active"])
	require.Equal(t, 412, s.ask("ada", "DELETE", sorterConfig+"/shadow", nil, "If-Match", `"2"`).status)
	require.Equal(t, false, s.ask("ada", "DELETE", sorterConfig+"/shadow", nil).body["active"])
	require.Equal(t, agentconfig.Defaults(domain.Categorization).Temperature, s.get("ada", sorterConfig).body["temperature"], "what holds stays")
	require.Equal(t, 4, strings.Count(s.get("ada", sorterConfig+"/history").text, `"kind"`))
}
