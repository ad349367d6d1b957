package http

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

func TestWhatWasReadFromAFile(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	film := s.uploaded("bob", "call.mp4", "film", "description", "The call")
	s.process("bob", film, readers{
		file.Transcription: func() (file.Reading, error) {
			return file.Reading{
				Text: "hello   there\n" + strings.Repeat("again and ", 40), Engine: "vosk", Language: "en", Confidence: new(0.8), Seconds: 61.5, Notes: []string{"No capitals."},
				Segments: []file.Segment{{Start: 1, End: 2.5, Text: "hello there", Confidence: new(0.7)}, {Start: 3, End: 4, Text: "again"}},
			}, nil
		},
		file.OCR: func() (file.Reading, error) {
			return file.Reading{Text: "Error 7", Engine: "tesseract", Notes: []string{"No capitals.", "Two frames."}, Regions: []file.Region{{Text: "Error 7", Confidence: 0.9, X: 1, Y: 2, Width: 3, Height: 4, At: 0}}}, nil
		},
	})
	answer := s.get("bob", "/api/v1/files/"+film)
	require.Equal(t, 200, answer.status, answer.text)
	shown := answer.body
	require.Equal(t, fmt.Sprintf(`"%v"`, shown["version"]), answer.Get("ETag"))
	for name, want := range map[string]any{
		"status": "processed", "processing_status": "completed", "description": "The call", "extraction_method": "vosk, tesseract", "language": "en", "width": 20.0, "height": 10.0,
		"duration_seconds": 61.5, "ocr_text": "Error 7", "extracted_text": nil, "processing_error": nil, "attached_to": []any{}, "notes": []any{"No capitals.", "Two frames."},
	} {
		require.Equal(t, want, shown[name], name)
	}
	require.Equal(t, "bob", shown["uploaded_by"].(map[string]any)["username"])
	require.True(t, strings.HasPrefix(shown["transcription"].(string), "hello   there\nagain"))
	summary, _ := shown["content_summary"].(string)
	require.True(t, strings.HasPrefix(summary, "hello there again and again"), summary)
	require.True(t, strings.HasSuffix(summary, " and …") || strings.HasSuffix(summary, " again …"), summary)
	require.LessOrEqual(t, len(summary), longestSummary+4)
	require.NotNil(t, shown["processing_started_at"])
	require.NotNil(t, shown["processing_completed_at"])
	audio, _ := shown["extracted_context"].(map[string]any)["audio"].(map[string]any)
	require.Equal(t, map[string]any{"transcription": map[string]any{
		"text": shown["transcription"], "language": "en", "confidence": 0.8, "duration_seconds": 61.5, "segments": []any{
			map[string]any{"start": 1.0, "end": 2.5, "text": "hello there", "confidence": 0.7}, map[string]any{"start": 3.0, "end": 4.0, "text": "again", "confidence": nil},
		},
	}}, audio)
	require.Equal(t, map[string]any{"text_regions": []any{map[string]any{
		"text": "Error 7", "confidence": 0.9, "geometry": map[string]any{"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}, "at": 0.0,
	}}, "metadata": map[string]any{"width": 20.0, "height": 10.0}}, shown["extracted_context"].(map[string]any)["image"])
	require.NotContains(t, shown["extracted_context"], "document")

	document := s.uploaded("bob", "plan.pdf", "pages")
	s.process("bob", document, readers{file.Extraction: func() (file.Reading, error) {
		return file.Reading{Text: "One Two", Engine: "pdftotext", Pages: []file.Page{{Number: 1, Text: "One"}, {Number: 2, Name: "Sums", Text: "Two"}}, Metadata: map[string]string{"author": "Ann"}}, nil
	}})
	shown = s.get("bob", "/api/v1/files/"+document).body
	require.Equal(t, "One Two", shown["extracted_text"])
	require.Equal(t, "One Two", shown["content_summary"])
	require.Equal(t, map[string]any{"document": map[string]any{
		"pages":    []any{map[string]any{"page_number": 1.0, "text": "One", "blocks": []any{}}, map[string]any{"page_number": 2.0, "name": "Sums", "text": "Two", "blocks": []any{}}},
		"metadata": map[string]any{"author": "Ann"},
	}}, shown["extracted_context"])

	picture := s.uploaded("bob", "a.png", "picture")
	s.process("bob", picture, readers{file.OCR: func() (file.Reading, error) {
		return file.Reading{}, &file.SkippedError{Reason: "OCR needs tesseract."}
	}})
	shown = s.get("bob", "/api/v1/files/"+picture).body
	require.Equal(t, "skipped", shown["processing_status"])
	require.Equal(t, "OCR needs tesseract.", shown["processing_error"])
	require.Nil(t, shown["ocr_text"])
	require.Nil(t, shown["content_summary"])
	require.Nil(t, shown["extraction_method"], "what looked at the file has not read it")
	require.Equal(t, map[string]any{"image": map[string]any{"text_regions": []any{}, "metadata": map[string]any{"width": 20.0, "height": 10.0}}}, shown["extracted_context"])

	fresh := s.get("bob", "/api/v1/files/"+s.uploaded("bob", "b.txt", "b")).body
	require.Equal(t, map[string]any{}, fresh["extracted_context"])
	for _, name := range []string{"language", "width", "height", "duration_seconds", "transcription", "processing_started_at", "processing_completed_at", "description"} {
		require.Nil(t, fresh[name], name)
	}
	require.Equal(t, "text", func() any {
		empty := s.uploaded("bob", "c.txt", "c")
		s.process("bob", empty, readers{file.Extraction: func() (file.Reading, error) { return file.Reading{Text: "text"}, nil }})
		shown := s.get("bob", "/api/v1/files/"+empty).body
		require.Equal(t, map[string]any{"pages": []any{}, "metadata": map[string]any{}}, shown["extracted_context"].(map[string]any)["document"])
		return shown["extracted_text"]
	}())
	s.findFault = errors.New("the table is broken")
	require.Equal(t, 500, s.get("bob", "/api/v1/files/"+film).status)
}

func TestAReadingThatWasChangedIsNotShown(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	id := s.uploaded("bob", "a.txt", "a")
	s.process("bob", id, readers{file.Extraction: func() (file.Reading, error) { return file.Reading{Text: "the truth", Engine: "plain"}, nil }})
	_, err := s.pool.Exec(t.Context(), `UPDATE readings SET content = '{"text":"a lie"}'`)
	require.NoError(t, err)
	shown := s.get("bob", "/api/v1/files/"+id).body
	require.Equal(t, readingGone, shown["processing_error"], "once, though two stages have lost theirs")
	require.Nil(t, shown["extracted_text"])
	require.Equal(t, "the truth", shown["content_summary"], "the log knows how it begins")
	require.Equal(t, map[string]any{}, shown["extracted_context"])
}

func TestHowFarAFileIs(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	id := s.uploaded("bob", "a.txt", "a")
	path := "/api/v1/files/" + id + "/processing-status"
	shown := s.get("bob", path).body
	require.Equal(t, 0.0, shown["progress"])
	require.Equal(t, "queued", shown["processing_status"])
	require.Equal(t, id, shown["job_id"])
	s.process("bob", id, readers{file.Extraction: func() (file.Reading, error) { return file.Reading{}, errors.New("the reader is ill") }})
	answer := s.get("bob", path)
	shown = answer.body
	require.NotEmpty(t, answer.Get("ETag"))
	require.Equal(t, 100.0, shown["progress"])
	require.Equal(t, "failed", shown["processing_status"])
	require.Equal(t, "failed", shown["status"])
	stages, _ := shown["stages"].([]any)
	require.Len(t, stages, 2)
	last, _ := stages[1].(map[string]any)
	require.Equal(t, "extraction", last["stage"])
	require.Equal(t, 1.0, last["attempts"])
	require.NotNil(t, last["started_at"])
	require.NotNil(t, last["finished_at"])
	require.NotNil(t, last["error"])
	require.Equal(t, last["error"], shown["error"])
	require.Equal(t, 404, s.get("cyd", path).status)
}

func TestSummaries(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 300)
	for text, want := range map[string]string{
		"": "", " \n\t": "", " a \n b ": "a b", strings.Repeat("x", 280): strings.Repeat("x", 280), long: long[:560] + " …",
		strings.Repeat("x", 279) + " yz": strings.Repeat("x", 279) + " …", strings.Repeat("x", 280) + " y": strings.Repeat("x", 280) + " …",
		strings.Repeat("x", 270) + " " + long: strings.Repeat("x", 270) + " …",
	} {
		require.Equal(t, want, summaryOf(text))
	}
}

