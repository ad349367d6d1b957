package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	nethttp "net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/webhook"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// tagWebhooks groups what is sent to others.
const tagWebhooks = "webhooks"

// Webhooks is what the routes of webhooks work with.
type Webhooks struct {
	Commands commands.Webhooks
	Rows     *projections.Webhooks
	Progress commands.WebhookProgress
	Secrets  commands.WebhookSecrets
	Tests    commands.WebhookTests
}

type webhookRoutes struct {
	*Server
	Webhooks
}

func (s *Server) webhookRoutes(w Webhooks) {
	r := webhookRoutes{s, w}
	register(s, op("create-webhook", nethttp.MethodPost, "/api/v1/webhooks", "Have events sent to an address", tagWebhooks, status201, described(howWebhooksAreSent), errs(409, 415)), r.create)
	register(s, op("list-webhooks", nethttp.MethodGet, "/api/v1/webhooks", "List webhooks, oldest first", tagWebhooks), r.list)
	register(s, op("webhook-event-types", nethttp.MethodGet, "/api/v1/webhooks/event-types", "What can be sent", tagWebhooks), r.eventTypes)
	register(s, op("get-webhook", nethttp.MethodGet, "/api/v1/webhooks/{webhook_id}", "Get a webhook, and how far it has come", tagWebhooks, errs(404)), r.get)
	register(s, op("put-webhook", nethttp.MethodPut, "/api/v1/webhooks/{webhook_id}", "Change the supplied fields; pause or resume", tagWebhooks, errs(404, 409, 412, 415)), r.change)
	register(s, op("update-webhook", nethttp.MethodPatch, "/api/v1/webhooks/{webhook_id}", "Change the supplied fields, as PUT does", tagWebhooks, errs(404, 409, 412, 415)), r.change)
	register(s, op("delete-webhook", nethttp.MethodDelete, "/api/v1/webhooks/{webhook_id}", "Delete a webhook and its secrets", tagWebhooks, status204, errs(404, 409, 412)), r.remove)
	register(s, op("rotate-webhook", nethttp.MethodPost, "/api/v1/webhooks/{webhook_id}/rotate", "Sign with another secret", tagWebhooks, described(howSecretsRotate), errs(404, 409, 412)), r.rotate)
	register(s, op("replay-webhook", nethttp.MethodPost, "/api/v1/webhooks/{webhook_id}/replay", "Go on from another position", tagWebhooks, described(howWebhooksReplay), errs(404, 409, 412, 415)), r.replay)
	register(s, op("test-webhook", nethttp.MethodPost, "/api/v1/webhooks/{webhook_id}/test", "Send a webhook.test at once", tagWebhooks,
		described("Also while it is paused. It is sent once, and what came back is the answer; where the webhook stands does not change."), errs(404)), r.test)
}

const howWebhooksAreSent = "What happens from then on is sent as POST with `{\"type\",\"timestamp\",\"position\",\"data\"}`; data is the event as GET /audit/events shows it. " +
	"Requests are signed in the form of Standard Webhooks: `webhook-signature` holds `v1,` and the base64 of the HMAC-SHA256 over `webhook-id.webhook-timestamp.body`, whose key are " +
	"the bytes behind `whsec_`, which are base64; check each of several signatures, which blanks separate.\n\nEvents come in their order, one at a time, and each is sent until it is answered with 2xx within " +
	"10 seconds, with growing pauses of 5 seconds to an hour; Retry-After of 429 and 503 is honoured. An answer may be lost, so an event may come twice: `webhook-id` is the same then, and " +
	"after a replay. After 3 days without one that was taken, or an answer of 410, the webhook is paused. Bodies have 256 KB at the most; where long texts were cut, `truncated` is true. Redirects are not followed, and only public addresses are reached.\n\nThe secret is shown in this answer only."

const howSecretsRotate = "For 24 hours the requests carry two signatures, of the new secret and of the one before, so that the receiver can change over. To rotate twice ends the first one at once. " +
	"The new secret is shown in this answer only."

const howWebhooksReplay = "from is a position of the log, which is sent first, or a moment. One that is ahead of where the webhook stands passes over what is between, such as an event that the receiver will never take. " +
	"Events that were sent before have the webhook-id they had."

// WebhookID is the path parameter of every webhook route.
type WebhookID struct {
	ID uuid.UUID `path:"webhook_id" format:"uuid"`
}

func (in WebhookID) webhook() webhook.ID { return webhook.ID{UUID: in.ID} }

