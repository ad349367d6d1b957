//go:build linux

package postgres

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

var alarming = regexp.MustCompile(`(?i)error|exception|failed|traceback`)

func TestARestartKeepsTheData(t *testing.T) {
	t.Parallel()
	needsServer(t)
	dir := t.TempDir()
	first := startCluster(t, dir)
	remember(t, first.URL(), "kept")
	require.NoError(t, first.Stop(t.Context()))
	require.NoError(t, first.Wait())
	require.NoError(t, first.Stop(t.Context()), "a second stop changes nothing")
	require.Empty(t, processesIn(filepath.Join(dir, "postgres")), "nothing keeps running")
	require.NoDirExists(t, first.sockets)
	require.NoFileExists(t, filepath.Join(dir, "postgres.socket"))

	second := startCluster(t, dir)
	require.Equal(t, "kept", recall(t, second.URL()))
	require.NoError(t, second.Stop(t.Context()))
	requireCalmLog(t, dir)
}

func TestTheClusterIsDurableAndPrivate(t *testing.T) {
	t.Parallel()
	needsServer(t)
	dir := t.TempDir()
	c := startCluster(t, dir)
	conn := connect(t, c.URL())
	for name, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "listen_addresses": "",
		"server_encoding": "UTF8", "max_connections": "100", "TimeZone": "UTC", "jit": "off",
	} {
		var got string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&got))
		require.Equal(t, want, got, name)
	}
	for path, want := range map[string]os.FileMode{
		filepath.Join(dir, "postgres"): 0o700, filepath.Join(dir, "postgres.password"): 0o600, c.sockets: 0o700,
	} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), path)
	}
	require.NoFileExists(t, filepath.Join(c.sockets, "password"))

	_, err := pgx.Connect(t.Context(), strings.Replace(c.URL(), c.password, "guess", 1))
	require.ErrorContains(t, err, "password")
}

func TestRootRunsItWhereOnlyRootMayGo(t *testing.T) {
	t.Parallel()
	needsServer(t)
	needsRoot(t)
	private := filepath.Join(t.TempDir(), "private")
	require.NoError(t, os.Mkdir(private, 0o700))
	dir := filepath.Join(private, "x", "data")
	first := startCluster(t, dir)
	remember(t, first.URL(), "in private")
	require.NoError(t, first.Stop(t.Context()))

	second := startCluster(t, dir)
	require.Equal(t, "in private", recall(t, second.URL()))
	info, err := os.Stat(private)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "the user's folder is left as it was")
	owner, err := statOwner(filepath.Join(dir, "postgres"))
	require.NoError(t, err)
	require.NotZero(t, owner.uid)

	crashABackend(t, second)
	require.Equal(t, "in private", recall(t, second.URL()))
}

func TestAnOrdinaryUserRunsIt(t *testing.T) {
	t.Parallel()
	needsServer(t)
	needsRoot(t)
	dir := openDir(t)
	first := startProgram(t, dir, true)
	require.Equal(t, "ready", first.word, first.text)
	remember(t, first.text, "ordinary")
	owner, err := statOwner(filepath.Join(dir, "postgres"))
	require.NoError(t, err)
	require.Equal(t, "nobody", owner.name)
	first.stop(t)
	require.Empty(t, processesIn(filepath.Join(dir, "postgres")))

	second := startProgram(t, dir, true)
	require.Equal(t, "ready", second.word, second.text)
	require.Equal(t, "ordinary", recall(t, second.text))
	second.kill(t)

	third := startProgram(t, dir, true)
	require.Equal(t, "ready", third.word, third.text)
	require.Equal(t, "ordinary", recall(t, third.text))
	third.stop(t)
	requireCalmLog(t, dir)

	asRoot := startCluster(t, dir)
	require.Equal(t, "ordinary", recall(t, asRoot.URL()), "root keeps the owner it finds")
}

