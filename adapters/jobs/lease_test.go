//go:build linux

package jobs_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/jobs"
	"ticketd/commands"
	"ticketd/domain/file"
)

const (
	// helperDatabase makes the test binary a program that works on this database.
	helperDatabase = "TICKETD_TEST_JOBS_DATABASE"
	// helperPoison is the file that kills it. It does the others.
	helperPoison = "TICKETD_TEST_JOBS_POISON"
	// helperCompany is how many others it is at when it dies.
	helperCompany = "TICKETD_TEST_JOBS_COMPANY"
	// shortLease is that of tests in which workers die.
	shortLease = 2 * time.Second
)

// helper takes a job, says so, and keeps it until its input ends, which is with the test.
func helper(ctx context.Context, database string) int {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(2)
	}()
	pool, err := pgxpool.New(ctx, database)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	var company sync.WaitGroup
	others, _ := strconv.Atoi(os.Getenv(helperCompany))
	company.Add(others)
	j, err := jobs.New(pool, jobs.Options{
		Workers: 1 + others, Lease: shortLease, Log: slog.New(slog.DiscardHandler),
		Process: func(ctx context.Context, job commands.FileJob) error {
			fmt.Println("took", job.File)
			switch poison := os.Getenv(helperPoison); {
			case poison == job.File.String():
				company.Wait()
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			case others > 0:
				company.Done()
			case poison != "":
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		},
		GiveUp:       func(context.Context, commands.FileJob) error { return errors.New("not here") },
		AgentWorkers: 1,
		Run: func(ctx context.Context, job commands.RunJob) error {
			fmt.Println("took", job.Run)
			<-ctx.Done()
			return ctx.Err()
		},
		GiveUpRun: func(context.Context, commands.RunJob) error { return errors.New("not here") },
	})
	if err == nil {
		err = j.Run(ctx)
	}
	fmt.Println(err)
	return 1
}

// program starts the helper.
func program(t *testing.T, pool *pgxpool.Pool, env ...string) (cmd *exec.Cmd, output *bufio.Reader) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), helperDatabase+"="+pool.Config().ConnString(), "GOCOVERDIR="+t.TempDir()), env...)
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = input.Close() })
	return cmd, bufio.NewReader(pipe)
}

func TestAJobIsTakenOverWithinTheLeaseOfAKilledWorker(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newDesk(t)
	o := desk.options()
	o.Lease = shortLease
	j := open(t, pool, o)
	job := newJob()
	enqueue(t, j, job)
	cmd, output := program(t, pool)
	line, err := output.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "took "+job.File.String()+"\n", line)
	run(t, j)
	require.Eventually(t, func() bool { return len(rows[string](t, pool, `SELECT id FROM jobs.workers`)) == 2 }, patience, time.Millisecond)
	killed := time.Now()
	require.NoError(t, cmd.Process.Kill())
	c := desk.next()
	t.Logf("taken over %s after the kill, of a lease of %s", c.at.Sub(killed), shortLease)
	require.Less(t, c.at.Sub(killed), 2*shortLease, "a lease, and what a busy machine adds")
	require.Equal(t, job, c.FileJob)
	taken := only(t, j, job.Org)
	require.Equal(t, 2, taken.Attempt, "a try that killed a worker counts")
	require.Len(t, taken.Errors, 1)
	require.Equal(t, "its worker died", taken.Errors[0].Error)
	require.Equal(t, 1, taken.Errors[0].Attempt)
	require.Len(t, rows[string](t, pool, `SELECT id FROM jobs.workers`), 1)
}

func TestJobsThatAreTakenOverAreDoneOneAtATime(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newDesk(t)
	o := desk.options()
	o.Workers, o.Lease = 3, shortLease
	j := open(t, pool, o)
	for _, category := range []file.Category{file.Image, file.Image, file.Audio} {
		require.NoError(t, j.Enqueue(t.Context(), newJob(), category, 1))
	}
	execute(t, pool, `UPDATE jobs.river_job SET state = 'running', attempt = 1, attempted_at = now(), attempted_by = '{dead}'`)
	run(t, j)
	for left := 2; left >= 0; left-- {
		suspect, fresh := desk.next(), newJob()
		require.NoError(t, j.Enqueue(t.Context(), fresh, file.Image, 1))
		unsuspected := desk.next()
		require.Equal(t, fresh.File, unsuspected.File, "there is room beside it")
		require.Len(t, rows[string](t, pool, `SELECT queue FROM jobs.river_job WHERE state = 'available' AND attempt = 1 AND queue = 'suspects'`), left,
			"the others have not begun another try")
		unsuspected.end <- nil
		suspect.end <- nil
	}
}

func TestAJobThatKillsItsWorkersIsGivenUpUntried(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk, log := newDesk(t), &logbook{}
	o := desk.options()
	o.Lease, o.Log = shortLease, log.logger()
	job, innocent := newJob(), []commands.FileJob{newJob(), newJob()}
	o.Process = func(ctx context.Context, asked commands.FileJob) error {
		if asked.File != job.File {
			return nil
		}
		return desk.process(ctx, asked)
	}
	j := open(t, pool, o)
	enqueue(t, j, job)
	for _, other := range innocent {
		enqueue(t, j, other)
	}
	for try, company := range []int{2, 0, 0, 0} {
		cmd, _ := program(t, pool, helperPoison+"="+job.File.String(), helperCompany+"="+strconv.Itoa(company))
		require.ErrorContains(t, cmd.Wait(), "killed")
		require.Equal(t, try+1, only(t, j, job.Org).Attempt)
		if try < 2 { // the second time, it was alone
			require.Equal(t, 1, only(t, j, innocent[0].Org).Attempt)
			require.Equal(t, 1, only(t, j, innocent[1].Org).Attempt)
		}
		execute(t, pool, `UPDATE jobs.workers SET seen_at = '-infinity'`) // the lease is over
	}
	run(t, j)
	for _, other := range innocent {
		awaitState(t, j, other.Org, "completed")
	}
	want := job
	want.Last = true
	require.Equal(t, want, desk.given())
	parked := awaitState(t, j, job.Org, "parked")
	require.Empty(t, desk.calls)
	require.Len(t, parked.Errors, 5)
	require.Equal(t, "its worker died", parked.Errors[3].Error)
	require.Equal(t, "its worker died in the middle of every try", parked.Errors[4].Error)
	require.Contains(t, log.String(), "jobs of workers that have died are taken over")

	require.NoError(t, j.Retry(t.Context(), job.Org, parked.ID))
	c := desk.next()
	require.False(t, c.Last, "an administrator may have it tried again, with all its tries")
	c.end <- nil
	awaitState(t, j, job.Org, "completed")
}