// Webhook is a subscription of an address to events, and how far it has come.
type Webhook struct {
	ID                  uuid.UUID  `json:"id" format:"uuid"`
	URL                 string     `json:"url"`
	Events              []string   `json:"events"`
	Description         string     `json:"description"`
	Status              string     `json:"status" enum:"active,paused"`
	PauseCode           string     `json:"pause_code" enum:",paused,failing,gone" doc:"paused: a person wants it so. failing, gone: the program has paused it, because of the receiver."`
	PauseReason         string     `json:"pause_reason"`
	Position            *int64     `json:"position" doc:"Of the last event that was taken, or passed over because it is not subscribed to; null until a moment after the webhook was made."`
	Behind              int        `json:"behind" doc:"Events of the organization that were not looked at yet; 10,000 stands for that many or more."`
	Failures            int        `json:"failures" doc:"Requests in a row that were not taken."`
	FailingSince        *Timestamp `json:"failing_since"`
	LastTryAt           *Timestamp `json:"last_try_at"`
	LastStatus          int        `json:"last_status" doc:"0: there was no answer, or no request yet."`
	LastError           string     `json:"last_error" doc:"In words; empty when the last request was taken."`
	NextTryAt           *Timestamp `json:"next_try_at" doc:"When the event that was not taken is sent again."`
	SecretRotatedAt     *Timestamp `json:"secret_rotated_at"`
	PreviousSecretUntil *Timestamp `json:"previous_secret_until" doc:"Until then the secret before the last one signs too."`
	CreatedBy           Person     `json:"created_by"`
	Version             int        `json:"version"`
	CreatedAt           Timestamp  `json:"created_at"`
	UpdatedAt           Timestamp  `json:"updated_at"`
}

// WebhookAnswer is one webhook.
type WebhookAnswer struct {
	ETag          string   `header:"ETag"`
	EventPosition Position `header:"X-Event-Position"`
	Body          Webhook
}

// NewWebhook is a webhook with what nobody will see again.
type NewWebhook struct {
	Webhook
	Secret string `json:"secret" example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" doc:"The key of the signatures."`
}

// NewWebhookAnswer is a webhook with a new secret.
type NewWebhookAnswer struct {
	ETag          string   `header:"ETag"`
	EventPosition Position `header:"X-Event-Position"`
	Location      string   `header:"Location"`
	CacheControl  string   `header:"Cache-Control"`
	Body          NewWebhook
}

func (s webhookRoutes) create(ctx context.Context, in *struct {
	Body struct {
		URL         string   `json:"url" minLength:"1" maxLength:"2000" example:"https://example.org/hooks/tickets"`
		Events      []string `json:"events" minItems:"1" maxItems:"50" doc:"Names like ticket.opened, all of a kind like ticket.*, or * for all." example:"[\"ticket.*\"]"`
		Description string   `json:"description,omitempty" maxLength:"500"`
	}
},
) (*NewWebhookAnswer, error) {
	b := in.Body
	stream, err := s.Commands.Subscribe(ctx, request(ctx), webhook.ID{UUID: newID(ctx)}, webhook.Subscribe{
		Content: webhook.Content{URL: b.URL, Events: b.Events, Description: b.Description}, By: callerOf(ctx).Actor,
	})
	if err != nil {
		return nil, err
	}
	answer, err := s.answerWithSecret(ctx, stream)
	if err == nil {
		answer.Location = "/api/v1/webhooks/" + stream.ID.String()
	}
	return answer, err
}

// answerWithSecret renders the row that a stream leads to, and the secret that signs from now on.
func (s webhookRoutes) answerWithSecret(ctx context.Context, stream eventstore.Stream) (*NewWebhookAnswer, error) {
	row := projections.Fold(projections.ApplyWebhook, stream.Events)
	secret, err := s.Secrets.Secret(ctx, row.Org, row.ID, row.Generation)
	if err != nil {
		return nil, err
	}
	shown, err := s.show(ctx, row)
	if err != nil {
		return nil, err
	}
	return &NewWebhookAnswer{
		ETag: etag(row.Version), EventPosition: positionOf(stream), CacheControl: "no-store", Body: NewWebhook{Webhook: shown[0], Secret: commands.ShownSecret(secret)},
	}, nil
}

func (s webhookRoutes) answer(ctx context.Context, stream eventstore.Stream) (*WebhookAnswer, error) {
	row := projections.Fold(projections.ApplyWebhook, stream.Events)
	shown, err := s.show(ctx, row)
	if err != nil {
		return nil, err
	}
	return &WebhookAnswer{ETag: etag(row.Version), EventPosition: positionOf(stream), Body: shown[0]}, nil
}

