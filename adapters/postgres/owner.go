//go:build linux

package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// inheritedDir is how a child names the one directory it inherits, wherever that lies and whoever may enter its parents.
const inheritedDir = "/proc/self/fd/3"

// owner is the user PostgreSQL runs as.
type owner struct {
	name     string
	uid, gid int
	switched bool // we are root, and the children must not be
}

// ownerOf returns who runs the cluster in dir: this process' user, or for root the user that made it, or else
// postgres or nobody.
func ownerOf(dir string) (owner, error) {
	made, err := statOwner(dir)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return owner{}, err
	}
	if me := os.Geteuid(); me != 0 {
		if exists && made.uid != me {
			return owner{}, fmt.Errorf("%s belongs to user %s: start as that user, as root, or with another DATA_DIR", dir, made.name)
		}
		return owner{name: userName(me), uid: me, gid: os.Getegid()}, nil
	}
	if exists && made.uid != 0 {
		made.switched = true
		return made, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, uidErr := strconv.Atoi(u.Uid)
			gid, gidErr := strconv.Atoi(u.Gid)
			return owner{name, uid, gid, true}, errors.Join(uidErr, gidErr)
		}
	}
	return owner{}, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}

func statOwner(path string) (owner, error) {
	info, err := os.Stat(path)
	if err != nil {
		return owner{}, fmt.Errorf("look at the cluster: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return owner{}, fmt.Errorf("%s: the file system names no owner", path)
	}
	return owner{name: userName(int(stat.Uid)), uid: int(stat.Uid), gid: int(stat.Gid)}, nil
}

func userName(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// mkdir makes a directory that only the owner may enter.
func (o owner) mkdir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make a directory for PostgreSQL: %w", err)
	}
	return o.take(path)
}

// take gives path to the owner.
func (o owner) take(path string) error {
	if !o.switched {
		return nil
	}
	if err := os.Lchown(path, o.uid, o.gid); err != nil {
		return fmt.Errorf("give a file to user %s: %w", o.name, err)
	}
	return nil
}

// command prepares a program that runs as the owner with dir as inheritedDir. It outlives ctx; it has a process
// group of its own, so that Ctrl-C reaches the program alone, which then stops PostgreSQL when it is ready to.
func (o owner) command(ctx context.Context, dir *os.File, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, args...)
	cmd.Dir = "/" // ours may be closed to the owner
	cmd.Env = environment()
	cmd.ExtraFiles = []*os.File{dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if o.switched {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)} //nolint:gosec // ids of the system
	}
	return cmd
}
