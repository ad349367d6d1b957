package http

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	nethttp "net/http"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/negotiation"
	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

const ndjson = "application/x-ndjson"

func (s *Server) auditRoutes() {
	schemas := s.OpenAPI().Components.Schemas
	register(s, op("audit-events", nethttp.MethodGet, "/api/v1/audit/events", "The organization's log, oldest first", tagAudit, described(auditManual), answersAs(map[string]*huma.MediaType{
		"application/json": {Schema: schemas.Schema(reflect.TypeFor[[]AuditEvent](), true, "AuditEvents")},
		ndjson:             {Schema: schemas.Schema(reflect.TypeFor[AuditEvent](), true, "AuditEvent")},
	})), s.auditEvents)
	register(s, op("audit-causation", nethttp.MethodGet, "/api/v1/audit/causation/{correlation_id}", "What a request caused, also through reactions", tagAudit, errs(404)), s.causation)
}

const auditManual = "Everything that happened in the organization, internal comments included. What people sign in with, and the preferences " +
	"they keep to themselves, stand there as " + withheld + ". An event that this program cannot read, mostly because a newer one wrote it, has " +
	"a note instead of its data.\n\nWhere type, actor, since or until select, a page looks at 100,000 positions of the log at most: one that is " +
	"short, or empty, has a Link with rel=next as long as the log goes on.\n\nWith `Accept: " + ndjson + "` the answer is a stream of one event a line, up to the " +
	"position in X-Event-Position, which was the log's end when the stream began; limit does not count there. A stream that cannot go on is cut " +
	"off without a proper end, so that nobody takes it for whole; after, with the last position that came, goes on from there."

// AuditEvent is one event of the log.
type AuditEvent struct {
	Position      int64      `json:"position" doc:"In the whole log; rises with time, with gaps."`
	Stream        uuid.UUID  `json:"stream" format:"uuid" doc:"What it happened to: the id of the ticket, the user and so on."`
	Version       int        `json:"version" doc:"Of the stream after this event."`
	Type          string     `json:"type" example:"ticket.status_changed"`
	OccurredAt    Timestamp  `json:"occurred_at"`
	Actor         AuditActor `json:"actor"`
	Command       string     `json:"command" doc:"What was asked for."`
	Data          any        `json:"data" doc:"The event itself."`
	Note          string     `json:"note,omitempty" doc:"Why this program cannot read the event, when it cannot; data is null then."`
	CorrelationID string     `json:"correlation_id" doc:"The X-Request-ID of the request everything started with."`
	CausationID   string     `json:"causation_id" doc:"The request, or the position of the event that was reacted to."`
	Hash          string     `json:"hash" doc:"SHA-256 over this event and, through the one before it, all earlier ones of the stream."`
}

// AuditActor is who caused an event, and with whose rights.
type AuditActor struct {
	HistoryActor
	User *uuid.UUID `json:"user" format:"uuid" doc:"The person on whose behalf an API token, an agent or an integration acted; null when nobody else is behind it."`
}

type auditEventsInput struct {
	Accept        string   `header:"Accept" hidden:"true"`
	Stream        []string `query:"stream,explode" doc:"Ids of tickets, users and so on; repeat, or separate with commas."`
	Type          []string `query:"type,explode" doc:"Like ticket.opened; repeat, or separate with commas." example:"ticket.opened"`
	Actor         string   `query:"actor" format:"uuid" doc:"Who acted, or on whose behalf."`
	CorrelationID string   `query:"correlation_id" maxLength:"128" doc:"What one request caused."`
	Since         string   `query:"since" format:"date-time" doc:"Recorded at this moment or later."`
	Until         string   `query:"until" format:"date-time" doc:"Recorded at this moment or earlier."`
	After         int64    `query:"after" minimum:"0" doc:"Events after this position."`
	Limit         int      `query:"limit" minimum:"1" maximum:"1000" default:"200"`

	url url.URL
}

// Resolve implements huma.Resolver: the Link header needs the address as it was asked for.
func (in *auditEventsInput) Resolve(c huma.Context) []error {
	in.url = c.URL()
	return nil
}

type auditEventsAnswer struct {
	ContentType   string   `header:"Content-Type" hidden:"true"`
	Link          string   `header:"Link" doc:"rel=next, while there is more: of JSON pages."`
	EventPosition Position `header:"X-Event-Position" doc:"Where the stream ends: of NDJSON."`
	Body          func(huma.Context)
}

