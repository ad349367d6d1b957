package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	nethttp "net/http"
	"strconv"
	"time"

	"ticketd/domain"
	"ticketd/eventstore"
)

// Problem is the body of what HTTP refuses: RFC 9457. What a tool refuses is an answer of the protocol; see refusal.go.
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id,omitempty"`

	allow      string
	challenge  string // how to come back, if not as now: RFC 6750
	retryAfter string // seconds
}

const somethingWrong = "Something went wrong on our side; the request id finds it in our log."

func newProblem(status int, code, detail string) *Problem {
	kind := "about:blank"
	if code != "" {
		kind = "urn:ticketd:problem:" + code
	}
	return &Problem{Type: kind, Title: nethttp.StatusText(status), Status: status, Detail: detail}
}

func wrongMethod(allow string) *Problem {
	p := newProblem(nethttp.StatusMethodNotAllowed, "", "This address does not take this method; see the Allow header.")
	p.allow = allow
	return p
}

// tooMany says when to come back, in whole seconds that are surely enough.
func tooMany(what string, after time.Duration) *Problem {
	seconds := strconv.Itoa(int((after + time.Second - 1) / time.Second))
	p := newProblem(nethttp.StatusTooManyRequests, "rate_limited", what+"; try again in "+seconds+" seconds.")
	p.retryAfter = seconds
	return p
}

// problem answers why nobody could be found who sends a token. What is no refusal is logged in full and told to nobody.
func (s *Server) problem(ctx context.Context, err error) *Problem {
	refusal, ok := errors.AsType[*domain.Error](err)
	switch {
	case ok && refusal.Kind == domain.Unauthenticated:
		p := newProblem(nethttp.StatusUnauthorized, refusal.Code, refusal.Message)
		p.challenge = "Bearer"
		if refusal != errTokenMissing { // there was one: clients look here for what is wrong with it
			p.challenge = fmt.Sprintf("Bearer error=\"invalid_token\", error_description=%q", refusal.Message)
		}
		return p
	case ok && refusal.Kind == domain.Forbidden:
		return newProblem(nethttp.StatusForbidden, refusal.Code, refusal.Message)
	case ok && refusal.Kind == domain.Unavailable, eventstore.IsOutage(err):
		s.Logger.WarnContext(ctx, "the database was not there for a request", "cause", err, "request_id", requestID(ctx))
		p := newProblem(nethttp.StatusServiceUnavailable, "unavailable", "The database does not answer at the moment.")
		p.retryAfter = "5"
		return p
	}
	s.Logger.ErrorContext(ctx, "a request could not be answered", "cause", err, "request_id", requestID(ctx))
	return newProblem(nethttp.StatusInternalServerError, "", somethingWrong)
}

// refuse writes a problem.
func (s *Server) refuse(w nethttp.ResponseWriter, r *nethttp.Request, p *Problem) {
	p.RequestID = requestID(r.Context())
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	if p.challenge != "" {
		header.Set("WWW-Authenticate", p.challenge)
	}
	if p.allow != "" {
		header.Set("Allow", p.allow)
	}
	if p.retryAfter != "" {
		header.Set("Retry-After", p.retryAfter)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has gone if this does not arrive
}
