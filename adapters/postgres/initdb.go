//go:build linux

package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// initdb makes the cluster beside its final place and moves it there when it is complete, so that a start that is
// interrupted begins anew. private is a directory only the owner can enter, for the password to travel through.
func (h *home) initdb(ctx context.Context, bin binaries, private, password string, set settings) error {
	passwordFile := filepath.Join(private, "password")
	if err := os.WriteFile(passwordFile, []byte(password+"\n"), 0o600); err != nil {
		return fmt.Errorf("pass the password on: %w", err)
	}
	defer os.Remove(passwordFile) //nolint:errcheck // the directory goes with the cluster anyway
	if err := h.owner.take(passwordFile); err != nil {
		return err
	}
	args := []string{"-D", inheritedDir, "--username", superuser, "--pwfile", passwordFile, "--encoding", "UTF8"}
	if set.volatile { // SCRAM costs each connection 4096 rounds, which the race detector makes a tenth of a second
		args = append(args, "--auth", "md5", "--no-sync")
	} else {
		args = append(args, "--auth", "scram-sha-256")
	}
	// C sorts by code point and never changes with the system's libraries, which would corrupt indexes;
	// C.UTF-8 also knows the upper and lower case of letters beyond ASCII, but not every system has it.
	var err error
	for _, locale := range []string{"C.UTF-8", "C"} {
		if err = h.tryInitdb(ctx, bin, append(args, "--locale", locale)); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (h *home) tryInitdb(ctx context.Context, bin binaries, args []string) error {
	fresh := h.path("postgres.new")
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("remove an unfinished cluster: %w", err)
	}
	if err := h.owner.mkdir(fresh); err != nil {
		return err
	}
	dir, err := os.Open(fresh)
	if err != nil {
		return fmt.Errorf("open the new cluster's directory: %w", err)
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	cmd := h.owner.command(ctx, dir, bin.path("initdb"), args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	// The parent death signal is bound to this thread, see Cluster.launch.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	if err := errors.Join(h.owner.mkdir(filepath.Join(fresh, "log")), os.Rename(fresh, h.clusterDir())); err != nil {
		return fmt.Errorf("put the new cluster in place: %w", err)
	}
	return nil
}
