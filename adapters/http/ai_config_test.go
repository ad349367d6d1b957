package http

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

const supportConfig = "/api/v1/ai-config/customer_support_agent"

func (s *shelf) put(token, path, body string, headers ...string) reply {
	s.Helper()
	return s.ask(token, "PUT", path, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}

// newConfigShelf answers a server with configurations.
func newConfigShelf(t *testing.T) *shelf {
	t.Helper()
	s := newShelf(t)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: s.pool})
	require.NoError(t, err)
	rows := projections.NewAgentConfigs(s.pool)
	store := eventstore.Open(t.Context(), s.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{rows}})
	t.Cleanup(store.Close)
	with := s.http.Deps
	with.AIConfigs = AIConfigs{Configs: commands.NewAgentConfigs(store), Rows: rows}
	s.Close()
	s.http = New(s.http.config, with)
	s.Server = httptest.NewServer(s.http)
	return s
}

func TestEveryAgentHasAConfiguration(t *testing.T) {
	t.Parallel()
	s := newConfigShelf(t)
	for _, agent := range domain.Agents {
		want := agentconfig.Defaults(agent)
		for _, name := range []string{string(agent), strings.TrimSuffix(string(agent), "_agent")} {
			answer := s.get("ada", "/api/v1/ai-config/"+name)
			require.Equal(t, 200, answer.status, answer.text)
			require.Equal(t, `"1"`, answer.Get("ETag"))
			tools := []any{}
			for _, tool := range want.Tools {
				tools = append(tools, tool)
			}
			require.Equal(t, map[string]any{
				"agent_type": string(agent), "version": 1.0, "model": want.Model, "temperature": want.Temperature, "max_tokens": float64(want.MaxTokens),
				"timeout": float64(want.Timeout), "system_prompt": want.SystemPrompt, "tools_enabled": tools, "updated_at": nil, "updated_by": nil,
			}, answer.body)
		}
	}
}

func TestAnUnknownAgentHasNoConfiguration(t *testing.T) {
	t.Parallel()
	s := newConfigShelf(t)
	for _, name := range []string{"sales_agent", "Customer_Support", "agent", "_agent", strings.Repeat("x", 300)} {
		for _, more := range []string{"", "/history", "/versions/1", "/diff"} {
			answer := s.get("ada", "/api/v1/ai-config/"+name+more)
			require.Equal(t, 404, answer.status, answer.text)
			require.Equal(t, "Configuration for "+name+" not found", answer.body["detail"])
		}
		require.Equal(t, 404, s.put("ada", "/api/v1/ai-config/"+name, `{"temperature":9}`).status)
		require.Equal(t, 404, s.post("ada", "/api/v1/ai-config/"+name+"/rollback", `{"version":1}`).status)
	}
}

func TestAConfigurationIsChangedBitByBit(t *testing.T) {
	t.Parallel()
	s := newConfigShelf(t)
	answer := s.put("ada", supportConfig, `{"temperature":0.7}`)
	require.Equal(t, 200, answer.status, answer.text)
	require.JSONEq(t, `{"agent_type":"customer_support_agent","status":"updated","version":2,"changes":{"temperature":0.7}}`, answer.text)
	require.Equal(t, `"2"`, answer.Get("ETag"))
	require.NotEqual(t, "0", answer.Get("X-Event-Position"))
	position := answer.Get("X-Event-Position")

	answer = s.put("ada", supportConfig, `{"temperature":0.7}`)
	require.JSONEq(t, `{"agent_type":"customer_support_agent","status":"updated","version":2,"changes":{"temperature":0.7}}`, answer.text, "a repeat records nothing")
	require.Equal(t, position, answer.Get("X-Event-Position"))

	answer = s.ask("ada", "PATCH", "/api/v1/ai-config/customer_support", strings.NewReader(`{"model":"gpt-4o","max_tokens":9,"timeout":5,"system_prompt":"Be brief.","tools_enabled":[],"temperature":0}`), "Content-Type", "application/json")
	require.JSONEq(t, `{"agent_type":"customer_support_agent","status":"updated","version":3,
		"changes":{"model":"gpt-4o","max_tokens":9,"timeout":5,"system_prompt":"Be brief.","tools_enabled":[],"temperature":0}}`, answer.text)

	shown := s.get("sam", supportConfig)
	require.Equal(t, `"3"`, shown.Get("ETag"))
	require.Equal(t, "ada", shown.body["updated_by"].(map[string]any)["username"])
	require.NotEmpty(t, shown.body["updated_at"])
	require.Equal(t, []any{}, shown.body["tools_enabled"])
	require.Equal(t, 0.0, shown.body["temperature"])
	require.Equal(t, "Be brief.", shown.body["system_prompt"])

	answer = s.put("ada", supportConfig, `{"model":null,"temperature":null,"max_tokens":null,"timeout":null,"system_prompt":null,"tools_enabled":null}`)
	require.Equal(t, 200, answer.status, answer.text)
	require.Equal(t, 4.0, answer.body["version"])
	require.Equal(t, 0.2, answer.body["changes"].(map[string]any)["temperature"], "null is the default again")
	shown = s.get("ada", supportConfig)
	require.Equal(t, agentconfig.Defaults(domain.CustomerSupport).SystemPrompt, shown.body["system_prompt"])
	require.Len(t, shown.body["tools_enabled"], 6)

	require.Equal(t, 1.0, s.get("ada", "/api/v1/ai-config/summary").body["version"], "no other agent's")
	require.Equal(t, 1.0, s.get("eve", supportConfig).body["version"], "no other organization's")
}

