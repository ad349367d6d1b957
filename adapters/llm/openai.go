package llm

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"ticketd/commands"
)

// azureAPIVersion is the oldest that has both tools and structured answers and is no preview.
const azureAPIVersion = "2024-10-21"

// chatCompletions speaks as OpenAI does, and most others.
type chatCompletions struct {
	name    string
	service openai.ChatCompletionService
}

func newChatCompletions(name string, a access, client *http.Client) chatCompletions {
	options := []option.RequestOption{
		option.WithBaseURL(strings.TrimSuffix(a.baseURL, "/") + "/"),
		option.WithHTTPClient(client), option.WithMaxRetries(0), option.WithMiddleware(bounded),
	}
	if a.isPlain() {
		options = append(options, option.WithUnsafeAllowHTTP())
	}
	if a.key != "" {
		options = append(options, option.WithAPIKey(a.key))
	}
	return chatCompletions{name, openai.NewChatCompletionService(options...)}
}

// newAzure speaks to Azure, where the address names the deployment. Without encryption it takes this machine only.
func newAzure(name string, a access, apiVersion string, client *http.Client) chatCompletions {
	if apiVersion == "" {
		apiVersion = azureAPIVersion
	}
	options := []option.RequestOption{
		azure.WithEndpoint(a.baseURL, apiVersion), azure.WithAPIKey(a.key),
		option.WithHTTPClient(client), option.WithMaxRetries(0), option.WithMiddleware(bounded),
	}
	if a.isPlain() {
		options = append(options, azure.WithUnsafeAllowHTTP())
	}
	return chatCompletions{name, openai.NewChatCompletionService(options...)}
}

func (c chatCompletions) ask(ctx context.Context, p commands.Prompt, m Model) (commands.Completion, error) {
	params, err := chatParams(p, m)
	if err != nil {
		return commands.Completion{}, &providerError{code: invalidRequest, message: "A tool or the form of the answer is no JSON schema.", ours: true}
	}
	var raw *http.Response
	answer, err := c.service.New(ctx, params, option.WithResponseInto(&raw))
	switch refused, ok := errors.AsType[*openai.Error](err); {
	case ok && refused.Code == "content_filter": // Azure's way to refuse a prompt
		return commands.Completion{Stop: commands.StopRefusal}, nil
	case ok:
		return commands.Completion{}, fromStatus(c.name, refused.StatusCode, refused.Code, refused.Response.Header)
	case err != nil:
		return commands.Completion{}, fromTransport(c.name, err, raw != nil)
	case len(answer.Choices) == 0:
		return commands.Completion{}, senseless(c.name)
	}
	return chatCompletion(p, answer), nil
}

func chatParams(p commands.Prompt, m Model) (openai.ChatCompletionNewParams, error) {
	params := openai.ChatCompletionNewParams{Model: m.Name}
	switch {
	case m.Reasoning && p.MaxTokens > 0:
		params.MaxCompletionTokens = openai.Int(int64(p.MaxTokens))
	case p.MaxTokens > 0: // the older word, which every endpoint knows
		params.MaxTokens = openai.Int(int64(p.MaxTokens))
	}
	if !m.Reasoning {
		params.Temperature = openai.Float(p.Temperature)
	}
	if p.System != "" {
		params.Messages = append(params.Messages, openai.SystemMessage(p.System))
	}
	for _, turn := range p.Turns {
		params.Messages = append(params.Messages, chatMessage(turn))
	}
	for _, tool := range p.Tools {
		var input shared.FunctionParameters
		if err := json.Unmarshal(tool.Input, &input); err != nil {
			return params, err
		}
		params.Tools = append(params.Tools, openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: tool.Name, Description: openai.String(tool.Description), Parameters: input,
		}))
	}
	if p.Answer != nil {
		var schema map[string]any
		if err := json.Unmarshal(p.Answer.Schema, &schema); err != nil {
			return params, err
		}
		params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
			Name: toolName(p.Answer.Name), Schema: schema, Strict: openai.Bool(isStrict(schema)),
		}}
	}
	return params, nil
}

func chatMessage(turn commands.Turn) openai.ChatCompletionMessageParamUnion {
	switch turn.Role {
	case commands.ToolTurn:
		return openai.ToolMessage(turn.Text, callID(turn.CallID))
	case commands.AssistantTurn:
		message := openai.ChatCompletionAssistantMessageParam{}
		if turn.Text != "" || len(turn.Calls) == 0 {
			message.Content.OfString = openai.String(turn.Text)
		}
		for _, call := range turn.Calls {
			message.ToolCalls = append(message.ToolCalls, openai.ChatCompletionMessageToolCallUnionParam{
				OfFunction: &openai.ChatCompletionMessageFunctionToolCallParam{
					ID:       callID(call.ID),
					Function: openai.ChatCompletionMessageFunctionToolCallFunctionParam{Name: toolName(call.Name), Arguments: call.Arguments},
				},
			})
		}
		return openai.ChatCompletionMessageParamUnion{OfAssistant: &message}
	case commands.UserTurn:
	}
	return openai.UserMessage(turn.Text)
}

func chatCompletion(p commands.Prompt, answer *openai.ChatCompletion) commands.Completion {
	choice := answer.Choices[0]
	completion := commands.Completion{
		Text: choice.Message.Content, Stop: commands.StopAnswer,
		InputTokens: tokens(answer.Usage.PromptTokens), OutputTokens: tokens(answer.Usage.CompletionTokens),
	}
	switch {
	case choice.Message.Refusal != "":
		completion.Text, completion.Stop = choice.Message.Refusal, commands.StopRefusal
	case choice.FinishReason == "content_filter":
		completion.Stop = commands.StopRefusal
	case choice.FinishReason == "length": // what it was about to call is cut off, too
		completion.Stop = commands.StopLength
	case len(choice.Message.ToolCalls) > 0: // whatever the reason says: not every endpoint says "tool_calls"
		completion.Stop = commands.StopTools
		for _, call := range choice.Message.ToolCalls {
			completion.Calls = append(completion.Calls, commands.ToolCall{ID: call.ID, Name: call.Function.Name, Arguments: call.Function.Arguments})
		}
		distinguish(p, completion.Calls)
	}
	return completion
}
