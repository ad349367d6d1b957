package llm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// The codes of commands.ModelError.
const (
	rateLimited    = "rate_limited"
	unavailable    = "unavailable"
	timedOut       = "timeout"
	refusedKey     = "refused_key"
	invalidRequest = "invalid_request"
	overBudget     = "budget"
	circuitOpen    = "circuit_open"
	noProvider     = "none"
)

// providerError is why a provider gave no answer.
type providerError struct {
	code    string
	message string        // one sentence of ours
	after   time.Duration // that it wants to be left alone
	again   bool          // the next attempt may do better
	ours    bool          // the prompt is at fault, so no other provider would do better
}

func (e *providerError) Error() string { return e.code + ": " + e.message }

// fromStatus reads an answer that is none. word is the provider's own for it; it is not repeated.
func fromStatus(name string, status int, word string, header http.Header) *providerError {
	said := fmt.Sprintf("%s answered %d %s.", name, status, http.StatusText(status))
	switch {
	case word == "insufficient_quota" || status == http.StatusPaymentRequired:
		return &providerError{code: refusedKey, message: "The account at " + name + " has no credit left."}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return &providerError{code: refusedKey, message: said}
	case status == http.StatusTooManyRequests:
		return &providerError{code: rateLimited, message: said, after: retryAfter(header), again: true}
	case status == http.StatusNotFound || word == "model_not_found" || word == "context_length_exceeded":
		return &providerError{code: invalidRequest, message: said}
	case status >= http.StatusInternalServerError || status == http.StatusRequestTimeout || status == http.StatusConflict:
		return &providerError{code: unavailable, message: said, after: retryAfter(header), again: true}
	}
	return &providerError{code: invalidRequest, message: said, ours: true}
}

// fromTransport reads an error of the connection: nobody there, silence, or what came ends in the middle or is no JSON.
func fromTransport(name string, err error, began bool) *providerError {
	switch late, ok := errors.AsType[net.Error](err); {
	case errors.Is(err, context.DeadlineExceeded) || ok && late.Timeout():
		return &providerError{code: timedOut, message: name + " did not answer in time."}
	case began:
		return senseless(name)
	}
	return &providerError{code: unavailable, message: name + " cannot be reached.", again: true}
}

// senseless is an answer that is not what the provider's language allows, or is cut off.
func senseless(name string) *providerError {
	return &providerError{code: unavailable, message: "The answer of " + name + " was cut off or makes no sense.", again: true}
}

// retryAfter reads how long a provider wants to be left alone: seconds, a date, or milliseconds as OpenAI says them.
func retryAfter(header http.Header) time.Duration {
	if ms, err := strconv.ParseInt(header.Get("Retry-After-Ms"), 10, 64); err == nil {
		return within(float64(ms) / 1000)
	}
	said := header.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(said, 64); err == nil {
		return within(seconds)
	}
	if date, err := http.ParseTime(said); err == nil {
		return within(time.Until(date).Seconds())
	}
	return 0
}

// within answers a time that can be waited: anything may stand in a header.
func within(seconds float64) time.Duration {
	const day = 24 * 60 * 60
	if !(seconds > 0) { // NaN, too
		return 0
	}
	return time.Duration(min(seconds, day) * float64(time.Second))
}
