package github

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	gogithub "github.com/google/go-github/v88/github"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// Whether doing something twice is doing it once: an answer that is lost leaves no doubt then.
const (
	once  = false
	again = true
)

// secondaryPause is how long GitHub wants to be left alone when it does not say for how long.
const secondaryPause = time.Minute

// failed answers why a request of the library came to nothing; nil when it did not.
func failed(ctx context.Context, answer *gogithub.Response, err error, repeatable bool) error {
	switch {
	case err == nil:
		return nil
	case answer == nil || answer.Response == nil:
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return outbound.Lost(err, repeatable)
	case answer.StatusCode < http.StatusMultipleChoices:
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return senseless(repeatable)
	}
	body, _ := io.ReadAll(answer.Body) // the library holds what it has read; half a sentence says something too
	return fault(answer.StatusCode, answer.Header, body, repeatable)
}

// senseless is an answer that cannot be read, after something was done.
func senseless(repeatable bool) *commands.VendorError {
	return &commands.VendorError{Kind: commands.Down, Message: "GitHub's answer makes no sense, or ends in the middle.", Unsure: !repeatable}
}

// fault answers what a refusal means.
func fault(status int, header http.Header, body []byte, repeatable bool) *commands.VendorError {
	said, about := refusal(body)
	e := outbound.Fault(status, header, words(body), repeatable, time.Now())
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusForbidden && tooMuch(said, about):
		e.Kind, e.Unsure = commands.Limited, false
		// The header that counts says nothing of the limits that GitHub calls secondary, unless it says that nothing is left.
		if header.Get("Retry-After") == "" && header.Get("X-RateLimit-Remaining") != "0" {
			e.RetryAt = time.Now().Add(secondaryPause)
		}
	case status == http.StatusConflict && strings.Contains(strings.ToLower(said), "repository is empty"):
		e.Kind = commands.Rejected // and stays so until somebody writes to it
	case e.Kind != commands.Down && strings.HasSuffix(said, "too large"):
		e.Kind = commands.TooLarge
	}
	return e
}

// tooMuch reports whether a refusal is for asking too often: GitHub uses the status for what is forbidden.
func tooMuch(said, about string) bool {
	said = strings.ToLower(said)
	return strings.Contains(said, "rate limit") || strings.Contains(said, "abuse detection") ||
		strings.HasSuffix(about, "secondary-rate-limits") || strings.HasSuffix(about, "#abuse-rate-limits")
}

// refusal reads what GitHub says about a refusal, and where it says more.
func refusal(body []byte) (said, about string) {
	var problem struct {
		Message string            `json:"message"`
		About   string            `json:"documentation_url"`
		Errors  []json.RawMessage `json:"errors"`
	}
	_ = json.Unmarshal(body, &problem) // what is not there is not said
	said = problem.Message
	var details []string
	for _, raw := range problem.Errors {
		var detail struct{ Resource, Field, Code, Message string }
		var text string
		switch {
		case json.Unmarshal(raw, &text) == nil:
		case json.Unmarshal(raw, &detail) != nil:
			continue
		case detail.Message != "":
			text = detail.Message
		default:
			text = line(detail.Resource + " " + detail.Field + " " + strings.ReplaceAll(detail.Code, "_", " "))
		}
		details = append(details, text)
	}
	if len(details) > 0 {
		said = strings.TrimPrefix(said+": "+strings.Join(details, "; "), ": ")
	}
	return said, problem.About
}

// words answers what GitHub says about a refusal as a sentence; nothing when it does not say.
func words(body []byte) string {
	said, _ := refusal(body)
	if said = strings.TrimRight(line(said), "."); said == "" {
		return ""
	}
	return "GitHub says: " + said + "."
}

// judge answers refusals that come without the library.
func judge(repeatable bool) func(int, http.Header, []byte) *commands.VendorError {
	return func(status int, header http.Header, body []byte) *commands.VendorError {
		if status < http.StatusBadRequest {
			return nil
		}
		return fault(status, header, body, repeatable)
	}
}