func TestAnOrdinaryUserIsToldWhoseClusterItIs(t *testing.T) {
	t.Parallel()
	needsServer(t)
	needsRoot(t)
	dir := openDir(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "postgres"), 0o700))
	got := startProgram(t, dir, true)
	require.Equal(t, "refused", got.word)
	require.Contains(t, got.text, "belongs to user root")
}

func TestAKilledProgramLosesNothing(t *testing.T) {
	t.Parallel()
	needsServer(t)
	dir := t.TempDir()
	victim := startProgram(t, dir, false)
	require.Equal(t, "ready", victim.word, victim.text)
	remember(t, victim.text, "survives")
	victim.kill(t)

	c := startCluster(t, dir)
	require.Equal(t, "survives", recall(t, c.URL()))
}

func TestTheServerEndsWithAKilledProgram(t *testing.T) {
	t.Parallel()
	needsServer(t)
	dir := t.TempDir()
	victim := startProgram(t, dir, false)
	require.Equal(t, "ready", victim.word, victim.text)
	require.NotEmpty(t, processesIn(filepath.Join(dir, "postgres")))
	t.Cleanup(func() { require.NoError(t, (&home{dir: dir}).removeSocketDir(), "the next start would") })
	victim.kill(t)
	require.Eventually(t, func() bool { return len(processesIn(filepath.Join(dir, "postgres"))) == 0 },
		fastTimeout, pollInterval)
}

func TestAnOrphanedServerIsEndedBeforeTheNextStart(t *testing.T) {
	t.Parallel()
	needsServer(t)
	dir := t.TempDir()
	victim := startProgram(t, dir, false)
	require.Equal(t, "ready", victim.word, victim.text)
	remember(t, victim.text, "orphaned")
	h := home{dir: dir}
	orphan := h.postmaster().pid
	require.NoError(t, syscall.Kill(orphan, syscall.SIGSTOP), "it must not end before we look")
	victim.kill(t)

	wake := handler{slog.DiscardHandler, func(message string) {
		if strings.Contains(message, "left behind") {
			require.NoError(t, syscall.Kill(orphan, syscall.SIGCONT))
		}
	}}
	c, err := Start(t.Context(), dir, slog.New(wake))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop(context.WithoutCancel(t.Context()))) })
	require.Equal(t, "orphaned", recall(t, c.URL()))
	require.NotEqual(t, orphan, h.postmaster().pid)
}

func TestAStalePidFileWithAReusedIDIsIgnored(t *testing.T) {
	t.Parallel()
	needsServer(t)
	dir := t.TempDir()
	first := startCluster(t, dir)
	remember(t, first.URL(), "not fooled")
	pidFile := first.home.pidFile()
	text, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	require.NoError(t, first.Stop(t.Context()))
	_, rest, _ := strings.Cut(string(text), "\n")
	require.NoError(t, os.WriteFile(pidFile, []byte("1\n"+rest), 0o600))

	second := startCluster(t, dir)
	require.Equal(t, "not fooled", recall(t, second.URL()))
}

func TestASecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	needsServer(t)
	dir := t.TempDir()
	c := startCluster(t, dir)
	_, err := Start(t.Context(), dir, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, ErrInUse)
	url, err := JoinURL(dir)
	require.NoError(t, err)
	require.Equal(t, c.URL(), url, "a tool may join it")
	_, err = JoinURL(t.TempDir())
	require.Error(t, err)

	got := startProgram(t, dir, false)
	require.Equal(t, "refused", got.word)
	require.Contains(t, got.text, ErrInUse.Error())
	require.Contains(t, got.text, dir)
	connect(t, c.URL())
}

func TestTheServerRecoversFromACrashedBackend(t *testing.T) {
	t.Parallel()
	needsServer(t)
	c := startCluster(t, t.TempDir())
	remember(t, c.URL(), "recovered")
	crashABackend(t, c)
	require.Equal(t, "recovered", recall(t, c.URL()))
}

