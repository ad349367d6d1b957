//go:build linux

package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// postmaster is what a server tells about itself in its pid file; zero when there is none.
type postmaster struct {
	pid    int
	status string // starting, ready, stopping, standby
}

func (h *home) pidFile() string { return filepath.Join(h.clusterDir(), "postmaster.pid") }

func (h *home) postmaster() postmaster {
	text, err := os.ReadFile(h.pidFile())
	if err != nil {
		return postmaster{}
	}
	return parsePidFile(string(text))
}

// parsePidFile reads the first line, the process id, and the eighth, the status.
func parsePidFile(text string) postmaster {
	lines := strings.Split(text, "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 0 {
		return postmaster{}
	}
	p := postmaster{pid: pid}
	if len(lines) > 7 {
		p.status = strings.TrimSpace(lines[7])
	}
	return p
}

// processesIn lists the PostgreSQL processes that work in dir: each of them has it as its working directory.
func processesIn(dir string) []int {
	want, err := os.Stat(dir)
	if err != nil {
		return nil
	}
	links, _ := filepath.Glob("/proc/[0-9]*/cwd") // only a malformed pattern is an error
	var pids []int
	for _, link := range links {
		proc := filepath.Dir(link)
		cwd, err := os.Stat(link)
		if err != nil || !os.SameFile(want, cwd) {
			continue
		}
		name, err := os.ReadFile(filepath.Join(proc, "comm"))
		if err != nil || firstLine(string(name)) != "postgres" {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(proc)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
