//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// smallDisk is a file system of one MiB that PostgreSQL may write to, and a ballast that fills it.
type smallDisk struct {
	t   *testing.T
	dir string
}

// newSmallDisk must come before the server whose files it will hold, so that it goes after it.
func newSmallDisk(t *testing.T) smallDisk {
	t.Helper()
	dir, err := os.MkdirTemp("", "ticketd-disk-") //nolint:usetesting // PostgreSQL's user may not enter what is the test's
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.Remove(dir)) })
	err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0700")
	if errors.Is(err, syscall.EPERM) {
		t.Skip("a disk that can be filled has to be mounted, which this user may not")
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return smallDisk{t, dir}
}

// hold moves a table of the server's here.
func (d smallDisk) hold(table string, of *server, w bystander) {
	d.t.Helper()
	var owner syscall.Stat_t
	require.NoError(d.t, syscall.Stat(filepath.Join(of.dir, "postgres"), &owner))
	require.NoError(d.t, os.Chown(d.dir, int(owner.Uid), int(owner.Gid)))
	w.exec(`CREATE TABLESPACE small LOCATION '` + d.dir + `'`)
	w.exec(`ALTER TABLE ` + table + ` SET TABLESPACE small`)
}

func (d smallDisk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no byte.
func (d smallDisk) fill() {
	d.t.Helper()
	file, err := os.Create(d.ballast())
	require.NoError(d.t, err)
	defer file.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = file.Write(block)
	}
	require.ErrorIs(d.t, err, syscall.ENOSPC)
}

func (d smallDisk) empty() {
	d.t.Helper()
	require.NoError(d.t, os.Remove(d.ballast()))
}

// The disk that holds the events is full for a while. What cannot be written is refused; everything else goes on, and
// so does writing as soon as there is room, without anybody restarting anything.
func TestAFullDiskIsSurvived(t *testing.T) {
	t.Parallel()
	disk := newSmallDisk(t)
	db := ownServer(t)
	p := begin(t, db.url())
	w := observeDatabase(t, db.url())
	disk.hold("events", db, w)
	ada := p.founder("ada")
	s := attend(t, func() *client { return p.here(ada) }, 0)
	c := gather(t, 4, func(int) *client { return p.here(ada) })
	c.awaitAnswers(20)

	disk.fill()
	require.Eventually(t, func() bool {
		answered, refused := c.answered.Load(), c.refused.Load()
		a, err := ada.try("PATCH", "/api/v1/users/me", object{"full_name": fmt.Sprint("Ada ", refused)})
		require.NoError(t, err)
		return a.status == 503 && c.refused.Load() > refused && c.answered.Load() == answered
	}, startLimit, 5*time.Millisecond, "the last page is full")
	refused := ""
	require.Eventually(t, func() bool { // PostgreSQL may have made a few pages more than it needed
		refused = fmt.Sprint("no room ", time.Now().UnixNano())
		return ada.status("POST", "/api/v1/tickets", object{"title": refused, "description": strings.Repeat("wide ", 200)}) == 503
	}, startLimit, time.Millisecond, "there is no room for a ticket")
	require.NotEmpty(t, ada.get("/api/v1/tickets").list(), "what is there can be read")
	p.requireReady() // to read; another instance would find the same disk

	disk.empty()
	c.awaitAnswers(50)
	c.finish()
	require.Contains(t, p.log.String(), "No space left on device", "the log says why")
	require.Zero(t, w.count(`SELECT count(*) FROM tickets WHERE title = '`+refused+`'`), "what was refused is not there")
	w.requireKept(c, ada.org)
	w.awaitSearch()
	s.requireEverything(w, ada.org)
	p.requireReady()
}
