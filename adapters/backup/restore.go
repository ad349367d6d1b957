package backup

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The refusals of a restore. Nothing is changed then.
var (
	ErrNoBackup = errors.New("this is no backup, or it was cut short")
	ErrNewer    = errors.New("the backup was made by a newer program")
	ErrNotEmpty = errors.New("a backup is restored into an empty database and an empty folder of files")
	ErrOtherKey = errors.New("the backup was made with another ENCRYPTION_KEY; without that one its words cannot be read")
)

// Restore reads a backup into a database whose schema is there and whose log is empty, all or nothing, and the files into
// a folder. schema and publicKey are this program's. The projections are not touched, and nothing says any more which code
// made them: a program that starts rebuilds them, unless it was done before. Tables that the database does not have are
// left out, and leave the answered Manifest. Errors: ErrNoBackup, ErrNewer, ErrNotEmpty,
// ErrOtherKey, and those of database and disk.
func Restore(ctx context.Context, pool *pgxpool.Pool, r io.Reader, schema int64, publicKey, files string, progress Progress) (Manifest, error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrNoBackup, err)
	}
	in := &entries{Reader: tar.NewReader(unzipped)}
	m, err := in.manifest()
	switch {
	case err != nil:
		return m, fmt.Errorf("%w: %w", ErrNoBackup, err)
	case m.Schema > schema:
		return m, ErrNewer
	case m.PublicKey != publicKey:
		return m, ErrOtherKey
	}
	// The files come after the tables, and take their place when all of the backup was read: before the tables are
	// committed, for files that nothing refers to harm nobody.
	staging := files + ".restoring"
	if err := os.RemoveAll(staging); err != nil {
		return m, fmt.Errorf("clear an earlier attempt: %w", err)
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := requireEmpty(ctx, tx, files); err != nil {
			return err
		}
		if m.Tables, err = present(ctx, tx, m.Tables); err != nil {
			return err
		}
		for _, t := range m.Tables {
			if err := restoreTable(ctx, tx, in, t, m.Events, progress); err != nil {
				return fmt.Errorf("restore %s: %w", t.Name, err)
			}
		}
		if err := advanceSequences(ctx, tx); err != nil {
			return err
		}
		// After the events. Before them another program may still find the log empty and record its code; now it waits for
		// the lock of every append, which they have taken.
		if _, err := tx.Exec(ctx, `DELETE FROM `+pgx.Identifier{"public", codes}.Sanitize()); err != nil {
			return err
		}
		if err := in.files(staging); err != nil {
			return err
		}
		if err := in.end(); err != nil {
			return err
		}
		return put(staging, files)
	})
	return m, errors.Join(err, os.RemoveAll(staging))
}

// put moves a folder to its place, where one without files may be.
func put(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) { // a backup without files makes no folder
		return err
	}
	return nil
}

func requireEmpty(ctx context.Context, tx pgx.Tx, files string) error {
	var used bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM events)`).Scan(&used); err != nil {
		return err
	}
	if used {
		return fmt.Errorf("%w: the log has events", ErrNotEmpty)
	}
	there, err := os.ReadDir(files)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if slices.ContainsFunc(there, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") }) {
		return fmt.Errorf("%w: %s has files", ErrNotEmpty, files)
	}
	return nil
}

// codes is the table of which code made each projection. One that an older program's backup brings speaks of other tables.
const codes = "projections"

// present answers those of the tables that the database has and wants.
func present(ctx context.Context, tx pgx.Tx, tables []Table) ([]Table, error) {
	found, err := tx.Query(ctx, `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(found, pgx.RowTo[string])
	return slices.DeleteFunc(slices.Clone(tables), func(t Table) bool { return t.Name == codes || !slices.Contains(names, t.Name) }), err
}

func restoreTable(ctx context.Context, tx pgx.Tx, in *entries, t Table, events int64, progress Progress) error {
	if err := in.skipTo(t); err != nil {
		return err
	}
	rows := &rows{entries: in, folder: t.folder()}
	if t.Name == "events" { // which is append-only, and empty
		rows.count = func(done int64) { progress(done, events) }
	} else if _, err := tx.Exec(ctx, `DELETE FROM `+pgx.Identifier{"public", t.Name}.Sanitize()); err != nil {
		return err
	}
	_, err := tx.Conn().PgConn().CopyFrom(ctx, rows, `COPY `+t.target()+` FROM STDIN`)
	return err
}

