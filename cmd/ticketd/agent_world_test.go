package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scriptedModel is a provider of models that answers as a test says: of each form of answer that is asked for, the first request
// with the first step, the next with the next. It speaks as OpenAI does, and as Anthropic does.
type scriptedModel struct {
	t   *testing.T
	url string

	mu     sync.Mutex
	steps  map[string][]saying
	always map[string]saying // when there are no steps left
	asked  []asked
}

// saying is one answer of a provider.
type saying func(w nethttp.ResponseWriter, r *nethttp.Request, a asked)

// asked is what a provider was sent.
type asked struct {
	path   string
	header nethttp.Header
	raw    string
	body   object
}

// reply is the form of an answer that is free text; the others are called as the purpose of the run is.
const reply = "reply"

// provider starts one with nothing to say. What nobody expected fails the test, and the program is told that it is ill.
func provider(t *testing.T) *scriptedModel {
	t.Helper()
	s := &scriptedModel{t: t, steps: map[string][]saying{}, always: map[string]saying{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ServeHTTP implements net/http's Handler.
func (s *scriptedModel) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	content, err := io.ReadAll(r.Body)
	a := asked{path: r.URL.Path, header: r.Header, raw: string(content)}
	if err != nil || json.Unmarshal(content, &a.body) != nil {
		s.t.Errorf("the provider was sent no JSON: %v %s", err, content)
	}
	s.next(a)(w, r, a)
}

func (s *scriptedModel) next(a asked) saying {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, a)
	form := a.form()
	if left := s.steps[form]; len(left) > 0 {
		s.steps[form] = left[1:]
		return left[0]
	}
	if usual, ok := s.always[form]; ok {
		return usual
	}
	s.t.Errorf("nobody expected that a model is asked for %q", form)
	return fails(nethttp.StatusInternalServerError)
}

// says lets the provider answer with these steps, after those it has.
func (s *scriptedModel) says(form string, steps ...saying) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps[form] = append(s.steps[form], steps...)
}

// keepsSaying lets the provider answer with this whenever it has no steps left.
func (s *scriptedModel) keepsSaying(form string, usual saying) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always[form] = usual
}

// heard answers what the provider was sent, the first first.
func (s *scriptedModel) heard() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// heardOf answers those of them that asked for a form.
func (s *scriptedModel) heardOf(form string) []asked {
	return slices.DeleteFunc(s.heard(), func(a asked) bool { return a.form() != form })
}

func (s *scriptedModel) last() asked {
	s.t.Helper()
	heard := s.heard()
	require.NotEmpty(s.t, heard)
	return heard[len(heard)-1]
}

// form is what the answer must look like.
func (a asked) form() string {
	if format, ok := a.body["response_format"].(object); ok {
		return str(format["json_schema"].(object)["name"])
	}
	if a.isAnthropic() && a.body["tool_choice"] != nil { // the answer is a tool's arguments, and that tool the last
		return strings.TrimPrefix(a.answerTool(), "answer_")
	}
	return reply
}

func (a asked) isAnthropic() bool { return strings.HasSuffix(a.path, "/messages") }

func (a asked) answerTool() string {
	tools := a.tools()
	return tools[len(tools)-1]
}

// tools answers the names of what the model may call.
func (a asked) tools() (names []string) {
	list, _ := a.body["tools"].([]any)
	for _, tool := range list {
		of, ok := tool.(object)["function"].(object)
		if !ok {
			of = tool.(object)
		}
		names = append(names, str(of["name"]))
	}
	return names
}

// words answers all that the model can read, one text a line, without the escapes of JSON.
func (a asked) words() string {
	var b strings.Builder
	var collect func(value any)
	collect = func(value any) {
		switch value := value.(type) {
		case string:
			b.WriteString(value + "\n")
		case []any:
			for _, v := range value {
				collect(v)
			}
		case object:
			for _, v := range value {
				collect(v)
			}
		}
	}
	collect(a.body["system"])
	collect(a.body["messages"])
	return b.String()
}

// results answers what the tools said to the model, the first first.
func (a asked) results() (said []string) {
	list, _ := a.body["messages"].([]any)
	for _, message := range list {
		if m := message.(object); m["role"] == "tool" {
			said = append(said, str(m["content"]))
		}
	}
	return said
}

// What each answer of a model counts as.
const (
	tokensIn  = 1000
	tokensOut = 100
	// turnCost is what it costs with the prices of aiConfig, in dollars.
	turnCost = tokensIn*1e-6*1 + tokensOut*1e-6*10
)