func TestFilesAreListed(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	to := s.opened("bob")
	note := s.uploaded("bob", "note.txt", "a", "ticket_id", to)
	picture := s.uploaded("bob", "a.png", "b")
	foreign := s.uploaded("cyd", "c.txt", "c")
	s.uploaded("eve", "e.txt", "e")
	s.process("bob", picture, readers{})
	ids := func(token, query string) []string {
		answer := s.get(token, "/api/v1/files"+query)
		require.Equal(t, 200, answer.status, answer.text)
		found := []string{}
		for _, f := range answer.body["files"].([]any) {
			require.NotContains(t, f, "extracted_text")
			require.Contains(t, f, "stages")
			found = append(found, f.(map[string]any)["id"].(string))
		}
		return found
	}
	require.Equal(t, []string{picture, note}, ids("bob", ""))
	require.Equal(t, []string{foreign, picture, note}, ids("ada", ""))
	require.Equal(t, []string{foreign, picture, note}, ids("aud", "/"))
	require.Equal(t, []string{picture}, ids("ada", "?file_category=image"))
	require.Equal(t, []string{picture}, ids("ada", "?status=processed"))
	require.Equal(t, []string{note}, ids("ada", "?ticket_id="+to))
	require.Equal(t, []string{note}, ids("bob", "?ticket_id="+fmt.Sprint(s.get("bob", "/api/v1/tickets/"+to).body["number"])))
	require.Equal(t, 404, s.get("cyd", "/api/v1/files?ticket_id="+to).status)
	require.Equal(t, []string{picture}, ids("ada", "?limit=1&offset=1"))
	require.Equal(t, []string{note}, ids("ada", "?limit=1&skip=2"))
	page := s.get("ada", "/api/v1/files?limit=1&skip=2").body
	require.Equal(t, []any{3.0, 2.0, 1.0}, []any{page["total"], page["skip"], page["limit"]})
	for _, wrong := range []string{"?limit=0", "?limit=101", "?offset=-1", "?file_category=x", "?status=deleted", "?ticket_id=" + strings.Repeat("1", 65)} {
		require.Equal(t, 422, s.get("ada", "/api/v1/files"+wrong).status, wrong)
	}
}

