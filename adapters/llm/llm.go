// Package llm asks models that others run: an endpoint of OpenAI, or any that speaks as it does.
//
// # Why
//
// The library is large and changes often, so it stays behind this door. Its own retries are off: what is sent is a file
// that it could not send twice, and how long somebody waits is for us to say.
package llm