func (s *Server) auditEvents(ctx context.Context, in *auditEventsInput) (*auditEventsAnswer, error) {
	if !callerOf(ctx).Can(domain.ReadAudit) {
		return nil, domain.ErrForbidden
	}
	q, err := in.query(ctx)
	if err != nil {
		return nil, err
	}
	if q.Upto, err = s.Events.Head(ctx); err != nil {
		return nil, err
	}
	if negotiation.SelectQValueFast(in.Accept, []string{"application/json", ndjson}) == ndjson {
		return s.streamAuditEvents(ctx, q)
	}
	page, next, err := s.auditPage(ctx, q, in.Limit)
	if err != nil {
		return nil, err
	}
	answer := &auditEventsAnswer{ContentType: "application/json", Body: func(c huma.Context) {
		_ = s.api.Marshal(c.BodyWriter(), "application/json", page) // the client has gone if this does not arrive
	}}
	if next > 0 {
		answer.Link = in.next(next)
	}
	return answer, nil
}

// next answers the Link header of the page after a position.
func (in *auditEventsInput) next(position int64) string {
	q := in.url.Query()
	q.Set("after", strconv.FormatInt(position, 10))
	return fmt.Sprintf(`<%s?%s>; rel="next"`, in.url.Path, q.Encode())
}

// query answers what to ask the log for, but for its end.
func (in *auditEventsInput) query(ctx context.Context) (eventstore.Query, error) {
	q := eventstore.Query{After: in.After, Actor: parsed(in.Actor), Correlation: in.CorrelationID, Unreadable: true}
	var err error
	if q.Types, err = oneOf(ctx, "type", in.Type, catalog.Codec.Names()); err != nil {
		return q, err
	}
	for _, text := range split(in.Stream) {
		id, err := uuid.Parse(text)
		if err != nil {
			return q, in.invalid(ctx, "stream", "must be an id, like those of tickets and users")
		}
		q.Streams = append(q.Streams, id)
	}
	if in.Actor != "" && q.Actor == uuid.Nil {
		return q, in.invalid(ctx, "actor", "must be the id of somebody")
	}
	if !domain.Storable(in.CorrelationID) {
		return q, in.invalid(ctx, "correlation_id", "holds characters that are not text")
	}
	if q.Since, err = moment(ctx, "since", in.Since); err != nil {
		return q, err
	}
	q.Until, err = moment(ctx, "until", in.Until)
	return q, err
}

func (*auditEventsInput) invalid(ctx context.Context, name, why string) error {
	return newProblem(ctx, nethttp.StatusUnprocessableEntity, "", name+" "+why+".", ProblemField{Location: "query." + name, Message: why})
}

// streamAuditEvents answers every event that q selects, one a line.
//
// # Why
//
// A stream has no time to be done in, as other requests have: a long log over a thin line takes as long as it takes. Each
// of its pages has.
func (s *Server) streamAuditEvents(ctx context.Context, q eventstore.Query) (*auditEventsAnswer, error) {
	first, next, err := s.auditPage(ctx, q, streamPage) // a log that cannot be read at all is answered as a problem
	if err != nil {
		return nil, err
	}
	return &auditEventsAnswer{ContentType: ndjson, EventPosition: positionAt(q.Upto), Body: func(c huma.Context) {
		ctx := context.WithoutCancel(ctx)
		if err := s.writeAudit(ctx, c, q, first, next); err != nil {
			s.Logger.WarnContext(ctx, "a stream of the log was cut off", "cause", err, "request_id", requestID(ctx))
			panic(nethttp.ErrAbortHandler) // the client must see that it is not whole
		}
	}}, nil
}

