package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/scan/scantest"
)

// The whole way of a screenshot: it is uploaded to a ticket, watched while it is read, and found by what it shows.
func TestAScreenshotIsReadWhileSomebodyWatches(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	ticket := ada.ticket()
	s := ada.connect()
	s.send("subscribe_all", nil)
	s.await("subscription_response")

	up := ada.send("/api/v1/files/upload", form{
		name: "shot.png", declared: "image/png", content: screenshot(t, "Payment declined", "Reference 4711 Zanzibar"),
		after: [][2]string{{"ticket_id", ticket.text("number")}, {"description", "What I saw"}},
	})
	require.Equal(t, 201, up.status, "%s", up.raw)
	id := up.id()
	require.Equal(t, id, up.text("job_id"))
	for field, want := range map[string]any{
		"filename": "shot.png", "file_type": "image/png", "mime_type": "image/png", "file_category": "image", "status": "uploaded",
		"processing_status": "queued", "processing_required": true, "ticket_id": ticket.id(), "url": "/api/v1/files/" + id + "/storage/shot.png",
	} {
		require.Equal(t, want, up.object()[field], field)
	}
	require.Equal(t, id, s.await("file_upload_started").Data["job_id"])
	require.Equal(t, up.text("url"), s.await("file_upload_completed").Data["file_path"])
	read := s.await("ocr_completed")
	require.Contains(t, read.Data["extracted_text"], "Zanzibar")
	require.Greater(t, read.Data["confidence"], 0.5)
	require.Equal(t, "completed", s.await("file_processing_completed").Data["processing_status"])

	shown := ada.read(id)
	require.Contains(t, shown.text("ocr_text"), "Payment declined")
	require.Equal(t, "processed", shown.text("status"))
	require.EqualValues(t, 640, shown.object()["width"])
	region := shown.object()["extracted_context"].(object)["image"].(object)["text_regions"].([]any)[0].(object)
	require.Contains(t, region["text"], "Payment")
	require.Len(t, shown.object()["stages"], 2)

	got := ada.get("/api/v1/tickets/" + ticket.id()).object()
	require.Equal(t, []any{object{"file_id": id}}, got["attachments"])
	require.Equal(t, "shot.png", got["files"].([]any)[0].(object)["filename"])
	eventually(t, func() bool { return len(ada.get("/api/v1/tickets?q=zanzibar").list()) == 1 }, "the ticket is found by what the picture shows")

	// The watcher comes back and is told what it missed, once.
	again := ada.connect()
	again.send("resume", object{"after": read.Position - 1, "jobs": []string{id}})
	require.Equal(t, read.Position, again.await("ocr_completed").Position)
	again.await("resumed")
	again.send("get_job_status", object{"job_id": id})
	require.EqualValues(t, 100, again.await("job_status").Data["progress"])
}

func TestARecordingIsHeard(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	s := ada.connect()
	id := ada.upload("memo.wav", spoken(t, "The printer on the second floor is broken. Please send somebody today.")).id()
	s.send("subscribe_job", object{"job_id": id})
	shown := ada.read(id)
	require.Equal(t, "completed", shown.text("processing_status"), "%s", shown.raw)
	require.Contains(t, shown.text("transcription"), "broken") // a machine speaks to a machine: not every word arrives
	require.Contains(t, shown.text("extraction_method"), "vosk")
	require.Positive(t, shown.object()["duration_seconds"])
	said := shown.object()["extracted_context"].(object)["audio"].(object)["transcription"].(object)
	require.NotEmpty(t, said["segments"])
}

// Whatever cannot be read says so, and why; what is not what it says fails, and says where.
func TestWhatCannotBeReadSaysWhy(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	s := ada.connect()
	s.send("subscribe_all", nil)
	fake := ada.send("/api/v1/files/upload", form{name: "song.mp3", declared: "audio/mp3", content: []byte("fake audio content")})
	require.Equal(t, 200, fake.status, "%s", fake.raw)
	require.Equal(t, "audio/mp3", fake.text("file_type"))
	notice := s.await("file_processing_failed")
	require.Equal(t, "validation", notice.Data["stage"])
	require.Equal(t, fake.id(), notice.Data["job_id"])
	shown := ada.read(fake.id())
	require.Equal(t, "failed", shown.text("status"))
	require.NotEmpty(t, shown.text("processing_error"))

	packed := ada.upload("logs.7z", append([]byte("7z\xbc\xaf\x27\x1c"), make([]byte, 2000)...))
	shown = ada.read(packed.id())
	stage := shown.object()["stages"].([]any)[1].(object)
	require.Equal(t, "skipped", stage["status"], "%s", shown.raw)
	require.NotEmpty(t, stage["error"])
}

