//go:build linux

package postgres

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain/webhook"
	"ticketd/eventstore"
)

const life = time.Minute

// hooked is a database with so many webhooks of one organization, each with its first event.
func hooked(t *testing.T, n int) (*pgxpool.Pool, []commands.WebhookRef) {
	t.Helper()
	pool, org := migrated(t), somebody().Org
	refs := make([]commands.WebhookRef, n)
	for i := range refs {
		refs[i] = commands.WebhookRef{Org: org, ID: webhook.ID{UUID: uuid.New()}}
		_, err := pool.Exec(t.Context(), `
			INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash) VALUES ($1, 1, $2, 'webhook.subscribed', '{}', '{}', now(), '', '')`,
			refs[i].ID.UUID, org.UUID)
		require.NoError(t, err)
		_, err = pool.Exec(t.Context(), `
			INSERT INTO webhooks (id, org_id, version, url, events, description, pause_code, pause_reason, generation, replay_from, replayed, created_by, deleted, created_at, updated_at)
			VALUES ($1, $2, 1, 'https://example.org', '["*"]', '', '', '', 0, 0, 0, $2, false, now(), now())`, refs[i].ID.UUID, org.UUID)
		require.NoError(t, err)
	}
	return pool, refs
}

func run(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	_, err := pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func TestProcessesShareWebhooksOut(t *testing.T) {
	t.Parallel()
	pool, refs := hooked(t, 4)
	w, a, b := WebhookCursors{Pool: pool}, uuid.New(), uuid.New()
	hold := func(process uuid.UUID) (held []commands.WebhookRef, surplus int) {
		t.Helper()
		held, surplus, err := w.Hold(t.Context(), process, life)
		require.NoError(t, err)
		return held, surplus
	}
	held, surplus := hold(a)
	require.ElementsMatch(t, refs, held)
	require.Zero(t, surplus)
	held, _ = hold(b)
	require.Empty(t, held, "nobody gives up what is held")
	held, surplus = hold(a)
	require.Equal(t, 2, surplus, "there are two now")
	require.NoError(t, w.Release(t.Context(), a, held[:surplus]...))
	taken, surplus := hold(b)
	require.ElementsMatch(t, held[:2], taken)
	require.Zero(t, surplus)
	require.NoError(t, w.Release(t.Context(), a, taken...), "what another holds is not one's own to give")
	again, _ := hold(b)
	require.Equal(t, taken, again)

	// A process that says nothing any more: its time is up, and others take over.
	run(t, pool, `UPDATE webhook_cursors SET held_until = now() - interval '1 second' WHERE holder = $1`, a)
	run(t, pool, `UPDATE webhook_senders SET until = now() - interval '1 second' WHERE process = $1`, a)
	held, _ = hold(b)
	require.ElementsMatch(t, refs, held)
	_, ok, err := w.Cursor(t.Context(), a, refs[0])
	require.NoError(t, err)
	require.False(t, ok)
	version, err := w.Save(t.Context(), a, refs[0], commands.WebhookCursor{Position: 99})
	require.NoError(t, err)
	require.Zero(t, version, "it may move nothing")
	require.NoError(t, w.Leave(t.Context(), b))
	held, _ = hold(a)
	require.ElementsMatch(t, refs, held)

	run(t, pool, `UPDATE webhooks SET pause_code = 'paused' WHERE id = $1`, refs[0].ID.UUID)
	run(t, pool, `UPDATE webhooks SET deleted = true WHERE id = $1`, refs[1].ID.UUID)
	held, _ = hold(a)
	require.ElementsMatch(t, refs[2:], held)
}

func TestManyProcessesNeverHoldTheSameWebhook(t *testing.T) {
	t.Parallel()
	pool, refs := hooked(t, 12)
	w := WebhookCursors{Pool: pool}
	var all sync.WaitGroup
	var mu sync.Mutex
	holders := map[commands.WebhookRef]int{}
	for range 6 {
		all.Go(func() {
			held, _, err := w.Hold(t.Context(), uuid.New(), life)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, ref := range held {
				holders[ref]++
			}
		})
	}
	all.Wait()
	require.Len(t, holders, len(refs))
	for _, n := range holders {
		require.Equal(t, 1, n)
	}
}

func TestACursorIsKept(t *testing.T) {
	t.Parallel()
	pool, refs := hooked(t, 1)
	w, process, ref := WebhookCursors{Pool: pool}, uuid.New(), refs[0]
	found, err := w.Cursors(t.Context(), ref.Org, ref.ID)
	require.NoError(t, err)
	require.Empty(t, found, "nobody has looked yet")
	_, _, err = w.Hold(t.Context(), process, life)
	require.NoError(t, err)
	began, held, err := w.Cursor(t.Context(), process, ref)
	require.NoError(t, err)
	require.True(t, held)
	require.Positive(t, began.Position, "behind its own first event")
	require.Equal(t, commands.WebhookCursor{Position: began.Position}, began)

	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	want := commands.WebhookCursor{
		Version: 3, Position: 77, Failures: 2, FailingSince: at, NextTry: at.Add(time.Hour), LastTry: at.Add(time.Minute), LastStatus: 500, LastError: "The receiver answered 500.",
	}
	version, err := w.Save(t.Context(), process, ref, want)
	require.NoError(t, err)
	require.Equal(t, 1, version, "of the webhook as it is")
	found, err = w.Cursors(t.Context(), ref.Org, ref.ID, webhook.ID{UUID: uuid.New()})
	require.NoError(t, err)
	require.Len(t, found, 1)
	got := found[ref.ID]
	require.Equal(t, fmt.Sprint(want.FailingSince, want.NextTry, want.LastTry), fmt.Sprint(got.FailingSince.UTC(), got.NextTry.UTC(), got.LastTry.UTC()))
	got.FailingSince, got.NextTry, got.LastTry = want.FailingSince, want.NextTry, want.LastTry
	require.Equal(t, want, got)
	found, err = w.Cursors(t.Context(), somebody().Org, ref.ID)
	require.NoError(t, err)
	require.Empty(t, found, "another organization's is not there")

	behind, err := w.Behind(t.Context(), ref.Org, 0)
	require.NoError(t, err)
	require.Equal(t, 1, behind)
	behind, err = w.Behind(t.Context(), somebody().Org, 0)
	require.NoError(t, err)
	require.Zero(t, behind)
}

func TestASecretIsMadeOnceAndKeptSealed(t *testing.T) {
	t.Parallel()
	pool, refs := hooked(t, 2)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	s, ref := WebhookSecrets{Pool: pool, Keys: keys}, refs[0]
	var all sync.WaitGroup
	var mu sync.Mutex
	made := map[string]bool{}
	for range 8 {
		all.Go(func() {
			secret, err := s.Secret(t.Context(), ref.Org, ref.ID, 0)
			if err != nil || len(secret) != webhookSecretSize {
				t.Error(len(secret), err)
			}
			mu.Lock()
			defer mu.Unlock()
			made[string(secret)] = true
		})
	}
	all.Wait()
	require.Len(t, made, 1, "whoever asks first, all get the same")
	next, err := s.Secret(t.Context(), ref.Org, ref.ID, 1)
	require.NoError(t, err)
	require.False(t, made[string(next)])
	foreign, err := s.Secret(t.Context(), refs[1].Org, refs[1].ID, 0)
	require.NoError(t, err)
	require.False(t, made[string(foreign)])
	_, err = s.Secret(t.Context(), somebody().Org, ref.ID, 0)
	require.Error(t, err, "another organization has no such webhook")
	var stored string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT string_agg(s::text, ' ') FROM webhook_secrets s`).Scan(&stored))
	for secret := range made {
		require.NotContains(t, stored, commands.ShownSecret([]byte(secret))[6:])
		require.NotContains(t, stored, fmt.Sprintf("%x", secret))
	}

	// What signs nothing any more is destroyed, and so is what a deleted webhook leaves.
	w := WebhookCursors{Pool: pool}
	_, _, err = w.Hold(t.Context(), uuid.New(), life)
	require.NoError(t, err)
	secrets := func() (n int) {
		require.NoError(t, w.Tidy(t.Context()))
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM webhook_secrets`).Scan(&n))
		return n
	}
	run(t, pool, `UPDATE webhooks SET generation = 1, rotated_at = now() WHERE id = $1`, ref.ID.UUID)
	require.Equal(t, 3, secrets())
	run(t, pool, `UPDATE webhooks SET rotated_at = now() - interval '25 hours' WHERE id = $1`, ref.ID.UUID)
	require.Equal(t, 2, secrets())
	run(t, pool, `UPDATE webhooks SET deleted = true WHERE id = $1`, ref.ID.UUID)
	require.Equal(t, 1, secrets())
	var cursors int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM webhook_cursors`).Scan(&cursors))
	require.Equal(t, 1, cursors)

	// Its key is gone, as after a restore without the keys.
	run(t, pool, `UPDATE webhook_secrets SET sealed = 'AAAA'`)
	_, err = s.Secret(t.Context(), refs[1].Org, refs[1].ID, 0)
	require.ErrorIs(t, err, errSecretLost)
}

func TestWebhooksSayThatTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	w, ref, process := WebhookCursors{Pool: pool}, commands.WebhookRef{Org: somebody().Org}, uuid.New()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ask := range map[string]func() error{
		"hold":    func() error { _, _, err := w.Hold(ctx, process, life); return err },
		"release": func() error { return w.Release(ctx, process, ref) },
		"leave":   func() error { return w.Leave(ctx, process) },
		"tidy":    func() error { return w.Tidy(ctx) },
		"cursor":  func() error { _, _, err := w.Cursor(ctx, process, ref); return err },
		"save":    func() error { _, err := w.Save(ctx, process, ref, commands.WebhookCursor{}); return err },
		"cursors": func() error { _, err := w.Cursors(ctx, ref.Org, ref.ID); return err },
		"behind":  func() error { _, err := w.Behind(ctx, ref.Org, 1); return err },
		"secret": func() error {
			_, err := WebhookSecrets{Pool: pool, Keys: keys}.Secret(ctx, ref.Org, ref.ID, 0)
			return err
		},
	} {
		require.ErrorIs(t, ask(), context.Canceled, name)
	}
}
