package jobs_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ticketd/adapters/jobs"
	"ticketd/adapters/postgres"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
)

func TestMain(m *testing.M) {
	if database := os.Getenv(helperDatabase); database != "" {
		os.Exit(helper(context.Background(), database))
	}
	goleak.VerifyTestMain(withServer{m})
}

// withServer stops the server before anybody looks for goroutines that leaked; postgrestest.Main would do it too late.
type withServer struct{ *testing.M }

func (m withServer) Run() int {
	flag.Parse()
	if testing.Short() || os.Getenv("TEST_DATABASE_URL") != "" {
		return m.M.Run()
	}
	dir, err := postgres.TempDir()
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	server, err := postgres.Start(context.Background(), dir, slog.New(slog.DiscardHandler), postgres.Volatile(), postgres.MaxConnections(300))
	if err != nil {
		return failed(err)
	}
	if err := os.Setenv("TEST_DATABASE_URL", server.URL()); err != nil {
		return failed(err)
	}
	code := m.M.Run()
	if err := server.Stop(context.Background()); err != nil {
		return failed(err)
	}
	return code
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "the tests' PostgreSQL:", err)
	return 1
}

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

func migrated(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := postgrestest.Pool(t)
	require.NoError(t, jobs.Migrate(t.Context(), pool))
	return pool
}

// call is a job at the desk of a worker, which lasts until it is ended.
type call struct {
	commands.FileJob
	ctx context.Context
	at  time.Time
	end chan error
}

// desk is where jobs arrive.
type desk struct {
	t      *testing.T
	calls  chan call
	givens chan commands.FileJob
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	return &desk{t: t, calls: make(chan call, 100), givens: make(chan commands.FileJob, 100)}
}

func (d *desk) process(ctx context.Context, job commands.FileJob) error {
	c := call{FileJob: job, ctx: ctx, at: time.Now(), end: make(chan error, 1)}
	d.calls <- c
	select {
	case err := <-c.end:
		return err
	case <-ctx.Done():
		return fmt.Errorf("a statement: %w", ctx.Err())
	}
}

func (d *desk) giveUp(_ context.Context, job commands.FileJob) error {
	d.givens <- job
	return nil
}

// next waits for a job.
func (d *desk) next() call {
	d.t.Helper()
	select {
	case c := <-d.calls:
		return c
	case <-time.After(patience):
		require.FailNow(d.t, "no job has come")
		return call{}
	}
}

// given waits for a job that is given up.
func (d *desk) given() commands.FileJob {
	d.t.Helper()
	select {
	case job := <-d.givens:
		return job
	case <-time.After(patience):
		require.FailNow(d.t, "no job was given up")
		return commands.FileJob{}
	}
}

// options are for a desk with a worker a queue.
func (d *desk) options() jobs.Options {
	return jobs.Options{Workers: 1, Process: d.process, GiveUp: d.giveUp, RetryAfter: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
}

func open(t *testing.T, pool *pgxpool.Pool, o jobs.Options) *jobs.Jobs {
	t.Helper()
	if o.GiveUp == nil {
		o.GiveUp = func(context.Context, commands.FileJob) error { return nil }
	}
	j, err := jobs.New(pool, o)
	require.NoError(t, err)
	return j
}

// run works until stop is called, or the test ends.
func run(t *testing.T, j *jobs.Jobs) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func newJob() commands.FileJob {
	return commands.FileJob{
		Org: domain.OrgID{UUID: uuid.New()}, File: domain.FileID{UUID: uuid.New()}, Correlation: "request", Causation: "7",
	}
}

// enqueue asks for a picture to be read.
func enqueue(t *testing.T, j *jobs.Jobs, job commands.FileJob) {
	t.Helper()
	require.NoError(t, j.Enqueue(t.Context(), job, file.Image, 1))
}

// only answers the one job of an organization.
func only(t *testing.T, j *jobs.Jobs, org domain.OrgID) commands.Job {
	t.Helper()
	list, err := j.List(t.Context(), org, commands.JobsQuery{State: "all", Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0]
}

func awaitState(t *testing.T, j *jobs.Jobs, org domain.OrgID, state string) commands.Job {
	t.Helper()
	var last commands.Job
	require.Eventually(t, func() bool {
		last = only(t, j, org)
		return last.State == state
	}, patience, 5*time.Millisecond)
	return last
}

func execute(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	_, err := pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func rows[T any](t *testing.T, pool *pgxpool.Pool, sql string, args ...any) []T {
	t.Helper()
	found, err := pool.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	list, err := pgx.CollectRows(found, pgx.RowTo[T])
	require.NoError(t, err)
	return list
}

// logbook keeps what is logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
