// Command testdb runs another command with a throw-away PostgreSQL:
//
//	go run ./cmd/testdb go test ./...
//
// # Why
//
// Tests of many packages run as many processes; one server for all of them is made once and takes less memory.
// TEST_DATABASE_URL tells the command where it is.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"ticketd/adapters/postgres"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: testdb command [argument ...]")
		os.Exit(2)
	}
	code, err := run(context.Background(), os.Args[1], os.Args[2:]...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testdb:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// run returns the command's exit code, and an error when the database could not be brought up or down.
func run(ctx context.Context, command string, args ...string) (code int, err error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	dir, err := postgres.TempDir()
	if err != nil {
		return 0, fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	cluster, err := postgres.Start(ctx, dir, log, postgres.Volatile(), postgres.MaxConnections(800))
	if err != nil {
		return 0, fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, cluster.Stop(ctx)) }()

	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Env = append(os.Environ(), "TEST_DATABASE_URL="+cluster.URL())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 127, fmt.Errorf("run %s: %w", command, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return await(cmd, ended, signals)
}

// await passes signals on until the command ends, and returns its exit code.
func await(cmd *exec.Cmd, ended <-chan error, signals <-chan os.Signal) (int, error) {
	for {
		select {
		case s := <-signals:
			if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return 1, fmt.Errorf("pass a signal on: %w", err)
			}
		case err := <-ended:
			var exit *exec.ExitError
			if errors.As(err, &exit) && !exit.Exited() {
				return 128 + signalNumber(exit), nil
			}
			if err != nil && exit == nil {
				return 1, fmt.Errorf("wait for the command: %w", err)
			}
			return cmd.ProcessState.ExitCode(), nil
		}
	}
}

// signalNumber is the signal that ended the command: a shell, too, answers with 128 + its number.
func signalNumber(exit *exec.ExitError) int {
	if status, ok := exit.Sys().(syscall.WaitStatus); ok {
		return int(status.Signal())
	}
	return 0
}