func TestAChangeOfNothingLeavesTheDefaults(t *testing.T) {
	t.Parallel()
	s := newConfigShelf(t)
	answer := s.put("ada", supportConfig, `{}`)
	require.JSONEq(t, `{"agent_type":"customer_support_agent","status":"updated","version":1,"changes":{}}`, answer.text)
	require.Equal(t, `"1"`, answer.Get("ETag"))
	require.Equal(t, "0", answer.Get("X-Event-Position"))
}

func TestAConfigurationThatIsNotValidIsABadRequest(t *testing.T) {
	t.Parallel()
	s := newConfigShelf(t)
	for body, field := range map[string]string{
		`{"temperature":2.5}`:                            "temperature",
		`{"temperature":-1}`:                             "temperature",
		`{"temperature":"hot"}`:                          "temperature",
		`{"temperature":[0.1]}`:                          "temperature",
		`{"max_tokens":0}`:                               "max_tokens",
		`{"max_tokens":128001}`:                          "max_tokens",
		`{"max_tokens":2.5}`:                             "max_tokens",
		`{"max_tokens":99999999999999999999}`:            "max_tokens",
		`{"timeout":601}`:                                "timeout",
		`{"timeout":true}`:                               "timeout",
		`{"model":""}`:                                   "model",
		`{"model":7}`:                                    "model",
		`{"system_prompt":""}`:                           "system_prompt",
		`{"system_prompt":"a\u0000b"}`:                   "system_prompt",
		`{"system_prompt":{}}`:                           "system_prompt",
		`{"tools_enabled":["rm"]}`:                       "tools_enabled",
		`{"tools_enabled":["get_ticket","get_ticket"]}`:  "tools_enabled",
		`{"tools_enabled":"get_ticket"}`:                 "tools_enabled",
		`{"tools_enabled":[1]}`:                          "tools_enabled",
		`{"temprature":0.5,"timeout":9}`:                 "temprature",
		`{"Temperature":0.5}`:                            "Temperature",
		`{"system_prompt":"` + long(50_001) + `"}`:       "system_prompt",
		`{"temperature":0.5,"agent_type":"x","zebra":1}`: "agent_type",
		`{"` + long(200) + `":1}`:                        long(60),
		`[]`:                                             "",
		`null`:                                           "",
		`"temperature"`:                                  "",
	} {
		answer := s.put("ada", supportConfig, body)
		require.Equal(t, 400, answer.status, "%.80s: %s", body, answer.text)
		require.Contains(t, answer.body["detail"], "validation", "%.80s", body)
		if field != "" {
			require.Equal(t, "body."+field, answer.body["errors"].([]any)[0].(map[string]any)["location"], "%.80s", body)
		}
	}
	require.Equal(t, 1.0, s.get("ada", supportConfig).body["version"])
	require.Equal(t, 400, s.put("ada", supportConfig, `{"temperature":`).status)
	require.Equal(t, 400, s.put("ada", supportConfig, ``).status)
	require.Equal(t, 415, s.ask("ada", "PUT", supportConfig, strings.NewReader(`temperature: 1`), "Content-Type", "text/plain").status)
	require.Equal(t, 200, s.put("ada", supportConfig, `{"system_prompt":"`+strings.Repeat("\\ud83d\\ude00", 50_000)+`"}`).status, "50,000 characters, whatever they are")
}

func long(n int) string { return strings.Repeat("x", n) }

