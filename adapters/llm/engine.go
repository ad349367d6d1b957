package llm

import (
	"context"
	"net/http"

	"ticketd/commands"
)

// engine speaks one provider's language.
type engine interface {
	// ask asks once. An error is a *providerError. Of the completion it leaves the provider, the cost and what is ours.
	ask(ctx context.Context, p commands.Prompt, m Model) (commands.Completion, error)
}

// newEngine answers who speaks to a provider.
func newEngine(p Provider, a access, apiVersion string, client *http.Client) engine {
	switch p.Kind {
	case Anthropic:
		return newMessages(p.Name, a, client)
	case AzureOpenAI:
		return newAzure(p.Name, a, apiVersion, client)
	case OpenAI:
	}
	return newChatCompletions(p.Name, a, client)
}

// largestAnswer is far above what a model says, and bounds what an endpoint can make us remember.
const largestAnswer = 16 << 20

// bounded is a middleware of both libraries.
func bounded(r *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	response, err := next(r)
	if response != nil && response.Body != nil {
		response.Body = http.MaxBytesReader(nil, response.Body, largestAnswer)
	}
	return response, err
}

// newClient answers a client that keeps as many connections as are used at once.
func newClient(connections int) *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	if usual, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = usual.Clone()
	}
	transport.MaxIdleConnsPerHost = connections
	return &http.Client{Transport: transport}
}

// tokens answers a count that can be paid for: an endpoint may say anything.
func tokens(counts ...int64) int {
	const most = 1 << 31
	var sum int64
	for _, n := range counts {
		sum += min(max(0, n), most)
	}
	return int(sum)
}
