package postgrestest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/adapters/postgres"
	"ticketd/migrations"
)

// templateLock is the advisory lock under which processes take turns at making the template.
const templateLock = 7_316_051_902

// made remembers which servers are known to have the template.
var made sync.Map

// clone makes a database from the template and returns its name.
func clone(ctx context.Context, server string) (string, error) {
	template, err := templateName()
	if err != nil {
		return "", err
	}
	name := "test_" + strings.ToLower(rand.Text())
	err = withConn(ctx, server, func(conn *pgx.Conn) error {
		if _, known := made.Load(server); !known {
			if err := ensureTemplate(ctx, conn, template); err != nil {
				return err
			}
			made.Store(server, true)
		}
		return exec(ctx, conn, "CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy", name, template)
	})
	return name, err
}

func drop(ctx context.Context, server, name string) error {
	return withConn(ctx, server, func(conn *pgx.Conn) error {
		return exec(ctx, conn, "DROP DATABASE %s WITH (FORCE)", name)
	})
}

// ensureTemplate makes the template under another name and renames it when it is complete, so that a process that
// is killed leaves no half of one. The lock ends with the connection.
func ensureTemplate(ctx context.Context, conn *pgx.Conn, name string) error {
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, templateLock); err != nil {
		return fmt.Errorf("lock the template: %w", err)
	}
	var exists bool
	const query = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`
	if err := conn.QueryRow(ctx, query, name).Scan(&exists); err != nil {
		return fmt.Errorf("look for the template: %w", err)
	}
	if exists {
		return unlock(ctx, conn)
	}
	draft := name + "_draft"
	if err := errors.Join(
		exec(ctx, conn, "DROP DATABASE IF EXISTS %s WITH (FORCE)", draft),
		exec(ctx, conn, "CREATE DATABASE %s TEMPLATE template0", draft),
	); err != nil {
		return err
	}
	if err := migrate(ctx, conn.Config(), draft); err != nil {
		return err
	}
	// Without connections nothing can get in the way of a clone.
	if err := errors.Join(
		exec(ctx, conn, "ALTER DATABASE %s WITH ALLOW_CONNECTIONS false", draft),
		exec(ctx, conn, "ALTER DATABASE %s RENAME TO %s", draft, name),
	); err != nil {
		return err
	}
	return unlock(ctx, conn)
}

func unlock(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, templateLock); err != nil {
		return fmt.Errorf("unlock the template: %w", err)
	}
	return nil
}

func migrate(ctx context.Context, server *pgx.ConnConfig, database string) error {
	config, err := pgxpool.ParseConfig(server.ConnString())
	if err != nil {
		return fmt.Errorf("read the database's URL: %w", err)
	}
	config.ConnConfig.Database = database
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect to the template: %w", err)
	}
	defer pool.Close()
	_, err = postgres.MigrateUp(ctx, pool, migrations.FS)
	for _, prepare := range further {
		if err == nil {
			err = prepare(ctx, pool)
		}
	}
	return err
}

// templateName names the template after the text of the migrations: a changed one makes another template. One that is given
// more is that program's alone.
func templateName() (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.FS, path)
		hash.Write(fmt.Appendf(nil, "%s %d\n%s", path, len(text), text))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash the migrations: %w", err)
	}
	if len(further) > 0 {
		hash.Write([]byte(filepath.Base(os.Args[0])))
	}
	return "template_" + hex.EncodeToString(hash.Sum(nil)[:8]), nil
}

func withConn(ctx context.Context, server string, do func(*pgx.Conn) error) (err error) {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("connect to the tests' PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	return do(conn)
}

// exec runs a statement about databases, whose names cannot be parameters.
func exec(ctx context.Context, conn *pgx.Conn, statement string, names ...string) error {
	quoted := make([]any, len(names))
	for i, name := range names {
		quoted[i] = pgx.Identifier{name}.Sanitize()
	}
	statement = fmt.Sprintf(statement, quoted...)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