func TestAConfigurationIsChangedOnlyAsItsEditorSawIt(t *testing.T) {
	t.Parallel()
	s := newConfigShelf(t)
	require.Equal(t, 412, s.put("ada", supportConfig, `{"timeout":9}`, "If-Match", `"2"`).status)
	require.Equal(t, 200, s.put("ada", supportConfig, `{"timeout":9}`, "If-Match", s.get("ada", supportConfig).Get("ETag")).status, "the defaults have an ETag, too")
	require.Equal(t, 412, s.put("ada", supportConfig, `{"timeout":10}`, "If-Match", `"1"`).status)
	require.Equal(t, 412, s.put("ada", supportConfig, `{"timeout":10}`, "If-Match", `nonsense`).status)
	require.Equal(t, 412, s.post("ada", supportConfig+"/rollback", `{"version":1}`, "If-Match", `"1"`).status)
	require.Equal(t, 412, s.post("ada", supportConfig+"/rollback", `{"version":1}`, "If-Match", `nonsense`).status)
	require.Equal(t, 200, s.post("ada", supportConfig+"/rollback", `{"version":1}`, "If-Match", `"2"`).status)
}

func TestTheHistoryOfAConfiguration(t *testing.T) {
	t.Parallel()
	s := newConfigShelf(t)
	first := s.get("aud", supportConfig+"/history")
	require.JSONEq(t, `[{"version":1,"kind":"defaults","rolled_back_to":null,"occurred_at":null,"actor":{"type":"system","id":null,"name":"system"},"changes":[]}]`, first.text)

	require.Equal(t, 200, s.put("ada", supportConfig, `{"temperature":0.7}`).status)
	require.Equal(t, 200, s.put("ada", supportConfig, `{"system_prompt":"One.\nTwo.\n","tools_enabled":[]}`).status)
	require.Equal(t, 200, s.put("ada", supportConfig, `{"system_prompt":"One.\nTwo and a half.\n"}`).status)
	back := s.post("ada", supportConfig+"/rollback", `{"version":2}`)
	require.Equal(t, 200, back.status, back.text)
	require.Equal(t, `"5"`, back.Get("ETag"))
	require.Equal(t, 5.0, back.body["version"])
	require.Equal(t, 2.0, back.body["rolled_back_to"])
	require.Equal(t, "rolled_back", back.body["status"])
	values := back.body["changes"].(map[string]any)
	require.Len(t, values, 6)
	require.Equal(t, 0.7, values["temperature"])
	require.Equal(t, 5.0, s.post("ada", supportConfig+"/rollback", `{"version":2}`).body["version"], "it holds already")
	require.Equal(t, agentconfig.Defaults(domain.CustomerSupport).SystemPrompt, s.get("ada", supportConfig).body["system_prompt"])

	history := s.get("sam", supportConfig+"/history").list(t)
	require.Len(t, history, 5)
	for i, v := range history {
		require.Equal(t, float64(i+1), v["version"])
	}
	require.Equal(t, "changed", history[1]["kind"])
	require.Equal(t, "ada", history[1]["actor"].(map[string]any)["name"])
	require.NotEmpty(t, history[1]["occurred_at"])
	require.Equal(t, []any{map[string]any{"field": "temperature", "old": 0.2, "new": 0.7}}, history[1]["changes"])
	require.Equal(t, []any{map[string]any{"field": "system_prompt", "old": "One.\nTwo.\n", "new": "One.\nTwo and a half.\n"}}, history[3]["changes"])
	require.Equal(t, "rolled_back", history[4]["kind"])
	require.Equal(t, 2.0, history[4]["rolled_back_to"])
	page := s.get("sam", supportConfig+"/history?after=1&limit=2").list(t)
	require.Equal(t, history[1:3], page)
	require.Empty(t, s.get("sam", supportConfig+"/history?after=99").list(t))

	for version, temperature := range map[string]float64{"1": 0.2, "2": 0.7, "4": 0.7} {
		shown := s.get("aud", supportConfig+"/versions/"+version)
		require.Equal(t, 200, shown.status, shown.text)
		require.Equal(t, temperature, shown.body["temperature"])
	}
	require.Equal(t, "One.\nTwo.\n", s.get("aud", supportConfig+"/versions/3").body["system_prompt"])
	for _, version := range []string{"0", "-1", "6"} {
		missing := s.get("ada", supportConfig+"/versions/"+version)
		require.Equal(t, 404, missing.status, missing.text)
		require.Equal(t, "The configuration has no version "+version+"; the latest is 5.", missing.body["detail"])
		require.Equal(t, 404, s.post("ada", supportConfig+"/rollback", `{"version":`+version+`}`).status)
	}
	for _, body := range []string{`{}`, `{"version":"1"}`, `{"version":null}`, `{"version":1.5}`, `{"version":1,"x":2}`, `[]`} {
		answer := s.post("ada", supportConfig+"/rollback", body)
		require.Equal(t, 400, answer.status, "%s: %s", body, answer.text)
		require.Contains(t, answer.body["detail"], "validation", body)
	}
}