// advanceSequences lets the next row come behind the restored ones.
func advanceSequences(ctx context.Context, tx pgx.Tx) error {
	found, err := tx.Query(ctx, `
		SELECT c.relname, a.attname, pg_get_serial_sequence(format('public.%I', c.relname), a.attname)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'goose_db_version'
			AND pg_get_serial_sequence(format('public.%I', c.relname), a.attname) IS NOT NULL`)
	if err != nil {
		return err
	}
	type sequence struct{ Table, Column, Name string }
	sequences, err := pgx.CollectRows(found, pgx.RowToStructByPos[sequence])
	if err != nil {
		return err
	}
	for _, s := range sequences {
		column := pgx.Identifier{s.Column}.Sanitize()
		_, err := tx.Exec(ctx, `SELECT setval($1::regclass, max(`+column+`)) FROM `+pgx.Identifier{"public", s.Table}.Sanitize()+` HAVING max(`+column+`) IS NOT NULL`, s.Name)
		if err != nil {
			return fmt.Errorf("advance %s: %w", s.Name, err)
		}
	}
	return nil
}

// entries are those of a backup, one after the other; the one that was looked at last may still be unread.
type entries struct {
	*tar.Reader
	name   string
	unread bool
}

// peek answers the name of the next entry; none at the end.
func (e *entries) peek() (string, error) {
	if e.unread {
		return e.name, nil
	}
	header, err := e.Next()
	switch {
	case errors.Is(err, io.EOF):
		e.name = ""
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrNoBackup, err)
	default:
		e.name = header.Name
	}
	e.unread = true
	return e.name, nil
}

func (e *entries) manifest() (m Manifest, err error) {
	name, err := e.peek()
	if err != nil || name != manifestName {
		return m, errors.Join(err, fmt.Errorf("it begins with %q", name))
	}
	e.unread = false
	if err := json.NewDecoder(e).Decode(&m); err != nil {
		return m, err
	}
	if m.Format != format {
		return m, fmt.Errorf("its format is %q", m.Format)
	}
	return m, nil
}

// skipTo passes over the tables that nobody wants. They stand in the order of the manifest.
func (e *entries) skipTo(t Table) error {
	for {
		name, err := e.peek()
		if err != nil || path.Dir(path.Dir(name)) != tablesFolder || path.Dir(name) >= t.folder() {
			return err
		}
		e.unread = false
	}
}

// rows reads the entries of one folder as one.
type rows struct {
	*entries
	folder string
	inside bool // an entry
	lines  int64
	count  func(done int64)
}

// Read implements io.Reader.
func (r *rows) Read(p []byte) (int, error) {
	for {
		if !r.inside {
			name, err := r.peek()
			if err != nil {
				return 0, err
			}
			if path.Dir(name) != r.folder {
				return 0, io.EOF
			}
			r.unread, r.inside = false, true
		}
		n, err := r.entries.Read(p)
		if r.count != nil && n > 0 {
			r.lines += int64(strings.Count(string(p[:n]), "\n"))
			r.count(r.lines)
		}
		if errors.Is(err, io.EOF) {
			r.inside, err = false, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// files writes what comes from the folder of files.
func (e *entries) files(folder string) error {
	for {
		name, err := e.peek()
		if err != nil {
			return err
		}
		if path.Dir(path.Dir(name)) == tablesFolder {
			e.unread = false // of a table that nobody wants
			continue
		}
		relative, isFile := strings.CutPrefix(name, filesFolder+"/")
		if !isFile {
			return nil
		}
		e.unread = false
		if !filepath.IsLocal(relative) {
			return fmt.Errorf("%w: a file is called %q", ErrNoBackup, relative)
		}
		if err := writeFile(filepath.Join(folder, filepath.FromSlash(relative)), e); err != nil {
			return fmt.Errorf("restore a file: %w", err)
		}
	}
}

func writeFile(name string, content io.Reader) (err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // a local name below the folder of files
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.Copy(file, content); err != nil {
		return err
	}
	return file.Sync()
}

// end makes sure that the backup is whole.
func (e *entries) end() error {
	name, err := e.peek()
	if err != nil {
		return err
	}
	if name != endName {
		return fmt.Errorf("%w: %q stands where its end should", ErrNoBackup, name)
	}
	return nil
}
