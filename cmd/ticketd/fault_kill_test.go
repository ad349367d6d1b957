//go:build linux

package main

import (
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program is killed ten times while 32 writers are at work. Whatever was acknowledged is there once, and so is what
// was asked for until it was acknowledged; a subscriber who resumes after each kill misses nothing and hears nothing twice.
func TestTenKillsLoseNothing(t *testing.T) {
	t.Parallel()
	database := faultDatabase(t)
	p := begin(t, database)
	ada := p.founder("ada")
	w := observeDatabase(t, database)
	head, err := w.Head(t.Context())
	require.NoError(t, err)
	s := attend(t, func() *client { return p.here(ada) }, head)
	c := gather(t, 32, func(int) *client { return p.here(ada) })
	for range 10 {
		c.awaitAnswers(32 + rand.Int64N(64))
		p.kill()
		p.start()
	}
	c.awaitAnswers(64)
	c.finish()
	w.requireKept(c, ada.org)
	w.awaitSearch()
	s.requireEverything(w, ada.org)
	require.GreaterOrEqual(t, s.came(), 10)
	require.NotZero(t, c.unheard.Load(), "the kills met somebody")
	p.requireReady()
	p.stop()
	p.requireHealthy()
}

// As if the plug were pulled: the program and its own PostgreSQL are killed together.
func TestAPulledPlugLosesNothing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts PostgreSQL")
	}
	dir := filepath.Join(t.TempDir(), "data")
	p := begin(t, "", "DATA_DIR="+dir)
	ada := p.founder("ada")
	s := attend(t, func() *client { return p.here(ada) }, 0)
	c := gather(t, 32, func(int) *client { return p.here(ada) })
	for range 2 {
		c.awaitAnswers(100)
		postmaster := postmasterIn(t, dir)
		for _, pid := range append(childrenOf(t, postmaster), postmaster) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // a backend may have ended by itself
		}
		p.kill()
		p.start()
	}
	c.awaitAnswers(64)
	c.finish()
	w := observeDatabase(t, embeddedURL(t, dir))
	w.requireKept(c, ada.org)
	w.awaitSearch()
	s.requireEverything(w, ada.org)
	p.requireReady()
}

// embeddedURL is where the PostgreSQL in a data directory listens now.
func embeddedURL(t *testing.T, dir string) string {
	t.Helper()
	secret, err := os.ReadFile(filepath.Join(dir, "postgres.password"))
	require.NoError(t, err)
	sockets, err := os.Readlink(filepath.Join(dir, "postgres.socket"))
	require.NoError(t, err)
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword("ticketd", strings.TrimSpace(string(secret))), Path: "/postgres",
		RawQuery: url.Values{"host": {sockets}, "sslmode": {"disable"}}.Encode(),
	}
	return address.String()
}

func postmasterIn(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)
	return pid
}

// childrenOf lists the processes that a process has started.
func childrenOf(t *testing.T, parent int) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ") // behind the name, which may hold anything
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}
