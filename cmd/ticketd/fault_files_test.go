//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	nethttp "net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
	"ticketd/adapters/storage/storagetest"
	"ticketd/commands"
	"ticketd/domain/file"
	childprocess "ticketd/internal/child"
)

// slowly puts a tesseract first in the PATH that waits before it reads, or that does what the script says.
func slowly(t *testing.T, script string) (path string) {
	t.Helper()
	real, err := exec.LookPath("tesseract")
	require.NoError(t, err)
	dir := t.TempDir()
	text := strings.ReplaceAll("#!/bin/sh\n"+script+"\n", "TESSERACT", real)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tesseract"), []byte(text), 0o755))
	return "PATH=" + dir + ":" + os.Getenv("PATH")
}

// factsOf answers the facts about an upload, as the log has them.
func (w bystander) factsOf(file string) string {
	var facts []string
	rows, err := w.pool.Query(w.t.Context(), `SELECT type || coalesce(':' || (data->>'stage'), '') FROM events WHERE stream_id = $1 AND type <> 'file.stage_progressed' ORDER BY version`, file)
	require.NoError(w.t, err)
	for rows.Next() {
		var fact string
		require.NoError(w.t, rows.Scan(&fact))
		facts = append(facts, strings.TrimPrefix(fact, "file."))
	}
	require.NoError(w.t, rows.Err())
	return strings.Join(facts, " ")
}

// A worker that is killed in the middle of a stage leaves it to another within its lease, which repeats no finished stage.
func TestAKilledWorkersFileIsReadByAnother(t *testing.T) {
	t.Parallel()
	database, data := faultDatabase(t), t.TempDir()
	path := slowly(t, `[ -e `+data+`/fast ] || sleep 60; exec TESSERACT "$@"`)
	start := func() *child {
		return begin(t, database, path, "DATA_DIR="+data, "JOB_LEASE=2s", "WORKERS=1", "RATE_LIMIT_UPLOAD=0")
	}
	doomed := start()
	ada := doomed.founder("ada")
	w := observeDatabase(t, database)
	id := ada.upload("shot.png", screenshot(t, "Payment declined")).id()
	begun := "upload_started uploaded stage_started:validation stage_completed:validation stage_started:ocr"
	eventually(t, func() bool { return w.factsOf(id) == begun })
	heir := start()
	require.NoError(t, os.WriteFile(filepath.Join(data, "fast"), nil, 0o600))
	doomed.kill()
	killed := time.Now()
	ada = heir.here(ada)
	eventually(t, func() bool { return strings.Count(w.factsOf(id), "stage_started:ocr") == 2 })
	require.Less(t, time.Since(killed), 10*time.Second)
	shown := ada.read(id)
	require.Equal(t, "completed", shown.text("processing_status"))
	require.Contains(t, shown.text("ocr_text"), "Payment")
	require.Equal(t, begun+" stage_started:ocr stage_completed:ocr processed", w.factsOf(id))
	heir.stop()
}

// The database goes away while a file is read, and comes back: the file is read to its end.
func TestAFileOutlivesItsDatabase(t *testing.T) {
	t.Parallel()
	db := ownServer(t)
	data := t.TempDir()
	p := begin(t, db.url(), slowly(t, `touch `+data+`/begun; while [ ! -e `+data+`/go ]; do sleep 0.1; done; exec TESSERACT "$@"`),
		"DATA_DIR="+data, "JOB_LEASE=3s", "WORKERS=1", "RATE_LIMIT_UPLOAD=0")
	ada := p.founder("ada")
	id := ada.upload("shot.png", screenshot(t, "Payment declined")).id()
	eventually(t, func() bool { _, err := os.Stat(filepath.Join(data, "begun")); return err == nil })
	db.crash()
	p.awaitMissing("database")
	require.NoError(t, os.WriteFile(filepath.Join(data, "go"), nil, 0o600))
	db.start()
	p.requireReady()
	require.Eventually(t, func() bool {
		a, err := ada.try("GET", "/api/v1/files/"+id, nil)
		return err == nil && a.status == 200 && a.text("processing_status") == "completed"
	}, time.Minute, 50*time.Millisecond)
	require.Contains(t, ada.get("/api/v1/files/"+id).text("ocr_text"), "Payment")
}

// poisonous is a reader that crashes until it was mended.
type poisonous struct{ mended *atomic.Bool }

func (p poisonous) Read(context.Context, commands.Source, commands.ReadProgress) (file.Reading, error) {
	if p.mended.Load() {
		return file.Reading{Text: "mended"}, nil
	}
	return file.Reading{}, fmt.Errorf("poison words: %w", &childprocess.ExitError{Program: "the reader", State: "exit status 1", Said: "poison words"})
}