func TestMalwareIsRefusedAndKeptApart(t *testing.T) {
	t.Parallel()
	clamd := scantest.Start(t)
	i := boot(t, func(c *config) { c.ClamdAddr, c.ScanRequired = clamd, true })
	ada := i.founder("ada")
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	entry, err := z.Create("notes.txt")
	require.NoError(t, err)
	_, err = entry.Write(scantest.EICAR())
	require.NoError(t, err)
	require.NoError(t, z.Close())
	for name, content := range map[string][]byte{"notes.txt": scantest.EICAR(), "notes.zip": zipped.Bytes()} {
		a := ada.send("/api/v1/files/upload", form{name: name, content: content, fields: [][2]string{{"ticket_id", "1"}}})
		require.Equal(t, 400, a.status, "%s", a.raw)
		require.Equal(t, "Malicious file detected", a.detail())
	}
	apart := ada.get("/api/v1/files?status=quarantined").object()
	require.EqualValues(t, 2, apart["total"])
	id := str(apart["files"].([]any)[0].(object)["id"])
	require.Equal(t, 409, ada.status("GET", "/api/v1/files/"+id+"/content", nil))
	require.Equal(t, 400, ada.status("POST", "/api/v1/tickets", object{"title": "a", "description": "b", "attachments": []object{{"file_id": id}}}))
	facts := ada.get("/api/v1/audit/events?type=file.quarantined")
	require.Contains(t, string(facts.raw), scantest.Signature)

	clean := ada.upload("notes.txt", []byte("nothing to see"))
	require.Equal(t, "clean", clean.object()["scan"].(object)["status"])
}

func TestAScannerThatIsDownDecidesAsTheOperatorWants(t *testing.T) {
	t.Parallel()
	for _, required := range []bool{true, false} {
		i := boot(t, func(c *config) { c.ClamdAddr, c.ScanRequired = "127.0.0.1:1", required })
		ada := i.founder("ada")
		a := ada.send("/api/v1/files/upload", form{name: "a.txt", content: []byte("a")})
		if required {
			require.Equal(t, 503, a.status, "%s", a.raw)
			continue
		}
		require.Equal(t, "unscanned", a.object()["scan"].(object)["status"])
	}
}

func TestSizeComesBeforeTypeAndTypeBeforeTheTicket(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) { c.UploadSize = 1 })
	ada := i.founder("ada")
	program := append([]byte("MZ"), make([]byte, 1<<20)...)
	nowhere := [][2]string{{"ticket_id", "1"}}
	for _, step := range []struct {
		f      form
		status int
		detail string
	}{
		{form{name: "a.exe", content: program, fields: nowhere}, 413, "The file is larger than 1 MB."},
		{form{name: "a.exe", content: program[:100], fields: nowhere}, 400, "File type .exe not allowed"},
		{form{name: "a.bin", declared: "application/x-executable", content: []byte("a"), fields: nowhere}, 400, "File type application/x-executable not allowed"},
		{form{name: "a.txt", content: []byte("a"), fields: nowhere}, 404, "There is no such ticket."},
		{form{name: "a.txt", content: nil}, 400, "The file is empty."},
	} {
		a := ada.send("/api/v1/files/upload", step.f)
		require.Equal(t, step.status, a.status, "%s", a.raw)
		require.True(t, strings.HasPrefix(a.detail(), step.detail), "%s", a.raw)
	}
	require.EqualValues(t, 0, ada.get("/api/v1/files").object()["total"], "nothing of it was kept")
}

func TestAnOrganizationHasItsQuota(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) { c.StorageQuota = 1 })
	ada := i.founder("ada")
	half := bytes.Repeat([]byte("half a megabyte "), 1<<15)
	first := ada.upload("a.txt", half)
	ada.upload("same.txt", half)
	other := bytes.ToUpper(half)
	ada.upload("b.txt", other)
	a := ada.send("/api/v1/files/upload", form{name: "c.txt", content: []byte("one more")})
	require.Equal(t, 507, a.status, "%s", a.raw)
	require.Contains(t, a.text("type"), "quota_exceeded")
	i.founder("eve").upload("c.txt", []byte("others have room"))
	require.Equal(t, first.text("sha256"), ada.get("/api/v1/files?limit=1&offset=1").object()["files"].([]any)[0].(object)["sha256"])
}

