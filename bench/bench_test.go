package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres"
	"ticketd/adapters/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestPercentilesAndMedians(t *testing.T) {
	t.Parallel()
	var hundred []time.Duration
	for i := range 101 {
		hundred = append(hundred, time.Duration(100-i))
	}
	s := summary(hundred, time.Second)
	require.Equal(t, sample{rate: 101, p50: 50, p99: 99, done: 101}, s)
	require.Zero(t, percentile(nil, .5))
	require.Zero(t, median[float64](nil))
	require.InDelta(t, 2, median([]float64{3, 1, 2}), 0)
	require.InDelta(t, 2, median([]float64{4, 3, 1, 2}), 0)
}

func TestARatioIsTheMedianOfTheRounds(t *testing.T) {
	t.Parallel()
	var s series
	s.add(sample{rate: 10, p50: 1, p99: 5}, sample{rate: 20})
	s.add(sample{rate: 30, p50: 2, p99: 6}, sample{rate: 20})
	s.add(sample{rate: 20, p50: 3, p99: 7}, sample{rate: 20})
	require.InDelta(t, 1, s.ratio(), 0)
	require.InDelta(t, 20, s.rate(), 0)
	require.Equal(t, time.Duration(2), s.p50())
	require.Equal(t, time.Duration(6), s.p99())
}

func TestATableIsMarkdown(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	results := newTable("what", "ms:")
	results.add("append", ms(1234*time.Microsecond))
	results.write(&out, "Title", "A note.")
	require.Equal(t, "\n### Title\n\n| what | ms |\n| --- | ---: |\n| append | 1.23 |\n\nA note.\n", out.String())
	require.Equal(t, []string{"12.3", "123", "7", "0.50"}, []string{ms(12345 * time.Microsecond), ms(123 * time.Millisecond), whole(7.2), ratio(.5)})
}

func TestProcFilesAreUnderstood(t *testing.T) {
	t.Parallel()
	parent, ticks := parseStat("42 (a) strange (name) S 7 42 42 0 -1 4194560 1 2 3 4 11 12 13 14 20 0 1 0 5 6 7")
	require.Equal(t, 7, parent)
	require.Equal(t, [4]int{11, 12, 13, 14}, ticks)
	parent, ticks = parseStat("")
	require.Zero(t, parent)
	require.Zero(t, ticks)
	const status = "Name:\tx\nVmHWM:\t    5678 kB\nVmRSS:\t    1234 kB\nThreads:\t1\n"
	require.Equal(t, []int{1234, 5678}, []int{parseMemory(status, resident), parseMemory(status, mostResident)})
	require.Zero(t, parseMemory("Name:\tx\n", resident))
	require.GreaterOrEqual(t, processCPU(os.Getpid(), true), time.Duration(0))
	require.Contains(t, childrenOf(os.Getppid()), os.Getpid())
}

func TestPgbenchReportsAreUnderstood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/log.1", []byte("0 1 250 0 1700000000 1\n0 2 750 0 1700000000 2\nshort\n0 3 x 0\n"), 0o600))
	s, err := readPgbench("number of clients: 8\ntps = 1234.5 (without initial connection time)\n", dir)
	require.NoError(t, err)
	require.Equal(t, sample{rate: 1234.5, p50: 250 * time.Microsecond, p99: 250 * time.Microsecond, done: 2}, s)
	_, err = readPgbench("fatal: no such table", dir)
	require.Error(t, err)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := readOptions([]string{"-only", "rest", "-seconds", "0.5", "-rounds", "2"})
	require.NoError(t, err)
	require.Equal(t, options{only: "rest", span: 500 * time.Millisecond, rounds: 2, tickets: 200_000}, o)
	for _, bad := range [][]string{{"-only", "nothing"}, {"-seconds", "0"}, {"-rounds", "0"}, {"-tickets", "0"}, {"-no"}} {
		require.Error(t, command(t.Context(), bad, nil))
	}
}

// A short turn of everything that can run inside a test.
func TestAppendsAreMeasured(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	pool := openPool(t, address)
	_, err := pool.Exec(t.Context(), bareTable)
	require.NoError(t, err)
	o := options{span: 200 * time.Millisecond, rounds: 1}
	bare, alone, withRow, err := appendRounds(t.Context(), &lab{}, pool, address, 4, o)
	require.NoError(t, err)
	for _, s := range []*costs{bare, alone, withRow} {
		require.Positive(t, s.rate())
		require.Positive(t, s.ratio())
	}
}

func TestVisibilityIsMeasured(t *testing.T) {
	t.Parallel()
	l := &lab{server: postgrestest.URL(t), log: slog.New(slog.DiscardHandler)}
	pool := openPool(t, postgrestest.Database(t))
	v, err := openVisibility(t.Context(), pool, l.log)
	require.NoError(t, err)
	defer v.close()
	for _, measure := range []func(context.Context, time.Duration) (sample, error){v.limit, v.measure} {
		s, err := v.once(t.Context(), l.server, true, 200*time.Millisecond, measure)
		require.NoError(t, err)
		require.Positive(t, s.p50)
	}
}

func TestTheLimitAnswersWhatIsMeasured(t *testing.T) {
	t.Parallel()
	pool := openPool(t, postgrestest.Database(t))
	_, err := pool.Exec(t.Context(), limitSchema)
	require.NoError(t, err)
	listening := httptest.NewServer(limitServer(pool))
	t.Cleanup(listening.Close)
	w := &world{pool: pool}
	w.org.UUID = [16]byte{1}
	var id string
	require.NoError(t, pool.QueryRow(t.Context(), `INSERT INTO bare_tickets (id, org_id, version, status, priority, category, created_by, title, description)
		VALUES (gen_random_uuid(), $1, 1, 'open', 'low', 'bug', $1, 'a', 'b') RETURNING id::text`, w.org.UUID).Scan(&id))
	limit := &server{address: strings.TrimPrefix(listening.URL, "http://")}
	for _, op := range append(w.operations([]string{id}), w.lists([]string{"export", "fails"})...) {
		require.Eventually(t, func() bool { // on a busy machine nothing may come back in so little time
			var c costs
			measured, err := c.measure(t.Context(), &lab{}, w, limit, "", 2, 100*time.Millisecond, op.limit, op.status)
			require.NoError(t, err, op.name)
			return measured.rate > 0
		}, time.Minute, time.Millisecond, op.name)
	}
	c, err := connect(t.Context(), limit.address, "token")
	require.NoError(t, err)
	defer c.close()
	require.Error(t, c.do(http.MethodGet, "/nothing", "", http.StatusOK, nil))
}

// openPool has as many connections as the benchmarks have.
func openPool(t *testing.T, address string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}