func (s *Server) writeAudit(ctx context.Context, c huma.Context, q eventstore.Query, page []AuditEvent, next int64) error {
	c.SetStatus(nethttp.StatusOK)
	w := bufio.NewWriterSize(c.BodyWriter(), 64<<10)
	line := json.NewEncoder(w)
	line.SetEscapeHTML(false)
	connection, done := s.stream(c)
	defer done()
	for {
		if err := s.nextPage(connection); err != nil {
			return err
		}
		for _, event := range page {
			if err := line.Encode(event); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if err := connection.Flush(); err != nil {
			return err
		}
		if next == 0 {
			return connection.SetWriteDeadline(time.Time{}) // the connection lives on
		}
		q.After = next
		var err error
		if page, next, err = s.auditPage(ctx, q, streamPage); err != nil {
			return err
		}
	}
}

// mostLooked is how many positions of the log a page looks at where no index knows what a query selects: of an event's
// actor a second has room for a hundred thousand.
const mostLooked = 100_000

// auditPage answers at most limit of the events that q selects up to q.Upto, and after which position the next page goes
// on: 0 when there is none. The page may be short, or empty, and still not be the last.
func (s *Server) auditPage(ctx context.Context, q eventstore.Query, limit int) (page []AuditEvent, next int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	if searches(q) && q.Upto-q.After > mostLooked {
		next = q.After + mostLooked
		q.Upto = next
	}
	q.Limit = limit + 1 // one more tells whether there is a next page
	events, err := s.Events.Read(ctx, callerOf(ctx).Org, q)
	if err != nil {
		return nil, 0, err
	}
	if len(events) > limit {
		events = events[:limit]
		next = events[limit-1].Position
	}
	page, err = s.renderAudit(ctx, events)
	return page, next, err
}

// searches reports that events are picked by what no index knows of them.
func searches(q eventstore.Query) bool {
	indexed := q.Streams != nil || q.Correlation != ""
	return !indexed && (q.Actor != uuid.Nil || q.Types != nil || !q.Since.IsZero() || !q.Until.IsZero())
}

// ShowEvent answers an event as the audit log of its organization shows it, for those who pass it on.
func (s *Server) ShowEvent(ctx context.Context, r eventstore.Recorded) (any, error) {
	people, err := s.People.Names(ctx, domain.OrgID{UUID: r.Org}, actorsOf([]eventstore.Recorded{r}))
	if err != nil {
		return nil, err
	}
	return renderAuditEvent(r, people), nil
}

func (s *Server) renderAudit(ctx context.Context, events []eventstore.Recorded) ([]AuditEvent, error) {
	people, err := s.People.Names(ctx, callerOf(ctx).Org, actorsOf(events))
	if err != nil {
		return nil, err
	}
	page := make([]AuditEvent, len(events))
	for i, r := range events {
		page[i] = renderAuditEvent(r, people)
	}
	return page, nil
}

func renderAuditEvent(r eventstore.Recorded, people map[domain.UserID]projections.Person) AuditEvent {
	actor := AuditActor{HistoryActor: renderActor(r.Metadata.Actor, people)}
	if r.Metadata.Actor.User != uuid.Nil {
		actor.User = &r.Metadata.Actor.User
	}
	return AuditEvent{
		Position: r.Position, Stream: r.Stream, Version: r.Version, Type: r.Type, OccurredAt: Timestamp(r.At), Actor: actor,
		Command: r.Metadata.Command, Data: auditData(r), Note: noteOn(r), CorrelationID: r.Metadata.CorrelationID, CausationID: r.Metadata.CausationID, Hash: r.Hash.String(),
	}
}

const withheld = "[withheld]"

// withheldFields are what nobody is shown of accounts: what people sign in with, be it hashed, and what they keep to
// themselves.
var withheldFields = []string{"password_hash", "token_hash", "hash", "preferences"}

// noteOn tells why an event cannot be read; nothing of one that can.
func noteOn(r eventstore.Recorded) string {
	if u, unreadable := r.Event.(eventstore.Unreadable); unreadable {
		return "this program cannot read it: " + u.Reason
	}
	return ""
}

// auditData is an event as the audit log shows it; nil when it cannot be read.
func auditData(r eventstore.Recorded) any {
	if _, unreadable := r.Event.(eventstore.Unreadable); unreadable {
		return nil
	}
	if category := r.Category(); category != "user" && category != "session" {
		return r.Event
	}
	text, err := json.Marshal(r.Event)
	var fields map[string]any
	if err != nil || json.Unmarshal(text, &fields) != nil { // cannot be: it came from JSON
		return withheld
	}
	for _, name := range withheldFields {
		if _, there := fields[name]; there {
			fields[name] = withheld
		}
	}
	return fields
}
