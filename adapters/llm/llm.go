// Package llm asks models that others run: OpenAI or any endpoint that speaks as it does, Anthropic, Azure OpenAI.
//
// # Why
//
// The libraries are large and change often, so they stay behind this door. Their own retries are off: how long somebody
// waits is for us to say, and a recording could not even be sent twice.
//
// A prompt goes through one Chain, in this order: the organization's budget, the answers of the last hour, and then one
// provider after the other. Each provider has its own limits: so many requests at once and a minute, so many attempts,
// and a circuit breaker that leaves it alone for a while when it is away. So one that is ill costs the others nothing.
//
// What providers say about an error never leaves this package: their sentences may repeat parts of the key or the prompt.
package llm
