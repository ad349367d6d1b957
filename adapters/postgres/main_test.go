//go:build linux

package postgres

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// holdDir makes the test binary a program that runs the cluster in this directory until its input ends.
const holdDir = "TICKETD_TEST_HOLD"

var (
	shared     *Cluster
	sharedDir  string
	sharedOnce sync.Once
	errShared  error
)

func TestMain(m *testing.M) {
	ctx := context.Background()
	if dir := os.Getenv(holdDir); dir != "" {
		os.Exit(hold(ctx, dir))
	}
	code := m.Run()
	if shared != nil {
		if err := shared.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	_ = os.RemoveAll(sharedDir)
	os.Exit(code)
}

func hold(ctx context.Context, dir string) int {
	c, err := Start(ctx, dir, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println("refused", err)
		return 1
	}
	fmt.Println("ready", c.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := c.Stop(ctx); err != nil {
		fmt.Println("stop", err)
		return 1
	}
	return 0
}

// program is another process that runs a cluster.
type program struct {
	cmd   *exec.Cmd
	input io.Closer
	word  string // ready or refused
	text  string // the URL, or why
}

// startProgram runs the cluster in dir from a process of its own, as nobody when asked.
func startProgram(t *testing.T, dir string, asNobody bool) program {
	t.Helper()
	cmd := exec.Command("/proc/self/exe") // the file itself may lie where nobody cannot go
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), holdDir+"="+dir, "GOCOVERDIR="+dir) // where it may write, should it be measured
	cmd.Stderr = os.Stderr
	if asNobody {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	word, text, _ := strings.Cut(strings.TrimSpace(line), " ")
	return program{cmd, input, word, text}
}

func (p program) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.input.Close())
	require.NoError(t, p.cmd.Wait())
}

func (p program) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, p.cmd.Wait())
}

func needsServer(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a PostgreSQL, which -short leaves out")
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
}

func startCluster(t *testing.T, dir string, opts ...Option) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), dir, slog.New(slog.DiscardHandler), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop(context.WithoutCancel(t.Context()))) })
	return c
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// freshDatabase is the URL of an empty database on a server all tests of this package share.
func freshDatabase(t *testing.T) string {
	t.Helper()
	needsServer(t)
	server := os.Getenv("TEST_DATABASE_URL")
	if server == "" {
		sharedOnce.Do(func() {
			sharedDir, errShared = TempDir()
			require.NoError(t, errShared)
			shared, errShared = Start(context.WithoutCancel(t.Context()), sharedDir, slog.New(slog.DiscardHandler), Volatile())
		})
		require.NoError(t, errShared)
		server = shared.URL()
	}
	name := strings.ToLower(strings.ReplaceAll(t.Name(), "/", "_")) + fmt.Sprint("_", os.Getpid())
	conn := connect(t, server)
	_, err := conn.Exec(t.Context(), "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := conn.Exec(context.WithoutCancel(t.Context()), "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
		require.NoError(t, err)
	})
	address, err := url.Parse(server)
	require.NoError(t, err)
	address.Path = "/" + name
	return address.String()
}