// Whoever sees a file only through a ticket may read it, and no more.
func TestWhoSeesAFileThroughATicket(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	id := s.uploaded("sam", "a.txt", "a")
	path := "/api/v1/files/" + id
	mine, other := s.opened("bob"), s.opened("cyd")
	require.Equal(t, 404, s.get("bob", path).status)
	attach := `,"attachments":[{"file_id":"` + id + `"}]`
	hidden := s.opened("sam", attach)
	require.Equal(t, 201, s.post("sam", "/api/v1/tickets/"+mine+"/comments", `{"content":"Look","internal":true`+attach+`}`).status)
	require.Equal(t, 404, s.get("bob", path).status, "internal comments are not for them")
	require.Equal(t, 200, s.post("sam", "/api/v1/tickets/"+other+"/attachments", `{"attachments":[{"file_id":"`+id+`"}]}`).status)
	shown := s.get("cyd", path)
	require.Equal(t, 200, shown.status)
	require.Equal(t, []any{other}, shown.body["attached_to"], "of the tickets that they may see")
	require.Equal(t, []any{hidden, other, mine}, s.get("sam", path).body["attached_to"])
	require.Equal(t, "a", s.get("cyd", path+"/content").text)

	require.Equal(t, 403, s.post("cyd", path+"/reprocess", "").status)
	require.Equal(t, 403, s.ask("cyd", "DELETE", path, nil).status)
	require.Equal(t, 403, s.ask("aud", "DELETE", path, nil).status)
	require.Equal(t, 404, s.ask("bob", "DELETE", path, nil).status)
	require.Equal(t, 404, s.ask("eve", "DELETE", path, nil).status)
	require.Equal(t, 404, s.post("bob", path+"/reprocess", "").status)
	for _, wrong := range []string{"/x", "/00000000-0000-0000-0000-00000000000g"} {
		require.Equal(t, 422, s.get("ada", "/api/v1/files"+wrong).status)
	}
}

