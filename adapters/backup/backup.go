// Package backup writes the whole system into one file and reads it back: the log, the keys and whatever else cannot be
// made from the log, and the stored files.
//
// # Why
//
// A projection is made from the log, so it is left out and rebuilt: a restore proves the log instead of trusting a copy
// of its results. Everything is read in one snapshot, so the file holds the log up to one position and nothing half.
// The tables are COPY's text, which every version of PostgreSQL reads, in a tar that any tool opens; pg_dump would need
// to be installed, in a version that fits the server, and would copy the projections too. Personal data is sealed with
// ENCRYPTION_KEY in the file as it is in the database; the key itself is not in it.
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
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const format = "ticketd-backup/1"

// Manifest says what a backup holds.
type Manifest struct {
	Format    string    `json:"format"`
	MadeAt    time.Time `json:"made_at"`
	Program   string    `json:"program"`
	Schema    int64     `json:"schema"`     // the last migration
	Position  int64     `json:"position"`   // of the last event
	Events    int64     `json:"events"`     // how many
	PublicKey string    `json:"public_key"` // of the log's signed heads, which tells the ENCRYPTION_KEY it was made with
	Tables    []Table   `json:"tables"`
}

// Table is one table of a backup.
type Table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

// Progress hears how many rows of how many are done.
type Progress func(done, total int64)

const (
	manifestName = "manifest.json"
	tablesFolder = "tables"
	filesFolder  = "files"
	endName      = "end"
	// chunk is how much of a table is held in memory: tar wants to know how long an entry is before it begins.
	chunk = 4 << 20
)

// Write writes a backup. m says what the caller knows: Program, Schema and PublicKey. The tables named in without are
// left out. files is the folder of stored files, which may not exist.
func Write(ctx context.Context, pool *pgxpool.Pool, w io.Writer, m Manifest, without []string, files string, progress Progress) (Manifest, error) {
	zipped, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return m, err
	}
	archive := tar.NewWriter(zipped)
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		m, err = manifest(ctx, tx, m, without)
		if err != nil {
			return err
		}
		if err := addJSON(archive, manifestName, m); err != nil {
			return err
		}
		for _, t := range m.Tables {
			if err := addTable(ctx, tx, archive, t, m.Events, progress); err != nil {
				return fmt.Errorf("copy %s: %w", t.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return m, fmt.Errorf("back up the database: %w", err)
	}
	if err := addFiles(archive, files); err != nil {
		return m, fmt.Errorf("back up the files: %w", err)
	}
	if err := addJSON(archive, endName, m.Events); err != nil {
		return m, err
	}
	return m, errors.Join(archive.Close(), zipped.Close())
}

// manifest describes the database as the transaction sees it.
func manifest(ctx context.Context, tx pgx.Tx, m Manifest, without []string) (Manifest, error) {
	m.Format, m.MadeAt = format, time.Now().UTC()
	err := tx.QueryRow(ctx, `SELECT coalesce(max(position), 0), count(*) FROM events`).Scan(&m.Position, &m.Events)
	if err != nil {
		return m, err
	}
	rows, err := tx.Query(ctx, `
		SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
			AND c.relname <> ALL ($1) AND c.relname <> 'goose_db_version'
		GROUP BY c.relname ORDER BY c.relname COLLATE "C"`, append([]string{}, without...)) // none is not NULL
	if err != nil {
		return m, err
	}
	m.Tables, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Table, err error) {
		return t, row.Scan(&t.Name, &t.Columns)
	})
	return m, err
}

func addJSON(archive *tar.Writer, name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return addEntry(archive, name, append(text, '\n'))
}

func addEntry(archive *tar.Writer, name string, content []byte) error {
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content)), Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}

func addTable(ctx context.Context, tx pgx.Tx, archive *tar.Writer, t Table, events int64, progress Progress) error {
	w := &tableWriter{archive: archive, folder: t.folder()}
	if t.Name == "events" {
		w.rows = func(done int64) { progress(done, events) }
	}
	_, err := tx.Conn().PgConn().CopyTo(ctx, w, `COPY `+t.target()+` TO STDOUT`)
	if err != nil {
		return err
	}
	return w.flush()
}

func (t Table) folder() string { return path.Join(tablesFolder, t.Name) }

// target names the table and its columns as COPY wants them.
func (t Table) target() string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = pgx.Identifier{c}.Sanitize()
	}
	return pgx.Identifier{"public", t.Name}.Sanitize() + " (" + strings.Join(columns, ", ") + ")"
}

// tableWriter cuts a table into entries.
type tableWriter struct {
	archive *tar.Writer
	folder  string
	held    []byte
	entries int
	lines   int64
	rows    func(done int64)
}

// Write implements io.Writer. COPY hands over a row, which is a line, at a time.
func (w *tableWriter) Write(row []byte) (int, error) {
	w.held = append(w.held, row...)
	w.lines++
	if w.rows != nil && w.lines%1000 == 0 {
		w.rows(w.lines)
	}
	if len(w.held) < chunk {
		return len(row), nil
	}
	return len(row), w.flush()
}

func (w *tableWriter) flush() error {
	if len(w.held) == 0 {
		return nil
	}
	w.entries++
	err := addEntry(w.archive, fmt.Sprintf("%s/%06d", w.folder, w.entries), w.held)
	w.held = w.held[:0]
	return err
}

// addFiles adds every file below a folder. They never change once they are there, so they need no snapshot.
func addFiles(archive *tar.Writer, folder string) error {
	if folder == "" {
		return nil
	}
	return filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), ".") { // bytes that are not files yet
			return fs.SkipDir
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		relative, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		return addFile(archive, name, path.Join(filesFolder, filepath.ToSlash(relative)))
	})
}

func addFile(archive *tar.Writer, name, as string) error {
	file, err := os.Open(name) //nolint:gosec // found by walking the folder of files
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // opened for reading
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: as, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime(), Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err = io.CopyN(archive, file, info.Size())
	return err
}