// show renders webhooks of the caller's organization.
func (s webhookRoutes) show(ctx context.Context, rows ...projections.WebhookRow) ([]Webhook, error) {
	org := callerOf(ctx).Org
	ids, makers := make([]webhook.ID, len(rows)), make([]domain.UserID, len(rows))
	for i, row := range rows {
		ids[i], makers[i] = row.ID, row.CreatedBy
	}
	people, err := s.People.Names(ctx, org, makers)
	if err != nil {
		return nil, err
	}
	cursors, err := s.Progress.Cursors(ctx, org, ids...)
	if err != nil {
		return nil, err
	}
	shown := make([]Webhook, len(rows))
	for i, row := range rows {
		shown[i] = renderWebhook(row, time.Now(), people)
		cursor, moved := cursors[row.ID]
		if !moved {
			continue
		}
		behind, err := s.Progress.Behind(ctx, org, cursor.Position)
		if err != nil {
			return nil, err
		}
		shown[i].follow(cursor, behind)
	}
	return shown, nil
}

func renderWebhook(row projections.WebhookRow, now time.Time, people map[domain.UserID]projections.Person) Webhook {
	w := Webhook{
		ID: row.ID.UUID, URL: row.URL, Events: orEmpty(row.Events), Description: row.Description, Status: "active", PauseCode: string(row.PauseCode), PauseReason: row.PauseReason,
		SecretRotatedAt: optionalTime(row.RotatedAt), CreatedBy: renderPerson(row.CreatedBy, people), Version: row.Version, CreatedAt: Timestamp(row.CreatedAt), UpdatedAt: Timestamp(row.UpdatedAt),
	}
	if row.PauseCode != "" {
		w.Status = "paused"
	}
	if len(row.Generations(now)) > 1 {
		w.PreviousSecretUntil = optionalTime(new(row.RotatedAt.Add(webhook.RotationOverlap)))
	}
	return w
}

// follow adds how far the webhook has come.
func (w *Webhook) follow(c commands.WebhookCursor, behind int) {
	w.Position, w.Behind, w.Failures, w.LastStatus, w.LastError = &c.Position, behind, c.Failures, c.LastStatus, c.LastError
	w.FailingSince, w.LastTryAt, w.NextTryAt = unlessNever(c.FailingSince), unlessNever(c.LastTry), unlessNever(c.NextTry)
}

func unlessNever(t time.Time) *Timestamp {
	if t.IsZero() {
		return nil
	}
	return optionalTime(&t)
}

func (s webhookRoutes) list(ctx context.Context, _ *struct{}) (*struct{ Body []Webhook }, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ManageWebhooks) {
		return nil, domain.ErrForbidden
	}
	rows, err := s.Rows.List(ctx, caller.Org)
	if err != nil {
		return nil, err
	}
	shown, err := s.show(ctx, rows...)
	return &struct{ Body []Webhook }{shown}, err
}

// WebhookEventTypes is what can be sent.
type WebhookEventTypes struct {
	Types    []string `json:"types"`
	Patterns []string `json:"patterns" doc:"That stand for all events of a kind, or for all."`
}

func (s webhookRoutes) eventTypes(ctx context.Context, _ *struct{}) (*struct{ Body WebhookEventTypes }, error) {
	if !callerOf(ctx).Can(domain.ManageWebhooks) {
		return nil, domain.ErrForbidden
	}
	types := slices.DeleteFunc(slices.Sorted(slices.Values(catalog.Codec.Names())), func(name string) bool { return !webhook.Offers(name) })
	patterns := []string{"*"}
	for _, noun := range webhook.Nouns {
		if slices.ContainsFunc(types, func(name string) bool { return webhook.Wants([]string{noun + ".*"}, name) }) {
			patterns = append(patterns, noun+".*")
		}
	}
	return &struct{ Body WebhookEventTypes }{WebhookEventTypes{Types: types, Patterns: patterns}}, nil
}

// find answers a webhook to those who may manage it.
func (s webhookRoutes) find(ctx context.Context, in WebhookID) (projections.WebhookRow, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ManageWebhooks) {
		return projections.WebhookRow{}, domain.ErrForbidden
	}
	return s.Rows.Find(ctx, caller.Org, in.webhook())
}

