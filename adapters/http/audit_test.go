package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// admitting takes everybody for an admin of one organization.
type admitting struct{ org domain.OrgID }

func (a admitting) Authenticate(context.Context, string) (domain.Caller, error) {
	return domain.Caller{Org: a.org, Actor: domain.Actor{Type: domain.ByUser, User: domain.UserID{UUID: uuid.Max}, Role: domain.Admin}}, nil
}

// endless is a log of as many events as it is told, none of which is anywhere in memory.
type endless struct {
	org    uuid.UUID
	events int64
	cause  string
	before func(eventstore.Query) error // what happens before it is read
}

func (e endless) Head(context.Context) (int64, error) { return e.events, nil }

func (e endless) Read(_ context.Context, org domain.OrgID, q eventstore.Query) ([]eventstore.Recorded, error) {
	if org.UUID != e.org {
		return nil, errors.New("of another organization")
	}
	if err := e.before(q); err != nil {
		return nil, err
	}
	var events []eventstore.Recorded
	for position := q.After + 1; position <= e.events && (q.Upto == 0 || position <= q.Upto) && len(events) < q.Limit; position++ {
		events = append(events, eventstore.Recorded{
			Position: position, Org: e.org, Stream: uuid.Max, Version: int(position), Type: "user.deactivated", At: time.Unix(position, 0), Event: user.Deactivated{},
			Metadata: eventstore.Metadata{Actor: eventstore.Actor{Type: "system"}, CorrelationID: "c", CausationID: e.cause},
		})
	}
	return events, nil
}

// logReader answers a server over such a log.
func logReader(log *strings.Builder, e endless) *Server {
	s := bare(slog.New(slog.NewTextHandler(log, nil)))
	s.Authenticator, s.People = admitting{domain.OrgID{UUID: e.org}}, projections.NewPeople(nil)
	s.Events = e
	return s
}

func ask(t *testing.T, w nethttp.ResponseWriter, s *Server, path string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
	r.Header.Set("Authorization", "Bearer x")
	r.Header.Set("Accept", ndjson)
	s.ServeHTTP(w, r)
}

// deadlines is a connection that counts lines, and may be broken.
type deadlines struct {
	*httptest.ResponseRecorder
	lines, flushed int
	broken         string

	mu  sync.Mutex // a connection takes a deadline from whoever ends the program, too
	set []time.Time
}

func (d *deadlines) Write(p []byte) (int, error) {
	if d.broken == "write" {
		return 0, errors.New("the line is dead")
	}
	d.lines += bytes.Count(p, []byte("\n"))
	return len(p), nil
}

func (d *deadlines) FlushError() error {
	d.flushed = d.lines
	if d.broken == "flush" {
		return errors.New("the line is dead")
	}
	return nil
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.mu.Lock()
	d.set = append(d.set, at)
	d.mu.Unlock()
	if d.broken == "deadline" {
		return errors.New("the line is dead")
	}
	return nil
}

// However long the log is, a stream holds one page of it: nothing more is read before all that was read is on its way.
func TestAStreamHoldsOnePage(t *testing.T) {
	t.Parallel()
	connection := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	reads := 0
	s := logReader(&strings.Builder{}, endless{org: uuid.Max, events: 100_000, before: func(q eventstore.Query) error {
		require.Equal(t, reads*streamPage, connection.flushed, "what was read before is with the client")
		require.Equal(t, streamPage+1, q.Limit)
		require.EqualValues(t, 100_000, q.Upto)
		reads++
		return nil
	}})
	ask(t, connection, s, "/api/v1/audit/events")
	require.Equal(t, 100_000, connection.flushed)
	require.Equal(t, 100_000/streamPage, reads)
	require.Len(t, connection.set, reads+1, "every page has its time")
	require.Zero(t, connection.set[reads], "and the next request on the connection has none")
	require.Equal(t, "100000", connection.Header().Get("X-Event-Position"))
}

