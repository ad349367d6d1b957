//go:build linux

package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	superuser    = "ticketd"
	startTimeout = 2 * time.Minute // recovery after a crash replays up to max_wal_size
	fastTimeout  = 30 * time.Second
	killTimeout  = 10 * time.Second
	pollInterval = 20 * time.Millisecond
)

// Cluster is a running embedded PostgreSQL that belongs to this process.
type Cluster struct {
	log      *slog.Logger
	home     *home
	sockets  string
	password string
	cmd      *exec.Cmd
	done     chan struct{}
	err      error // why the postmaster ended; read after done
	stopOnce sync.Once
	stopErr  error
}

// Start runs the cluster in dataDir/postgres, creating it the first time, and returns when it accepts connections.
// ctx bounds the start only. It returns ErrInUse when another process holds dataDir, and ErrNotInstalled when the
// machine has no suitable PostgreSQL.
func Start(ctx context.Context, dataDir string, log *slog.Logger, opts ...Option) (*Cluster, error) {
	set := newSettings(opts)
	h, err := openHome(dataDir)
	if err != nil {
		return nil, err
	}
	c, err := start(ctx, h, log, set)
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return c, nil
}

func start(ctx context.Context, h *home, log *slog.Logger, set settings) (*Cluster, error) {
	password, err := h.password()
	if err != nil {
		return nil, err
	}
	if err := h.stopOrphans(ctx, log); err != nil {
		return nil, err
	}
	bin, err := findBinaries(ctx, h.version())
	if err != nil {
		return nil, err
	}
	sockets, err := h.makeSocketDir()
	if err != nil {
		return nil, err
	}
	c := &Cluster{log: log, home: h, sockets: sockets, password: password, done: make(chan struct{})}
	if err := c.boot(ctx, bin, set); err != nil {
		return nil, errors.Join(err, c.shutdown(ctx), h.removeSocketDir())
	}
	return c, nil
}

// boot creates the cluster when there is none, launches the postmaster and waits until it is ready.
func (c *Cluster) boot(ctx context.Context, bin binaries, set settings) error {
	if c.home.version() == "" {
		c.log.InfoContext(ctx, "creating the embedded PostgreSQL", "dir", c.home.clusterDir(), "user", c.home.owner.name)
		if err := c.home.initdb(ctx, bin, c.sockets, c.password, set); err != nil {
			return err
		}
	}
	dir, err := os.Open(c.home.clusterDir())
	if err != nil {
		return fmt.Errorf("open the cluster's directory: %w", err)
	}
	defer dir.Close() //nolint:errcheck // opened for reading; the child has its own copy
	logFile, err := openCappedLog(filepath.Join(c.home.logDir(), "postgresql.log"), maxLogSize)
	if err != nil {
		return err
	}
	cmd := c.home.owner.command(ctx, dir, bin.path("postgres"), set.arguments(c.sockets)...)
	cmd.SysProcAttr.Pdeathsig = set.deathSignal
	cmd.Stderr = logFile
	cmd.WaitDelay = killTimeout
	if err := c.launch(cmd, logFile); err != nil {
		return fmt.Errorf("launch postgres: %w", err)
	}
	if err := c.awaitReady(ctx); err != nil {
		return fmt.Errorf("%w; its last words: %s", err, logFile.tail())
	}
	return nil
}

// launch starts the postmaster on a thread of its own that lives as long as the child: the kernel sends the parent
// death signal when the thread that made the child ends, not when the process does.
func (c *Cluster) launch(cmd *exec.Cmd, logFile *cappedLog) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- errors.Join(err, logFile.Close())
			return
		}
		started <- nil
		c.err = errors.Join(cmd.Wait(), logFile.Close())
		close(c.done)
	}()
	if err := <-started; err != nil {
		return err
	}
	c.cmd = cmd
	return nil
}

func (c *Cluster) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		if c.home.postmaster() == (postmaster{c.cmd.Process.Pid, "ready"}) {
			return nil
		}
		select {
		case <-c.done:
			return errors.Join(errors.New("postgres ended while starting"), c.err)
		case <-ctx.Done():
			return fmt.Errorf("wait for postgres to start: %w", ctx.Err())
		case <-poll.C:
		}
	}
}

// URL returns the connection string of the cluster's superuser. It contains the password.
func (c *Cluster) URL() string { return clusterURL(c.sockets, c.password) }

// JoinURL is URL for a cluster that another process runs in dataDir: where Start returns ErrInUse.
func JoinURL(dataDir string) (string, error) {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return "", fmt.Errorf("find the data directory: %w", err)
	}
	h := &home{dir: dir}
	password, err := os.ReadFile(h.path("postgres.password"))
	if err != nil {
		return "", fmt.Errorf("read the cluster's password: %w", err)
	}
	sockets, err := os.Readlink(h.path("postgres.socket"))
	if err != nil {
		return "", fmt.Errorf("find the socket: %w", err)
	}
	return clusterURL(sockets, firstLine(string(password))), nil
}

func clusterURL(sockets, password string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, password),
		Path:     "/postgres",
		RawQuery: url.Values{"host": {sockets}, "sslmode": {"disable"}}.Encode(),
	}
	return u.String()
}

// Done is closed when the postmaster has ended, wanted or not.
func (c *Cluster) Done() <-chan struct{} { return c.done }

// Wait blocks until the postmaster has ended and says why; nil after an orderly shutdown.
func (c *Cluster) Wait() error {
	<-c.done
	return c.err
}

// Stop ends the cluster and releases its data directory. It asks for a fast shutdown, and for an immediate one when
// that takes longer than 30 seconds or ctx ends; the next start then replays the log. Later calls return the same.
func (c *Cluster) Stop(ctx context.Context) error {
	c.stopOnce.Do(func() {
		c.stopErr = errors.Join(c.shutdown(ctx), c.home.removeSocketDir(), c.home.close())
	})
	return c.stopErr
}

func (c *Cluster) shutdown(ctx context.Context) error {
	if c.cmd == nil {
		return nil
	}
	impatient := ctx.Done()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := c.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("signal postgres: %w", err)
		}
		if c.endsWithin(fastTimeout, impatient) {
			return nil
		}
		impatient = nil // it makes the fast shutdown an immediate one, and that one still takes its time
	}
	return fmt.Errorf("postgres (pid %d) does not end", c.cmd.Process.Pid)
}

func (c *Cluster) endsWithin(timeout time.Duration, impatient <-chan struct{}) bool {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-c.done:
		return true
	case <-impatient:
		return false
	case <-timer.C:
		return false
	}
}

// environment is what the children see: nothing of the user's locale or PG* variables.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=/"}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
