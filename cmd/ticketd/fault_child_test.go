//go:build linux

package main

import (
	"context"
	nethttp "net/http"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
)

// child is the program as a process of its own, that a test kills, freezes and starts again.
type child struct {
	t   *testing.T
	env []string

	mu    sync.Mutex
	cmd   *exec.Cmd
	log   *logbook
	url   string
	lives []*logbook // what every start of it has logged
}

const (
	faultSecret = "0123456789abcdef0123456789abcdef"
	faultKey    = "0000000000000000000000000000000000000000000000000000000000000000"
)

// startLimit is how long a start may take: a database that was killed replays its log first.
const startLimit = time.Minute

// begin starts the program on a database until the test ends.
func begin(t *testing.T, database string, pairs ...string) *child {
	t.Helper()
	c := &child{t: t, env: append(os.Environ(), append([]string{
		helperVariable + "=1", "DATABASE_URL=" + database, "DATA_DIR=" + t.TempDir(), "HTTP_ADDR=127.0.0.1:0", "MCP_ADDR=127.0.0.1:0", "ENVIRONMENT=test",
		"JWT_SECRET=" + faultSecret, "ENCRYPTION_KEY=" + faultKey, "LOG_FORMAT=json", "LOG_LEVEL=info", "REGISTRATION=open",
		"RATE_LIMIT_DEFAULT=0", "RATE_LIMIT_AUTH=0", "RATE_LIMIT_LOGIN=0", "WS_MESSAGES_PER_MINUTE=100000", "GOCOVERDIR=" + t.TempDir(),
	}, pairs...)...)}
	c.start()
	t.Cleanup(func() { c.kill() })
	return c
}

// faultDatabase is a fresh database on the tests' server; it is left out in -short mode.
func faultDatabase(t *testing.T) string {
	t.Helper()
	return postgrestest.Database(t)
}

var startedAt = regexp.MustCompile(`"msg":"ready","address":"([^"]+)"`)

func (c *child) start() {
	c.t.Helper()
	log := &logbook{}
	cmd := exec.CommandContext(context.WithoutCancel(c.t.Context()), os.Args[0], "serve")
	cmd.Env, cmd.Stderr = c.env, log
	require.NoError(c.t, cmd.Start())
	c.mu.Lock()
	c.cmd, c.log, c.lives = cmd, log, append(c.lives, log)
	c.mu.Unlock()
	require.Eventually(c.t, func() bool { return startedAt.MatchString(log.String()) }, startLimit, 5*time.Millisecond, "it did not start: %v", log)
	c.mu.Lock()
	c.url = "http://" + startedAt.FindStringSubmatch(log.String())[1]
	c.mu.Unlock()
}

// kill ends the process at once; it gets no chance to tidy up.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.cmd.Process.Kill() // a second time is too late
	_ = c.cmd.Wait()
}

// stop ends the process as an orchestrator does.
func (c *child) stop() {
	c.t.Helper()
	require.NoError(c.t, c.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(c.t, c.cmd.Wait(), "%v", c.log)
}

func (c *child) signal(s syscall.Signal) {
	c.t.Helper()
	require.NoError(c.t, c.cmd.Process.Signal(s))
}

func (c *child) address() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.url
}

// requireHealthy fails on the words that a healthy run never logs, in any of its lives.
func (c *child) requireHealthy() {
	c.t.Helper()
	for _, log := range c.lives {
		log.requireHealthy(c.t)
	}
}

func (c *child) nobody() *client {
	return &client{t: c.t, url: c.address(), header: nethttp.Header{}}
}

// founder registers somebody and signs them in.
func (c *child) founder(name string) *client {
	c.t.Helper()
	return (&instance{t: c.t, url: c.address()}).founder(name)
}

// here is the same person at the place where the program is now.
func (c *child) here(who *client) *client {
	other := *who
	other.url = c.address()
	return &other
}

// readiness answers /ready: the status, and what is missing with its reason.
func (c *child) readiness() (status int, missing map[string]string) {
	a, err := c.nobody().try("GET", "/ready", nil)
	if err != nil {
		return 0, nil
	}
	missing = map[string]string{}
	var problem struct {
		Errors []struct{ Location, Message string } `json:"errors"`
	}
	a.into(&problem)
	for _, e := range problem.Errors {
		missing[e.Location] = e.Message
	}
	return a.status, missing
}

func (c *child) requireReady() {
	c.t.Helper()
	var missing map[string]string
	require.Eventually(c.t, func() bool {
		var status int
		status, missing = c.readiness()
		return status == 200
	}, startLimit, 10*time.Millisecond, "ready again: %v", missing)
}

// awaitMissing waits until /ready says 503 and names what is missing.
func (c *child) awaitMissing(names ...string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		status, missing := c.readiness()
		for _, name := range names {
			if missing[name] == "" {
				return false
			}
		}
		return status == 503
	}, startLimit, 10*time.Millisecond, "not ready for %v", names)
}
