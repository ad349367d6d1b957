//go:build linux

package postgres

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
)

// counter is a queue with an account for which there is something to do.
type counter struct {
	DeliveryQueue
	t       *testing.T
	account commands.AccountRef
}

func newCounter(t *testing.T) counter {
	t.Helper()
	return counter{DeliveryQueue{Pool: migrated(t)}, t, commands.AccountRef{Org: domain.OrgID{UUID: uuid.New()}, Integration: uuid.New()}}
}

func (c counter) job() commands.DeliveryJob {
	return commands.DeliveryJob{Org: c.account.Org, Integration: c.account.Integration, Delivery: uuid.New()}
}

func (c counter) wake(jobs ...commands.DeliveryJob) {
	c.t.Helper()
	for _, j := range jobs {
		require.NoError(c.t, c.Wake(c.t.Context(), j))
	}
}

func (c counter) due(without ...uuid.UUID) []commands.DeliveryJob {
	c.t.Helper()
	jobs, err := c.Due(c.t.Context(), c.account, 10, without)
	require.NoError(c.t, err)
	return jobs
}

func TestADeliveryIsDueOnceHoweverOftenItWasWoken(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	first, second := c.job(), c.job()
	c.wake(first, second, first)
	hear := first
	hear.Hear = true
	c.wake(hear)
	jobs := c.due()
	require.Len(t, jobs, 2)
	jobs[0].Wakes = 0 // whatever it counts from
	require.Equal(t, commands.DeliveryJob{Org: c.account.Org, Integration: c.account.Integration, Delivery: first.Delivery, Hear: true}, jobs[0])
	jobs = c.due()
	require.Equal(t, []commands.DeliveryJob{jobs[1]}, c.due(first.Delivery))

	c.wake(first) // while somebody is at it
	require.NoError(t, c.Settle(t.Context(), jobs[0]))
	require.NoError(t, c.Settle(t.Context(), jobs[1]))
	jobs = c.due()
	require.Len(t, jobs, 1, "what was asked for meanwhile is looked at again")
	require.NoError(t, c.Settle(t.Context(), jobs[0]))
	require.Empty(t, c.due())
}

func TestADeliveryIsPutOffUntilItIsWokenOrResumed(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	first, second := c.job(), c.job()
	c.wake(first, second)
	jobs := c.due()
	require.NoError(t, c.Later(t.Context(), jobs[0], time.Now().Add(time.Hour)))
	require.NoError(t, c.Later(t.Context(), jobs[1], time.Time{}))
	require.Empty(t, c.due())
	require.NoError(t, c.Resume(t.Context(), domain.OrgID{UUID: uuid.New()}, c.account.Integration), "another organization's")
	require.Empty(t, c.due())
	require.NoError(t, c.Resume(t.Context(), c.account.Org, c.account.Integration))
	require.Equal(t, second.Delivery, c.due()[0].Delivery)
	c.wake(first)
	require.Len(t, c.due(), 2)
}

// Whoever looks at a delivery may not have seen yet that its integration can be used again.
func TestADeliveryThatIsLookedAtWhileItIsResumedIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	held, later := c.job(), c.job()
	c.wake(held, later)
	jobs := c.due()
	require.NoError(t, c.Later(t.Context(), jobs[1], time.Now().Add(time.Hour)))
	require.NoError(t, c.Resume(t.Context(), c.account.Org, c.account.Integration))
	require.NoError(t, c.Later(t.Context(), jobs[0], time.Time{}))
	require.Len(t, c.due(), 1, "what was put off by itself stays so")
	require.Equal(t, held.Delivery, c.due()[0].Delivery)
}

func TestAnAccountRestsAsAWhole(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	first, second := c.job(), c.job()
	c.wake(first, second)
	later := time.Now().Add(time.Hour)
	require.NoError(t, c.Rest(t.Context(), commands.AccountRef{Org: domain.OrgID{UUID: uuid.New()}, Integration: c.account.Integration}, later), "another organization's")
	require.Len(t, c.due(), 2)
	require.NoError(t, c.Rest(t.Context(), c.account, later))
	require.Empty(t, c.due())
	c.wake(first)
	require.Len(t, c.due(), 1)
}

