package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ticketd/adapters/postgres"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/eventstore"
)

// postbox is an inbox with the deliveries that webhooks may be about.
type postbox struct {
	*testing.T
	pool  *pgxpool.Pool
	inbox postgres.Inbox
}

func newPostbox(t *testing.T) postbox {
	t.Helper()
	pool := postgrestest.Pool(t)
	return postbox{t, pool, postgres.Inbox{Pool: pool}}
}

// delivery is a ticket that lives with an integration.
func (p postbox) delivery(a commands.AccountRef, external string) uuid.UUID {
	p.Helper()
	id := commands.NewID()
	_, err := p.pool.Exec(p.Context(), `
		INSERT INTO deliveries (id, org_id, version, integration_id, ticket_id, created_by, status, external_id, external_url, step, tries, code, message, notes, created_at, updated_at)
		VALUES ($1, $2, 1, $3, gen_random_uuid(), gen_random_uuid(), 'created', $4, '', '', 0, '', '', '[]', now(), now())`, id, a.Org.UUID, a.Integration, external)
	require.NoError(p, err)
	return id
}

// queued answers how often a delivery was asked for, and whether because something changed there.
func (p postbox) queued(id uuid.UUID) (wakes int, hear bool) {
	p.Helper()
	require.NoError(p, p.pool.QueryRow(p.Context(), `SELECT coalesce(max(wakes + 1 - (extract(epoch FROM queued_at) * 1000000)::bigint), 0), coalesce(bool_or(hear), false) FROM delivery_queue WHERE delivery_id = $1`, id).Scan(&wakes, &hear))
	return wakes, hear
}

func (p postbox) take(arrivals ...commands.Arrival) (fresh, woken int) {
	p.Helper()
	fresh, woken, err := p.inbox.Take(p.Context(), arrivals, 0)
	require.NoError(p, err)
	return fresh, woken
}

func newAccount() commands.AccountRef {
	return commands.AccountRef{Org: domain.OrgID{UUID: commands.NewID()}, Integration: commands.NewID()}
}

func arrival(a commands.AccountRef, delivery string, tickets ...string) commands.Arrival {
	return commands.Arrival{Org: a.Org, Integration: a.Integration, Delivery: delivery, Tickets: tickets}
}

func TestAWebhookWakesWhatItIsAboutOnce(t *testing.T) {
	t.Parallel()
	p, a := newPostbox(t), newAccount()
	seven, eight, early := p.delivery(a, "7"), p.delivery(a, "8"), p.delivery(a, "")
	fresh, woken := p.take(arrival(a, "d1", "7", "9", ""))
	require.Equal(t, []int{1, 1}, []int{fresh, woken})
	fresh, woken = p.take(arrival(a, "d1", "7", "8"))
	require.Equal(t, []int{0, 0}, []int{fresh, woken}, "a repetition does nothing")
	wakes, hear := p.queued(seven)
	require.Equal(t, 1, wakes)
	require.True(t, hear)
	for _, other := range []uuid.UUID{eight, early} {
		wakes, _ = p.queued(other)
		require.Zero(t, wakes)
	}

	queue := postgres.DeliveryQueue{Pool: p.pool}
	require.NoError(t, queue.Wake(t.Context(), commands.DeliveryJob{Org: a.Org, Integration: a.Integration, Delivery: eight}))
	fresh, woken = p.take(arrival(a, "d2", "7", "8"))
	require.Equal(t, []int{1, 2}, []int{fresh, woken})
	wakes, hear = p.queued(eight)
	require.Equal(t, 2, wakes)
	require.True(t, hear, "whoever is to look must hear, too")
	jobs, err := queue.Due(t.Context(), a, 10, nil)
	require.NoError(t, err)
	require.Len(t, jobs, 2)

	fresh, woken = p.take(arrival(a, "d3", "nobody's"))
	require.Equal(t, []int{1, 0}, []int{fresh, woken}, "what nobody knows is remembered, and ignored")
}

