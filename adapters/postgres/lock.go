package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Alone runs do while no other instance runs what has the same number, and answers whether it did: not when another is at
// it. The lock goes with its connection, so it never outlives an instance.
func Alone(ctx context.Context, pool *pgxpool.Pool, number int64, do func(ctx context.Context) error) (ran bool, err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("lock %d: %w", number, err)
	}
	defer conn.Release()
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, number).Scan(&ran); err != nil || !ran {
		return false, err
	}
	defer func() {
		if _, unlock := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, number); unlock != nil && err == nil {
			err = fmt.Errorf("unlock %d: %w", number, unlock)
		}
	}()
	return true, do(ctx)
}