// Whoever sees a file through one ticket is not told of another one that they may not see.
func TestTheTicketAFileWasUploadedToIsToldToThoseWhoMaySeeIt(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	to, other := s.opened("sam"), s.opened("cyd")
	id := s.uploaded("sam", "a.txt", "a", "ticket_id", to)
	path := "/api/v1/files/" + id
	require.Equal(t, 200, s.post("sam", "/api/v1/tickets/"+other+"/attachments", `{"attachments":[{"file_id":"`+id+`"}]}`).status)
	for token, want := range map[string]any{"sam": to, "ada": to, "aud": to, "cyd": nil} {
		require.Equal(t, want, s.get(token, path).body["ticket_id"], token)
		require.Equal(t, want, s.get(token, "/api/v1/files").body["files"].([]any)[0].(map[string]any)["ticket_id"], token)
	}
	require.NotContains(t, s.get("cyd", path).text, to)

	// Bob uploads to a ticket that is given to him, and taken away from him.
	assign := `{"assigned_to_id":"` + s.callers["bob"].User.String() + `"}`
	require.Equal(t, 200, s.ask("sam", "PATCH", "/api/v1/tickets/"+to, strings.NewReader(assign), "Content-Type", "application/json").status)
	bobs := s.uploaded("bob", "b.txt", "b", "ticket_id", to)
	require.Equal(t, to, s.get("bob", "/api/v1/files/"+bobs).body["ticket_id"])
	require.Equal(t, to, s.post("bob", "/api/v1/files/"+bobs+"/reprocess", "").body["ticket_id"])
	require.Equal(t, 200, s.ask("sam", "PATCH", "/api/v1/tickets/"+to, strings.NewReader(`{"assigned_to_id":null}`), "Content-Type", "application/json").status)
	require.Nil(t, s.get("bob", "/api/v1/files/"+bobs).body["ticket_id"])
	require.Nil(t, s.post("bob", "/api/v1/files/"+bobs+"/reprocess", "").body["ticket_id"])
}

func TestAFileIsReadAgain(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	id := s.uploaded("bob", "a.txt", "a")
	path := "/api/v1/files/" + id
	early := s.post("bob", path+"/reprocess", "")
	require.Equal(t, 202, early.status, early.text)
	require.Equal(t, `"2"`, early.Get("ETag"), "it will be read anyway")
	s.process("bob", id, readers{})
	tag := s.get("bob", path).Get("ETag")
	require.Equal(t, 412, s.post("bob", path+"/reprocess", "", "If-Match", `"1"`).status)
	require.Equal(t, 412, s.post("bob", path+"/reprocess", "", "If-Match", `x`).status)
	again := s.post("bob", path+"/reprocess", "", "If-Match", tag)
	require.Equal(t, 202, again.status, again.text)
	require.Equal(t, "queued", again.body["processing_status"])
	require.NotEqual(t, tag, again.Get("ETag"))
	require.NotEmpty(t, again.Get("X-Event-Position"))
	require.Equal(t, again.Get("ETag"), s.get("bob", path).Get("ETag"))
}

func TestAFileThatIsDeletedLeavesTheReference(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	to := s.opened("bob")
	id := s.uploaded("bob", "a b.txt", "a", "ticket_id", to)
	path := "/api/v1/files/" + id
	require.Equal(t, path+"/storage/a%20b.txt", s.get("bob", path).body["url"])
	require.Equal(t, 412, s.ask("bob", "DELETE", path, nil, "If-Match", `"1"`).status)
	gone := s.ask("bob", "DELETE", path, nil, "If-Match", `"2"`)
	require.Equal(t, 200, gone.status, gone.text)
	require.Equal(t, map[string]any{"id": id, "status": "deleted", "still_attached_to": []any{to}}, gone.body)
	require.Equal(t, `"3"`, gone.Get("ETag"))
	require.NotEmpty(t, gone.Get("X-Event-Position"))
	for _, path := range []string{path, path + "/content", path + "/storage/a%20b.txt", path + "/processing-status"} {
		require.Equal(t, 404, s.get("bob", path).status, path)
	}
	require.Equal(t, 404, s.ask("bob", "DELETE", path, nil).status)
	want := []any{map[string]any{"id": id, "filename": "a b.txt", "file_size": 1.0, "mime_type": "text/plain", "file_category": "text", "status": "deleted", "url": nil}}
	shown := s.get("bob", "/api/v1/tickets/"+to).body
	require.Equal(t, []any{map[string]any{"file_id": id}}, shown["attachments"])
	require.Equal(t, want, shown["files"])
	listed := s.get("bob", "/api/v1/tickets?page=1").body["items"].([]any)[0].(map[string]any)
	require.Equal(t, want, listed["files"])
	past := s.get("bob", "/api/v1/tickets/"+to+"?as_of="+url.QueryEscape(time.Now().Format(time.RFC3339Nano)))
	require.Equal(t, want, past.body["files"])
	require.Equal(t, 400, s.post("bob", "/api/v1/tickets", `{"title":"a","description":"b","attachments":[{"file_id":"`+id+`"}]}`).status, "nobody refers to it anew")

	nowhere := s.uploaded("bob", "b.txt", "b")
	require.Equal(t, []any{}, s.ask("bob", "DELETE", "/api/v1/files/"+nowhere, nil).body["still_attached_to"])
}