// A stream that breaks is never ended properly.
func TestABrokenStreamIsAborted(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{"write", "flush", "deadline", "read", "ending"} {
		var log strings.Builder
		connection := &deadlines{ResponseRecorder: httptest.NewRecorder(), broken: broken}
		var s *Server
		s = logReader(&log, endless{org: uuid.Max, events: 10_000, before: func(q eventstore.Query) error {
			if q.After == 0 {
				return nil
			}
			switch broken {
			case "read":
				return errors.New("the line is dead")
			case "ending":
				s.EndStreams()
				s.EndStreams() // twice is once
			}
			return nil
		}})
		require.PanicsWithValue(t, nethttp.ErrAbortHandler, func() { ask(t, connection, s, "/api/v1/audit/events") }, broken)
		require.Contains(t, log.String(), "a stream of the log was cut off", broken)
		require.LessOrEqual(t, connection.flushed, streamPage)
	}
}

// What a request caused is shown up to a bound, and a request that calls itself by a number is not taken for an event.
func TestATreeIsBounded(t *testing.T) {
	t.Parallel()
	for events, cut := range map[int64]bool{mostCaused: false, mostCaused + 1: true} {
		w := httptest.NewRecorder()
		ask(t, w, logReader(&strings.Builder{}, endless{org: uuid.Max, events: events, cause: "1", before: func(q eventstore.Query) error {
			require.Equal(t, "c", q.Correlation)
			return nil
		}}), "/api/v1/audit/causation/c")
		require.Equal(t, 200, w.Code)
		var tree struct {
			Events int
			Cut    bool
			Roots  []struct{ Causes []any }
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &tree))
		require.Equal(t, cut, tree.Cut)
		require.Equal(t, mostCaused, tree.Events)
		require.Len(t, tree.Roots, 1)
		require.Len(t, tree.Roots[0].Causes, mostCaused-1)
	}
	record := func(position int64, correlation, causation string) eventstore.Recorded {
		return eventstore.Recorded{Position: position, Metadata: eventstore.Metadata{CorrelationID: correlation, CausationID: causation}}
	}
	require.Len(t, causationTree([]eventstore.Recorded{record(7, "7", "7"), record(8, "7", "7")}, nil), 2)
	require.Len(t, causationTree([]eventstore.Recorded{record(7, "x", "x"), record(8, "x", "9"), record(9, "x", "9")}, nil), 3, "nothing is caused by what comes later, nor by itself")
	deep := causationTree([]eventstore.Recorded{record(7, "x", "x"), record(8, "x", "7"), record(9, "x", "8")}, nil)
	require.EqualValues(t, 9, deep[0].Causes[0].Causes[0].Position)
}

// No event of the catalog shows a secret in the audit log, not even as a hash.
func TestNoEventShowsASecret(t *testing.T) {
	t.Parallel()
	secret := regexp.MustCompile(`(?i)hash|password|secret|preferences|credential|token$`)
	open := []string{"content_hash", "result_hash"} // of what whoever may see them may have
	found := map[string]bool{}
	for _, typ := range catalog.Codec.Types() {
		event := reflect.New(typ).Elem()
		for i := range typ.NumField() {
			if field := event.Field(i); field.Kind() == reflect.Pointer { // absent fields must show too
				field.Set(reflect.New(field.Type().Elem()))
			}
		}
		name, _, err := catalog.Codec.Name(event.Interface())
		require.NoError(t, err)
		if strings.HasPrefix(name, "login.") { // they belong to no organization
			continue
		}
		text, err := json.Marshal(auditData(eventstore.Recorded{Type: name, Event: event.Interface()}))
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(text, &fields))
		for field, value := range fields {
			if secret.MatchString(field) && !slices.Contains(open, field) {
				require.Equal(t, withheld, value, "%s.%s", name, field)
				found[field] = true
			}
		}
	}
	require.Len(t, found, len(withheldFields))
	require.Equal(t, withheld, auditData(eventstore.Recorded{Type: "user.registered", Event: "no object"}))
}