func (s webhookRoutes) get(ctx context.Context, in *WebhookID) (*WebhookAnswer, error) {
	row, err := s.find(ctx, *in)
	if err != nil {
		return nil, err
	}
	shown, err := s.show(ctx, row)
	if err != nil {
		return nil, err
	}
	return &WebhookAnswer{ETag: etag(row.Version), Body: shown[0]}, nil
}

func (s webhookRoutes) change(ctx context.Context, in *struct {
	WebhookID
	IfMatch
	Body struct {
		URL         Optional[string]   `json:"url,omitzero" minLength:"1" maxLength:"2000"`
		Events      Optional[[]string] `json:"events,omitzero"`
		Description Optional[string]   `json:"description,omitzero" maxLength:"500"`
		Status      string             `json:"status,omitempty" enum:"active,paused" doc:"What happens while it is paused is sent afterwards."`
		Reason      string             `json:"reason,omitempty" maxLength:"500" doc:"Of a pause."`
	}
},
) (*WebhookAnswer, error) {
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	c := webhook.Change{URL: b.URL.ptr(), Events: b.Events.ptr(), Description: b.Description.ptr(), Reason: b.Reason, By: r.By}
	if b.Status != "" {
		c.Paused = new(b.Status == "paused")
	}
	stream, err := s.Commands.Change(ctx, r, in.webhook(), c)
	if err != nil {
		return nil, err
	}
	return s.answer(ctx, stream)
}

func (s webhookRoutes) remove(ctx context.Context, in *struct {
	WebhookID
	IfMatch
},
) (*DeletedAnswer, error) {
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := s.Commands.Delete(ctx, r, in.webhook())
	if err != nil {
		return nil, err
	}
	return &DeletedAnswer{EventPosition: positionOf(stream)}, nil
}

func (s webhookRoutes) rotate(ctx context.Context, in *struct {
	WebhookID
	IfMatch
},
) (*NewWebhookAnswer, error) {
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := s.Commands.Rotate(ctx, r, in.webhook(), newID(ctx))
	if err != nil {
		return nil, err
	}
	return s.answerWithSecret(ctx, stream)
}

// ReplayFrom is a position of the log, or a moment.
type ReplayFrom struct {
	Position int64
	Since    time.Time
}

var errReplayFrom = errors.New("must be a position, or a moment like 2026-11-21T10:00:00Z")

// UnmarshalJSON implements json.Unmarshaler.
func (f *ReplayFrom) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte(`"`)) {
		if json.Unmarshal(text, &f.Since) != nil || f.Since.IsZero() {
			return errReplayFrom
		}
		return nil
	}
	if json.Unmarshal(text, &f.Position) != nil {
		return errReplayFrom
	}
	return nil
}

// Schema implements huma.SchemaProvider.
func (ReplayFrom) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		OneOf:    []*huma.Schema{{Type: huma.TypeInteger, Format: "int64", Minimum: new(1.0)}, {Type: huma.TypeString, Format: "date-time"}},
		Examples: []any{4711, "2026-11-21T10:00:00Z"},
	}
}

func (s webhookRoutes) replay(ctx context.Context, in *struct {
	WebhookID
	IfMatch
	Body struct {
		From ReplayFrom `json:"from"`
	}
},
) (*WebhookAnswer, error) {
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := s.Commands.Replay(ctx, r, in.webhook(), newID(ctx), in.Body.From.Position, in.Body.From.Since)
	if err != nil {
		return nil, err
	}
	return s.answer(ctx, stream)
}

// WebhookTest is what came of a webhook.test.
type WebhookTest struct {
	Taken  bool    `json:"taken" doc:"It was answered with 2xx."`
	Status int     `json:"status" doc:"0: there was no answer."`
	Error  string  `json:"error" doc:"Why it does not count as taken, in words."`
	TookMS float64 `json:"took_ms"`
	Answer string  `json:"answer" doc:"How the body of the answer begins."`
	ID     string  `json:"webhook_id_header" doc:"The webhook-id that was sent."`
}

func (s webhookRoutes) test(ctx context.Context, in *WebhookID) (*struct{ Body WebhookTest }, error) {
	row, err := s.find(ctx, *in)
	if err != nil {
		return nil, err
	}
	came, err := s.Tests.Try(ctx, row.Org, row.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body WebhookTest }{WebhookTest{
		Taken: came.Why == "", Status: came.Status, Error: came.Why, TookMS: float64(came.Took.Microseconds()) / 1000, Answer: came.Began, ID: came.ID,
	}}, nil
}
