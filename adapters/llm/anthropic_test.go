package llm_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
)

// message is an answer as Anthropic gives it.
func message(reason, content string) http.HandlerFunc {
	return says(http.StatusOK, fmt.Sprintf(`{"id":"msg_1","type":"message","role":"assistant","model":"theirs-2026","stop_reason":%q,"stop_sequence":null,
		"content":%s,"usage":{"input_tokens":6,"cache_read_input_tokens":3,"cache_creation_input_tokens":1,"output_tokens":5}}`, reason, content))
}

func TestAnthropicIsAskedInItsOwnWords(t *testing.T) {
	t.Parallel()
	s, p := provider(t, message("end_turn", `[{"type":"text","text":"sunny"}]`)), talk()
	p.Temperature = 1.7
	p.Turns = append(p.Turns, commands.Turn{Role: commands.UserTurn, Text: "And?"})
	completed(t, chain(t, patient(anthropicAI(s))), p)
	asked := s.last()
	require.Equal(t, "/v1/messages", asked.path)
	require.Equal(t, secret, asked.header.Get("X-Api-Key"))
	require.Equal(t, "2023-06-01", asked.header.Get("Anthropic-Version"))
	require.Empty(t, asked.header.Get("Authorization"))
	messages, _ := asked.body["messages"].([]any)
	require.Len(t, messages, 3, "an empty turn is left out, and the results of calls come in one message")
	calls, _ := messages[1].(map[string]any)["content"].([]any)
	strange, _ := calls[2].(map[string]any)["id"].(string)
	require.Regexp(t, `^call_[0-9a-f]{32}$`, strange)
	sent(t, `{
		"model": "theirs", "temperature": 1, "max_tokens": 100,
		"system": [{"type": "text", "text": "Be kind."}],
		"messages": [
			{"role": "user", "content": [{"type": "text", "text": "Hello from Ada"}]},
			{"role": "assistant", "content": [
				{"type": "text", "text": "I look."},
				{"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}},
				{"type": "tool_use", "id": "`+strange+`", "name": "no_such_tool_", "input": {"unreadable_arguments": "{\"city\":"}}]},
			{"role": "user", "content": [
				{"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "{\"degrees\":20}"}]},
				{"type": "tool_result", "tool_use_id": "`+strange+`"},
				{"type": "text", "text": "And?"}]}],
		"tools": [
			{"name": "weather", "description": "Says the weather.", "input_schema": `+weatherSchema+`},
			{"name": "report", "description": "Gives the final answer. Call it once, alone, when you know the answer.",
				"input_schema": {"type":"object","properties":{"sky":{"type":"string"}},"required":["sky"],"additionalProperties":false}}],
		"tool_choice": {"type": "any"}
	}`, asked.body)
}

func TestWithoutToolsAnthropicMustAnswerInTheForm(t *testing.T) {
	t.Parallel()
	s, p := provider(t, message("tool_use", `[{"type":"tool_use","id":"t1","name":"report","input":{"sky": "blue"}}]`)), talk()
	p.Tools, p.MaxTokens = nil, 0
	answer := completed(t, chain(t, patient(anthropicAI(s))), p)
	require.JSONEq(t, `{"sky": "blue"}`, answer.Text)
	require.Equal(t, commands.StopAnswer, answer.Stop)
	require.Empty(t, answer.Calls)
	sent(t, `{"type": "tool", "name": "report", "disable_parallel_tool_use": true}`, s.last().body["tool_choice"])
	require.InDelta(t, 4096, s.last().body["max_tokens"], 0)
}

func TestAToolThatIsCalledAsTheAnswerIsNotTheAnswer(t *testing.T) {
	t.Parallel()
	s, p := provider(t, message("tool_use", `[{"type":"tool_use","id":"t1","name":"report","input":{}}]`)), talk()
	p.Tools[0].Name = "report"
	answer := completed(t, chain(t, patient(anthropicAI(s))), p)
	require.Equal(t, commands.StopTools, answer.Stop)
	tools, _ := s.last().body["tools"].([]any)
	require.Equal(t, "answer_report", tools[1].(map[string]any)["name"])
}

func TestAnthropicsAnswersAreRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason, content string
		want            commands.Completion
	}{
		"text":                     {"end_turn", `[{"type":"thinking","thinking":"hm"},{"type":"text","text":"sun"},{"type":"text","text":"ny"}]`, commands.Completion{Text: "sunny", Stop: commands.StopAnswer}},
		"nothing":                  {"stop_sequence", `[]`, commands.Completion{Stop: commands.StopAnswer}},
		"blocks that nobody knows": {"end_turn", `[{"type":"song","la":1},{"type":"text","text":"sunny"}]`, commands.Completion{Text: "sunny", Stop: commands.StopAnswer}},
		"the form":                 {"tool_use", `[{"type":"tool_use","id":"t1","name":"report","input":{"sky":5}}]`, commands.Completion{Text: `{"sky":5}`, Stop: commands.StopAnswer}},
		"calls side by side, and an answer too early": {
			"tool_use", `[{"type":"text","text":"I look."},{"type":"tool_use","id":"a","name":"weather","input":{"city":1}},
				{"type":"tool_use","id":"a","name":"rain","input":{}},{"type":"tool_use","id":"c","name":"report","input":{"sky":"?"}}]`,
			commands.Completion{Text: "I look.", Stop: commands.StopTools, Calls: []commands.ToolCall{
				{ID: "a", Name: "weather", Arguments: `{"city":1}`}, {ID: "call_5_1", Name: "rain", Arguments: `{}`},
			}},
		},
		"refusal":    {"refusal", `[{"type":"text","text":"I will not."}]`, commands.Completion{Text: "I will not.", Stop: commands.StopRefusal}},
		"length":     {"max_tokens", `[{"type":"text","text":"once"},{"type":"tool_use","id":"a","name":"weather","input":{}}]`, commands.Completion{Text: "once", Stop: commands.StopLength}},
		"no room":    {"model_context_window_exceeded", `[]`, commands.Completion{Stop: commands.StopLength}},
		"new reason": {"bored", `[{"type":"text","text":"hm"}]`, commands.Completion{Text: "hm", Stop: commands.StopAnswer}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.want.Provider, c.want.Model, c.want.InputTokens, c.want.OutputTokens, c.want.Cost = "anthropic", "theirs", 10, 5, 25
			require.Equal(t, c.want, completed(t, chain(t, patient(anthropicAI(provider(t, message(c.reason, c.content))))), talk()))
		})
	}
}

func TestALongAnswerNeedsNoStream(t *testing.T) {
	t.Parallel()
	s, p := provider(t, message("end_turn", `[{"type":"text","text":"long"}]`)), hello()
	p.MaxTokens = 64_000
	require.Equal(t, "long", completed(t, chain(t, patient(anthropicAI(s))), p).Text)
}
