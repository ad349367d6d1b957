package http

import (
	"context"
	"errors"
	"io"
	nethttp "net/http"
	"os"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"ticketd/commands"
	"ticketd/domain"
)

const (
	hookTime  = 10 * time.Second // from a webhook's first byte to its answer
	hookMost  = 5 << 20          // bytes of a webhook
	hookSmall = 64 << 10         // bytes of one for which nobody has to wait
	hookRoom  = 128 << 20        // bytes of all larger ones that are held at the same time
)

const hookManual = "Where a vendor sends its webhooks: to one integration by its id, or by the name of a platform to all integrations whose secret proves them. " +
	"They need no token: the signature is checked over the bytes as they came, before anything is understood of them. Handshakes are answered as the vendor " +
	"asks for it. What has changed there is asked of the vendor behind the answer, so a webhook may come late, twice, and in any order.\n\n" +
	"A body has 5 MB at most. Whoever sends too many that prove nothing, are too large or end in the middle is answered with 429; what is proved is taken " +
	"all the same, up to 64 KB."

// hooksIn are the routes of what vendors send.
type hooksIn struct {
	*Server
	room *semaphore.Weighted
}

func (s *Server) webhookInRoutes() {
	const path = "/api/v1/integrations/{integration}/webhook"
	h := hooksIn{s, semaphore.NewWeighted(hookRoom)}
	options := []option{public, streamed, within(hookTime), func(o *huma.Operation) { mark(o, bodyMost, int64(hookMost)) }, errs(400, 401, 404, 422, 429, 503)}
	register(s, op("take-webhook", nethttp.MethodPost, path, "Take a webhook of a vendor", tagIntegrations, append(options, described(hookManual))...), h.take)
	register(s, op("answer-handshake", nethttp.MethodGet, path, "Answer the handshake of a vendor's webhooks", tagIntegrations, options...), h.take)
	text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: "What the vendor waits for, in its own media type; mostly nothing."}}
	item := s.OpenAPI().Paths[path]
	for _, o := range []*huma.Operation{item.Post, item.Get} {
		o.Responses["200"] = &huma.Response{Description: "Taken", Content: map[string]*huma.MediaType{"text/plain": text}}
	}
	body := &huma.MediaType{Schema: &huma.Schema{Description: "As the vendor describes it."}}
	item.Post.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": body, "application/x-www-form-urlencoded": body, "text/xml": body}}
}

type hookInput struct {
	Integration string `path:"integration" maxLength:"64" example:"github" doc:"The id of an integration, or the name of a platform."`
	request     *nethttp.Request
	address     string
}

// Resolve implements huma.Resolver: the handler reads the request's body itself.
func (in *hookInput) Resolve(c huma.Context) []error {
	echo := humaecho.Unwrap(c)
	in.request, in.address = echo.Request(), echo.RealIP()
	return nil
}

type hookAnswer struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (h hooksIn) take(ctx context.Context, in *hookInput) (*hookAnswer, error) {
	to, err := commands.ParseWebhookAddress(in.Integration)
	if err != nil {
		h.WebhooksIn.Count("", commands.HookUnknown)
		return nil, h.drawn(ctx, in.address, err)
	}
	body, free, err := h.body(ctx, in.request, in.address)
	if err != nil {
		answer := h.drawn(ctx, in.address, err)
		h.WebhooksIn.Count(to.Platform, unread(err))
		return nil, answer
	}
	defer free()
	// A body may end with the program, a statement may not.
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), hookTime)
	defer cancel()
	query := in.request.URL.Query()
	hook := commands.Webhook{Header: in.request.Header.Get, Query: query.Get, Body: body, At: h.WebhooksIn.Now()}
	answer, err := h.WebhooksIn.Take(patient, to, hook, commands.WebhookBounds{Brief: h.spent(in.address), Admit: func(id uuid.UUID) error { return h.admitHook(ctx, id) }})
	switch {
	case err != nil:
		return nil, h.drawn(ctx, in.address, err)
	case answer == nil:
		return &hookAnswer{Status: nethttp.StatusOK}, nil
	}
	return &hookAnswer{Status: answer.Status, ContentType: answer.Type, Body: answer.Body}, nil
}

