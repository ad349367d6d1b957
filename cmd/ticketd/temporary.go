package main

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// temporary is this process's folder for what readers make of uploads on their way. Others in the same DATA_DIR have theirs.
type temporary struct {
	path string
	lock *os.File // held as long as the process lives
}

// newTemporary makes it in the parent, and removes those whose processes have died: a crash must leave nobody's voice behind.
func newTemporary(parent string) (t temporary, err error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return t, err
	}
	alone, err := locked(parent, unix.LOCK_EX) // or a folder might be removed before its lock is held
	if err != nil {
		return t, err
	}
	defer func() { _ = alone.Close() }() // opened for reading
	others, err := os.ReadDir(parent)
	if err != nil {
		return t, err
	}
	for _, other := range others {
		path := filepath.Join(parent, other.Name())
		if lock, err := locked(path, unix.LOCK_EX|unix.LOCK_NB); err == nil {
			(&temporary{path, lock}).remove()
		}
	}
	if t.path, err = os.MkdirTemp(parent, ""); err != nil {
		return t, err
	}
	t.lock, err = locked(t.path, unix.LOCK_EX)
	return t, err
}

func locked(path string, how int) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), how); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// remove may leave something behind, which the next start removes.
func (t *temporary) remove() {
	if t.path == "" {
		return
	}
	_ = os.RemoveAll(t.path)
	_ = t.lock.Close() // opened for reading
}
