package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/backup"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/eventstore"
)

// tool wires a program that does not serve.
func tool(t *testing.T, c config) *program {
	t.Helper()
	p, err := wire(t.Context(), c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { p.close(context.WithoutCancel(t.Context())) })
	return p
}

func TestABackupBringsEverythingBack(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	here := launch(t, c)
	admin := here.founder("admin")
	leaver := admin.colleague("member")
	const word = "zq1164w"
	hers := leaver.ticket(object{"title": word}).id()
	kept := admin.ticket(object{"title": "kept", "tags": []string{"a"}})
	admin.post("/api/v1/tickets/"+kept.id()+"/comments", object{"content": "a comment"})
	require.NoError(t, os.MkdirAll(here.filesFolder(), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(here.filesFolder(), "blob"), []byte("bytes"), 0o600))

	// While the program serves and writes.
	path := filepath.Join(t.TempDir(), "backup")
	writing, done := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for writing.Err() == nil {
			//nolint:contextcheck // the last one may come to its end
			_, _ = admin.try("POST", "/api/v1/tickets", object{"title": "meanwhile", "description": "x"})
		}
	}()
	var said bytes.Buffer
	require.NoError(t, here.backup(t.Context(), path, &said, io.Discard))
	done()
	<-stopped
	require.Contains(t, said.String(), "events, up to position")

	// One is erased and one ticket is made after the backup.
	admin.do(202, "POST", "/api/v1/privacy/erasure", object{"user_id": leaver.user})
	admin.erased(leaver.user)
	late := admin.ticket(object{"title": "late"}).id()
	here.halt()

	// Into an empty database, on the same machine.
	c.DatabaseURL = postgrestest.Database(t)
	require.NoError(t, os.RemoveAll(here.filesFolder()))
	require.NoError(t, witnessFile(c).Keep("what an earlier log had signed"))
	empty := tool(t, c)
	said.Reset()
	require.NoError(t, empty.restore(t.Context(), path, &said, io.Discard))
	require.Contains(t, said.String(), "valid")
	require.Contains(t, said.String(), "1 people were erased after the backup was made")
	require.FileExists(t, witnessFile(c).path+".before_restore")
	require.ErrorIs(t, empty.restore(t.Context(), path, &said, io.Discard), backup.ErrNotEmpty)

	there := launch(t, c)
	again := admin.at(there)
	again.login()
	require.Equal(t, kept.raw[:40], again.get("/api/v1/tickets/" + kept.id()).raw[:40])
	require.Equal(t, "kept", again.get("/api/v1/tickets/"+kept.id()).text("title"))
	require.Len(t, again.get("/api/v1/tickets/"+kept.id()+"/comments").list(), 1)
	again.do(404, "GET", "/api/v1/tickets/"+late, nil)
	blob, err := os.ReadFile(filepath.Join(there.filesFolder(), "blob"))
	require.NoError(t, err)
	require.Equal(t, "bytes", string(blob))
	again.ticket(object{"title": "life goes on"})
	require.Equal(t, true, again.get("/api/v1/audit/verify").object()["valid"])

	// Who was erased after the backup was made does not come back.
	again.erased(leaver.user)
	require.Equal(t, eventstore.Erased, again.get("/api/v1/tickets/"+hers).text("title"))
	require.Empty(t, found(t, there, word))
}

// A restore that was killed before it rebuilt anything: the tables are empty, and come when the program starts. So it is
// in a database that a program has served from, and with a backup that says which code made the tables elsewhere.
func TestTablesComeByThemselvesAfterARestoreThatWasKilled(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	here := launch(t, c)
	admin := here.founder("admin")
	kept := admin.ticket(object{"title": "kept", "tags": []string{"a"}}).id()
	var without, with bytes.Buffer
	known := backup.Manifest{PublicKey: here.signedLog.Signer.String()}
	_, err := backup.Write(t.Context(), here.pool, &with, known, projectionNames(here.projections), t.TempDir(), func(int64, int64) {})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "backup")
	require.NoError(t, here.backup(t.Context(), path, io.Discard, io.Discard))
	here.halt()
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	without.Write(written)
	for what, from := range map[string]*bytes.Buffer{"ours": &without, "an older program's": &with} {
		c.DatabaseURL = postgrestest.Database(t)
		served := launch(t, c)
		eventually(t, func() bool { return served.numberOf(t, `SELECT count(*) FROM projections`) == len(served.projections) })
		served.halt()
		empty := tool(t, c)
		m, err := backup.Restore(t.Context(), empty.pool, from, 1<<30, known.PublicKey, t.TempDir(), func(int64, int64) {})
		require.NoError(t, err, what)
		for _, table := range m.Tables {
			require.NotEqual(t, "projections", table.Name, what)
		}
		require.Zero(t, empty.numberOf(t, `SELECT count(*) FROM projections`), what)
		require.Zero(t, empty.numberOf(t, `SELECT count(*) FROM tickets`), what)

		there := launch(t, c)
		eventually(t, func() bool { return there.numberOf(t, `SELECT count(*) FROM projections`) == len(there.projections) })
		again := admin.at(there)
		again.login()
		require.Equal(t, "kept", again.get("/api/v1/tickets/"+kept).text("title"), what)
		require.Len(t, again.get("/api/v1/tickets?tags=a").list(), 1, what)
		there.halt()
	}
}

func TestABackupOfAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	here := boot(t)
	here.founder("admin")
	path := filepath.Join(t.TempDir(), "backup")
	require.NoError(t, here.backup(t.Context(), path, io.Discard, io.Discard))
	elsewhere := tool(t, quiet(t)) // which made an ENCRYPTION_KEY of its own
	require.ErrorIs(t, elsewhere.restore(t.Context(), path, io.Discard, io.Discard), backup.ErrOtherKey)
	require.Error(t, elsewhere.restore(t.Context(), path+"x", io.Discard, io.Discard))
	require.Error(t, here.backup(t.Context(), filepath.Join(t.TempDir(), "no", "such", "folder"), io.Discard, io.Discard))
}