var (
	// errHookTooLarge refuses a webhook that is longer than any vendor's.
	errHookTooLarge = &domain.Error{Kind: domain.TooLarge, Code: "webhook_too_large", Message: "The webhook is larger than 5 MB."}

	// errHookUnproven refuses a large webhook of an address that is spent; drawn answers it with 429, and when to come back.
	errHookUnproven = &domain.Error{Kind: domain.Unavailable, Code: "webhooks_busy", Message: "Large webhooks of this address are not taken at the moment. Send it again."}
)

// body answers the bytes of a webhook. There is room for so many large ones only: whoever sends them slowly must not fill the
// memory, and whoever has sent too much that proves nothing gets no place there. free gives the room back.
func (h hooksIn) body(ctx context.Context, r *nethttp.Request, address string) (body []byte, free func(), err error) {
	size := r.ContentLength
	switch {
	case size > hookMost:
		return nil, nil, errHookTooLarge
	case size < 0: // it does not say
		size = hookMost
	}
	free = func() {}
	if size > hookSmall {
		if h.spent(address) {
			return nil, nil, errHookUnproven
		}
		if h.room.Acquire(ctx, size) != nil {
			return nil, nil, newProblem(ctx, nethttp.StatusServiceUnavailable, "webhooks_busy", "There are too many large webhooks at the moment. Send it again.")
		}
		free = func() { h.room.Release(size) }
	}
	if body, err = io.ReadAll(r.Body); err != nil {
		free()
		return nil, nil, hookProblem(ctx, err)
	}
	return body, free, nil
}

// unread says what became of a webhook whose body was not read.
func unread(err error) commands.WebhookOutcome {
	switch {
	case errors.Is(err, errHookTooLarge):
		return commands.HookTooLarge
	case errors.Is(err, errHookUnproven):
		return commands.HookLimited
	}
	return commands.HookCutOff
}

// hookProblem answers why a body did not come.
func hookProblem(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, errTooMuch):
		return errHookTooLarge
	case errors.Is(context.Cause(ctx), errEnding):
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return bodyProblem(ctx, os.ErrDeadlineExceeded)
	}
	return bodyProblem(ctx, err)
}

// unproven names the budget of an address for webhooks that prove nothing.
func unproven(address string) string { return "webhooks of " + address }

// spent reports an address that has sent too much that proves nothing. What it sends is still looked at: a vendor's addresses
// send for everybody, and whoever has a webhook with a wrong secret sent from there must not silence the others.
func (h hooksIn) spent(address string) bool {
	limit := h.config.Limits.Auth
	return limit.Requests > 0 && h.limiter.spent(unproven(address), limit)
}

// drawn draws what proves nothing on the budget of its address.
func (h hooksIn) drawn(ctx context.Context, address string, err error) error {
	limit := h.config.Limits.Auth
	if limit.Requests == 0 || !provesNothing(err) {
		return err
	}
	if v := h.limiter.take(unproven(address), limit); !v.allowed {
		return tooMany(ctx, v, "Too many webhooks that prove nothing")
	}
	return err
}

// provesNothing reports why a webhook was not taken that proves nothing. What was cut off, or is too large, was never proved, and
// had a place among the large ones all the same.
func provesNothing(err error) bool {
	if cutOff, ok := errors.AsType[*Problem](err); ok {
		return cutOff.Status == nethttp.StatusBadRequest || cutOff.Status == nethttp.StatusRequestTimeout
	}
	return slices.Contains([]domain.Kind{domain.Unauthenticated, domain.NotFound, domain.Unavailable, domain.TooLarge}, domain.KindOf(err))
}

// admitHook draws a webhook on the budget of the integration that it is for.
func (h hooksIn) admitHook(ctx context.Context, id uuid.UUID) error {
	limit := h.config.Limits.Webhooks
	if limit.Requests == 0 {
		return nil
	}
	if v := h.limiter.take("webhooks for "+id.String(), limit); !v.allowed {
		return tooMany(ctx, v, "Too many webhooks for this integration")
	}
	return nil
}