func TestALivingWorkerIsNotRobbed(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	slow, other := newDesk(t), newDesk(t)
	o := slow.options()
	o.Lease = shortLease
	j := open(t, pool, o)
	run(t, j)
	job := newJob()
	enqueue(t, j, job)
	c := slow.next()
	o.Process, o.GiveUp = other.process, other.giveUp
	run(t, open(t, pool, o))
	select {
	case <-other.calls:
		require.FailNow(t, "it was robbed")
	case <-time.After(shortLease):
	}
	require.NoError(t, c.ctx.Err())
	c.end <- nil
	require.Equal(t, 1, awaitState(t, j, job.Org, "completed").Attempt)
}

func TestALateSignOfLifeLosesNothing(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newDesk(t)
	o := desk.options()
	j := open(t, pool, o)
	job := newJob()
	enqueue(t, j, job)
	execute(t, pool, `INSERT INTO jobs.workers VALUES ('late', now()), ('dead', now() - interval '4 s')`)
	execute(t, pool, `UPDATE jobs.river_job SET state = 'running', attempt = 1, attempted_at = now(), attempted_by = '{dead,late}'`)
	o.Lease = 4 * time.Second
	run(t, open(t, pool, o))
	require.Eventually(t, func() bool { return len(rows[string](t, pool, `SELECT id FROM jobs.workers WHERE id = 'dead'`)) == 0 }, patience, time.Millisecond)
	require.Equal(t, "running", only(t, j, job.Org).State)
	require.Equal(t, job.File, desk.next().File, "until it is too late")
}

func TestAJobThatItsWorkerWasNotToldOfIsTakenOver(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	desk := newDesk(t)
	o := desk.options()
	o.Lease = shortLease
	j := open(t, pool, o)
	run(t, j)
	known := newJob()
	enqueue(t, j, known)
	c := desk.next()
	name := rows[string](t, pool, `SELECT id FROM jobs.workers`)[0]
	lost := newJob()
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `INSERT INTO jobs.river_job (state, args, attempt, attempted_at, attempted_by, kind, max_attempts, queue)
		SELECT 'running', jsonb_set(jsonb_set(args, '{file_id}', to_jsonb($1::text)), '{org_id}', to_jsonb($2::text)), 1, now(), ARRAY[$3], kind, 4, 'extraction'
		FROM jobs.river_job`, lost.File.String(), lost.Org.String(), name)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, lost.File, desk.next().File)
	require.Equal(t, 2, only(t, j, lost.Org).Attempt)
	require.NoError(t, c.ctx.Err(), "what it knows of it keeps")
}

// cable is the way to the database, which can be cut.
type cable struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

var errCut = errors.New("the cable is cut")

func (c *cable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return nil, errCut
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	c.conns = append(c.conns, conn)
	return conn, err
}

func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

func TestAWorkerThatCannotGiveASignOfLifeStopsBeforeItsJobsAreTaken(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	wire := &cable{}
	config := pool.Config()
	config.ConnConfig.DialFunc = wire.dial
	behind, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(behind.Close)

	far, near, log := newDesk(t), newDesk(t), &logbook{}
	o := far.options()
	o.Lease, o.Log = 2*shortLease, log.logger()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log)
		}
	})
	distant := open(t, behind, o)
	stop := run(t, distant)
	o.Process, o.GiveUp = near.process, near.giveUp
	j := open(t, pool, o)
	job := newJob()
	enqueue(t, j, job)
	c := far.next()
	for _, category := range []file.Category{file.Audio, file.Text} { // when it is at all three, it has started for good
		short := newJob()
		require.NoError(t, j.Enqueue(t.Context(), short, category, 1))
		far.next().end <- nil
		awaitState(t, j, short.Org, "completed")
	}
	run(t, j)
	wire.set(true)
	select {
	case <-c.ctx.Done():
	case <-time.After(patience):
		require.FailNow(t, "it did not stop")
	}
	require.Empty(t, near.calls, "nobody has it yet")
	taken := near.next()
	require.Equal(t, job, taken.FileJob)
	wire.set(false)
	require.Eventually(t, func() bool { return len(rows[string](t, pool, `SELECT id FROM jobs.workers`)) == 2 }, patience, 5*time.Millisecond)
	require.Contains(t, log.String(), "no jobs are done until the database answers")

	for range 2 { // one for each
		enqueue(t, j, newJob())
	}
	far.next() // it works again
	require.NoError(t, taken.ctx.Err())
	require.Equal(t, "running", only(t, j, job.Org).State, "what the lost worker still had to say was not heard")
	taken.end <- nil
	require.Equal(t, 2, awaitState(t, j, job.Org, "completed").Attempt)
	stop()
}
