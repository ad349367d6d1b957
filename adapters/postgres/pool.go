package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// MinVersion is the oldest major version of PostgreSQL the program works with.
const MinVersion = 15

// ErrTooOld says that the server is older than MinVersion.
var ErrTooOld = errors.New("the PostgreSQL server is too old")

const (
	serverPatience = 30 * time.Second
	retryInterval  = 250 * time.Millisecond
	codeStartingUp = "57P03" // cannot_connect_now
)

// PoolOption changes the pool's configuration before it is opened.
type PoolOption func(*pgxpool.Config)

// MaxConns limits the connections of a pool; 20 without it.
func MaxConns(n int32) PoolOption {
	return func(c *pgxpool.Config) { c.MaxConns = n }
}

// Open connects to a server and checks its version. It waits up to 30 seconds for one that is still starting, as
// under compose; a refusal, such as a wrong password, is returned at once. It returns ErrTooOld below MinVersion.
func Open(ctx context.Context, url string, opts ...PoolOption) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database's URL: %w", err)
	}
	config.MaxConns = 20
	config.MaxConnIdleTime = 5 * time.Minute
	config.MaxConnLifetime = time.Hour
	config.MaxConnLifetimeJitter = 10 * time.Minute
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "ticketd"
	}
	// A machine that freezes in the middle of an append must not hold the append lock for as long as TCP is patient. On a
	// Unix socket these mean nothing. They are no startup parameters, which poolers refuse.
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = '25s'`)
		return err
	}
	for _, opt := range opts {
		opt(config)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := awaitServer(ctx, pool, serverPatience); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// awaitServer asks for the version until the server answers, refuses, or patience ends.
func awaitServer(ctx context.Context, pool *pgxpool.Pool, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	retry := time.NewTicker(retryInterval)
	defer retry.Stop()
	for {
		err := checkVersion(ctx, pool)
		if err == nil || !isStarting(err) {
			return err
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return fmt.Errorf("reach the database: %w", err)
		}
	}
}

func checkVersion(ctx context.Context, pool *pgxpool.Pool) error {
	var version int
	const query = `SELECT current_setting('server_version_num')::int`
	if err := pool.QueryRow(ctx, query).Scan(&version); err != nil {
		return fmt.Errorf("ask the database for its version: %w", err)
	}
	return acceptVersion(version)
}

// acceptVersion takes the server_version_num: 150014 is 15.14.
func acceptVersion(version int) error {
	if major := version / 10000; major < MinVersion {
		return fmt.Errorf("%w: it is version %d, and %d or newer is needed", ErrTooOld, major, MinVersion)
	}
	return nil
}

// isStarting tells a server that is not there yet from one that answers no.
func isStarting(err error) bool {
	if errors.Is(err, ErrTooOld) {
		return false
	}
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refusal.Code == codeStartingUp
	}
	return true
}
