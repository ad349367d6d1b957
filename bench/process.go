package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a program that is measured from outside.
type server struct {
	address string
	cmd     *exec.Cmd
	log     string
}

// launch starts a program that listens on an address it is told, and waits until it does. What it says goes to a file, as
// in production.
func (l *lab) launch(ctx context.Context, name string, command func(address string) *exec.Cmd) (*server, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{address: address, cmd: command(address), log: filepath.Join(l.dir, name+".log")}
	out, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // the child has its own copy
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = 20 * time.Second
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := s.await(ctx); err != nil {
		said, _ := os.ReadFile(s.log)
		return nil, fmt.Errorf("%s does not answer: %w; it said: %s", name, errors.Join(err, s.stop()), said)
	}
	return s, nil
}

// freeAddress answers one that nobody listens on at this moment.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-retry.C:
		}
	}
}

func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

// cpu is the time the program has computed so far.
func (s *server) cpu() time.Duration {
	if s == nil || s.cmd == nil {
		return 0
	}
	return processCPU(s.cmd.Process.Pid, false)
}

// memory is what it holds of the machine's, in KB.
func (s *server) memory() int { return memoryOf(s.cmd.Process.Pid, resident) }

// The lines of /proc/<pid>/status that tell of memory.
const (
	resident     = "VmRSS:"
	mostResident = "VmHWM:" // that it ever was
)

// memoryOf is what a process holds of the machine's, in KB; 0 when it is gone.
func memoryOf(pid int, line string) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // 0 where there is no such file
	return parseMemory(string(text), line)
}

func parseMemory(status, line string) int {
	_, rest, _ := strings.Cut(status, line)
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kb, _ := strconv.Atoi(fields[0])
	return kb
}

// tick is the unit of /proc's times: Linux has shown a hundred a second for ever.
const tick = 10 * time.Millisecond

// processCPU reads what a process has computed, with its children that have ended if they are wanted.
func processCPU(pid int, ended bool) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // a process that is gone has nothing to add
	_, times := parseStat(string(text))
	total := times[0] + times[1]
	if ended {
		total += times[2] + times[3]
	}
	return time.Duration(total) * tick
}

func childrenOf(parent int) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // only a malformed pattern is an error
	var children []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if of, _ := parseStat(string(text)); err == nil && of == parent {
			children = append(children, pid)
		}
	}
	return children
}

// parseStat reads a line of /proc/<pid>/stat: the parent, and the ticks in user and kernel mode, its own and its ended
// children's. The name before them may hold anything, so it counts from the last parenthesis.
func parseStat(line string) (parent int, ticks [4]int) {
	_, rest, _ := cutLast(line, ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0, ticks
	}
	parent, _ = strconv.Atoi(fields[1])
	for i := range ticks {
		ticks[i], _ = strconv.Atoi(fields[11+i])
	}
	return parent, ticks
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

// costs are measurements with the CPU that each operation took.
type costs struct {
	series
	server, database []time.Duration
}

// charge measures, and divides what s and PostgreSQL computed meanwhile. s may be nil.
func (c *costs) charge(l *lab, s *server, measure func() (sample, error)) (sample, error) {
	server, database := s.cpu(), l.databaseCPU()
	measured, err := measure()
	if err == nil {
		each := time.Duration(max(1, measured.done))
		c.server = append(c.server, (s.cpu()-server)/each)
		c.database = append(c.database, (l.databaseCPU()-database)/each)
	}
	return measured, err
}

func (c *costs) cpu() string { return ms(median(c.server)) + " + " + ms(median(c.database)) }