// A program that crashes on a file is tried again three times, and then the file lies aside, where an administrator finds it.
func TestAPoisonFileIsParkedAndCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	var mended atomic.Bool
	i := boot(t, func(c *config) {
		c.replaced = map[file.Stage]commands.Reader{file.Extraction: poisonous{&mended}}
	})
	i.noisy = true // each try is told to the operator, and none of the words
	ada := i.founder("ada")
	id := ada.upload("notes.txt", []byte("poison words")).id()
	shown := ada.read(id)
	require.Equal(t, "failed", shown.text("status"))
	require.Equal(t, "the reader ended badly (exit status 1).", shown.text("processing_error"))
	stage := shown.object()["stages"].([]any)[1].(object)
	require.EqualValues(t, 4, stage["attempts"])
	var parked []any
	eventually(t, func() bool {
		parked, _ = ada.get("/api/v1/admin/jobs").object()["jobs"].([]any)
		return len(parked) == 1
	})
	job := parked[0].(object)
	require.Equal(t, id, job["file_id"])
	require.Len(t, job["errors"], 4)
	require.NotContains(t, jsonOf(job), "poison words")
	require.Contains(t, string(ada.as("").get("/metrics").raw), "ticketd_jobs_parked 1")

	require.Contains(t, i.log.String(), "a stage went wrong")
	require.NotContains(t, i.log.String(), "poison words")
	mended.Store(true)
	ada.do(202, "POST", fmt.Sprintf("/api/v1/admin/jobs/%v/retry", job["id"]), nil)
	eventually(t, func() bool { return ada.get("/api/v1/files/"+id).text("processing_status") == "completed" })
	require.Empty(t, ada.get("/api/v1/admin/jobs").object()["jobs"])
}

// A disk without room keeps nothing half, and says so; a smaller file still finds its place.
func TestADiskWithoutRoomKeepsNothingHalf(t *testing.T) {
	t.Parallel()
	storagetest.TinyDisk(t, 1<<20, func(t *testing.T, dir string) {
		t.Helper()
		i := boot(t, func(c *config) { c.StorageURL = "file://" + filepath.Join(dir, "files") })
		ada := i.founder("ada")
		a := ada.send("/api/v1/files/upload", form{name: "big.txt", content: bytes.Repeat([]byte("words "), 1<<19)})
		require.Equal(t, 507, a.status, "%s", a.raw)
		require.Contains(t, a.text("type"), "storage_full")
		require.EqualValues(t, 0, ada.get("/api/v1/files").object()["total"])
		left, err := os.ReadDir(filepath.Join(dir, "files", ".incoming"))
		require.NoError(t, err)
		require.Empty(t, left)
		small := ada.upload("small.txt", []byte("words")).id()
		require.Equal(t, "words", ada.read(small).text("extracted_text"))
	})
}

// A client that leaves in the middle of its upload leaves nothing but the fact.
func TestAClientThatLeavesLeavesNothing(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	body, part := io.Pipe()
	request, err := nethttp.NewRequestWithContext(t.Context(), "POST", i.url+"/api/v1/files/upload", body)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+ada.token)
	request.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	go func() {
		_, _ = part.Write([]byte("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhalf of"))
		eventually(t, func() bool {
			return i.numberOf(t, `SELECT count(*) FROM events WHERE type = 'file.upload_started'`) == 1
		})
		_ = part.CloseWithError(io.ErrUnexpectedEOF)
	}()
	response, err := web.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	eventually(t, func() bool {
		return i.numberOf(t, `SELECT count(*) FROM events WHERE type = 'file.upload_refused' AND data->>'code' = 'upload_interrupted'`) == 1
	})
	require.Zero(t, i.numberOf(t, `SELECT count(*) FROM files`))
	left, err := os.ReadDir(filepath.Join(i.config.DataDir, "files", ".incoming"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Who restores a backup has the files, what was read from them, and has read what was not read yet.
func TestABackupHoldsTheFilesAndWhatWasRead(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) { c.Workers = 1 })
	ada := i.founder("ada")
	read := ada.upload("read.txt", []byte("words that were read")).id()
	ada.read(read)
	i.halt()
	c := i.config
	c.Workers = 0
	waits := launch(t, c)
	unread := ada.at(waits).upload("unread.txt", []byte("words that wait")).id()
	path := filepath.Join(t.TempDir(), "backup.tar.gz")
	require.NoError(t, waits.backup(t.Context(), path, io.Discard, io.Discard))

	waits.halt()

	c.DatabaseURL, c.Workers = postgrestest.Database(t), 1
	require.NoError(t, os.RemoveAll(i.filesFolder()))
	require.NoError(t, tool(t, c).restore(t.Context(), path, io.Discard, io.Discard))
	restored := ada.at(launch(t, c))
	require.Equal(t, "words that were read", restored.read(read).text("extracted_text"))
	require.Equal(t, "words that were read", string(restored.get("/api/v1/files/"+read+"/content").raw))
	require.Equal(t, "words that wait", restored.read(unread).text("extracted_text"), "it gets a job of its own")
}
