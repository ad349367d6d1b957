// Package child runs the programs that read files: each with a limit on its time, its processor and its memory, and none
// that outlives us.
//
// # Why
//
// What somebody uploads may be made to hang a decoder or to eat all memory. So decoders are other processes, which can be
// killed: as a group, by the kernel when we die ourselves, and by limits that the shell sets before it becomes the
// program. They give way to everything else on the machine, for people wait for the API and not for them.
package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Command is a program to run.
type Command struct {
	Name   string
	Args   []string
	Dir    string
	Env    []string // besides what every program needs
	Stdin  io.Reader
	Stdout io.Writer
	Limits Limits
}

// Limits are what a program may take.
type Limits struct {
	Time   time.Duration // from start to end
	CPU    time.Duration // of all its threads; rounded up to seconds
	Memory int64         // bytes of address space
}

// MissingError reports a program that is not installed.
type MissingError struct{ Program string }

func (e *MissingError) Error() string { return e.Program + " is not installed" }

// TimeoutError reports a program that was killed because it took too long.
type TimeoutError struct {
	Program string
	After   time.Duration
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("%s was stopped after %s", e.Program, e.After)
}

// ExitError reports a program that ended badly: by itself, or because it met a limit of its processor or memory.
type ExitError struct {
	Program string
	State   string // e.g. "exit status 1", "signal: killed"
	Said    string // the end of what it wrote to stderr
}

func (e *ExitError) Error() string {
	if e.Said == "" {
		return e.Program + ": " + e.State
	}
	return e.Program + ": " + e.State + ": " + e.Said
}

// Plain says it to whoever waits for the file, who must not read what a program says of our folders.
func (e *MissingError) Plain() string { return e.Error() + "." }

// Plain says it to whoever waits for the file.
func (e *TimeoutError) Plain() string { return e.Error() + "." }

// Plain says it to whoever waits for the file, without what the program said.
func (e *ExitError) Plain() string { return e.Program + " ended badly (" + e.State + ")." }

const (
	// saidMost is how much of what a program complains about is kept.
	saidMost = 2 << 10
	// patience is how long a killed program's pipes may stay open.
	patience = 2 * time.Second
)

// limited is the shell's way to become a program within limits: kilobytes, seconds, the program and its arguments.
const limited = `ulimit -c 0 && ulimit -v "$0" && ulimit -t "$1" && shift && exec nice -n 15 "$@"`

// Run runs a program to its end. Errors: *MissingError, *TimeoutError, *ExitError, and ctx's own when it ended first.
func Run(ctx context.Context, c Command) error {
	path, err := exec.LookPath(c.Name)
	if err != nil {
		return &MissingError{Program: c.Name}
	}
	bounded, cancel := context.WithTimeout(ctx, c.Limits.Time)
	defer cancel()
	kilobytes := strconv.FormatInt((c.Limits.Memory+1023)>>10, 10)
	seconds := strconv.FormatInt(int64((c.Limits.CPU+time.Second-1)/time.Second), 10)
	//nolint:gosec // which program it is was written by us; what it is given are paths of our own
	cmd := exec.CommandContext(bounded, "/bin/sh", append([]string{"-c", limited, kilobytes, seconds, path}, c.Args...)...)
	var said tail
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Dir, c.Stdin, c.Stdout, &said
	cmd.Env = append(harmless(), c.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = patience
	err = cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bounded.Err() != nil:
		return &TimeoutError{Program: c.Name, After: c.Limits.Time}
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return &ExitError{Program: c.Name, State: exit.Error(), Said: said.String()}
	}
	return fmt.Errorf("run %s: %w", c.Name, err)
}

// harmless is the part of our environment that programs need. The rest holds secrets, which what somebody uploads may make
// a program tell.
func harmless() []string {
	var kept []string
	for _, name := range []string{"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TESSDATA_PREFIX"} {
		if value, set := os.LookupEnv(name); set {
			kept = append(kept, name+"="+value)
		}
	}
	return kept
}

// Output is Run, and answers what the program wrote, at most so many bytes of it: more is an *ExitError.
func Output(ctx context.Context, c Command, most int) ([]byte, error) {
	out := Beginning{Most: most}
	c.Stdout = &out
	if err := Run(ctx, c); err != nil {
		return nil, err
	}
	if out.Over {
		return nil, &ExitError{Program: c.Name, State: "wrote more than " + strconv.Itoa(most) + " bytes"}
	}
	return out.Kept.Bytes(), nil
}

// Beginning takes everything and keeps so many bytes of it, so that the program that writes is not held up.
type Beginning struct {
	Kept bytes.Buffer
	Most int
	Over bool // there was more
}

// Write implements io.Writer.
func (b *Beginning) Write(p []byte) (int, error) {
	room := b.Most - b.Kept.Len()
	b.Over = b.Over || len(p) > room
	b.Kept.Write(p[:min(len(p), room)])
	return len(p), nil
}

// tail keeps the end of what is written.
type tail struct{ kept []byte }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - saidMost; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(strings.ToValidUTF8(string(t.kept), "�")) }
