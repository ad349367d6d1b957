package llm

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/anthropics/anthropic-sdk-go/packages/param"

	"ticketd/commands"
)

const (
	// maxTokens is the limit for a prompt without one: Anthropic wants one.
	maxTokens = 4096
	// longest is above every time-out of a configuration; the context has the real one.
	longest = time.Hour
	// hottest is the highest temperature that Anthropic takes; elsewhere it goes up to 2.
	hottest = 1
)

// messages speaks as Anthropic does.
//
// # Why
//
// A structured answer is the call of a tool whose arguments are the answer: Anthropic takes any schema there, and its
// other way, a format of the output, does not. The model must then call something, so it cannot end with a sentence.
type messages struct {
	name    string
	service anthropic.MessageService
}

func newMessages(name string, a access, client *http.Client) messages {
	options := []option.RequestOption{
		option.WithoutEnvironmentDefaults(), option.WithBaseURL(a.baseURL),
		option.WithHTTPClient(client), option.WithMaxRetries(0), option.WithMiddleware(bounded),
		option.WithRequestTimeout(longest), // without one of its own the library refuses to wait for a long answer
	}
	if a.key != "" {
		options = append(options, option.WithAPIKey(a.key))
	}
	return messages{name, anthropic.NewClient(options...).Messages}
}

func (c messages) ask(ctx context.Context, p commands.Prompt, m Model) (commands.Completion, error) {
	answerTool := answerToolName(p)
	params, err := messageParams(p, m, answerTool)
	if err != nil {
		return commands.Completion{}, &providerError{code: invalidRequest, message: "A tool or the form of the answer is no JSON schema.", ours: true}
	}
	var raw *http.Response
	answer, err := c.service.New(ctx, params, option.WithResponseInto(&raw))
	switch refused, ok := errors.AsType[*anthropic.Error](err); {
	case ok:
		return commands.Completion{}, fromStatus(c.name, refused.StatusCode, string(refused.Type()), refused.Response.Header)
	case err != nil:
		return commands.Completion{}, fromTransport(c.name, err, raw != nil)
	case answer.StopReason == "":
		return commands.Completion{}, senseless(c.name)
	}
	return messageCompletion(p, answer, answerTool), nil
}

// answerToolName answers what the tool is called that takes the answer; empty: the answer is text.
func answerToolName(p commands.Prompt) string {
	if p.Answer == nil {
		return ""
	}
	name := toolName(p.Answer.Name)
	for slices.ContainsFunc(p.Tools, func(t commands.Tool) bool { return t.Name == name }) {
		name = toolName("answer_" + name)
	}
	return name
}

func messageParams(p commands.Prompt, m Model, answerTool string) (anthropic.MessageNewParams, error) {
	params := anthropic.MessageNewParams{Model: m.Name, MaxTokens: int64(p.MaxTokens), Messages: conversation(p.Turns)}
	if p.MaxTokens <= 0 {
		params.MaxTokens = maxTokens
	}
	if !m.Reasoning {
		params.Temperature = anthropic.Float(min(p.Temperature, hottest))
	}
	if p.System != "" {
		params.System = []anthropic.TextBlockParam{{Text: p.System}}
	}
	for _, tool := range p.Tools {
		if err := offer(&params, tool.Name, tool.Description, tool.Input); err != nil {
			return params, err
		}
	}
	if answerTool == "" {
		return params, nil
	}
	err := offer(&params, answerTool, "Gives the final answer. Call it once, alone, when you know the answer.", p.Answer.Schema)
	if len(p.Tools) == 0 {
		params.ToolChoice.OfTool = &anthropic.ToolChoiceToolParam{Name: answerTool, DisableParallelToolUse: anthropic.Bool(true)}
	} else {
		params.ToolChoice.OfAny = &anthropic.ToolChoiceAnyParam{}
	}
	return params, err
}

