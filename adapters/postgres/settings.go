//go:build linux

package postgres

import (
	"fmt"
	"maps"
	"slices"
	"syscall"
)

// Option changes how a cluster is run.
type Option func(*settings)

// Volatile trades safety for speed: what is written may be lost when the cluster ends. For tests only.
func Volatile() Option {
	return func(s *settings) {
		s.volatile = true
		s.deathSignal = syscall.SIGQUIT
		maps.Copy(s.values, map[string]string{
			"fsync":              "off",
			"synchronous_commit": "off",
			"full_page_writes":   "off",
			"wal_level":          "minimal",
			"max_wal_senders":    "0",
			"wal_compression":    "off",
			"shared_buffers":     "128MB",
			"max_wal_size":       "256MB",
		})
	}
}

// MaxConnections sets how many connections the cluster accepts; 100 without it.
func MaxConnections(n int) Option {
	return func(s *settings) { s.values["max_connections"] = fmt.Sprint(n) }
}

type settings struct {
	volatile    bool
	deathSignal syscall.Signal
	values      map[string]string
}

// newSettings suits a machine of two cores with a few gigabytes, on solid-state storage. They go on the command line,
// so that a cluster made by an older version of the program gets today's settings.
func newSettings(opts []Option) settings {
	s := settings{deathSignal: syscall.SIGINT, values: map[string]string{ //nolint:gosec // password_encryption is no password
		"fsync":                   "on",
		"synchronous_commit":      "on",
		"full_page_writes":        "on",
		"listen_addresses":        "",
		"unix_socket_permissions": "0700",
		"max_connections":         "100",
		"shared_buffers":          "256MB",
		"max_wal_size":            "2GB",
		"wal_compression":         "on",
		"checkpoint_timeout":      "15min",
		"random_page_cost":        "1.1",
		"jit":                     "off",
		"password_encryption":     "scram-sha-256",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"log_min_messages":        "warning",
		"log_destination":         "stderr",
		"logging_collector":       "off",
		"cluster_name":            "ticketd",
	}}
	for _, opt := range opts {
		opt(&s)
	}
	return s
}

func (s settings) arguments(sockets string) []string {
	args := []string{"-D", inheritedDir, "-k", sockets}
	for _, name := range slices.Sorted(maps.Keys(s.values)) {
		args = append(args, "-c", name+"="+s.values[name])
	}
	return args
}
