//go:build linux

package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrInUse says that another process runs the cluster of this data directory.
var ErrInUse = errors.New("the data directory is in use")

// home is a data directory, held by this process:
//
//	postgres/            the cluster, owned by the user PostgreSQL runs as
//	postgres.lock        held while a process runs the cluster
//	postgres.password    the superuser's
//	postgres.socket      a link to where the server listens: psql -h data/postgres.socket -U ticketd postgres
type home struct {
	dir   string
	lock  *os.File
	owner owner
}

// openHome makes dataDir when it is missing and locks it.
func openHome(dataDir string) (*home, error) {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	h := &home{dir: dir}
	if h.owner, err = ownerOf(h.clusterDir()); err != nil {
		return nil, err
	}
	if h.lock, err = lockFile(h.path("postgres.lock")); err != nil {
		return nil, err
	}
	return h, nil
}

// lockFile holds path until it is closed; the kernel lets go of it also when the process is killed.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, _ := os.ReadFile(path) // only to say who; the answer is no anyway
		err = fmt.Errorf("%w: process %s holds %s; stop it, or choose another DATA_DIR", ErrInUse,
			firstLine(string(holder)), filepath.Dir(path))
	}
	if err == nil {
		err = errors.Join(f.Truncate(0), writeAll(f, fmt.Sprintln(os.Getpid())))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func writeAll(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

func (h *home) path(name string) string { return filepath.Join(h.dir, name) }
func (h *home) clusterDir() string      { return h.path("postgres") }
func (h *home) logDir() string          { return filepath.Join(h.clusterDir(), "log") }
func (h *home) close() error            { return h.lock.Close() }

// version is the major version that made the cluster; empty when there is none yet.
func (h *home) version() string {
	text, err := os.ReadFile(filepath.Join(h.clusterDir(), "PG_VERSION"))
	if err != nil {
		return ""
	}
	return firstLine(string(text))
}

// password returns the superuser's password, made with the cluster.
func (h *home) password() (string, error) {
	path := h.path("postgres.password")
	text, err := os.ReadFile(path)
	switch {
	case err == nil && len(text) > 0:
		return firstLine(string(text)), nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("read the cluster's password: %w", err)
	case h.version() != "":
		return "", fmt.Errorf("%s is missing: restore it; the data in %s cannot be read without it", path, h.clusterDir())
	}
	password := rand.Text()
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the cluster's password: %w", err)
	}
	return password, nil
}

// makeSocketDir makes the private directory the server listens in. It lies in /tmp, as the path of a socket has at
// most 107 bytes; the link beside the data finds it again, for people and for the next start.
func (h *home) makeSocketDir() (string, error) {
	if err := h.removeSocketDir(); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("/tmp", socketPrefix)
	if err != nil {
		return "", fmt.Errorf("make a directory for the socket: %w", err)
	}
	if err := errors.Join(h.owner.take(dir), os.Symlink(dir, h.path("postgres.socket"))); err != nil {
		return "", fmt.Errorf("make a directory for the socket: %w", errors.Join(err, os.RemoveAll(dir)))
	}
	return dir, nil
}

const socketPrefix = "ticketd-pg-"

func (h *home) removeSocketDir() error {
	link := h.path("postgres.socket")
	dir, err := os.Readlink(link)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the socket: %w", err)
	}
	if strings.HasPrefix(filepath.Base(dir), socketPrefix) && filepath.Dir(dir) == "/tmp" {
		err = os.RemoveAll(dir)
	}
	if err := errors.Join(err, os.Remove(link)); err != nil {
		return fmt.Errorf("remove the socket's directory: %w", err)
	}
	return nil
}

// stopOrphans ends what a killed program left behind. A postmaster is asked for a fast shutdown; its backends end
// by themselves once it is gone.
func (h *home) stopOrphans(ctx context.Context, log *slog.Logger) error {
	orphans := processesIn(h.clusterDir())
	if len(orphans) > 0 {
		log.InfoContext(ctx, "ending the PostgreSQL that an earlier run left behind", "pids", orphans)
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		gone, err := h.endOrphans(ctx, signal)
		if err != nil {
			return err
		}
		if gone {
			// Nobody works in the directory, so a pid file is stale, whatever now has its number.
			if err := os.Remove(h.pidFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove a stale pid file: %w", err)
			}
			return nil
		}
	}
	return fmt.Errorf("another PostgreSQL works in %s and does not end", h.clusterDir())
}

// endOrphans signals the postmaster, or with SIGKILL everybody, and waits until nobody works in the cluster.
func (h *home) endOrphans(ctx context.Context, signal syscall.Signal) (gone bool, err error) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	timeout := time.NewTimer(fastTimeout)
	defer timeout.Stop()
	for first := true; ; first = false {
		pids := processesIn(h.clusterDir())
		if len(pids) == 0 {
			return true, nil
		}
		for _, pid := range pids {
			if first && (signal == syscall.SIGKILL || pid == h.postmaster().pid) {
				if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
					return false, fmt.Errorf("end process %d, left by an earlier run: %w", pid, err)
				}
			}
		}
		select {
		case <-poll.C:
		case <-timeout.C:
			return false, nil
		case <-ctx.Done():
			return false, fmt.Errorf("wait for an earlier PostgreSQL to end: %w", ctx.Err())
		}
	}
}
