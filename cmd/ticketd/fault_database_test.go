//go:build linux

package main

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres"
)

// server is a PostgreSQL of the test's own, that it may crash. It loses nothing that it has committed.
type server struct {
	t       *testing.T
	dir     string
	cluster *postgres.Cluster
}

func ownServer(t *testing.T) *server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts PostgreSQL")
	}
	dir, err := postgres.TempDir()
	require.NoError(t, err)
	s := &server{t: t, dir: dir}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	s.start()
	t.Cleanup(func() { require.NoError(t, s.cluster.Stop(context.WithoutCancel(t.Context()))) })
	return s
}

func (s *server) start() {
	s.t.Helper()
	cluster, err := postgres.Start(s.t.Context(), s.dir, slog.New(slog.DiscardHandler))
	require.NoError(s.t, err)
	s.cluster = cluster
}

// url goes through a link beside the data, which leads to the server however often it is started.
func (s *server) url() string {
	s.t.Helper()
	address, err := url.Parse(s.cluster.URL())
	require.NoError(s.t, err)
	query := address.Query()
	query.Set("host", filepath.Join(s.dir, "postgres.socket"))
	address.RawQuery = query.Encode()
	return address.String()
}

// crash shuts the server down at once, as pg_ctl stop -m immediate does.
func (s *server) crash() {
	s.t.Helper()
	require.NoError(s.t, syscall.Kill(postmasterIn(s.t, s.dir), syscall.SIGQUIT))
	<-s.cluster.Done()
	require.NoError(s.t, s.cluster.Stop(context.WithoutCancel(s.t.Context()))) // lets go of the directory
}

// PostgreSQL crashes, stands still and is killed from within while 16 writers are at work. The program says so, answers
// what it cannot do with a problem, and is itself again as soon as the server is.
func TestTheProgramSurvivesItsDatabase(t *testing.T) {
	t.Parallel()
	db := ownServer(t)
	database := db.url()
	p := begin(t, database)
	ada := p.founder("ada")
	s := attend(t, func() *client { return p.here(ada) }, 0)
	c := gather(t, 16, func(int) *client { return p.here(ada) })
	c.awaitAnswers(50)

	db.crash()
	p.awaitMissing("database")
	require.Equal(t, 503, p.nobody().status("GET", "/health/db", nil))
	require.Equal(t, 200, p.nobody().status("GET", "/health", nil), "the program lives, and must not be restarted for this")
	before := c.refused.Load()
	require.Eventually(t, func() bool { return c.refused.Load() >= before+16 }, startLimit, 5*time.Millisecond, "writers hear that it cannot be done")
	db.start()
	p.requireReady()
	c.awaitAnswers(50)

	// A server that stands still, as on a disk that does not answer: readiness does not wait for it.
	held := append(childrenOf(t, postmasterIn(t, db.dir)), postmasterIn(t, db.dir))
	for _, pid := range held {
		require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	}
	p.awaitMissing("database")
	for _, pid := range held {
		_ = syscall.Kill(pid, syscall.SIGCONT) // a backend may have ended by itself
	}
	p.requireReady()
	c.awaitAnswers(50)

	// One backend dies, and the postmaster begins anew with everybody.
	var backend int
	w := observeDatabase(t, database)
	backend = w.count(`SELECT pid FROM pg_stat_activity WHERE application_name = 'ticketd' LIMIT 1`)
	require.NoError(t, syscall.Kill(backend, syscall.SIGKILL))
	c.awaitAnswers(200)
	p.requireReady()

	c.finish()
	require.Less(t, c.slowest, 40*time.Second, "no request hangs longer than it may")
	w.pool.Reset()
	w.requireKept(c, ada.org)
	w.awaitSearch()
	s.requireEverything(w, ada.org)
	require.Zero(t, c.unheard.Load(), "every request was answered")
	t.Logf("%d answered, %d refused, the slowest after %v", c.answered.Load(), c.refused.Load(), c.slowest)
}
