package llm_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/llm"
	"ticketd/commands"
)

func TestAzureIsAskedForADeployment(t *testing.T) {
	t.Parallel()
	s := provider(t, chatText("sunny"))
	answer := completed(t, chain(t, patient(azureAI(s))), hello())
	require.Equal(t, "azure_openai", answer.Provider)
	asked := s.last()
	require.Equal(t, "/openai/deployments/theirs/chat/completions", asked.path)
	require.Equal(t, "api-version=2024-10-21", asked.query)
	require.Equal(t, secret, asked.header.Get("Api-Key"))
	require.Empty(t, asked.header.Get("Authorization"))
	sent(t, `{"model": "theirs", "temperature": 0.2, "max_tokens": 100, "messages": [
		{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello from Ada"}]}`, asked.body)
}

func TestTheDeploymentOfTheEnvironmentAnswersForModelsWithoutAName(t *testing.T) {
	t.Parallel()
	s := provider(t, chatText("sunny"))
	settings := azureAI(s)
	settings.BaseURL = ""
	settings.Models["other"] = llm.Model{InputUSD: new(0.0), OutputUSD: new(0.0)}
	c := llm.NewChain(patient(settings), llm.Keys{
		AzureOpenAI: secret, AzureEndpoint: s.url, AzureAPIVersion: "2025-01-01", AzureDeployment: "ours",
	}, llm.Options{})
	t.Cleanup(c.Close)
	p := hello()
	p.Model = "other"
	require.Equal(t, "ours", completed(t, c, p).Model)
	require.Equal(t, "/openai/deployments/ours/chat/completions", s.last().path)
	require.Equal(t, "api-version=2025-01-01", s.last().query)
	require.Equal(t, "theirs", completed(t, c, hello()).Model)
}

func TestAPromptThatAzureFiltersIsRefused(t *testing.T) {
	t.Parallel()
	s := provider(t, says(http.StatusBadRequest, `{"error":{"message":"filtered","code":"content_filter"}}`))
	answer := completed(t, chain(t, patient(azureAI(s))), hello())
	require.Equal(t, commands.StopRefusal, answer.Stop)
	require.Empty(t, answer.Text)
	require.Equal(t, 1, s.times())
}
