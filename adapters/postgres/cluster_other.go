//go:build !linux

package postgres

import (
	"context"
	"errors"
	"log/slog"
)

var (
	// ErrInUse says that another process runs the cluster of this data directory.
	ErrInUse = errors.New("the data directory is in use")
	// ErrNotInstalled says that the machine has no PostgreSQL the embedded cluster could run on.
	ErrNotInstalled = errors.New("the embedded PostgreSQL needs Linux: set DATABASE_URL to a running server")
)

// Option changes how a cluster is run.
type Option func()

// Volatile trades safety for speed.
func Volatile() Option { return func() {} }

// MaxConnections sets how many connections the cluster accepts.
func MaxConnections(int) Option { return func() {} }

// TempDir returns ErrNotInstalled.
func TempDir() (string, error) { return "", ErrNotInstalled }

// Cluster is never running here: its safety rests on what only Linux offers.
type Cluster struct{}

// Start returns ErrNotInstalled.
func Start(context.Context, string, *slog.Logger, ...Option) (*Cluster, error) {
	return nil, ErrNotInstalled
}

// JoinURL returns ErrNotInstalled.
func JoinURL(string) (string, error) { return "", ErrNotInstalled }

// URL returns nothing.
func (*Cluster) URL() string { return "" }

// Done is never closed.
func (*Cluster) Done() <-chan struct{} { return nil }

// Wait returns ErrNotInstalled.
func (*Cluster) Wait() error { return ErrNotInstalled }

// Stop does nothing.
func (*Cluster) Stop(context.Context) error { return nil }
