package llm_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/llm"
	"ticketd/commands"
)

const weatherSchema = `{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`

// talk is a conversation in which two tools were called side by side, one of them with nonsense.
func talk() commands.Prompt {
	p := hello()
	p.Turns = append(p.Turns,
		commands.Turn{Role: commands.AssistantTurn, Text: "I look.", Calls: []commands.ToolCall{
			{ID: "call_1", Name: "weather", Arguments: `{"city":"Rome"}`},
			{ID: strings.Repeat("x", 50), Name: "no such tool!", Arguments: `{"city":`},
		}},
		commands.Turn{Role: commands.ToolTurn, CallID: "call_1", Text: `{"degrees":20}`},
		commands.Turn{Role: commands.ToolTurn, CallID: strings.Repeat("x", 50), Text: ""},
		commands.Turn{Role: commands.AssistantTurn},
	)
	p.Tools = []commands.Tool{{Name: "weather", Description: "Says the weather.", Input: json.RawMessage(weatherSchema), ReadOnly: true}}
	p.Answer = &commands.Schema{Name: "report", Schema: json.RawMessage(`{"type":"object","properties":{"sky":{"type":"string"}},"required":["sky"],"additionalProperties":false}`)}
	return p
}

// sent compares what a provider was asked with JSON.
func sent(t *testing.T, want string, got any) {
	t.Helper()
	content, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, want, string(content))
}

func TestOpenAIIsAskedInItsOwnWords(t *testing.T) {
	t.Parallel()
	s := provider(t, chatText("sunny"))
	completed(t, chain(t, patient(openAI(s))), talk())
	asked := s.last()
	require.Equal(t, "/v1/chat/completions", asked.path)
	require.Equal(t, "Bearer "+secret, asked.header.Get("Authorization"))
	require.Equal(t, "application/json", asked.header.Get("Content-Type"))
	messages, ok := asked.body["messages"].([]any)
	require.True(t, ok)
	second, _ := messages[2].(map[string]any)["tool_calls"].([]any)
	strange, _ := second[1].(map[string]any)["id"].(string)
	require.Regexp(t, `^call_[0-9a-f]{32}$`, strange, "no provider takes an id of fifty letters")
	sent(t, `{
		"model": "theirs", "temperature": 0.2, "max_tokens": 100,
		"messages": [
			{"role": "system", "content": "Be kind."},
			{"role": "user", "content": "Hello from Ada"},
			{"role": "assistant", "content": "I look.", "tool_calls": [
				{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Rome\"}"}},
				{"id": "`+strange+`", "type": "function", "function": {"name": "no_such_tool_", "arguments": "{\"city\":"}}]},
			{"role": "tool", "tool_call_id": "call_1", "content": "{\"degrees\":20}"},
			{"role": "tool", "tool_call_id": "`+strange+`", "content": ""},
			{"role": "assistant", "content": ""}],
		"tools": [{"type": "function", "function": {"name": "weather", "description": "Says the weather.", "parameters": `+weatherSchema+`}}],
		"response_format": {"type": "json_schema", "json_schema": {"name": "report", "strict": true,
			"schema": {"type":"object","properties":{"sky":{"type":"string"}},"required":["sky"],"additionalProperties":false}}}
	}`, asked.body)
}

