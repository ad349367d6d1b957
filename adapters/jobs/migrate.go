package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	// schema is where River's tables lie, and ours about its workers.
	schema = "jobs"
	// migrateLock is the advisory lock under which instances take turns at migrating.
	migrateLock = 7_316_051_907
)

// Migrate brings the tables of jobs up to date, which are River's own and come with it. Instances that start together take
// turns.
func Migrate(ctx context.Context, pool *pgxpool.Pool) (err error) {
	// Beside the pool, which may have but one connection to give; the lock ends with this one.
	conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	_, err = conn.Exec(ctx, fmt.Sprintf(`
		SELECT pg_advisory_lock(%d);
		CREATE SCHEMA IF NOT EXISTS jobs;
		CREATE TABLE IF NOT EXISTS jobs.workers (id text PRIMARY KEY, seen_at timestamptz NOT NULL)`, migrateLock))
	if err != nil {
		return fmt.Errorf("make the schema of jobs: %w", err)
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("read River's migrations: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate jobs: %w", err)
	}
	return nil
}
