package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/adapters/auth"
	"ticketd/adapters/postgres"
	"ticketd/domain"
)

// world is the real program and the limit's, each a process of its own, on one database.
type world struct {
	pool         *pgxpool.Pool
	real, limit  *server
	member       string // the token of who calls
	org          domain.OrgID
	tokens       *auth.Tokens
	newestMember int
}

const jwtSecret = "a secret for benchmarks, nothing else"

// openWorld starts both on a new database, which fill may fill before, with more in the environment of the real program.
func (l *lab) openWorld(ctx context.Context, name string, fill func(database string) error, more ...string) (_ *world, err error) {
	database, err := l.database(ctx, name)
	if err != nil {
		return nil, err
	}
	if fill != nil {
		if err := fill(database); err != nil {
			return nil, err
		}
	}
	w := newWorld()
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.pool, err = postgres.Open(ctx, database); err != nil {
		return w, err
	}
	if _, err = w.pool.Exec(ctx, limitSchema); err != nil {
		return w, err
	}
	self, err := os.Executable()
	if err != nil {
		return w, err
	}
	if w.limit, err = l.launch(ctx, name+"-limit", func(address string) *exec.Cmd {
		return exec.CommandContext(ctx, self, limitCommand, address, database)
	}); err != nil {
		return w, err
	}
	w.real, err = l.serve(ctx, name, database, more...)
	return w, err
}

func newWorld() *world {
	return &world{org: domain.OrgID{UUID: uuid.Must(uuid.NewV7())}, tokens: auth.NewTokens([]byte(jwtSecret), time.Hour, time.Now)}
}

// serve builds and starts the real program on a database, with its rate limits off and more in its environment.
func (l *lab) serve(ctx context.Context, name, database string, more ...string) (*server, error) {
	program, err := l.build(ctx, "ticketd")
	if err != nil {
		return nil, err
	}
	return l.launch(ctx, name+"-real", func(address string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, program, "serve")
		cmd.Env = append(append(os.Environ(),
			"HTTP_ADDR="+address, "MCP_ADDR=127.0.0.1:0", "DATABASE_URL="+database, "DATA_DIR="+l.dir, "ENVIRONMENT=production", "JWT_SECRET="+jwtSecret,
			"ENCRYPTION_KEY="+base64.StdEncoding.EncodeToString(make([]byte, 32)), "RATE_LIMIT_DEFAULT=0", "RATE_LIMIT_AUTH=0", "RATE_LIMIT_LOGIN=0"), more...)
		return cmd
	})
}

// build compiles one of the programs as it stands in the tree.
func (l *lab) build(ctx context.Context, program string) (string, error) {
	path, err := filepath.Abs(filepath.Join(l.dir, program))
	if err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "ticketd/cmd/"+program).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", program, err, out)
	}
	return path, nil
}

func (w *world) close() error {
	var errs []error
	for _, s := range []*server{w.real, w.limit} {
		if s != nil {
			errs = append(errs, s.stop())
		}
	}
	if w.pool != nil {
		w.pool.Close()
	}
	return errors.Join(errs...)
}

// join adds people to the organization and answers a token of each. They are written where the program looks them up:
// hashing a password for each would take longer than the benchmarks.
func (w *world) join(ctx context.Context, people int) ([]string, error) {
	tokens := make([]string, people)
	for i := range tokens {
		w.newestMember++
		person := domain.UserID{UUID: uuid.Must(uuid.NewV7())}
		name := fmt.Sprintf("member%d", w.newestMember)
		_, err := w.pool.Exec(ctx, `INSERT INTO users (id, org_id, version, username, email, full_name, role, status, preferences, created_at, updated_at)
			VALUES ($1, $2, 1, $3, $3 || '@example.org', $3, 'admin', 'active', '{}', now(), now())`, person.UUID, w.org.UUID, name)
		if err != nil {
			return nil, fmt.Errorf("add a member: %w", err)
		}
		if tokens[i], _, err = w.tokens.Issue(w.org, person, domain.Admin, uuid.New()); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

// The body of a new ticket: what a person writes, not more.
func newTicket(extra string) string {
	return `{"title":"Export fails with error 502","description":"` + strings.Repeat(comment+" ", 3) + `","priority":"high","category":"technical"` + extra + `}`
}