func TestTheProgramNoticesThatTheServerDied(t *testing.T) {
	t.Parallel()
	needsServer(t)
	c := startCluster(t, t.TempDir(), Volatile())
	require.NoError(t, syscall.Kill(c.cmd.Process.Pid, syscall.SIGKILL))
	select {
	case <-c.Done():
	case <-time.After(killTimeout):
		require.Fail(t, "nothing was noticed")
	}
	require.ErrorContains(t, c.Wait(), "killed")
}

func TestAnImpatientStopIsImmediate(t *testing.T) {
	t.Parallel()
	needsServer(t)
	dir := t.TempDir()
	c := startCluster(t, dir)
	remember(t, c.URL(), "still here")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, c.Stop(ctx))
	require.Empty(t, processesIn(filepath.Join(dir, "postgres")))

	again := startCluster(t, dir)
	require.Equal(t, "still here", recall(t, again.URL()))
}

func TestAStartThatIsCancelledLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	needsServer(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	creating := handler{slog.DiscardHandler, func(string) { cancel() }}
	_, err := Start(ctx, dir, slog.New(creating))
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, processesIn(filepath.Join(dir, "postgres")))
	require.NoFileExists(t, filepath.Join(dir, "postgres.socket"))
	startCluster(t, dir)
}

func TestABrokenConfigurationIsExplained(t *testing.T) {
	t.Parallel()
	needsServer(t)
	_, err := Start(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler), MaxConnections(-1))
	require.ErrorContains(t, err, "max_connections", "the server's last words are in the message")
}

func TestALostPasswordIsExplained(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pretendCluster(t, dir, "15")
	_, err := Start(t.Context(), dir, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "postgres.password is missing")
}

func TestDataOfAnotherVersionIsExplained(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pretendCluster(t, dir, "9")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "postgres.password"), []byte("x\n"), 0o600))
	_, err := Start(t.Context(), dir, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, ErrNotInstalled)
	require.ErrorContains(t, err, "install postgresql-9")
}

func TestADataDirectoryThatIsAFileIsExplained(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Start(t.Context(), file, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "make the data directory")
}

func pretendCluster(t *testing.T, dir, version string) {
	t.Helper()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "postgres"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "postgres", "PG_VERSION"), []byte(version+"\n"), 0o600))
}

// openDir is a data directory that nobody owns and can get to.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ticketd-nobody-") //nolint:usetesting // nobody may not enter t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chown(dir, 65534, 65534))
	return dir
}

func remember(t *testing.T, url, word string) {
	t.Helper()
	conn := connect(t, url)
	_, err := conn.Exec(t.Context(), "CREATE TABLE memory (word text)")
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "INSERT INTO memory VALUES ($1)", word)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

func recall(t *testing.T, url string) (word string) {
	t.Helper()
	require.NoError(t, connect(t, url).QueryRow(t.Context(), "SELECT word FROM memory").Scan(&word))
	return word
}

// crashABackend kills a session's process and waits until the postmaster has started over.
func crashABackend(t *testing.T, c *Cluster) {
	t.Helper()
	conn := connect(t, c.URL())
	require.NoError(t, syscall.Kill(int(conn.PgConn().PID()), syscall.SIGKILL))
	require.Eventually(t, func() bool { return conn.Ping(t.Context()) != nil }, fastTimeout, pollInterval)
	require.Eventually(t, func() bool {
		conn, err := pgx.Connect(t.Context(), c.URL())
		return err == nil && conn.Close(t.Context()) == nil
	}, fastTimeout, pollInterval)
}

func requireCalmLog(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "postgres", "log", "postgresql.log"))
	require.NoError(t, err)
	require.Contains(t, string(text), "ready to accept connections")
	require.Empty(t, alarming.FindString(string(text)), string(text))
}

// handler tells what is logged.
type handler struct {
	slog.Handler
	tell func(message string)
}

func (h handler) Enabled(context.Context, slog.Level) bool { return true }

func (h handler) Handle(_ context.Context, r slog.Record) error {
	h.tell(r.Message)
	return nil
}