// Whatever a vendor tells of a ticket within a moment is one look; a look that is due already does not wait for it.
func TestWebhooksAreGathered(t *testing.T) {
	t.Parallel()
	p, a := newPostbox(t), newAccount()
	p.delivery(a, "7")
	queue := postgres.DeliveryQueue{Pool: p.pool}
	due := func() []commands.DeliveryJob {
		jobs, err := queue.Due(t.Context(), a, 10, nil)
		require.NoError(t, err)
		return jobs
	}
	later := func(delivery string, while time.Duration) {
		_, woken, err := p.inbox.Take(t.Context(), []commands.Arrival{arrival(a, delivery, "7")}, while)
		require.NoError(t, err)
		require.Equal(t, 1, woken)
	}
	later("d1", time.Hour)
	require.Empty(t, due())
	later("d2", 0)
	later("d3", time.Hour)
	jobs := due()
	require.Len(t, jobs, 1)
	require.True(t, jobs[0].Hear)
}

// A vendor may know that it did not tell something, and not what.
func TestAWebhookMayBeAboutEverything(t *testing.T) {
	t.Parallel()
	p, a, b := newPostbox(t), newAccount(), newAccount()
	seven, eight, waiting := p.delivery(a, "7"), p.delivery(a, "8"), p.delivery(a, "")
	other := p.delivery(b, "7")
	missed := arrival(a, "d1", "7")
	missed.Everything = true
	fresh, woken := p.take(missed)
	require.Equal(t, []int{1, 2}, []int{fresh, woken})
	for _, id := range []uuid.UUID{seven, eight} {
		wakes, hear := p.queued(id)
		require.Equal(t, 1, wakes)
		require.True(t, hear)
	}
	for _, id := range []uuid.UUID{waiting, other} {
		wakes, _ := p.queued(id)
		require.Zero(t, wakes)
	}
	fresh, woken = p.take(missed)
	require.Equal(t, []int{0, 0}, []int{fresh, woken}, "a repetition does nothing")
	sister := arrival(b, "d1", "7")
	_, woken = p.take(arrival(a, "d2", "8"), sister)
	require.Equal(t, 2, woken)
}

func TestNobodyElsesDeliveriesAreWoken(t *testing.T) {
	t.Parallel()
	p, a, b := newPostbox(t), newAccount(), newAccount()
	ours, sister := p.delivery(a, "7"), commands.AccountRef{Org: a.Org, Integration: commands.NewID()}
	others := []uuid.UUID{p.delivery(b, "7"), p.delivery(sister, "7"), p.delivery(commands.AccountRef{Org: b.Org, Integration: a.Integration}, "7")}
	p.take(arrival(a, "d", "7"))
	for _, id := range others {
		wakes, _ := p.queued(id)
		require.Zero(t, wakes)
	}
	// One webhook may be for several, who each take it for themselves.
	fresh, woken := p.take(arrival(a, "d", "7"), arrival(b, "d", "7", "8"), arrival(sister, "d", "8"))
	require.Equal(t, []int{2, 1}, []int{fresh, woken})
	wakes, _ := p.queued(ours)
	require.Equal(t, 1, wakes)
	wakes, _ = p.queued(others[0])
	require.Equal(t, 1, wakes)
}

// Two processes are sent the same webhook at the same time: one takes it.
// What happens to a ticket while it is made there is not lost, though nobody here knows its name yet.
func TestAWebhookWakesWhatIsBeingMade(t *testing.T) {
	t.Parallel()
	p, a := newPostbox(t), newAccount()
	made, waiting := p.delivery(a, ""), p.delivery(a, "")
	_, err := p.pool.Exec(t.Context(), `UPDATE deliveries SET step = 'create' WHERE id = $1`, made)
	require.NoError(t, err)
	_, woken := p.take(arrival(a, "d1", "9", "10"))
	require.Equal(t, 1, woken)
	_, hear := p.queued(made)
	require.True(t, hear)
	wakes, _ := p.queued(waiting)
	require.Zero(t, wakes)
	_, woken = p.take(arrival(a, "d2"))
	require.Zero(t, woken, "it is about no ticket")
}

