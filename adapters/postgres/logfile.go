//go:build linux

package postgres

import (
	"bytes"
	"fmt"
	"os"
	"sync"
)

const (
	maxLogSize = 10 << 20
	tailSize   = 2 << 10
)

// cappedLog is a log file that never grows beyond a limit: the full one becomes name.1, replacing the one before.
type cappedLog struct {
	mu    sync.Mutex
	path  string
	limit int64
	size  int64
	file  *os.File
	last  []byte
}

func openCappedLog(path string, limit int64) (*cappedLog, error) {
	l := &cappedLog{path: path, limit: limit}
	return l, l.open()
}

func (l *cappedLog) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open PostgreSQL's log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open PostgreSQL's log: %w", err)
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write appends what the server says.
func (l *cappedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size > 0 && l.size+int64(len(p)) > l.limit {
		if err := l.turn(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	l.last = append(l.last, p[:n]...)
	if extra := len(l.last) - tailSize; extra > 0 {
		l.last = append([]byte(nil), l.last[extra:]...)
	}
	if err != nil {
		return n, fmt.Errorf("write PostgreSQL's log: %w", err)
	}
	return n, nil
}

func (l *cappedLog) turn() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("turn PostgreSQL's log: %w", err)
	}
	if err := os.Rename(l.path, l.path+".1"); err != nil {
		return fmt.Errorf("turn PostgreSQL's log: %w", err)
	}
	return l.open()
}

// Close closes the file; tail still works.
func (l *cappedLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// tail is the last the server said, for the message of a start that did not work.
func (l *cappedLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.last))
}
