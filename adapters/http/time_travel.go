package http

import (
	"context"
	nethttp "net/http"
	"time"

	"github.com/google/uuid"

	"ticketd/eventstore"
)

// asItWas describes an operation that takes Then or AsOf.
const asItWas = "With as_of, and where it is taken with version, the answer tells how things stood then: folded from the same " +
	"events, by the same rules, with the ETag of then. Who may see it is judged by how things stand now, and people are called as they are now. " +
	"What was deleted since is shown to whoever may read the audit log."

// AsOf is the query parameter of every read that can look back.
type AsOf struct {
	When string `query:"as_of" format:"date-time" example:"2026-11-21T10:00:00.123Z" doc:"How things stood at this moment, what happened at it included; a moment to come is now. Timestamps are told in milliseconds and kept in microseconds."`
}

// moment answers the time asked for; the zero time is now.
func (a AsOf) moment(ctx context.Context) (time.Time, error) { return moment(ctx, "as_of", a.When) }

// moment reads a time whose form huma has checked; the zero time when there is none.
func moment(ctx context.Context, name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Before(time.Unix(0, 0)) { // before there were clocks of this kind, and never one of ours
		return at, newProblem(ctx, nethttp.StatusUnprocessableEntity, "", name+" must be a time since 1970, like 2026-11-21T10:00:00Z.",
			ProblemField{Location: "query." + name, Message: "not a time since 1970", Value: harmless(text)})
	}
	return at.UTC().Truncate(time.Microsecond), nil // as times are kept
}

// Then is AsOf for what has a history of its own, which has versions.
type Then struct {
	AsOf
	Version int `query:"version" minimum:"1" doc:"How things stood at this version. 404 when they have not come so far."`
}

// past answers the place asked for.
func (t Then) past(ctx context.Context) (past, error) {
	if t.Version > 0 && t.When != "" {
		return past{}, newProblem(ctx, nethttp.StatusUnprocessableEntity, "", "version and as_of both say when; give one of them.",
			ProblemField{Location: "query.as_of", Message: "not together with version"})
	}
	at, err := t.moment(ctx)
	return past{version: t.Version, at: at}, err
}

// past is a place in a history; the zero value is now.
type past struct {
	version int
	at      time.Time
}

func (p past) isNow() bool { return p == past{} }

// of answers the stream as it stood. It has no events when it was not there yet, or has not come so far.
func (p past) of(stream eventstore.Stream) eventstore.Stream {
	version := p.version
	if !p.at.IsZero() {
		for _, r := range stream.Events {
			if !r.At.After(p.at) {
				version = r.Version
			}
		}
	}
	if version > stream.Version() {
		version = 0
	}
	return stream.Upto(version)
}

// pastStream answers a stream of the caller's organization as it stood; missing when it was not there.
func (s *Server) pastStream(ctx context.Context, id uuid.UUID, p past, missing error) (eventstore.Stream, error) {
	stream, err := s.Log.Load(ctx, callerOf(ctx).Org.UUID, id)
	if err != nil {
		return stream, err
	}
	stream = p.of(stream)
	if stream.Version() == 0 {
		return stream, missing
	}
	return stream, nil
}
