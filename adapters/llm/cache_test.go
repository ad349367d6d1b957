package llm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/llm"
	"ticketd/commands"
	"ticketd/domain"
)

// remembering answers "answer 1", "answer 2" and so on, and remembers for an hour.
func remembering(t *testing.T, now *time.Time) (*llm.Chain, *script) {
	t.Helper()
	s := provider(t)
	s.steps = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) { chatText(fmt.Sprint("answer ", s.times()))(w, r) }}
	config := patient(openAI(s))
	config.Cache = time.Hour
	return chain(t, config, func(o *llm.Options) { o.Now = func() time.Time { return *now } }), s
}

func TestTheSamePromptGetsTheSameAnswerForAnHour(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c, s := remembering(t, &now)
	first := completed(t, c, talk())
	require.False(t, first.Cached)
	now = now.Add(time.Hour - time.Second)
	again := completed(t, c, talk())
	require.True(t, again.Cached)
	require.Zero(t, again.Cost)
	again.Cached, again.Cost = false, first.Cost
	require.Equal(t, first, again)
	require.Equal(t, 1, s.times())
	now = now.Add(time.Second)
	require.Equal(t, "answer 2", completed(t, c, talk()).Text)
}

func TestAnswersAreRememberedForOneOrganizationAndOnePrompt(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c, s := remembering(t, &now)
	completed(t, c, talk())
	for name, change := range map[string]func(*commands.Prompt){
		"organization": func(p *commands.Prompt) { p.Org = domain.OrgID{UUID: uuid.UUID{9}} },
		"temperature":  func(p *commands.Prompt) { p.Temperature = 0.3 },
		"system":       func(p *commands.Prompt) { p.System = "Be brief." },
		"turn":         func(p *commands.Prompt) { p.Turns[0].Text = "Hello" },
		"call":         func(p *commands.Prompt) { p.Turns[1].Calls[0].Arguments = `{}` },
		"result":       func(p *commands.Prompt) { p.Turns[2].Text = `{"degrees":21}` },
		"tool":         func(p *commands.Prompt) { p.Tools[0].Description = "Guesses the weather." },
		"answer":       func(p *commands.Prompt) { p.Answer.Schema = json.RawMessage(`{"type":"object"}`) },
		"no answer":    func(p *commands.Prompt) { p.Answer = nil },
		"cut":          func(p *commands.Prompt) { p.Model, p.System = "m", "Be kin"; p.Turns[0].Text = "d.Hello from Ada" },
	} {
		p := talk()
		change(&p)
		before := s.times()
		require.False(t, completed(t, c, p).Cached, name)
		require.Equal(t, before+1, s.times(), name)
		require.True(t, completed(t, c, p).Cached, name)
	}
	require.Equal(t, "answer 1", completed(t, c, talk()).Text)
}

func TestOnlyAnswersAreRemembered(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]http.HandlerFunc{
		"calls":   chat(`{"tool_calls":[{"id":"a","type":"function","function":{"name":"x","arguments":"{}"}}]}`, "tool_calls"),
		"refusal": chat(`{"refusal":"No."}`, "stop"),
		"length":  chat(`{"content":"once"}`, "length"),
		"nothing": chat(`{"content":""}`, "stop"),
		"huge":    chatText(strings.Repeat("x", 2<<20)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := provider(t, step)
			config := patient(openAI(s))
			config.Cache = time.Hour
			c := chain(t, config)
			for range 2 {
				require.False(t, completed(t, c, hello()).Cached)
			}
			require.Equal(t, 2, s.times())
		})
	}
}

func TestWhoWasPassedOverIsNotRemembered(t *testing.T) {
	t.Parallel()
	config := patient(openAI(provider(t, refuses(http.StatusUnauthorized))), azureAI(provider(t, chatText("hi"))))
	config.Cache = time.Hour
	c := chain(t, config)
	require.Len(t, completed(t, c, hello()).PassedOver, 1)
	again := completed(t, c, hello())
	require.True(t, again.Cached)
	require.Empty(t, again.PassedOver)
	require.Equal(t, "azure_openai", again.Provider)
}

func TestAnAnswerThatMakesNoSenseIsNotRemembered(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c, s := remembering(t, &now)
	p := talk()
	p.Check = func(text string) error {
		if text == "answer 1" {
			return errors.New("the first never does")
		}
		return nil
	}
	require.Equal(t, "answer 1", completed(t, c, p).Text)
	require.Equal(t, "answer 2", completed(t, c, p).Text)
	require.True(t, completed(t, c, p).Cached)
	require.Equal(t, 2, s.times())
}
