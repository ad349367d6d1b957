//go:build linux

package postgres

import (
	"fmt"
	"os"
	"syscall"
)

const (
	memoryDir  = "/dev/shm"
	memoryRoom = 4 << 30
)

// TempDir makes a directory for a Volatile cluster, which the caller removes: in memory when there is ample room,
// since making a database is making some 300 files, ten times as fast there.
func TempDir() (string, error) {
	parent := os.TempDir()
	if freeBytes(memoryDir) >= memoryRoom {
		parent = memoryDir
	}
	dir, err := os.MkdirTemp(parent, "ticketd-test-")
	if err != nil {
		return "", fmt.Errorf("make a directory for a throw-away cluster: %w", err)
	}
	return dir, nil
}

// freeBytes is zero where there is no such directory.
func freeBytes(dir string) uint64 {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil || fs.Bsize <= 0 {
		return 0
	}
	return fs.Bavail * uint64(fs.Bsize)
}
