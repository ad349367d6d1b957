package http

import (
	"context"
	"fmt"
	nethttp "net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/eventstore"
)

type contextKey int

const (
	requestIDKey contextKey = iota
	callerKey
	reservedIDKey
	slashKey
)

// stripSlash serves /path/ as /path, without a redirect, because a redirect drops the token. Routes that answer the
// two differently look at withSlash: see legacy.go.
func (s *Server) stripSlash(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if path := r.URL.EscapedPath(); len(path) > 1 && strings.HasSuffix(path, "/") { // "%2F" is part of a name
			r = r.WithContext(context.WithValue(r.Context(), slashKey, true))
			n := len(path) - len(strings.TrimRight(path, "/"))
			r.URL.Path, r.URL.RawPath = r.URL.Path[:len(r.URL.Path)-n], r.URL.RawPath[:max(0, len(r.URL.RawPath)-n)]
			c.SetRequest(r)
		}
		return next(c)
	}
}

// decodeParams gives handlers what a path says, and not how it is written: the router leaves what it matched in a path
// with encoded slashes as it is.
func (s *Server) decodeParams(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().URL.RawPath == "" { // then it is decoded
			return next(c)
		}
		values := slices.Clone(c.ParamValues())
		for i, value := range values {
			if decoded, err := url.PathUnescape(value); err == nil { // net/http has refused what cannot be decoded
				values[i] = decoded
			}
		}
		c.SetParamValues(values...)
		return next(c)
	}
}

// maxRequestID is how long an X-Request-ID may be.
const maxRequestID = 128

func withSlash(ctx context.Context) bool {
	slash, _ := ctx.Value(slashKey).(bool)
	return slash
}

// withRequestID takes the client's X-Request-ID when it is short and printable, or makes one, and echoes it.
func (s *Server) withRequestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get("X-Request-ID")
		if !printable(id, maxRequestID) {
			id = commands.NewID().String()
		}
		c.Response().Header().Set("X-Request-ID", id)
		c.Response().Header().Set("X-Content-Type-Options", "nosniff")
		c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), requestIDKey, id)))
		return next(c)
	}
}

// printable reports a text of visible ASCII that is not too long: safe in a header and in a log.
func printable(text string, most int) bool {
	if text == "" || len(text) > most {
		return false
	}
	for _, b := range []byte(text) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return true
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey).(string)
	return id
}

// logRequests writes one line a request: no body, and the route instead of the address, because both the query string
// and the path (of an invitation) may carry a token.
func (s *Server) logRequests(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		err := next(c)
		if err != nil {
			c.Error(err) // answered here, so that the line below knows the status
		}
		took := time.Since(start)
		r, status := c.Request(), c.Response().Status
		s.Observe(r.Method, c.Path(), status, took)
		s.Logger.InfoContext(r.Context(), "request", "method", r.Method, "route", c.Path(), "status", status,
			"took_ms", float64(took.Microseconds())/1000, "bytes", c.Response().Size, "request_id", requestID(r.Context()))
		return nil
	}
}

func (s *Server) recoverPanics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == nethttp.ErrAbortHandler { //nolint:errorlint // net/http panics with this very value
				panic(cause)
			}
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}()
		return next(c)
	}
}

