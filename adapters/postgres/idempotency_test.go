//go:build linux

package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/eventstore"
	"ticketd/migrations"
)

// migrated is a database with the program's own schema.
func migrated(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := openFresh(t)
	_, err := MigrateUp(t.Context(), pool, migrations.FS)
	require.NoError(t, err)
	return pool
}

func somebody() domain.Caller {
	return domain.Caller{Actor: domain.Actor{User: domain.UserID{UUID: uuid.New()}}, Org: domain.OrgID{UUID: uuid.New()}}
}

func TestIdempotencyKeepsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	i, ada, bob := Idempotency{Pool: pool, Keys: keys}, somebody(), somebody()
	first, second := [32]byte{1}, [32]byte{2}
	one, two := uuid.New(), uuid.New()
	begin := func(c domain.Caller, request [32]byte, reserve uuid.UUID) (uuid.UUID, [32]byte, string) {
		t.Helper()
		id, hash, answer, err := i.Begin(t.Context(), c, "key", request, reserve)
		require.NoError(t, err)
		return id, hash, string(answer)
	}
	expect := func(c domain.Caller, request [32]byte, reserve, wantID uuid.UUID, wantHash [32]byte, wantAnswer string) {
		t.Helper()
		id, hash, answer := begin(c, request, reserve)
		require.Equal(t, wantID, id)
		require.Equal(t, wantHash, hash)
		require.Equal(t, wantAnswer, answer)
	}
	expect(ada, first, one, one, first, "")
	expect(ada, first, two, one, first, "") // not answered yet, and the id is reserved already
	expect(ada, second, two, one, first, "")
	expect(bob, second, two, two, second, "")
	require.NoError(t, i.Finish(t.Context(), ada, "key", []byte("what Ada wrote")))
	require.NoError(t, i.Finish(t.Context(), ada, "key", []byte("a later answer")))
	expect(ada, first, two, one, first, "what Ada wrote")
	expect(bob, second, one, two, second, "")

	var stored string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT string_agg(answer, '') FROM idempotency`).Scan(&stored))
	require.NotContains(t, stored, "Ada", "answers are sealed")

	_, err = pool.Exec(t.Context(), `UPDATE idempotency SET created_at = created_at - $1::interval WHERE user_id = $2`, IdempotencyLife+time.Second, [16]byte(ada.User.UUID))
	require.NoError(t, err)
	expect(ada, second, two, two, second, "") // a day later the key is new
	_, err = pool.Exec(t.Context(), `UPDATE idempotency SET created_at = created_at - $1::interval`, IdempotencyLife+time.Second)
	require.NoError(t, err)
	begin(somebody(), first, one)
	forgotten, err := i.Forget(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, forgotten)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, _, err = i.Begin(ctx, ada, "key", first, one)
	require.ErrorIs(t, err, context.Canceled)
	_, err = i.Forget(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, i.Finish(ctx, ada, "key", nil), context.Canceled)
}
