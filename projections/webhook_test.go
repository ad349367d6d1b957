package projections_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/domain/webhook"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// newHooks is a desk whose store writes webhooks only.
func newHooks(t *testing.T) (desk, *projections.Webhooks) {
	t.Helper()
	d := newDesk(t)
	hooks := projections.NewWebhooks(d.pool)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: d.pool})
	require.NoError(t, err)
	d.store = eventstore.Open(t.Context(), d.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{hooks}})
	t.Cleanup(d.store.Close)
	return d, hooks
}

func TestAWebhooksRowFollowsItsEvents(t *testing.T) {
	t.Parallel()
	d, hooks := newHooks(t)
	id := webhook.ID{UUID: uuid.Must(uuid.NewV7())}
	happen := func(events ...any) projections.WebhookRow {
		t.Helper()
		stream := d.happen(ticket.ID{UUID: id.UUID}, events...)
		row, err := hooks.Find(t.Context(), d.org, id)
		require.NoError(t, err)
		folded := projections.Fold(projections.ApplyWebhook, stream.Events)
		require.Equal(t, folded.UpdatedAt, row.UpdatedAt.UTC())
		row.CreatedAt, row.UpdatedAt, row.RotatedAt, folded.RotatedAt = folded.CreatedAt, folded.UpdatedAt, nil, nil
		require.Equal(t, folded, row, "the row is what its events make")
		return row
	}
	row := happen(webhook.Subscribed{By: d.ann, URL: "https://a", Events: []string{"*"}, Description: "Ours"})
	require.Equal(t, projections.WebhookRow{ID: id, Org: d.org, Version: 1, URL: "https://a", Events: []string{"*"}, Description: "Ours", CreatedBy: d.ann, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt}, row)
	require.True(t, row.Sends())
	row = happen(webhook.Changed{By: d.bob, URL: new("https://b"), Events: new([]string{"ticket.*"}), Description: new("")}, webhook.Paused{Code: webhook.Gone, Reason: "410"})
	require.Equal(t, []any{"https://b", "ticket.*", "", webhook.Gone, "410", d.ann}, []any{row.URL, row.Events[0], row.Description, row.PauseCode, row.PauseReason, row.CreatedBy})
	require.False(t, row.Sends())
	row = happen(webhook.Resumed{By: d.ann}, webhook.SecretRotated{By: d.ann}, webhook.Replayed{By: d.ann, From: 7})
	require.Equal(t, []any{true, "", 1, int64(7), 6}, []any{row.Sends(), row.PauseReason, row.Generation, row.ReplayFrom, row.Replayed})
	n, err := hooks.Count(t.Context(), d.org)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	list, err := hooks.List(t.Context(), d.org)
	require.NoError(t, err)
	require.Len(t, list, 1)

	other := newOrg()
	_, err = hooks.Find(t.Context(), other, id)
	require.ErrorIs(t, err, webhook.ErrNotFound)
	list, err = hooks.List(t.Context(), other)
	require.NoError(t, err)
	require.Empty(t, list)

	d.happen(ticket.ID{UUID: id.UUID}, webhook.Deleted{By: d.ann})
	_, err = hooks.Find(t.Context(), d.org, id)
	require.ErrorIs(t, err, webhook.ErrNotFound)
	n, err = hooks.Count(t.Context(), d.org)
	require.NoError(t, err)
	require.Zero(t, n)
	require.Nil(t, hooks.Rows(eventstore.Stream{Events: []eventstore.Recorded{{Type: "ticket.opened"}}}))
	require.Equal(t, projections.WebhookRow{}, projections.ApplyWebhook(projections.WebhookRow{}, eventstore.Recorded{Event: ticket.Deleted{}}))
}

func TestTwoSecretsSignForADayAfterARotation(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	require.Equal(t, []int{0}, projections.WebhookRow{}.Generations(now))
	rotated := projections.WebhookRow{Generation: 3, RotatedAt: &now}
	require.Equal(t, []int{3, 2}, rotated.Generations(now))
	require.Equal(t, []int{3, 2}, rotated.Generations(now.Add(webhook.RotationOverlap-time.Second)))
	require.Equal(t, []int{3}, rotated.Generations(now.Add(webhook.RotationOverlap)))
}

func TestATableOfWebhooksThatIsAway(t *testing.T) {
	t.Parallel()
	d, hooks := newHooks(t)
	d.pool.Close()
	org := domain.OrgID{UUID: uuid.New()}
	require.Error(t, second(hooks.Find(t.Context(), org, webhook.ID{})))
	require.Error(t, second(hooks.List(t.Context(), org)))
	require.Error(t, second(hooks.Count(t.Context(), org)))
}
