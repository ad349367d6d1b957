package backup_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/backup"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func quietly(_, _ int64) {}

var made = backup.Manifest{Program: "test", Schema: 7, PublicKey: "key"}

// lived answers a database with some tickets, whose texts have all that COPY must escape.
func lived(t *testing.T, tickets int) *pgxpool.Pool {
	t.Helper()
	pool := postgrestest.Pool(t)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	store := eventstore.Open(t.Context(), pool, catalog.Codec, keys, eventstore.Options{})
	defer store.Close()
	org, ann := uuid.New(), domain.UserID{UUID: uuid.New()}
	for made := 0; made < tickets; {
		var writes []eventstore.Write
		for ; made < tickets && len(writes) < 100; made++ {
			writes = append(writes, eventstore.Write{
				Stream: eventstore.Stream{Org: org, ID: uuid.Must(uuid.NewV7())},
				Events: []any{ticket.Opened{Number: 1, Title: "a", Description: strings.Repeat("long ", 2000), Department: "tab\tline\n\\.", CreatedBy: ann}},
			})
		}
		_, err := store.Append(t.Context(), eventstore.Metadata{Command: "tab\t and\nline and \\.", CorrelationID: "\\N"}, writes...)
		require.NoError(t, err)
	}
	_, err = pool.Exec(t.Context(), `INSERT INTO ticket_numbers VALUES ($1, $2)`, [16]byte(org), tickets)
	require.NoError(t, err)
	return pool
}

func write(t *testing.T, pool *pgxpool.Pool, files string) []byte {
	t.Helper()
	var out bytes.Buffer
	m, err := backup.Write(t.Context(), pool, &out, made, []string{"tickets"}, files, quietly)
	require.NoError(t, err)
	require.Positive(t, m.Position)
	return out.Bytes()
}

func restore(t *testing.T, pool *pgxpool.Pool, from []byte, files string) error {
	t.Helper()
	_, err := backup.Restore(t.Context(), pool, bytes.NewReader(from), 7, "key", files, quietly)
	return err
}