func offer(params *anthropic.MessageNewParams, name, description string, input json.RawMessage) error {
	if !isObject(input) {
		return errors.New("a schema that is no object")
	}
	params.Tools = append(params.Tools, anthropic.ToolUnionParam{OfTool: &anthropic.ToolParam{
		Name: name, Description: anthropic.String(description), InputSchema: param.Override[anthropic.ToolInputSchemaParam](input),
	}})
	return nil
}

// conversation puts turns of the same side together: the results of calls made side by side must come in one message.
func conversation(turns []commands.Turn) []anthropic.MessageParam {
	var conversation []anthropic.MessageParam
	for _, turn := range turns {
		role, blocks := anthropic.MessageParamRoleUser, contents(turn)
		if turn.Role == commands.AssistantTurn {
			role = anthropic.MessageParamRoleAssistant
		}
		if len(blocks) == 0 {
			continue
		}
		if last := len(conversation) - 1; last >= 0 && conversation[last].Role == role {
			conversation[last].Content = append(conversation[last].Content, blocks...)
			continue
		}
		conversation = append(conversation, anthropic.MessageParam{Role: role, Content: blocks})
	}
	return conversation
}

// contents leaves out empty texts, which Anthropic refuses.
func contents(turn commands.Turn) []anthropic.ContentBlockParamUnion {
	if turn.Role == commands.ToolTurn {
		result := &anthropic.ToolResultBlockParam{ToolUseID: callID(turn.CallID)}
		if turn.Text != "" {
			result.Content = []anthropic.ToolResultBlockParamContentUnion{{OfText: &anthropic.TextBlockParam{Text: turn.Text}}}
		}
		return []anthropic.ContentBlockParamUnion{{OfToolResult: result}}
	}
	var blocks []anthropic.ContentBlockParamUnion
	if strings.TrimSpace(turn.Text) != "" {
		blocks = append(blocks, anthropic.NewTextBlock(turn.Text))
	}
	for _, call := range turn.Calls {
		blocks = append(blocks, anthropic.NewToolUseBlock(callID(call.ID), arguments(call.Arguments), toolName(call.Name)))
	}
	return blocks
}

// arguments answers an object, for Anthropic takes no other: another provider's model may have said anything.
func arguments(said string) any {
	if isObject([]byte(said)) {
		return json.RawMessage(said)
	}
	return map[string]string{"unreadable_arguments": said}
}

func isObject(text []byte) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal(text, &object) == nil && object != nil
}

func messageCompletion(p commands.Prompt, answer *anthropic.Message, answerTool string) commands.Completion {
	completion := commands.Completion{
		Stop:         commands.StopAnswer,
		InputTokens:  tokens(answer.Usage.InputTokens, answer.Usage.CacheReadInputTokens, answer.Usage.CacheCreationInputTokens),
		OutputTokens: tokens(answer.Usage.OutputTokens),
	}
	var text, structured strings.Builder
	for _, block := range answer.Content {
		switch {
		case block.Type == "text":
			text.WriteString(block.Text)
		case block.Type == "tool_use" && block.Name == answerTool && structured.Len() == 0:
			structured.Write(block.Input)
		case block.Type == "tool_use":
			completion.Calls = append(completion.Calls, commands.ToolCall{ID: block.ID, Name: block.Name, Arguments: string(block.Input)})
		}
	}
	completion.Text = text.String()
	switch {
	case answer.StopReason == anthropic.StopReasonRefusal:
		completion.Stop, completion.Calls = commands.StopRefusal, nil
	case answer.StopReason == anthropic.StopReasonMaxTokens || answer.StopReason == anthropic.StopReasonModelContextWindowExceeded:
		completion.Stop, completion.Calls = commands.StopLength, nil // what it was about to call is cut off, too
	case len(completion.Calls) > 0: // an answer beside calls was given before their results were known
		completion.Stop = commands.StopTools
		distinguish(p, completion.Calls)
	case structured.Len() > 0:
		completion.Text = structured.String()
	}
	return completion
}