// answers is a final answer: a text as it is, or anything else as JSON.
func answers(value any) saying {
	text, ok := value.(string)
	if !ok {
		text = jsonOf(value)
	}
	return func(w nethttp.ResponseWriter, _ *nethttp.Request, a asked) {
		switch {
		case !a.isAnthropic():
			says(w, openAIMessage(object{"role": "assistant", "content": text}, "stop"))
		case a.form() == reply:
			says(w, anthropicMessage("end_turn", object{"type": "text", "text": text}))
		default:
			says(w, anthropicMessage("tool_use", object{"type": "tool_use", "id": "toolu_answer", "name": a.answerTool(), "input": json.RawMessage(text)}))
		}
	}
}

// wish is a tool call that a model wants. Arguments are text as it is, or anything else as JSON.
type wish struct {
	tool      string
	arguments any
}

// calls is the wish to call tools, side by side.
func calls(wishes ...wish) saying {
	return func(w nethttp.ResponseWriter, _ *nethttp.Request, a asked) {
		var openAI, anthropic []object
		for n, call := range wishes {
			arguments, ok := call.arguments.(string)
			if !ok {
				arguments = jsonOf(call.arguments)
			}
			id := fmt.Sprint("call_", n)
			openAI = append(openAI, object{"id": id, "type": "function", "function": object{"name": call.tool, "arguments": arguments}})
			anthropic = append(anthropic, object{"type": "tool_use", "id": id, "name": call.tool, "input": json.RawMessage(arguments)})
		}
		if a.isAnthropic() {
			says(w, anthropicMessage("tool_use", anthropic...))
			return
		}
		says(w, openAIMessage(object{"role": "assistant", "content": nil, "tool_calls": openAI}, "tool_calls"))
	}
}

// declines is a refusal in the provider's own form.
func declines(words string) saying {
	return func(w nethttp.ResponseWriter, _ *nethttp.Request, _ asked) {
		says(w, openAIMessage(object{"role": "assistant", "content": nil, "refusal": words}, "stop"))
	}
}

// stopsShort is an answer that was longer than it may be.
func stopsShort(words string) saying {
	return func(w nethttp.ResponseWriter, _ *nethttp.Request, _ asked) {
		says(w, openAIMessage(object{"role": "assistant", "content": words}, "length"))
	}
}