func TestTheDifferenceBetweenTwoVersions(t *testing.T) {
	t.Parallel()
	s := newConfigShelf(t)
	require.JSONEq(t, `{"agent_type":"customer_support_agent","from":1,"to":1,"changes":[],"system_prompt_diff":""}`, s.get("ada", supportConfig+"/diff").text)
	s.put("ada", supportConfig, `{"system_prompt":"One.\nTwo.\n","tools_enabled":["get_ticket"]}`)
	s.put("ada", supportConfig, `{"system_prompt":"One.\nTwo and a half.\n","tools_enabled":[]}`)
	want := `{"agent_type":"customer_support_agent","from":2,"to":3,"changes":[
		{"field":"system_prompt","old":"One.\nTwo.\n","new":"One.\nTwo and a half.\n"},{"field":"tools_enabled","old":["get_ticket"],"new":[]}],
		"system_prompt_diff":"--- version 2\n+++ version 3\n@@ -1,2 +1,2 @@\n One.\n-Two.\n+Two and a half.\n"}`
	for _, query := range []string{"?from=2&to=3", "", "?from=&to=", "?from=2", "?to=3"} {
		require.JSONEq(t, want, s.get("aud", supportConfig+"/diff"+query).text, query)
	}
	backward := s.get("aud", supportConfig+"/diff?from=3&to=1").body
	require.Contains(t, backward["system_prompt_diff"], "--- version 3\n+++ version 1\n")
	require.Contains(t, backward["system_prompt_diff"], "-Two and a half.\n")
	require.Len(t, backward["changes"], 2)
	require.Equal(t, 404, s.get("ada", supportConfig+"/diff?from=1&to=4").status)
	require.Equal(t, 404, s.get("ada", supportConfig+"/diff?from=9&to=1").status)
	require.Equal(t, 422, s.get("ada", supportConfig+"/diff?from=one").status)
}

func TestWhoMayConfigureAgents(t *testing.T) {
	t.Parallel()
	s := newConfigShelf(t)
	for token, may := range map[string]struct{ read, manage int }{"ada": {200, 200}, "sam": {200, 403}, "aud": {200, 403}, "bob": {403, 403}} {
		for _, more := range []string{"", "/history", "/versions/1", "/diff"} {
			require.Equal(t, may.read, s.get(token, supportConfig+more).status, "%s %s", token, more)
		}
		require.Equal(t, may.manage, s.put(token, supportConfig, `{"timeout":9}`).status, token)
		require.Equal(t, may.manage, s.post(token, supportConfig+"/rollback", `{"version":1}`).status, token)
	}
	require.Equal(t, 403, s.get("bob", "/api/v1/ai-config/sales_agent").status, "nor which agents there are")
	require.Equal(t, 403, s.put("bob", supportConfig, `{"timeout":"never"}`).status)
}

func TestTheDocumentDescribesConfigurations(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(newConfigShelf(t).http.OpenAPI())
	require.NoError(t, err)
	require.Contains(t, string(text), `"maximum":128000`)
	require.Contains(t, string(text), `"/api/v1/ai-config/{agent_type}/rollback"`)
	require.NotContains(t, string(text), `"name":"Name"`)
}

func TestConfigurationsNeedTheDatabase(t *testing.T) {
	t.Parallel()
	s := newConfigShelf(t)
	require.Equal(t, 200, s.put("ada", supportConfig, `{"timeout":9}`).status)
	for _, table := range []string{"users", "agent_configs", "events"} { // names, what holds, and how it came about
		_, err := s.pool.Exec(t.Context(), "ALTER TABLE "+table+" RENAME TO gone_"+table)
		require.NoError(t, err)
		for _, more := range map[string][]string{"users": {"", "/history", "/versions/2"}, "agent_configs": {""}, "events": {"/history", "/versions/2", "/diff"}}[table] {
			require.Equal(t, 500, s.get("ada", supportConfig+more).status, "without %s: %s", table, more)
		}
	}
}