func TestFilesOfATicketThatAreGone(t *testing.T) {
	t.Parallel()
	known, erased, unknown := domain.FileID{UUID: uuid.New()}, domain.FileID{UUID: uuid.New()}, domain.FileID{UUID: uuid.New()}
	shown := renderFilesOf([]ticket.Attachment{{FileID: known}, {FileID: erased}, {FileID: unknown}}, map[domain.FileID]projections.FileRow{
		known:  {ID: known, Filename: "ö.txt", Status: projections.FileUploaded},
		erased: {ID: erased, Filename: eventstore.Erased, Size: 7, Status: projections.FileDeleted, Deleted: true},
	})
	require.Equal(t, []TicketFile{
		{ID: known.UUID, Filename: "ö.txt", Status: "uploaded", URL: new("/api/v1/files/" + known.String() + "/storage/%C3%B6.txt")},
		{ID: erased.UUID, FileSize: 7, Status: "deleted"},
		{ID: unknown.UUID, Status: "deleted"},
	}, shown)
	require.Equal(t, []TicketFile{}, renderFilesOf(nil, nil))
}

// The export of a person holds what they uploaded, page by page.
func TestTheExportOfAPersonHoldsTheirFiles(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	var want []any
	for n := range uploadsPage + 3 {
		id := s.uploaded("bob", fmt.Sprint(n, ".txt"), "x")
		want = append([]any{id}, want...)
		if n == 0 {
			s.process("bob", id, readers{file.Extraction: func() (file.Reading, error) { return file.Reading{Text: "what it says"}, nil }})
		}
	}
	s.uploaded("cyd", "other.txt", "y")
	for _, token := range []string{"bob", "ada"} {
		answer := s.get(token, "/api/v1/privacy/export/"+s.callers["bob"].User.String())
		require.Equal(t, 200, answer.status, answer.text)
		var ids []any
		files, _ := answer.body["files"].([]any)
		for _, f := range files {
			ids = append(ids, f.(map[string]any)["id"])
		}
		require.Equal(t, want, ids)
		first, _ := files[len(files)-1].(map[string]any)
		require.Equal(t, "what it says", first["extracted_text"])
		require.NotNil(t, first["url"])
	}
}

// What the database cannot tell is not answered as if it were nothing.
func TestTablesThatAreBroken(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	id := s.uploaded("ada", "a.txt", "a")
	path := "/api/v1/files/" + id
	breaking := func(sql string) {
		_, err := s.pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	breaking(`ALTER TABLE ticket_files RENAME created_at TO made_at`)
	require.Equal(t, 500, s.get("ada", path).status)
	require.Equal(t, 500, s.ask("ada", "DELETE", path, nil).status)
	id = s.uploaded("sam", "b.txt", "b") // whose name nobody has asked for yet
	breaking(`ALTER TABLE users RENAME TO people`)
	require.Equal(t, 500, s.get("ada", "/api/v1/files/"+id).status)
	breaking(`ALTER TABLE files RENAME language TO tongue`)
	require.Equal(t, 500, s.get("ada", "/api/v1/files").status)
	require.Equal(t, 500, s.get("ada", path+"/content").status)
	s.http.Log = lost{s.store}
	require.Equal(t, 500, s.upload("ada", newForm("file|filename=a.txt", "a"), "Idempotency-Key", "k").status)
	breaking(`ALTER TABLE tickets RENAME assignee TO given_to`)
	_, err := s.http.renderFiles(context.WithValue(t.Context(), callerKey, s.callers["bob"]), projections.FileRow{Ticket: uuid.New()})
	require.Error(t, err)
}

// lost is a log that nothing can be read from.
type lost struct{ eventstore.Log }

func (lost) Load(context.Context, uuid.UUID, uuid.UUID) (eventstore.Stream, error) {
	return eventstore.Stream{}, errors.New("the log is lost")
}