func TestASchemaThatOpenAICannotEnforceIsAHint(t *testing.T) {
	t.Parallel()
	const open = `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`
	for name, c := range map[string]struct {
		schema string
		strict bool
	}{
		"closed":            {`{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{},"additionalProperties":false}}},"required":["a"],"additionalProperties":false}`, true},
		"open":              {open, false},
		"not all required":  {`{"type":"object","properties":{"a":{"type":"string"},"b":{}},"required":["a"],"additionalProperties":false}`, false},
		"open further down": {`{"type":"object","properties":{"a":{"anyOf":[{"type":"null"},` + open + `]}},"required":["a"],"additionalProperties":false}`, false},
		"one of":            {`{"type":"object","properties":{},"additionalProperties":false,"oneOf":[]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := provider(t, chatText("{}")), hello()
			p.Answer = &commands.Schema{Name: "an answer", Schema: json.RawMessage(c.schema)}
			completed(t, chain(t, patient(openAI(s))), p)
			format, ok := s.last().body["response_format"].(map[string]any)["json_schema"].(map[string]any)
			require.True(t, ok)
			require.Equal(t, c.strict, format["strict"])
			require.Equal(t, "an_answer", format["name"])
		})
	}
}

func TestAReasoningModelGetsNoTemperature(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string]func(*script) llm.Provider{"openai": openAI, "anthropic": anthropicAI} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := provider(t, says(http.StatusOK, `{"choices":[{"message":{"content":"x"}}],"stop_reason":"end_turn","content":[]}`))
			p := setting(s)
			p.Models = map[string]llm.Model{"m": {Name: "o4", InputUSD: new(0.0), OutputUSD: new(0.0), Reasoning: true}}
			completed(t, chain(t, patient(p)), hello())
			require.NotContains(t, s.last().body, "temperature")
			if name == "openai" {
				require.NotContains(t, s.last().body, "max_tokens")
				require.InDelta(t, 100, s.last().body["max_completion_tokens"], 0)
			}
		})
	}
}

func TestAnEndpointOfOnesOwnIsAskedWithoutAKey(t *testing.T) {
	t.Parallel()
	s := provider(t, chatText("hi"))
	config := patient(openAI(s), anthropicAI(s), azureAI(s))
	config.Providers[0].Models = map[string]llm.Model{"m": {InputUSD: new(0.0), OutputUSD: new(0.0)}}
	c := llm.NewChain(config, llm.Keys{}, llm.Options{})
	t.Cleanup(c.Close)
	require.Equal(t, []string{"openai", "anthropic"}, c.Names(), "Azure wants a key always")
	p := hello()
	p.MaxTokens = 0
	answer := completed(t, c, p)
	require.Empty(t, s.last().header.Get("Authorization"))
	require.NotContains(t, s.last().body, "max_tokens")
	require.Equal(t, "m", s.last().body["model"], "a model without a name keeps its own")
	require.Equal(t, "m", answer.Model)
	require.Zero(t, answer.Cost)
}

func TestOpenAIsAnswersAreRead(t *testing.T) {
	t.Parallel()
	call := func(id, name, arguments string) string {
		quoted, _ := json.Marshal(arguments)
		return `{"id":"` + id + `","type":"function","function":{"name":"` + name + `","arguments":` + string(quoted) + `}}`
	}
	base := commands.Completion{Provider: "openai", Model: "theirs", InputTokens: 10, OutputTokens: 5, Cost: 25, Stop: commands.StopAnswer}
	with := func(change func(*commands.Completion)) commands.Completion {
		c := base
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		message, reason string
		want            commands.Completion
	}{
		"text": {`{"role":"assistant","content":"hi"}`, "stop", with(func(c *commands.Completion) { c.Text = "hi" })},
		"fields that nobody knows": {
			`{"role":"assistant","content":"hi","mood":{"good":true}}`, "stop",
			with(func(c *commands.Completion) { c.Text = "hi" }),
		},
		"no JSON where JSON was asked for": {
			`{"role":"assistant","content":"{\"sky\":"}`, "stop",
			with(func(c *commands.Completion) { c.Text = `{"sky":` }),
		},
		"calls side by side, with broken arguments": {
			`{"role":"assistant","content":null,"tool_calls":[` + call("a", "weather", `{"city":`) + `,` + call("b", "rain", `[]`) + `]}`, "tool_calls",
			with(func(c *commands.Completion) {
				c.Stop, c.Calls = commands.StopTools, []commands.ToolCall{{ID: "a", Name: "weather", Arguments: `{"city":`}, {ID: "b", Name: "rain", Arguments: `[]`}}
			}),
		},
		"calls without ids of their own, and with a wrong reason": {
			`{"role":"assistant","content":"so","tool_calls":[` + call("", "one", "") + `,` + call("x", "two", "") + `,` + call("x", "three", "") + `]}`, "stop",
			with(func(c *commands.Completion) {
				c.Text, c.Stop, c.Calls = "so", commands.StopTools, []commands.ToolCall{{ID: "call_1_0", Name: "one"}, {ID: "x", Name: "two"}, {ID: "call_1_2", Name: "three"}}
			}),
		},
		"refusal": {
			`{"role":"assistant","content":null,"refusal":"I will not."}`, "stop",
			with(func(c *commands.Completion) { c.Text, c.Stop = "I will not.", commands.StopRefusal }),
		},
		"filter": {`{"role":"assistant","content":""}`, "content_filter", with(func(c *commands.Completion) { c.Stop = commands.StopRefusal })},
		"length": {
			`{"role":"assistant","content":"once upon","tool_calls":[` + call("a", "weather", `{"ci`) + `]}`, "length",
			with(func(c *commands.Completion) { c.Text, c.Stop = "once upon", commands.StopLength }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, completed(t, chain(t, patient(openAI(provider(t, chat(c.message, c.reason))))), hello()))
		})
	}
}

func TestATokenCountThatCannotBeIsNotPaid(t *testing.T) {
	t.Parallel()
	s := provider(t, says(http.StatusOK, `{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":-5,"completion_tokens":9223372036854775807}}`))
	answer := completed(t, chain(t, patient(openAI(s))), hello())
	require.Zero(t, answer.InputTokens)
	require.Equal(t, 1<<31, answer.OutputTokens)
	require.EqualValues(t, 2<<31, answer.Cost)
}

func TestAnAnswerThatMakesNoSenseIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]http.HandlerFunc{
		"no JSON":              says(http.StatusOK, `{"choices":[{"mess`),
		"a page":               says(http.StatusOK, `<html>maintenance</html>`, "Content-Type", "text/html"),
		"other JSON":           says(http.StatusOK, `{"result":"hello"}`),
		"a list":               says(http.StatusOK, `[1,2]`),
		"nothing":              says(http.StatusOK, ``),
		"no choices":           says(http.StatusOK, `{"choices":[]}`),
		"cut off":              cutOff,
		"more than we take":    says(http.StatusOK, strings.Repeat(" ", 17<<20)+chatBody(`{"content":"x"}`, "stop")),
		"an answer from Mars":  says(http.StatusTeapot+200, ``),
		"no connection at all": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []func(*script) llm.Provider{openAI, anthropicAI} {
				s := provider(t, step)
				config := patient(kind(s))
				config.Retries = 1
				refusal := refused(t, chain(t, config), hello())
				require.Equal(t, "unavailable", refusal.Code)
				if name != "an answer from Mars" {
					require.Equal(t, 2, s.times())
				}
			}
		})
	}
}

func TestWhatIsNoSchemaIsOurOwnFault(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*commands.Prompt){
		"tool":   func(p *commands.Prompt) { p.Tools = []commands.Tool{{Name: "x", Input: json.RawMessage(`nonsense`)}} },
		"answer": func(p *commands.Prompt) { p.Answer = &commands.Schema{Name: "x", Schema: json.RawMessage(`[]`)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []func(*script) llm.Provider{openAI, anthropicAI} {
				s, p := provider(t, chatText("hi")), hello()
				change(&p)
				refusal := refused(t, chain(t, patient(kind(s))), p)
				require.Equal(t, "invalid_request", refusal.Code)
				require.Equal(t, "A tool or the form of the answer is no JSON schema.", refusal.Message)
				require.Zero(t, s.times())
			}
		})
	}
}
