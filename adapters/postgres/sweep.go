package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Sweep removes what updates and deletes have left behind in tables: old versions of rows, and the samples that the
// planner's statistics keep of them.
func Sweep(ctx context.Context, pool *pgxpool.Pool, tables ...string) error {
	for _, table := range tables {
		// Not truncated: that would lock readers out.
		if _, err := pool.Exec(ctx, `VACUUM (ANALYZE, TRUNCATE false) `+pgx.Identifier{table}.Sanitize()); err != nil {
			return fmt.Errorf("sweep %s: %w", table, err)
		}
	}
	return nil
}
