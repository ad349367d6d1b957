package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/commands"
	"ticketd/domain"
)

var _ commands.DeliveryWaits = postgres.DeliveryQueue{}

func TestADeliveryWaitsUntilItIsSettled(t *testing.T) {
	t.Parallel()
	q := postgres.DeliveryQueue{Pool: postgrestest.Pool(t)}
	org, there := domain.OrgID{UUID: uuid.New()}, uuid.New()
	now, later, held, done := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	at := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	for _, id := range []uuid.UUID{now, later, held, done} {
		require.NoError(t, q.Wake(t.Context(), commands.DeliveryJob{Org: org, Integration: there, Delivery: id}))
	}
	woken := func(id uuid.UUID) commands.DeliveryJob {
		due, err := q.Due(t.Context(), commands.AccountRef{Org: org, Integration: there}, 10, nil)
		require.NoError(t, err)
		return due[slices.IndexFunc(due, func(j commands.DeliveryJob) bool { return j.Delivery == id })]
	}
	require.NoError(t, q.Later(t.Context(), woken(later), at))
	require.NoError(t, q.Later(t.Context(), woken(held), time.Time{}))
	require.NoError(t, q.Settle(t.Context(), woken(done)))
	waits, err := q.Waits(t.Context(), org, []uuid.UUID{now, later, held, done})
	require.NoError(t, err)
	require.Len(t, waits, 3)
	require.WithinDuration(t, time.Now(), waits[now], time.Minute)
	require.WithinDuration(t, at, waits[later], 0)
	require.True(t, waits[held].IsZero())
	require.NotContains(t, waits, done)
	others, err := q.Waits(t.Context(), domain.OrgID{UUID: uuid.New()}, []uuid.UUID{now})
	require.NoError(t, err)
	require.Empty(t, others)
	q.Pool.Close()
	_, err = q.Waits(t.Context(), org, []uuid.UUID{now})
	require.ErrorContains(t, err, "read when deliveries are due")
}
