package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migration is one step of the schema.
type Migration struct {
	Version int64
	Name    string
	Applied bool
}

// MigrateUp applies every migration in files that the database lacks and returns them, none when it is up to date.
// Instances that start together take turns.
func MigrateUp(ctx context.Context, pool *pgxpool.Pool, files fs.FS) (applied []Migration, err error) {
	err = withGoose(pool, files, func(g *goose.Provider) error {
		results, err := g.Up(ctx)
		for _, r := range results {
			applied = append(applied, migration(r.Source, true))
		}
		return err
	})
	if err != nil {
		return applied, fmt.Errorf("migrate up: %w", err)
	}
	return applied, nil
}

// MigrateDown takes the latest migration back and returns it, none when there is none left.
func MigrateDown(ctx context.Context, pool *pgxpool.Pool, files fs.FS) (reverted []Migration, err error) {
	err = withGoose(pool, files, func(g *goose.Provider) error {
		result, err := g.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return nil
		}
		if err == nil {
			reverted = append(reverted, migration(result.Source, false))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("migrate down: %w", err)
	}
	return reverted, nil
}

// MigrateStatus lists every migration in files, the oldest first, and whether the database has it.
func MigrateStatus(ctx context.Context, pool *pgxpool.Pool, files fs.FS) (all []Migration, err error) {
	err = withGoose(pool, files, func(g *goose.Provider) error {
		results, err := g.Status(ctx)
		for _, r := range results {
			all = append(all, migration(r.Source, r.State == goose.StateApplied))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", err)
	}
	return all, nil
}

func migration(source *goose.Source, applied bool) Migration {
	return Migration{Version: source.Version, Name: path.Base(source.Path), Applied: applied}
}

// withGoose lends the steps connections beside the pool: the lock keeps one while another works, and a pool of one
// would wait for itself.
func withGoose(pool *pgxpool.Pool, files fs.FS, do func(*goose.Provider) error) (err error) {
	db := stdlib.OpenDB(*pool.Config().ConnConfig)
	defer func() { err = errors.Join(err, db.Close()) }()
	// Tries every second, for five minutes.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return fmt.Errorf("prepare the lock: %w", err)
	}
	g, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	return do(g)
}