// Deleting an upload lets its bytes go, and leaves a reference that says so.
func TestADeletedFileLeavesAReferenceThatSaysSo(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	ticket := ada.ticket()
	id := ada.send("/api/v1/files/upload", form{name: "a.txt", content: []byte("quetzal words"), fields: [][2]string{{"ticket_id", ticket.id()}}}).id()
	twin := ada.upload("twin.txt", []byte("quetzal words")).id()
	ada.read(id)
	ada.read(twin)
	eventually(t, func() bool { return len(ada.get("/api/v1/tickets?q=quetzal").list()) == 1 })
	gone := ada.do(200, "DELETE", "/api/v1/files/"+id, nil).object()
	require.Equal(t, []any{ticket.id()}, gone["still_attached_to"])
	ada.do(404, "GET", "/api/v1/files/"+id, nil)
	ada.do(404, "GET", "/api/v1/files/"+id+"/content", nil)
	file := ada.get("/api/v1/tickets/" + ticket.id()).object()["files"].([]any)[0].(object)
	require.Equal(t, "deleted", file["status"])
	require.Nil(t, file["url"])
	eventually(t, func() bool { return len(ada.get("/api/v1/tickets?q=quetzal").list()) == 0 })

	require.NoError(t, i.sweepFiles(t.Context(), 0))
	require.Equal(t, "quetzal words", string(ada.get("/api/v1/files/"+twin+"/content").raw), "another upload of the same bytes keeps them")
	ada.do(200, "DELETE", "/api/v1/files/"+twin, nil)
	require.NoError(t, i.sweepFiles(t.Context(), 0))
	require.Zero(t, i.numberOf(t, `SELECT count(*) FROM blobs`))
}

// An upload that is sent again with its key is the same upload, also when the first answer was lost.
func TestAnUploadWithAKeyHappensOnce(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada").with("Idempotency-Key", "once")
	f := form{name: "a.txt", content: []byte("words")}
	first := ada.send("/api/v1/files/upload", f)
	ada.read(first.id())
	again := ada.send("/api/v1/files/upload", f)
	require.Equal(t, first.status, again.status)
	require.JSONEq(t, string(first.raw), string(again.raw))
	f.content = []byte("other words")
	other := ada.send("/api/v1/files/upload", f)
	require.Equal(t, 422, other.status, "%s", other.raw)
	require.EqualValues(t, 1, ada.get("/api/v1/files").object()["total"])
}

// Members see what they uploaded and what is attached to their tickets, and can refer to nothing else.
func TestFilesAreSeenByWhomTheyConcern(t *testing.T) {
	t.Parallel()
	i := boot(t)
	boss := i.founder("boss")
	member, other := boss.colleague("member"), boss.colleague("member")
	hers := member.ticket()
	id := boss.upload("plan.txt", []byte("words")).id()
	attach := object{"attachments": []object{{"file_id": id}}}
	require.Equal(t, 404, member.status("GET", "/api/v1/files/"+id, nil))
	a, err := member.try("POST", "/api/v1/tickets/"+hers.id()+"/attachments", attach)
	require.NoError(t, err)
	require.Equal(t, 400, a.status)
	require.Equal(t, fmt.Sprintf("Invalid or inaccessible files: {%s}", id), a.detail())

	boss.post("/api/v1/tickets/"+hers.id()+"/comments", object{"content": "Hush.", "internal": true, "attachments": attach["attachments"]})
	require.Equal(t, 404, member.status("GET", "/api/v1/files/"+id, nil), "an internal comment shows it to nobody")
	boss.do(200, "POST", "/api/v1/tickets/"+hers.id()+"/attachments", attach)
	member.get("/api/v1/files/" + id)
	member.get("/api/v1/files/" + id + "/content")
	require.Equal(t, 404, other.status("GET", "/api/v1/files/"+id, nil))
	require.Equal(t, 403, member.status("DELETE", "/api/v1/files/"+id, nil))
	require.EqualValues(t, 1, member.get("/api/v1/files").object()["total"])
	require.EqualValues(t, 0, other.get("/api/v1/files").object()["total"])
}

