package http

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
)

// Idempotency remembers the first answer to each key for a day. Answers are opaque to it, and sealed, because they hold
// what people wrote.
type Idempotency interface {
	// Begin reserves an id for what the request makes. When the key is known it answers the id that was reserved the
	// first time, the hash of that request, and its answer if one was given.
	Begin(ctx context.Context, caller domain.Caller, key string, request [32]byte, reserve uuid.UUID) (id uuid.UUID, first [32]byte, answer []byte, err error)

	// Finish keeps the answer.
	Finish(ctx context.Context, caller domain.Caller, key string, answer []byte) error
}

// keptAnswer is an answer to a POST.
type keptAnswer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   []byte            `json:"body"`
}

// replayedHeaders are those of an answer that are worth repeating.
var replayedHeaders = []string{"Content-Type", "ETag", "Location", "X-Event-Position"}

// replay answers a POST with a known Idempotency-Key as it was answered the first time.
//
// # Why
//
// The key reserves the id of whatever the request makes before anything is made. A request that died between its event
// and its answer is simply done again with that id, and the decider records nothing for a repetition: there is no moment
// at which a crash makes two of something.
func (s *Server) replay(c huma.Context, next func(huma.Context)) {
	key, caller := c.Header("Idempotency-Key"), callerOf(c.Context())
	if key == "" || c.Method() != nethttp.MethodPost || caller.User.IsZero() {
		next(c)
		return
	}
	ctx := c.Context()
	if !printable(key, 255) {
		s.refuse(c, newProblem(ctx, nethttp.StatusUnprocessableEntity, "idempotency_key_invalid", "An Idempotency-Key has 1 to 255 visible ASCII characters."))
		return
	}
	if c.Operation().Metadata[streamedBody] != nil {
		s.replayStreamed(c, key, next)
		return
	}
	r := humaecho.Unwrap(c).Request()
	_ = c.SetReadDeadline(time.Now().Add(bodyTime)) // a writer without deadlines is one of a test
	body, err := io.ReadAll(nethttp.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		s.refuse(c, bodyProblem(ctx, err))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	hash := sha256.Sum256(append([]byte(r.URL.Path+"\n"), body...))
	id, first, answer, err := s.Idempotency.Begin(ctx, caller, key, hash, commands.NewID())
	switch {
	case err != nil:
		s.refuse(c, err)
	case first != hash:
		s.refuse(c, keyReused(ctx))
	case answer != nil:
		s.repeat(c, answer)
	default:
		s.answerFirst(c, key, caller, id, next)
	}
}

// replayStreamed is replay for a body that nobody holds: only the path counts, and no answer is kept. The operation runs
// again, with the id that it had the first time.
func (s *Server) replayStreamed(c huma.Context, key string, next func(huma.Context)) {
	ctx := c.Context()
	hash := sha256.Sum256([]byte(c.URL().Path + "\n"))
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxTime) // a body may end with the program, a statement may not
	defer cancel()
	id, first, _, err := s.Idempotency.Begin(patient, callerOf(ctx), key, hash, commands.NewID())
	switch {
	case err != nil:
		s.refuse(c, err)
	case first != hash:
		s.refuse(c, keyReused(ctx))
	default:
		next(huma.WithValue(c, reservedIDKey, id))
	}
}

func keyReused(ctx context.Context) *Problem {
	return newProblem(ctx, nethttp.StatusUnprocessableEntity, "idempotency_key_reused", "This Idempotency-Key came with another request before.")
}

// bodyTime is how long a client may take to send a body: huma's own time begins only behind this middleware.
const bodyTime = 10 * time.Second

func bodyProblem(ctx context.Context, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return newProblem(ctx, nethttp.StatusRequestTimeout, "", "The request body did not come in time.")
	}
	if _, tooLarge := errors.AsType[*nethttp.MaxBytesError](err); tooLarge {
		return newProblem(ctx, nethttp.StatusRequestEntityTooLarge, "", "The request body is larger than 1 MiB.")
	}
	return newProblem(ctx, nethttp.StatusBadRequest, "", "The request body could not be read.")
}

func (s *Server) repeat(c huma.Context, kept []byte) {
	var a keptAnswer
	if err := json.Unmarshal(kept, &a); err != nil {
		s.refuse(c, fmt.Errorf("read a kept answer: %w", err))
		return
	}
	for name, value := range a.Header {
		c.SetHeader(name, value)
	}
	c.SetHeader("Idempotency-Replayed", "true")
	c.SetStatus(a.Status)
	_, _ = c.BodyWriter().Write(a.Body) // the client has gone if this does not arrive
}

// answerFirst runs the operation and keeps what it answers. What asks the client to try again is not kept: our own
// faults, limits, and conflicts, of which one may be with a request that came with this very key.
func (s *Server) answerFirst(c huma.Context, key string, caller domain.Caller, id uuid.UUID, next func(huma.Context)) {
	response := humaecho.Unwrap(c).Response()
	tee := &teeWriter{ResponseWriter: response.Writer}
	response.Writer = tee
	next(huma.WithValue(c, reservedIDKey, id))
	response.Writer = tee.ResponseWriter
	switch status := response.Status; {
	case status >= nethttp.StatusInternalServerError, status == nethttp.StatusTooManyRequests, status == nethttp.StatusConflict:
		return
	}
	answer := keptAnswer{Status: response.Status, Header: map[string]string{}, Body: tee.copy.Bytes()}
	for _, name := range replayedHeaders {
		if value := response.Header().Get(name); value != "" {
			answer.Header[name] = value
		}
	}
	s.keep(context.WithoutCancel(c.Context()), caller, key, answer) // the client may be gone; its retry shall find the answer
}

func (s *Server) keep(ctx context.Context, caller domain.Caller, key string, a keptAnswer) {
	text, err := json.Marshal(a)
	if err == nil {
		err = s.Idempotency.Finish(ctx, caller, key, text)
	}
	if err != nil {
		s.Logger.WarnContext(ctx, "an answer was not kept for its Idempotency-Key; a retry will make it again", "cause", err)
	}
}

type teeWriter struct {
	nethttp.ResponseWriter
	copy bytes.Buffer
}

// Write implements io.Writer.
func (t *teeWriter) Write(p []byte) (int, error) {
	t.copy.Write(p)
	return t.ResponseWriter.Write(p)
}
