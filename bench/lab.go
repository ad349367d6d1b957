package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/adapters/postgres"
	"ticketd/migrations"
)

// lab is the machine everything is measured on: a durable PostgreSQL of its own, and a directory that goes with it.
type lab struct {
	dir        string
	server     string // the URL of its maintenance database
	postmaster int    // 0 when the server is not ours
	cluster    *postgres.Cluster
	log        *slog.Logger
}

func openLab(ctx context.Context, log *slog.Logger) (*lab, error) {
	dir, err := os.MkdirTemp(".", ".bench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	l := &lab{dir: dir, log: log}
	if l.cluster, err = postgres.Start(ctx, dir, log, postgres.MaxConnections(200)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	l.server = l.cluster.URL()
	pid, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
	if err == nil {
		first, _, _ := strings.Cut(string(pid), "\n")
		l.postmaster, err = strconv.Atoi(first)
	}
	if err != nil {
		l.close(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("find the server's process: %w", err)
	}
	return l, nil
}

func (l *lab) close(ctx context.Context) {
	if err := errors.Join(l.cluster.Stop(ctx), os.RemoveAll(l.dir)); err != nil {
		fmt.Fprintln(os.Stderr, "bench: clean up:", err)
	}
}

// database makes a database with every migration applied and answers its URL.
func (l *lab) database(ctx context.Context, name string) (string, error) {
	admin, err := pgx.Connect(ctx, l.server)
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer admin.Close(ctx) //nolint:errcheck // it has done its work
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	u, err := url.Parse(l.server)
	if err != nil {
		return "", fmt.Errorf("read the server's URL: %w", err)
	}
	u.Path = "/" + name
	pool, err := postgres.Open(ctx, u.String())
	if err != nil {
		return "", err
	}
	defer pool.Close()
	_, err = postgres.MigrateUp(ctx, pool, migrations.FS)
	return u.String(), err
}

// open is database, with a pool on it.
func (l *lab) open(ctx context.Context, name string) (database string, pool *pgxpool.Pool, err error) {
	if database, err = l.database(ctx, name); err != nil {
		return "", nil, err
	}
	pool, err = postgres.Open(ctx, database)
	return database, pool, err
}

// settle writes out what the last measurement left behind, so that it does not burden the next.
func settle(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, "CHECKPOINT")
	return err
}

// databaseCPU is the time that all processes of the server have computed so far. A process that ends while they are
// added up would be counted twice or never, so they are added up again then.
func (l *lab) databaseCPU() time.Duration {
	if l.postmaster == 0 {
		return 0
	}
	for {
		children := childrenOf(l.postmaster)
		total := processCPU(l.postmaster, true)
		for _, pid := range children {
			total += processCPU(pid, false)
		}
		if slices.Equal(children, childrenOf(l.postmaster)) {
			return total
		}
	}
}
