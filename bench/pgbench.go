package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// bareTable is the least that can hold an event: its columns and one index.
const bareTable = `CREATE TABLE bare (
	position bigserial, stream_id uuid NOT NULL, version int NOT NULL, type text NOT NULL, data json NOT NULL, metadata json NOT NULL,
	UNIQUE (stream_id, version))`

const bareInsert = `INSERT INTO bare (stream_id, version, type, data, metadata) VALUES (gen_random_uuid(), 1, 'ticket.commented', :data, :metadata);`

// pgbench runs a script for a while with so many clients. It is PostgreSQL's own, in C: hardly a client costs less.
func pgbench(ctx context.Context, database, script string, clients int, span time.Duration, values map[string]string) (_ sample, err error) {
	program, err := findPgbench()
	if err != nil {
		return sample{}, err
	}
	u, err := url.Parse(database)
	if err != nil {
		return sample{}, fmt.Errorf("read the database's URL: %w", err)
	}
	dir, err := os.MkdirTemp("", "pgbench-")
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return sample{}, err
	}
	args := []string{
		"--no-vacuum", "--protocol=prepared", "--file=" + file, "--log", "--log-prefix=" + filepath.Join(dir, "log"),
		"--client=" + strconv.Itoa(clients), "--jobs=" + strconv.Itoa(min(clients, 2)), "--time=" + strconv.Itoa(max(1, int(span.Seconds()+.5))),
		"--username=" + u.User.Username(),
	}
	for name, value := range values {
		args = append(args, "--define="+name+"="+value)
	}
	cmd := exec.CommandContext(ctx, program, append(args, strings.TrimPrefix(u.Path, "/"))...)
	password, _ := u.User.Password()
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password, "PGHOST="+u.Query().Get("host")+u.Hostname(), "PGPORT="+u.Port())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	return readPgbench(string(out), dir)
}

// findPgbench looks in the path and where Debian keeps it.
func findPgbench() (string, error) {
	if program, err := exec.LookPath("pgbench"); err == nil {
		return program, nil
	}
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench") // only a malformed pattern is an error
	if len(installed) == 0 {
		return "", errors.New("no pgbench found: it comes with PostgreSQL (Debian: postgresql-contrib or postgresql-15)")
	}
	return installed[len(installed)-1], nil
}

var tps = regexp.MustCompile(`tps = ([0-9.]+) \(without`)

// readPgbench takes the rate from the report and the latencies from the logs, one file a thread.
func readPgbench(report, dir string) (sample, error) {
	found := tps.FindStringSubmatch(report)
	if found == nil {
		return sample{}, fmt.Errorf("pgbench reports no tps: %s", report)
	}
	rate, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		return sample{}, fmt.Errorf("pgbench's tps: %w", err)
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "log*")) // only a malformed pattern is an error
	var took []time.Duration
	for _, file := range logs {
		text, err := os.ReadFile(file)
		if err != nil {
			return sample{}, err
		}
		took = append(took, parseLatencies(string(text))...)
	}
	s := summary(took, time.Second)
	s.rate = rate
	return s, nil
}

// parseLatencies reads a transaction log: the third column is microseconds.
func parseLatencies(log string) []time.Duration {
	var took []time.Duration
	for line := range strings.Lines(log) {
		if fields := strings.Fields(line); len(fields) > 2 {
			if us, err := strconv.Atoi(fields[2]); err == nil {
				took = append(took, time.Duration(us)*time.Microsecond)
			}
		}
	}
	return took
}
