//go:build linux

package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNotInstalled says that the machine has no PostgreSQL the embedded cluster could run on.
var ErrNotInstalled = errors.New("no PostgreSQL server programs found")

// binaries is one installed PostgreSQL.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

// findBinaries picks the installation that made the cluster, or the newest one when version is empty: PostgreSQL
// opens only data of its own major version.
func findBinaries(ctx context.Context, version string) (binaries, error) {
	installed := installations(ctx)
	if err := ctx.Err(); err != nil {
		return binaries{}, fmt.Errorf("look for PostgreSQL: %w", err)
	}
	if version == "" {
		if len(installed) == 0 || installed[0].major < MinVersion {
			return binaries{}, fmt.Errorf("%w: install version %d or newer (Debian, Ubuntu: apt-get install postgresql), "+
				"or set DATABASE_URL to a running server", ErrNotInstalled, MinVersion)
		}
		return installed[0], nil
	}
	for _, b := range installed {
		if strconv.Itoa(b.major) == version {
			return b, nil
		}
	}
	return binaries{}, fmt.Errorf("%w: the data was made by version %s: install postgresql-%s, "+
		"or set DATABASE_URL to a running server", ErrNotInstalled, version, version)
}

// installations lists what is installed, the newest first.
func installations(ctx context.Context) []binaries {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // only a malformed pattern is an error
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(initdb); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	var found []binaries
	for _, dir := range dirs {
		if major, ok := majorVersion(ctx, dir); ok {
			found = append(found, binaries{dir, major})
		}
	}
	slices.SortStableFunc(found, func(a, b binaries) int { return cmp.Compare(b.major, a.major) })
	return found
}

// majorVersion asks the server program in dir, which must have initdb beside it.
func majorVersion(ctx context.Context, dir string) (int, bool) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return 0, false
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0, false
	}
	return parseMajor(string(out))
}

// parseMajor reads the answer of --version: "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)".
func parseMajor(answer string) (int, bool) {
	fields := strings.Fields(answer)
	if len(fields) < 3 {
		return 0, false
	}
	digits := fields[2]
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = digits[:i]
	}
	major, err := strconv.Atoi(digits)
	return major, err == nil
}