// A row that was made since is not taken for the one that somebody still holds.
func TestWhoIsLateSettlesNothing(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	job := c.job()
	c.wake(job)
	held := c.due()[0]
	require.NoError(t, c.Settle(t.Context(), held))
	c.wake(job)
	require.NoError(t, c.Settle(t.Context(), held))
	require.Len(t, c.due(), 1)
}

func TestEveryDeliveryOfAnAccountIsWoken(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	row := func(org uuid.UUID, status, external string) uuid.UUID {
		id := uuid.New()
		_, err := c.Pool.Exec(t.Context(), `
			INSERT INTO deliveries (id, org_id, version, integration_id, ticket_id, created_by, status, external_id, external_url, step, tries, code, message, notes, created_at, updated_at)
			VALUES ($1, $2, 1, $3, $1, $1, $4, $5, '', '', 0, '', '', '[]', now(), now())`, id, org, c.account.Integration, status, external)
		require.NoError(t, err)
		return id
	}
	waiting, there := row(c.account.Org.UUID, "failed", ""), row(c.account.Org.UUID, "delivered", "7")
	row(c.account.Org.UUID, "ended", "8")
	row(uuid.New(), "failed", "")
	require.NoError(t, c.HearAll(t.Context(), c.account, time.Hour))
	require.Empty(t, c.due(), "not yet")
	require.NoError(t, c.HearAll(t.Context(), c.account, 0))
	jobs := c.due()
	require.Len(t, jobs, 1)
	require.Equal(t, there, jobs[0].Delivery)
	require.True(t, jobs[0].Hear)
	require.NoError(t, c.WakeAll(t.Context(), c.account))
	require.ElementsMatch(t, []uuid.UUID{waiting, there}, []uuid.UUID{c.due()[0].Delivery, c.due()[1].Delivery})
}

func TestAnAccountIsServedByOneProcessAtATime(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	one, two := uuid.New(), uuid.New()
	claim := func(holder uuid.UUID, life time.Duration) []commands.AccountRef {
		accounts, err := c.Claim(t.Context(), holder, life, 10)
		require.NoError(t, err)
		return accounts
	}
	require.Empty(t, claim(one, time.Hour), "nothing is due")
	c.wake(c.job())
	require.Equal(t, []commands.AccountRef{c.account}, claim(one, time.Hour))
	require.Empty(t, claim(two, time.Hour))
	require.Empty(t, claim(one, time.Hour), "it has it already")
	require.NoError(t, c.GiveBack(t.Context(), two, c.account), "that is not its own")
	kept, err := c.Keep(t.Context(), one, time.Nanosecond)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{c.account.Integration}, kept)
	require.Equal(t, []commands.AccountRef{c.account}, claim(two, time.Hour), "whoever does not keep it has lost it")
	kept, err = c.Keep(t.Context(), one, time.Hour)
	require.NoError(t, err)
	require.Empty(t, kept)
	require.NoError(t, c.GiveBack(t.Context(), two, c.account))
	require.Equal(t, []commands.AccountRef{c.account}, claim(one, time.Hour))
}

func TestEachIntegrationIsCheckedInItsTurn(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	_, due, err := c.ClaimCheck(t.Context(), time.Hour)
	require.NoError(t, err)
	require.False(t, due)
	require.NoError(t, c.Watch(t.Context(), c.account))
	got, due, err := c.ClaimCheck(t.Context(), time.Hour)
	require.NoError(t, err)
	require.True(t, due)
	require.Equal(t, c.account, got)
	_, due, err = c.ClaimCheck(t.Context(), time.Hour)
	require.NoError(t, err)
	require.False(t, due, "it is checked already")
	require.NoError(t, c.Watch(t.Context(), c.account))
	require.NoError(t, c.Unwatch(t.Context(), commands.AccountRef{Org: domain.OrgID{UUID: uuid.New()}, Integration: c.account.Integration}), "another organization's")
	_, due, err = c.ClaimCheck(t.Context(), time.Nanosecond)
	require.NoError(t, err)
	require.True(t, due)
	require.NoError(t, c.Unwatch(t.Context(), c.account))
	_, due, err = c.ClaimCheck(t.Context(), time.Hour)
	require.NoError(t, err)
	require.False(t, due)
}
