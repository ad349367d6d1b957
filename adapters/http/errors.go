package http

import (
	"context"
	"errors"
	"fmt"
	"maps"
	nethttp "net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"ticketd/domain"
	"ticketd/eventstore"
)

// Problem is the body of every error: RFC 9457.
type Problem struct { //nolint:errname // it is called so in the RFC, and in the OpenAPI document
	Type      string         `json:"type" format:"uri-reference" example:"about:blank" doc:"Names the kind of problem: about:blank, or the code of a refusal."`
	Title     string         `json:"title" example:"Conflict"`
	Status    int            `json:"status" example:"409"`
	Detail    string         `json:"detail" example:"A ticket that is closed cannot become pending; allowed: open." doc:"A plain sentence."`
	Errors    []ProblemField `json:"errors,omitempty" doc:"What is wrong with which part of the request."`
	RequestID string         `json:"request_id,omitempty"`

	retryAfter string // seconds
}

// ProblemField is one thing wrong with a request.
type ProblemField struct {
	Location string `json:"location" example:"body.title"`
	Message  string `json:"message" example:"expected length >= 1"`
	Value    any    `json:"value,omitempty"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (*Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError: a 401 says how to authenticate, a 429 when to come back.
func (p *Problem) GetHeaders() nethttp.Header {
	h := nethttp.Header{}
	if p.Status == nethttp.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if p.retryAfter != "" {
		h.Set("Retry-After", p.retryAfter)
	}
	return h
}

func newProblem(ctx context.Context, status int, code, detail string, fields ...ProblemField) *Problem {
	kind := "about:blank"
	if code != "" {
		kind = "urn:ticketd:problem:" + code
	}
	return &Problem{
		Type: kind, Title: nethttp.StatusText(status), Status: status, Detail: detail, Errors: fields, RequestID: requestID(ctx),
	}
}

// status is the one table of how kinds of refusal are answered.
func status(k domain.Kind) int {
	switch k {
	case domain.Invalid:
		return nethttp.StatusUnprocessableEntity
	case domain.BadReference:
		return nethttp.StatusBadRequest
	case domain.Unauthenticated:
		return nethttp.StatusUnauthorized
	case domain.Forbidden:
		return nethttp.StatusForbidden
	case domain.NotFound:
		return nethttp.StatusNotFound
	case domain.Conflict:
		return nethttp.StatusConflict
	case domain.Stale:
		return nethttp.StatusPreconditionFailed
	case domain.TooMany:
		return nethttp.StatusTooManyRequests
	case domain.TooLarge:
		return nethttp.StatusRequestEntityTooLarge
	case domain.NoSpace:
		return nethttp.StatusInsufficientStorage
	case domain.Unavailable:
		return nethttp.StatusServiceUnavailable
	case domain.Internal:
	}
	return nethttp.StatusInternalServerError
}

// problem answers any error that a handler returns. What is not a refusal is logged in full and told to nobody.
func (s *Server) problem(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if refusal, ok := errors.AsType[*domain.Error](err); ok && refusal.Kind != domain.Internal {
		var fields []ProblemField
		if refusal.Field != "" {
			fields = []ProblemField{{Location: "body." + refusal.Field, Message: refusal.Message}}
		}
		return newProblem(ctx, status(refusal.Kind), refusal.Code, refusal.Message, fields...)
	}
	if ctx.Err() != nil { // detach bounds every request
		s.Logger.WarnContext(ctx, "a request took longer than it may", "cause", err, "request_id", requestID(ctx))
		return newProblem(ctx, nethttp.StatusServiceUnavailable, "timeout", "The request took too long and was given up; whether it changed anything is not known.")
	}
	if eventstore.IsOutage(err) {
		s.Logger.WarnContext(ctx, "the database was not there for a request", "cause", err, "request_id", requestID(ctx))
		problem := newProblem(ctx, nethttp.StatusServiceUnavailable, "unavailable", "The database does not answer at the moment; whether the request changed anything is not known. Try again with the same Idempotency-Key.")
		problem.retryAfter = "5"
		return problem
	}
	s.Logger.ErrorContext(ctx, "a request could not be answered", "cause", err, "request_id", requestID(ctx))
	return newProblem(ctx, nethttp.StatusInternalServerError, "", "Something went wrong on our side; the request id finds it in our log.")
}

// useProblems makes huma's own refusals look like ours, and its lists lists. huma keeps both in package variables.
var useProblems = sync.OnceFunc(func() {
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return humaProblem(context.Background(), status, message, errs) //nolint:forbidigo // huma hands over no context here, only when it builds the schema
	}
	huma.NewErrorWithContext = func(c huma.Context, status int, message string, errs ...error) huma.StatusError {
		return humaProblem(c.Context(), status, message, errs)
	}
})

func humaProblem(ctx context.Context, status int, message string, errs []error) *Problem {
	var fields []ProblemField
	for _, err := range errs {
		if p, ok := errors.AsType[*Problem](err); ok {
			return p
		}
		field := ProblemField{Message: err.Error()}
		if detailed, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			field = ProblemField{Location: detailed.Location, Message: detailed.Message, Value: shown(detailed.Location, detailed.Value)}
		}
		fields = append(fields, field)
	}
	switch {
	case status == nethttp.StatusBadRequest && len(fields) > 0: // JSON that cannot be read
		message = "The request body is not valid JSON."
		fields = nil
	case len(fields) > 0:
		message = fmt.Sprintf("The request is not valid: %s.", sentence(fields[0]))
	default:
		message = strings.ToUpper(message[:min(1, len(message))]) + message[min(1, len(message)):]
	}
	return newProblem(ctx, status, "", message, fields...)
}

func sentence(f ProblemField) string {
	if f.Location == "" {
		return f.Message
	}
	return f.Location + ": " + f.Message
}

// shown is a value as a refusal may repeat it: never one of a field that holds a secret, however wrong it is.
func shown(location string, value any) any {
	if strings.HasPrefix(location, "body.credentials") {
		return nil
	}
	field := strings.ToLower(location[strings.LastIndexByte(location, '.')+1:])
	for _, secret := range []string{"password", "token", "secret"} {
		if strings.Contains(field, secret) {
			return nil
		}
	}
	return harmless(value)
}

// harmless leaves out of an answer what is long, and whole bodies, which may hold a password.
func harmless(value any) any {
	switch v := value.(type) {
	case string:
		if len(v) <= 100 {
			return v
		}
	case float64, bool, int, int64:
		return v
	}
	return nil
}

// answerEchoError answers what never reaches a handler: unknown paths, wrong methods, panics.
func (s *Server) answerEchoError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	ctx := c.Request().Context()
	problem := s.problemOfEcho(ctx, err)
	c.Response().Header().Set(echo.HeaderContentType, "application/problem+json")
	maps.Copy(c.Response().Header(), problem.GetHeaders())
	if err := c.JSON(problem.Status, problem); err != nil {
		s.Logger.DebugContext(ctx, "an answer was not written", "cause", err)
	}
}

func (s *Server) problemOfEcho(ctx context.Context, err error) *Problem {
	if fromEcho, ok := errors.AsType[*echo.HTTPError](err); ok {
		switch fromEcho.Code {
		case nethttp.StatusNotFound:
			return newProblem(ctx, fromEcho.Code, "", "There is nothing at this address.")
		case nethttp.StatusMethodNotAllowed:
			return newProblem(ctx, fromEcho.Code, "", "This address does not take this method; see the Allow header.")
		}
		return newProblem(ctx, fromEcho.Code, "", fmt.Sprint(fromEcho.Message))
	}
	return s.problem(ctx, err)
}