// contents answers what a table holds.
func contents(t *testing.T, pool *pgxpool.Pool, table string) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT r::text FROM `+table+` AS r ORDER BY 1`)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return list
}

func TestABackupIsRestoredAsItWas(t *testing.T) {
	t.Parallel()
	here, there := lived(t, 700), postgrestest.Pool(t) // more than one chunk of events
	files, restored := t.TempDir(), filepath.Join(t.TempDir(), "files")
	require.NoError(t, os.MkdirAll(filepath.Join(files, "ab", "cd"), 0o700))
	picture := bytes.Repeat([]byte{0, 1, 2, 255}, 100_000)
	require.NoError(t, os.WriteFile(filepath.Join(files, "ab", "cd", "picture"), picture, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(files, "empty"), nil, 0o600))
	_, err := there.Exec(t.Context(), `INSERT INTO checkpoints VALUES ('stale', 7)`)
	require.NoError(t, err)

	from := write(t, here, files)
	require.NoError(t, restore(t, there, from, restored))
	for _, table := range []string{"events", "subject_keys", "ticket_numbers", "checkpoints"} {
		require.Equal(t, contents(t, here, table), contents(t, there, table), table)
	}
	got, err := os.ReadFile(filepath.Join(restored, "ab", "cd", "picture"))
	require.NoError(t, err)
	require.Equal(t, picture, got)
	require.FileExists(t, filepath.Join(restored, "empty"))

	var before, next int64
	require.NoError(t, here.QueryRow(t.Context(), `SELECT max(position) FROM events`).Scan(&before))
	require.NoError(t, there.QueryRow(t.Context(), `INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash)
		SELECT gen_random_uuid(), 1, org_id, type, data, metadata, recorded_at, prev_hash, hash FROM events LIMIT 1 RETURNING position`).Scan(&next))
	require.Equal(t, before+1, next, "the log goes on behind its end")
	require.ErrorIs(t, restore(t, there, from, restored), backup.ErrNotEmpty)
}

// A library may have made a table for itself, which this database does not have yet.
func TestATableThatIsNotThereIsLeftOut(t *testing.T) {
	t.Parallel()
	here, there := lived(t, 3), postgrestest.Pool(t)
	for _, name := range []string{"aaa", "kkk", "zzz"} {
		_, err := here.Exec(t.Context(), `CREATE TABLE `+name+` AS SELECT repeat('x', 1000000) FROM generate_series(1, 10)`)
		require.NoError(t, err)
	}
	m, err := backup.Restore(t.Context(), there, bytes.NewReader(write(t, here, t.TempDir())), 7, "key", filepath.Join(t.TempDir(), "files"), quietly)
	require.NoError(t, err)
	for _, table := range m.Tables {
		require.NotContains(t, []string{"aaa", "kkk", "zzz"}, table.Name)
	}
	for _, table := range []string{"events", "subject_keys", "ticket_numbers"} {
		require.Equal(t, contents(t, here, table), contents(t, there, table), table)
	}
}

func TestProgressIsToldInEvents(t *testing.T) {
	t.Parallel()
	here, there := lived(t, 1000), postgrestest.Pool(t)
	var out bytes.Buffer
	var told []int64
	tell := func(done, total int64) {
		require.EqualValues(t, 1000, total)
		told = append(told, done)
	}
	_, err := backup.Write(t.Context(), here, &out, made, nil, t.TempDir(), tell)
	require.NoError(t, err)
	require.Equal(t, []int64{1000}, told)
	told = nil
	_, err = backup.Restore(t.Context(), there, &out, 7, "key", filepath.Join(t.TempDir(), "none"), tell)
	require.NoError(t, err)
	require.EqualValues(t, 1000, told[len(told)-1])
}

func TestWhatIsNoBackupIsRefused(t *testing.T) {
	t.Parallel()
	from := write(t, lived(t, 3), t.TempDir())
	there := postgrestest.Pool(t)
	refused := func(want error, bytes []byte) {
		t.Helper()
		files := filepath.Join(t.TempDir(), "files")
		require.ErrorIs(t, restore(t, there, bytes, files), want)
		require.Empty(t, contents(t, there, "events"), "nothing is changed")
		require.NoDirExists(t, files)
	}
	refused(backup.ErrNoBackup, nil)
	refused(backup.ErrNoBackup, []byte("no backup at all, by any means"))
	refused(backup.ErrNoBackup, archive(t, nil))
	refused(backup.ErrNoBackup, archive(t, map[string]string{"manifest.json": `{"format":"other"}`}))
	refused(backup.ErrNoBackup, archive(t, map[string]string{"manifest.json": `nonsense`}))
	refused(backup.ErrNoBackup, archive(t, map[string]string{"manifest.json": `{"format":"ticketd-backup/1","schema":7,"public_key":"key"}`}))
	refused(backup.ErrNewer, archive(t, map[string]string{"manifest.json": `{"format":"ticketd-backup/1","schema":8,"public_key":"key"}`}))
	refused(backup.ErrOtherKey, archive(t, map[string]string{"manifest.json": `{"format":"ticketd-backup/1","schema":7,"public_key":"other"}`}))
	refused(backup.ErrNoBackup, archive(t, map[string]string{"manifest.json": `{"format":"ticketd-backup/1","schema":7,"public_key":"key"}`, "files/../../escape": "x"}))
	for _, length := range []int{len(from) / 4, len(from) / 2, len(from) - 40} {
		files := filepath.Join(t.TempDir(), "files")
		require.Error(t, restore(t, there, from[:length], files))
		require.Empty(t, contents(t, there, "events"), "cut at %d", length)
	}
	require.NoError(t, restore(t, there, from, filepath.Join(t.TempDir(), "files")), "and the next attempt meets nothing of them")
}

// archive makes a file of entries, the manifest first.
func archive(t *testing.T, entries map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	add := func(name string) {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(entries[name]))}))
		_, err := io.WriteString(w, entries[name])
		require.NoError(t, err)
	}
	if _, ok := entries["manifest.json"]; ok {
		add("manifest.json")
	}
	for name := range entries {
		if name != "manifest.json" {
			add(name)
		}
	}
	require.NoError(t, errors.Join(w.Close(), zipped.Close()))
	return out.Bytes()
}

func TestAFolderWithFilesIsNotOverwritten(t *testing.T) {
	t.Parallel()
	from, files := write(t, lived(t, 1), t.TempDir()), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(files, "mine"), []byte("mine"), 0o600))
	require.ErrorIs(t, restore(t, postgrestest.Pool(t), from, files), backup.ErrNotEmpty)
	require.FileExists(t, filepath.Join(files, "mine"))
}

// broken fails after some bytes, as a full disk does.
type broken struct{ left int }

func (b *broken) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestABackupThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	pool := lived(t, 300)
	for _, room := range []int{0, 10_000} {
		_, err := backup.Write(t.Context(), pool, &broken{left: room}, made, nil, t.TempDir(), quietly)
		require.ErrorIs(t, err, io.ErrShortWrite)
	}
}