// authenticate lets through to a protected operation only those who prove who they are.
func (s *Server) authenticate(c huma.Context, next func(huma.Context)) {
	if len(c.Operation().Security) == 0 {
		next(c)
		return
	}
	scheme, token, _ := strings.Cut(c.Header("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		s.refuse(c, newProblem(c.Context(), nethttp.StatusUnauthorized, "token_missing", "This needs an Authorization header with a bearer token."))
		return
	}
	caller, err := s.Authenticator.Authenticate(c.Context(), strings.TrimSpace(token))
	if err != nil {
		s.refuse(c, s.countRefusal(c, err))
		return
	}
	if caller.Type == domain.ByAgent {
		s.refuse(c, errAgent)
		return
	}
	next(huma.WithValue(c, callerKey, caller))
}

// errAgent answers an agent that comes by itself: what it may do it does with the tools that its configuration allows.
var errAgent = &domain.Error{Kind: domain.Forbidden, Code: "agents_use_tools", Message: "This token is an agent's, and is good for the tool server only."}

// countRefusal draws a token that is not valid on the budget of its address, so that nobody may guess for ever.
func (s *Server) countRefusal(c huma.Context, err error) error {
	if domain.KindOf(err) != domain.Unauthenticated || s.config.Limits.Auth.Requests == 0 {
		return err
	}
	if v := s.limiter.take(authKey(c), s.config.Limits.Auth); !v.allowed {
		return tooMany(c.Context(), v, "Too many refused tokens")
	}
	return err
}

// timeBound is the key in an operation's metadata of how long it may take, where that is not maxTime.
const timeBound = "time bound"

// maxTime is how long a request may take once it was read.
const maxTime = 30 * time.Second

// detach lets a request go on without its client. A client that leaves must not cancel a statement that is under way:
// PostgreSQL would log an ERROR, and a write might or might not have happened. The time is bounded instead.
func (s *Server) detach(c huma.Context, next func(huma.Context)) {
	bound, own := c.Operation().Metadata[timeBound].(time.Duration)
	if !own {
		bound = maxTime
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), bound)
	defer cancel()
	if own { // longer than a program that stops may wait
		var done context.CancelFunc
		ctx, done = s.untilEnding(ctx)
		defer done()
	}
	next(huma.WithContext(c, ctx))
}

// untilEnding answers a context that ends, with errEnding for its cause, when the program begins to stop. It is for what
// looks at it between its statements.
func (s *Server) untilEnding(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.ending:
			cancel(errEnding)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// refuse answers from a middleware.
func (s *Server) refuse(c huma.Context, err error) {
	problem := s.problem(c.Context(), err)
	for name, values := range problem.GetHeaders() {
		c.SetHeader(name, values[0])
	}
	_ = huma.WriteErr(s.api, c, problem.Status, problem.Detail, problem) // the client has gone if this does not arrive
}

// callerOf answers who is asking. Only protected operations have one.
func callerOf(ctx context.Context) domain.Caller {
	caller, _ := ctx.Value(callerKey).(domain.Caller)
	return caller
}

// request is what a command of this HTTP request comes with.
func request(ctx context.Context) commands.Request {
	caller, id := callerOf(ctx), requestID(ctx)
	return commands.Request{Org: caller.Org, By: caller.Actor, Correlation: id, Causation: id}
}

// newID answers the id for what the request makes: the one reserved with its Idempotency-Key, so that a repetition makes
// the same thing again and not another one.
func newID(ctx context.Context) uuid.UUID {
	if reserved, ok := ctx.Value(reservedIDKey).(uuid.UUID); ok {
		return reserved
	}
	return commands.NewID()
}

// IfMatch is the header that guards a change against somebody else's.
type IfMatch struct {
	IfMatch string `header:"If-Match" example:"\"3\"" doc:"The ETag the change is based on. 412 when there is another version by now."`
}

// version answers the version asked for; 0 when any will do.
func (h IfMatch) version(ctx context.Context) (int, error) {
	tag := strings.TrimSpace(h.IfMatch)
	if tag == "" || tag == "*" {
		return 0, nil
	}
	version, err := strconv.Atoi(strings.Trim(strings.TrimPrefix(tag, "W/"), `"`))
	if err != nil || version < 1 {
		return 0, newProblem(ctx, nethttp.StatusPreconditionFailed, "version_mismatch", `If-Match is no ETag of ours; they look like "3".`)
	}
	return version, nil
}

// request is what a guarded command of this HTTP request comes with.
func (h IfMatch) request(ctx context.Context) (commands.Request, error) {
	r := request(ctx)
	var err error
	r.IfVersion, err = h.version(ctx)
	return r, err
}

// Position is where in the log a write ended. An empty one, as reads answer it, sends no header.
type Position string

func positionOf(s eventstore.Stream) Position { return positionAt(s.Position()) }

func positionAt(position int64) Position { return Position(strconv.FormatInt(position, 10)) }

// Schema implements huma.SchemaProvider.
func (Position) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
}

func etag(version int) string { return `"` + strconv.Itoa(version) + `"` }
