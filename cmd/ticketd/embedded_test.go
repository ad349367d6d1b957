package main

import (
	"bufio"
	"io"
	nethttp "net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// helperVariable makes a test binary the program itself.
const helperVariable = "TICKETD_TEST_HELPER"

// process is the program as make run starts it: a process of its own, on the embedded PostgreSQL.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	token  string
	errors *logbook
}

// run starts the program and waits for its tour.
func run(t *testing.T, dir string) *process {
	t.Helper()
	p := &process{t: t, errors: &logbook{}}
	p.cmd = exec.CommandContext(t.Context(), os.Args[0], "serve")
	p.cmd.Env = append(os.Environ(), helperVariable+"=1", "DATA_DIR="+dir, "DATABASE_URL=", "HTTP_ADDR=127.0.0.1:0", "GOCOVERDIR="+t.TempDir())
	p.cmd.Stderr = p.errors
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	export := regexp.MustCompile(`export TICKETD=(\S+) TOKEN=(\S+)`)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if found := export.FindStringSubmatch(lines.Text()); found != nil {
			p.url, p.token = found[1], found[2]
			break
		}
	}
	require.NotEmpty(t, p.url, "it did not start: %s", p.errors)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return p
}

func (p *process) client() *client {
	return &client{t: p.t, url: p.url, token: p.token, header: nethttp.Header{}}
}

// The program with a database of its own, from the first start over a kill to a clean stop.
func TestTheEmbeddedDatabaseSurvivesAKill(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts PostgreSQL")
	}
	dir := filepath.Join(t.TempDir(), "data")
	first := run(t, dir)
	c := first.client()
	created := c.ticket(object{"title": "survivor"})
	path := "/api/v1/tickets/" + created.id()
	var work sync.WaitGroup
	for n := range 8 { // races, which must leave no trace in PostgreSQL's log
		work.Go(func() {
			_, _ = c.try("PATCH", path, object{"title": str(n)})
			_, _ = c.with("Idempotency-Key", "k").try("POST", "/api/v1/tickets", object{"title": "once", "description": "d"})
			_, _ = c.as("").try("POST", "/api/v1/auth/register", object{"username": "wanted", "password": password})
		})
	}
	work.Wait()
	history := c.get(path + "/history").raw

	beside := func(args ...string) (string, error) {
		tool := exec.CommandContext(t.Context(), os.Args[0], args...)
		tool.Env = first.cmd.Env
		said, err := tool.CombinedOutput()
		return string(said), err
	}
	said, err := beside("serve")
	require.Error(t, err)
	require.Contains(t, said, "ticketd: start the embedded PostgreSQL", "a second server gets a clear message")
	for _, args := range [][]string{{"token"}, {"verify"}, {"rebuild"}, {"backup", filepath.Join(t.TempDir(), "backup")}, {"migrate", "status"}} {
		said, err := beside(args...)
		require.NoError(t, err, "%s works beside the server: %s", args[0], said)
	}

	require.NoError(t, first.cmd.Process.Kill())
	_ = first.cmd.Wait()
	requireHealthyLog(t, first.errors.String())

	second := run(t, dir)
	again := second.client()
	require.Equal(t, string(history), string(again.get(path+"/history").raw), "nothing that was answered is lost")
	require.Len(t, again.get("/api/v1/tickets").list(), 2)
	require.NoError(t, second.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, second.cmd.Wait(), "%s", second.errors)
	requireHealthyLog(t, second.errors.String())

	logs := 0
	require.NoError(t, filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".log") {
			return err
		}
		logs++
		text, err := os.ReadFile(name)
		require.NotContains(t, string(text), "ERROR", "PostgreSQL complained")
		return err
	}))
	require.NotZero(t, logs, "where is PostgreSQL's log?")
}