// fails is a status; headers come in pairs. Its words must reach nobody.
func fails(status int, headers ...string) saying {
	return func(w nethttp.ResponseWriter, _ *nethttp.Request, _ asked) {
		for n := 0; n < len(headers); n += 2 {
			w.Header().Set(headers[n], headers[n+1])
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":{"message":"`+providersWords+`","type":"bad","code":"bad"}}`)
	}
}

const providersWords = "rhubarb of the provider"

// keepsSilent answers nothing until the caller has gone.
func keepsSilent(_ nethttp.ResponseWriter, r *nethttp.Request, _ asked) { <-r.Context().Done() }

// hangsUp begins an answer and cuts the connection.
func hangsUp(w nethttp.ResponseWriter, _ *nethttp.Request, _ asked) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"id":"c1","choices":[{"message":{"content":"hal`)
	_ = nethttp.NewResponseController(w).Flush()
	panic(nethttp.ErrAbortHandler)
}

// garbles answers what is no JSON.
func garbles(w nethttp.ResponseWriter, _ *nethttp.Request, _ asked) { says(w, `{"choices":[{]`) }

// after waits before it answers, until a test lets it, or the caller has gone.
func after(let <-chan struct{}, then saying) saying {
	return func(w nethttp.ResponseWriter, r *nethttp.Request, a asked) {
		select {
		case <-let:
			then(w, r, a)
		case <-r.Context().Done():
		}
	}
}

func says(w nethttp.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, body)
}

func openAIMessage(message object, reason string) string {
	return jsonOf(object{
		"id": "c1", "object": "chat.completion", "created": 1, "model": "theirs", "choices": []object{{"index": 0, "finish_reason": reason, "message": message}},
		"usage": object{"prompt_tokens": tokensIn, "completion_tokens": tokensOut, "total_tokens": tokensIn + tokensOut},
	})
}

func anthropicMessage(reason string, content ...object) string {
	return jsonOf(object{
		"id": "m1", "type": "message", "role": "assistant", "model": "theirs", "stop_reason": reason, "content": content,
		"usage": object{"input_tokens": tokensIn, "output_tokens": tokensOut},
	})
}

// providersKey is a secret that must reach nobody but the provider.
const providersKey = "sk-rhubarb-0123456789abcdef"

// aiConfig is an AI_CONFIG for tests: the prices are 1 and 10 dollars, nothing is asked twice and nothing remembered, but
// for what the settings say.
func aiConfig(t *testing.T, settings ...string) string {
	t.Helper()
	models := "{gpt-4o-mini: {input_usd: 1, output_usd: 10}, gpt-4o: {input_usd: 1, output_usd: 10}}"
	text := "providers:\n" +
		"  - {name: openai, kind: openai, requests_per_minute: 0, timeout: 60s, models: " + models + "}\n" +
		"  - {name: anthropic, kind: anthropic, requests_per_minute: 0, timeout: 60s, models: " + models + "}\n" +
		"retries: 0\ncache: 0s\n"
	for _, setting := range settings {
		name, _, _ := strings.Cut(setting, ":")
		kept := ""
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, name+":") {
				kept += line
			}
		}
		text = kept + setting + "\n"
		if name == "timeout" { // of the providers
			text = strings.ReplaceAll(kept, "timeout: 60s", setting)
		}
	}
	path := filepath.Join(t.TempDir(), "ai_config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// asks lets the program ask a provider that speaks as OpenAI does, with these settings of AI_CONFIG.
func asks(s *scriptedModel, settings ...string) func(*config) {
	return func(c *config) {
		c.OpenAIKey, c.OpenAIBaseURL, c.AIConfig, c.modelPause = providersKey, s.url+"/v1", aiConfig(s.t, settings...), time.Millisecond
	}
}

// asksNext lets the program ask a provider that speaks as Anthropic does, after the one before or alone.
func asksNext(s *scriptedModel, settings ...string) func(*config) {
	return func(c *config) {
		c.AnthropicKey, c.AnthropicBaseURL, c.modelPause = providersKey, s.url, time.Millisecond
		if c.AIConfig == "" {
			c.AIConfig = aiConfig(s.t, settings...)
		}
	}
}

// Where agents are asked.
const (
	makeTicket = "/api/v1/agent/create-ticket"
	categorize = "/api/v1/agent/categorize"
)

// goodTicket is an answer that makes sense.
func goodTicket(more ...object) object {
	answer := object{
		"title": "VPN drops every ten minutes", "description": "The tunnel ends with error 4711 since this morning.", "category": "technical", "priority": "high",
		"confidence": 0.93, "reasoning": "The log names the tunnel.", "tags": []string{"vpn"}, "department": "network",
		"file_analysis_summary": "A log of the tunnel.", "recommended_integration": "", "next_actions": []string{"Restart the gateway."},
	}
	for _, fields := range more {
		maps.Copy(answer, fields)
	}
	return answer
}

// verdict is an answer about a category that makes sense.
func verdict(category, priority string, confidence float64) object {
	return object{"category": category, "priority": priority, "confidence": confidence, "reasoning": "It says so.", "tags": []string{}}
}

// ran answers a run as it happened.
func (c *client) ran(id any) object {
	c.t.Helper()
	return c.get("/api/v1/agent/runs/" + str(id)).object()
}

// steps answers what happened in a run, each as "model stop", "tool name" or "provider_failed name code".
func steps(run object) (happened []string) {
	list, _ := run["steps"].([]any)
	for _, s := range list {
		switch step := s.(object); step["type"] {
		case "model":
			happened = append(happened, "model "+str(step["stop"]))
		case "tool":
			failed := ""
			if step["failed"] == true {
				failed = " failed"
			}
			happened = append(happened, "tool "+str(step["tool"])+failed)
		default:
			happened = append(happened, str(step["provider"])+" "+str(step["code"]))
		}
	}
	return happened
}

// onlyRun answers the only run of an organization, by its log.
func (i *instance) onlyRun(c *client) object {
	c.t.Helper()
	runs := i.runs(c)
	require.Len(c.t, runs, 1)
	return c.at(i).ran(runs[0])
}

// runs lists the runs of an organization, the first first.
func (i *instance) runs(c *client) (ids []string) {
	c.t.Helper()
	rows, err := i.pool.Query(c.t.Context(), `SELECT id::text FROM agent_runs WHERE org_id = $1 ORDER BY started_at, id`, uuidOf(c.t, c.org))
	require.NoError(c.t, err)
	defer rows.Close()
	for rows.Next() {
		var id string
		require.NoError(c.t, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(c.t, rows.Err())
	return ids
}

// configures changes how an agent is configured.
func (c *client) configures(agent string, fields object) {
	c.t.Helper()
	c.do(200, "PUT", "/api/v1/ai-config/"+agent, fields)
}
