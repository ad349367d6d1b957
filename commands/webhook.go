package commands

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/webhook"
	"ticketd/eventstore"
)

// MostWebhooks is how many webhooks an organization may have: each is a follower of the log.
const MostWebhooks = 20

// ErrTooManyWebhooks is the answer to an organization that has MostWebhooks.
var ErrTooManyWebhooks = &domain.Error{
	Kind: domain.Conflict, Code: "too_many_webhooks", Message: fmt.Sprintf("An organization has %d webhooks at the most; delete one.", MostWebhooks),
}

// WebhookCount knows how many webhooks an organization has.
type WebhookCount interface {
	Count(ctx context.Context, org domain.OrgID) (int, error)
}

// WebhookSecrets keeps what the requests of a webhook are signed with.
type WebhookSecrets interface {
	// Secret answers a webhook's secret of a generation, and makes it when nobody has asked before. The first is 0, and each
	// rotation begins another.
	Secret(ctx context.Context, org domain.OrgID, id webhook.ID, generation int) ([]byte, error)
}

// Webhooks answers commands to an organization's webhooks.
type Webhooks struct {
	handler Handler[webhook.State, webhook.Command, webhook.Event]
	log     eventstore.Reader
}

// NewWebhooks ties the webhook decider to the log. types are the stored names of all events.
func NewWebhooks(log interface {
	eventstore.Log
	eventstore.Reader
}, rows WebhookCount, types []string,
) Webhooks {
	h := NewHandler(log, webhook.Decider)
	h.check = func(ctx context.Context, org domain.OrgID, cmd webhook.Command) error {
		switch c := cmd.(type) {
		case webhook.Subscribe:
			if n, err := rows.Count(ctx, org); err != nil {
				return err
			} else if n >= MostWebhooks {
				return ErrTooManyWebhooks
			}
			return known(c.Events, types)
		case webhook.Change:
			if c.Events != nil {
				return known(*c.Events, types)
			}
		case webhook.Rotate, webhook.Replay, webhook.GiveUp, webhook.Delete:
		}
		return nil
	}
	return Webhooks{handler: h, log: log}
}

// known refuses patterns that no event will ever match: most likely they are misspelt.
func known(patterns, types []string) error {
	for _, pattern := range patterns {
		if !slices.ContainsFunc(types, func(name string) bool { return webhook.Wants([]string{pattern}, name) }) {
			return webhook.ErrInvalid.On("events", fmt.Sprintf("events holds %s, and there is no such event.", pattern))
		}
	}
	return nil
}

// Subscribe begins a webhook. Errors: webhook.ErrInvalid, webhook.ErrExists, domain.ErrForbidden, ErrTooManyWebhooks, ErrBusy.
func (w Webhooks) Subscribe(ctx context.Context, r Request, id webhook.ID, c webhook.Subscribe) (eventstore.Stream, error) {
	return w.handler.Create(ctx, r, id.UUID, c)
}

// Change changes what is present. Errors: webhook.ErrNotFound, webhook.ErrInvalid, domain.ErrForbidden, ErrStale, ErrBusy.
func (w Webhooks) Change(ctx context.Context, r Request, id webhook.ID, c webhook.Change) (eventstore.Stream, error) {
	return w.handler.Handle(ctx, r, id.UUID, c)
}

// Rotate has another secret sign from now on. Errors: webhook.ErrNotFound, domain.ErrForbidden, ErrStale, ErrBusy.
func (w Webhooks) Rotate(ctx context.Context, r Request, id webhook.ID, rotation uuid.UUID) (eventstore.Stream, error) {
	return w.handler.Handle(ctx, r, id.UUID, webhook.Rotate{Rotation: rotation, By: r.By})
}

// Replay sends again what happened since, from a position or, when that is 0, from a moment. Errors: webhook.ErrNotFound,
// webhook.ErrInvalid, domain.ErrForbidden, ErrStale, ErrBusy.
func (w Webhooks) Replay(ctx context.Context, r Request, id webhook.ID, replay uuid.UUID, from int64, since time.Time) (eventstore.Stream, error) {
	head, err := w.log.Head(ctx)
	if err != nil {
		return eventstore.Stream{}, err
	}
	if !since.IsZero() {
		if from, err = w.firstSince(ctx, r.Org, since, head); err != nil {
			return eventstore.Stream{}, err
		}
	}
	return w.handler.Handle(ctx, r, id.UUID, webhook.Replay{Replay: replay, From: from, Head: head, By: r.By})
}

// firstSince answers the first position of the organization's that was recorded then or later; the one behind the last when
// there is none.
//
// # Why
//
// The log is in the order of time and has an index on an organization's positions, but none on both: to halve the log
// again and again asks forty times for one event, however long it is.
func (w Webhooks) firstSince(ctx context.Context, org domain.OrgID, since time.Time, head int64) (int64, error) {
	low, high := int64(0), head // the event is behind low, and not behind high unless there is none
	for low < high {
		middle := low + (high-low)/2
		next, err := w.log.Read(ctx, eventstore.Query{Org: org.UUID, After: middle, Upto: head, Limit: 1, Unreadable: true})
		if err != nil {
			return 0, err
		}
		if len(next) == 0 || !next[0].At.Before(since) {
			high = middle
		} else {
			low = next[0].Position
		}
	}
	return low + 1, nil
}

// GiveUp pauses a webhook because of its receiver. Errors: webhook.ErrNotFound, ErrBusy.
func (w Webhooks) GiveUp(ctx context.Context, org domain.OrgID, id webhook.ID, code webhook.PauseCode, reason string) error {
	_, err := w.handler.Handle(ctx, Request{Org: org, By: domain.System}, id.UUID, webhook.GiveUp{Code: code, Reason: reason, By: domain.System})
	return err
}

// Delete ends a webhook. Errors: webhook.ErrNotFound, domain.ErrForbidden, ErrStale, ErrBusy.
func (w Webhooks) Delete(ctx context.Context, r Request, id webhook.ID) (eventstore.Stream, error) {
	return w.handler.Handle(ctx, r, id.UUID, webhook.Delete{By: r.By})
}