// Erasing a person takes their uploads, their bytes and what was read from them.
func TestAnErasedPersonsFilesAreGone(t *testing.T) {
	t.Parallel()
	i := boot(t)
	boss := i.founder("boss")
	leaver := boss.colleague("member")
	hers := leaver.ticket()
	up := leaver.send("/api/v1/files/upload", form{name: "diary.txt", content: []byte("a secret diary"), fields: [][2]string{{"ticket_id", hers.id()}}})
	leaver.read(up.id())
	boss.do(202, "POST", "/api/v1/privacy/erasure", object{"user_id": leaver.user})
	eventually(t, func() bool { return boss.get("/api/v1/privacy/erasure/"+leaver.user).text("status") == "complete" })
	require.EqualValues(t, 1, boss.get("/api/v1/privacy/erasure/" + leaver.user).object()["erased"].(object)["files"])
	boss.do(404, "GET", "/api/v1/files/"+up.id(), nil)
	require.Empty(t, boss.get("/api/v1/tickets?q=diary").list())
	var left int
	require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT count(*) FROM readings`).Scan(&left))
	require.Zero(t, left)
	require.NotContains(t, string(boss.with("Accept", "application/x-ndjson").get("/api/v1/audit/events").raw), "diary")
	require.NoError(t, i.sweepFiles(t.Context(), 0))
	_, err := i.files.openBlob(t.Context(), boss.org+"/"+up.text("sha256"))
	require.Error(t, err)
	require.True(t, boss.get("/api/v1/audit/verify").object()["valid"].(bool))
}

// A retention rule takes the files of a ticket with its words, unless another ticket refers to them.
func TestTheFilesOfAnExpiredTicketAreGone(t *testing.T) {
	t.Parallel()
	i := boot(t)
	boss := i.founder("boss")
	old, young := boss.ticket(), boss.ticket()
	upload := func(words string) string {
		id := boss.send("/api/v1/files/upload", form{name: words + ".txt", content: []byte(words), fields: [][2]string{{"ticket_id", old.id()}}}).id()
		boss.read(id)
		return id
	}
	only, shared := upload("quagga"), upload("okapi")
	boss.do(200, "POST", "/api/v1/tickets/"+young.id()+"/attachments", object{"attachments": []object{{"file_id": shared}}})
	boss.do(200, "POST", "/api/v1/tickets/"+old.id()+"/status", object{"status": "closed"})
	_, err := i.pool.Exec(t.Context(), `UPDATE tickets SET closed_at = now() - interval '3 days' WHERE id = $1`, old.id())
	require.NoError(t, err)
	boss.patch("/api/v1/organization", object{"retention_days": 1})
	eventually(t, func() bool { return boss.status("GET", "/api/v1/files/"+only, nil) == 404 })
	boss.get("/api/v1/files/" + shared)
	eventually(t, func() bool { return len(boss.get("/api/v1/tickets?q=quagga").list()) == 0 })
	require.NotEmpty(t, boss.get("/api/v1/tickets?q=okapi").list())
	eventually(t, func() bool { return i.numberOf(t, `SELECT count(*) FROM readings WHERE text = 'quagga'`) == 0 })
}

// Whoever was refused an upload can be erased too: its name was theirs.
func TestARefusedUploadKeepsNobodyFromBeingErased(t *testing.T) {
	t.Parallel()
	i := boot(t)
	boss := i.founder("boss")
	leaver := boss.colleague("member")
	require.Equal(t, 400, leaver.send("/api/v1/files/upload", form{name: "secret-plan.exe", content: []byte("MZ")}).status)
	boss.do(202, "POST", "/api/v1/privacy/erasure", object{"user_id": leaver.user})
	eventually(t, func() bool { return boss.get("/api/v1/privacy/erasure/"+leaver.user).text("status") == "complete" })
	require.NotContains(t, string(boss.with("Accept", "application/x-ndjson").get("/api/v1/audit/events").raw), "secret-plan")
}

// A hundred files at once are all read.
func TestAHundredFilesAtOnceAreAllRead(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) { c.Workers = 4 })
	ada := i.founder("ada")
	var ids []string
	for n := range 100 {
		ids = append(ids, ada.upload(fmt.Sprintf("%d.txt", n), fmt.Appendf(nil, "file number %d", n)).id())
	}
	require.Eventually(t, func() bool { return ada.get("/api/v1/files?status=processed&limit=1").text("total") == "100" }, time.Minute, 50*time.Millisecond)
	require.Equal(t, "file number 42", ada.get("/api/v1/files/"+ids[42]).text("extracted_text"))
}