func TestARaceForAWebhookHasOneWinner(t *testing.T) {
	t.Parallel()
	p, a, b := newPostbox(t), newAccount(), newAccount()
	other, err := postgres.Open(t.Context(), p.pool.Config().ConnString(), postgres.MaxConns(4))
	require.NoError(t, err)
	t.Cleanup(other.Close)
	first, second := p.delivery(a, "7"), p.delivery(b, "8")
	const webhooks = 50
	var all errgroup.Group
	fresh := make([]int, 4)
	for racer := range fresh {
		inbox := []postgres.Inbox{p.inbox, {Pool: other}}[racer%2]
		all.Go(func() error {
			for n := range webhooks {
				came := []commands.Arrival{arrival(a, fmt.Sprint(n), "7"), arrival(b, fmt.Sprint(n), "8")}
				if racer >= 2 { // in whatever order they come
					came[0], came[1] = came[1], came[0]
				}
				taken, _, err := inbox.Take(t.Context(), came, 0)
				if err != nil {
					return err
				}
				fresh[racer] += taken
			}
			return nil
		})
	}
	require.NoError(t, all.Wait())
	require.Equal(t, 2*webhooks, fresh[0]+fresh[1]+fresh[2]+fresh[3])
	for _, id := range []uuid.UUID{first, second} {
		wakes, _ := p.queued(id)
		require.Equal(t, webhooks, wakes)
	}
}

func TestOldWebhooksAreForgotten(t *testing.T) {
	t.Parallel()
	p, a := newPostbox(t), newAccount()
	_, err := p.pool.Exec(t.Context(), `INSERT INTO webhook_inbox (integration_id, delivery, org_id, received_at) SELECT $1, n::text, $2, now() - interval '31 days' FROM generate_series(1, 10001) n`,
		a.Integration, a.Org.UUID)
	require.NoError(t, err)
	p.take(arrival(a, "new", "7"))
	forgotten, err := p.inbox.Sweep(t.Context(), postgres.InboxLife)
	require.NoError(t, err)
	require.EqualValues(t, 10001, forgotten)
	fresh, _ := p.take(arrival(a, "new", "7"))
	require.Zero(t, fresh)
	fresh, _ = p.take(arrival(a, "1", "7"))
	require.Equal(t, 1, fresh)
	p.pool.Close()
	_, err = p.inbox.Sweep(t.Context(), postgres.InboxLife)
	require.Error(t, err)
	_, _, err = p.inbox.Take(t.Context(), []commands.Arrival{arrival(a, "d", "7")}, 0)
	require.Error(t, err)
}

func TestManyCredentialsAreReadAtOnce(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	vault := postgres.NewVault(pool, keys, slog.New(slog.DiscardHandler))
	a, b, erased, none := newAccount(), newAccount(), newAccount(), newAccount()
	for n, account := range []commands.AccountRef{a, b, erased} {
		_, err := vault.Put(t.Context(), account.Org, account.Integration, map[string]string{"webhook_secret": fmt.Sprint(n)})
		require.NoError(t, err)
	}
	_, err = vault.Change(t.Context(), b.Org, b.Integration, func(_ context.Context, held commands.Credentials) (*commands.Credentials, error) {
		held.Ends = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		return &held, nil
	})
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `UPDATE subject_keys SET wrapped = '' WHERE subject_id = $1`, erased.Integration)
	require.NoError(t, err)
	keys.Forget(erased.Integration)
	ids := []uuid.UUID{a.Integration, b.Integration, erased.Integration, none.Integration}
	many, err := vault.ReadMany(t.Context(), ids)
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]commands.Credentials{
		a.Integration: {Fields: map[string]string{"webhook_secret": "0"}, Revision: 1},
		b.Integration: {Fields: map[string]string{"webhook_secret": "1"}, Revision: 2, Ends: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)},
	}, many)
	sealed, err := keys.Seal(t.Context(), a.Org.UUID, a.Integration, []byte("no JSON"))
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `UPDATE integration_credentials SET sealed = $2 WHERE integration_id = $1`, a.Integration, sealed)
	require.NoError(t, err)
	_, err = vault.ReadMany(t.Context(), ids)
	require.ErrorContains(t, err, "not what was sealed")
	require.NotContains(t, err.Error(), "no JSON")
	pool.Close()
	_, err = vault.ReadMany(t.Context(), ids)
	require.Error(t, err)
}
