//go:build linux

// Package storagetest makes disks that are full.
//
// # Why
//
// What a program does when its disk is full is known only when its disk is full. A file system in memory, a few pages
// large, is a real one: it fails where and how a disk does.
package storagetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// inside tells a test that it runs again, where it may mount.
const inside = "TICKETD_TEST_INSIDE_NAMESPACE"

// TinyDisk runs a test on a folder that has room for so many bytes. Where this process may not mount, the whole test t runs
// again in a process of its own that may, with a user namespace; so call it first. A machine that forbids that too skips
// the test.
func TinyDisk(t *testing.T, size int, test func(t *testing.T, dir string)) {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size))
	switch {
	case err == nil:
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
		test(t, dir)
	case errors.Is(err, syscall.EPERM) && os.Getenv(inside) == "":
		again(t)
	default:
		t.Skipf("this machine lets nobody mount a small disk: %v", err)
	}
}

// again runs the test in a user namespace, where it is root over its own mounts.
func again(t *testing.T) {
	t.Helper()
	//nolint:gosec // the test's own program
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=yes")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		t.Skipf("this machine lets nobody mount a small disk: %v", err)
	}
	if err != nil {
		t.Fatalf("in a namespace of its own: %v\n%s", err, out)
	}
}
