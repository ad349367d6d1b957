package projections_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// watch is a desk whose store also writes the tables of files, and what the sockets say of it.
type watch struct {
	desk
	notices *projections.Notices
}

func newWatch(t *testing.T) watch {
	t.Helper()
	pool := postgrestest.Pool(t)
	w := watch{desk: desk{T: t, pool: pool, tickets: projections.NewTickets(pool), org: newOrg(), ann: newUser(), bob: newUser()}}
	files := projections.NewFiles(pool)
	w.notices = &projections.Notices{Tickets: w.tickets, Files: files}
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	w.store = eventstore.Open(t.Context(), pool, catalog.Codec, keys, eventstore.Options{
		Inline: []eventstore.Inline{w.tickets, files, projections.NewTicketFiles(pool)},
	})
	t.Cleanup(w.store.Close)
	return w
}

// upload appends events to an upload and answers those of them that are new.
func (w watch) upload(id domain.FileID, events ...any) []eventstore.Recorded {
	w.Helper()
	stream := w.happen(ticket.ID{UUID: id.UUID}, events...)
	return stream.Events[stream.Version()-len(events):]
}

func (w watch) from(events ...eventstore.Recorded) []projections.Notice {
	w.Helper()
	notices, err := w.notices.From(w.Context(), events)
	require.NoError(w, err)
	return notices
}

// uploaded is a picture of Ann's.
func (w watch) uploaded() file.Uploaded {
	return file.Uploaded{
		UploadedBy: w.ann, Filename: "desk top?.png", Size: 7, MIMEType: "image/png", Category: file.Image, ContentHash: "ab",
		Scan: file.Scan{Status: file.Clean},
	}
}

func newFile() domain.FileID { return domain.FileID{UUID: uuid.Must(uuid.NewV7())} }

func TestEveryFileNotice(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	id, to := newFile(), w.opened()
	w.happen(to, ticket.Attached{Attachments: []ticket.Attachment{{FileID: id}}})
	uploaded := w.uploaded()
	uploaded.Ticket = to.UUID
	long := file.ReadingRef{ID: uuid.New(), Characters: 9}
	completed := func(s file.Stage, excerpt string, confidence *float64) file.StageCompleted {
		return file.StageCompleted{Stage: s, Attempt: 1, UploadedBy: w.ann, Excerpt: excerpt, Reading: long, Confidence: confidence}
	}
	const name, path = "desk top?.png", "/storage/desk%20top%3F.png"
	type data map[string]any
	progress := func(stage string, percent float64, message string) data {
		return data{"stage": stage, "progress": percent, "message": message}
	}
	for _, step := range []struct {
		event file.Event
		kind  string
		data  data
	}{
		{
			file.UploadStarted{UploadedBy: w.ann, Filename: name, Announced: 8},
			"file_upload_started",
			data{"filename": name, "file_size": 8.0, "ticket_id": nil},
		},
		{file.UploadStarted{UploadedBy: w.ann, Filename: name}, "file_upload_started", data{"filename": name, "file_size": nil, "ticket_id": nil}},
		{uploaded, "file_upload_completed", data{
			"filename": name, "file_path": "/api/v1/files/" + id.String() + path, "file_size": 7.0, "mime_type": "image/png", "file_category": "image",
			"ticket_id": to.String(),
		}},
		{file.StageStarted{Stage: file.Validation, Attempt: 1}, "file_processing_progress", progress("validation", 0, "started")},
		{completed(file.Validation, "", nil), "file_processing_progress", progress("validation", 100, "completed")},
		{file.StageStarted{Stage: file.OCR, Attempt: 1}, "file_processing_progress", progress("ocr", 0, "started")},
		{
			file.StageProgressed{Stage: file.OCR, Attempt: 1, Percent: 25, Doing: "page 3 of 12", Elapsed: 14},
			"file_processing_progress", progress("ocr", 25, "page 3 of 12 (14 s)"),
		},
		{
			file.StageProgressed{Stage: file.OCR, Attempt: 1, Percent: 40, Elapsed: 15},
			"file_processing_progress", progress("ocr", 40, "working (15 s)"),
		},
		{
			file.StageFailed{Stage: file.OCR, Attempt: 1, UploadedBy: w.ann, Reason: "It took too long."},
			"file_processing_progress", progress("ocr", 40, "attempt 1 failed: It took too long; it will be tried again"),
		},
		{
			file.StageFailed{Stage: file.OCR, Attempt: 4, UploadedBy: w.ann, Reason: "It took too long.", Final: true},
			"file_processing_failed",
			data{"filename": name, "error": "It took too long.", "stage": "ocr"},
		},
		{completed(file.OCR, "Übermut!!", new(0.5)), "ocr_completed", data{"filename": name, "extracted_text": "Übermut!!", "confidence": 0.5, "truncated": false}},
		{completed(file.OCR, "Übermut", nil), "ocr_completed", data{"filename": name, "extracted_text": "Übermut", "confidence": nil, "truncated": true}},
		{
			completed(file.Transcription, "hello you", new(0.25)),
			"transcription_completed",
			data{"filename": name, "transcription": "hello you", "confidence": 0.25, "truncated": false},
		},
		{
			completed(file.Transcription, "hello", nil),
			"transcription_completed",
			data{"filename": name, "transcription": "hello", "confidence": nil, "truncated": true},
		},
		{completed(file.Extraction, "some word", nil), "extraction_completed", data{"filename": name, "extracted_text": "some word", "truncated": false}},
		{completed(file.IntegrationUpload, "", nil), "file_processing_progress", progress("integration_upload", 100, "completed")},
		{
			file.StageSkipped{Stage: file.OCR, UploadedBy: w.ann, Reason: "There is no text."},
			"file_processing_progress", progress("ocr", 100, "skipped: There is no text."),
		},
		{file.Processed{Outcome: file.SomeFailed}, "file_processing_completed", data{"filename": name, "processing_status": "failed"}},
		{file.ProcessingRequested{By: w.ann}, "file_processing_progress", progress("validation", 0, "queued again")},
		{file.Deleted{}, "file_deleted", data{}},
	} {
		event := w.upload(id, step.event)[0]
		notices := w.from(event)
		require.Len(t, notices, 1)
		n := notices[0]
		require.Equal(t, step.kind, n.Type)
		step.data["job_id"], step.data["timestamp"] = id.String(), event.At.Format(projections.Millis)
		require.Equal(t, step.data, said[data](t, n), "%T", step.event)
		require.Equal(t, "file", n.Protocol)
		require.Equal(t, domain.ReadFiles, n.Needs)
		require.Equal(t, []any{event.Position, event.At, w.org, id.UUID}, []any{n.Position, n.At, n.Org, n.Topic})
		require.Contains(t, n.Owners, w.ann)
	}
}

// said is the notice's data as a client reads it.
func said[T any](t *testing.T, n projections.Notice) (data T) {
	t.Helper()
	text, err := json.Marshal(n.Data)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &data))
	return data
}

func TestUploadsThatWereNotTakenInAreTold(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	for code, want := range map[string]string{
		"storage_full": "The file was not taken in: storage full.",
		"internal":     "The file was not taken in: something went wrong on our side.",
	} {
		notices := w.from(w.upload(newFile(), file.UploadStarted{UploadedBy: w.ann, Filename: "a"}, file.UploadRefused{UploadedBy: w.ann, Filename: "a", Code: code})...)
		require.Len(t, notices, 2)
		require.Equal(t, "file_processing_failed", notices[1].Type)
		failed := notices[1].Data.(projections.FileFailedNotice)
		require.Equal(t, []any{"a", want, file.Validation}, []any{failed.Filename, failed.Error, failed.Stage})
		for _, n := range notices {
			w.seen(n, map[domain.UserID]bool{w.ann: true, w.bob: false})
		}
	}
	infected := w.from(w.upload(newFile(), file.Quarantined{UploadedBy: w.ann, Filename: "eicar.com", Category: file.Other, Signature: "EICAR"})...)[0]
	require.Equal(t, "file_processing_failed", infected.Type)
	failed := infected.Data.(projections.FileFailedNotice)
	require.Equal(t, []any{"eicar.com", "Malicious file detected", file.Validation}, []any{failed.Filename, failed.Error, failed.Stage})
	w.seen(infected, map[domain.UserID]bool{w.ann: true, w.bob: false})

	begun := newFile() // its words are erased before it ever ended, so there is no row
	w.upload(begun, file.UploadStarted{UploadedBy: w.bob, Filename: "a"})
	erased := w.from(w.upload(begun, file.WordsErased{Of: w.bob})...)[0]
	require.Equal(t, "file_deleted", erased.Type)
	w.seen(erased, map[domain.UserID]bool{w.ann: false, w.bob: true})
	expired := w.from(w.upload(begun, file.WordsErased{})...)[0]
	w.seen(expired, map[domain.UserID]bool{{}: false, w.bob: false})
}

// seen compares which members may receive a notice. Whoever may read all files always may.
func (w watch) seen(n projections.Notice, want map[domain.UserID]bool) {
	w.Helper()
	as := func(u domain.UserID, r domain.Role) domain.Actor {
		return domain.Actor{Type: domain.ByUser, User: u, Role: r}
	}
	for member, sees := range want {
		require.Equal(w, sees, n.VisibleTo(as(member, domain.Member)))
	}
	for _, role := range []domain.Role{domain.Admin, domain.Support, domain.Auditor} {
		require.True(w, n.VisibleTo(as(newUser(), role)), role)
	}
}

func TestWhoHearsOfAFile(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	cid, dora, stranger := newUser(), newUser(), newUser()
	id := newFile()
	attachments := []ticket.Attachment{{FileID: id}}
	event := w.upload(id, w.uploaded(), file.StageStarted{Stage: file.Validation, Attempt: 1})[1]
	hear := func(want ...domain.UserID) {
		t.Helper()
		n := w.from(event)[0]
		for _, u := range []domain.UserID{w.ann, w.bob, cid, dora, stranger} {
			w.seen(n, map[domain.UserID]bool{u: slices.Contains(want, u)})
		}
	}
	hear(w.ann)
	bobs := w.opened(func(o *ticket.Opened) { o.CreatedBy = w.bob })
	hushed := w.commented(w.ann, "hush", true)
	hushed.Attachments = attachments
	w.happen(bobs, hushed)
	hear(w.ann) // an internal comment opens it to nobody

	said := w.commented(w.ann, "look", false)
	said.Attachments = attachments
	w.happen(bobs, said)
	hear(w.ann, w.bob)
	cids := w.opened(func(o *ticket.Opened) { o.Number, o.CreatedBy = 2, cid })
	w.happen(cids, ticket.Attached{Attachments: attachments}, ticket.Assigned{Assignee: dora})
	hear(w.ann, w.bob, cid, dora)
	w.happen(cids, ticket.Detached{FileID: id})
	hear(w.ann, w.bob)
	w.happen(bobs, ticket.Deleted{})
	hear(w.ann)

	// A ticket of another organization opens nothing, even if it refers to the same id.
	rival := w
	rival.org = newOrg()
	rival.happen(rival.opened(func(o *ticket.Opened) { o.CreatedBy = stranger }), ticket.Attached{Attachments: attachments})
	hear(w.ann)
	foreign := event
	foreign.Org = rival.org.UUID
	require.Empty(t, w.from(foreign)[0].Owners)
}

func TestNoticesOfTicketsAndFilesComeInOrder(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	first, second := newFile(), newFile()
	desk := w.opened()
	var events []eventstore.Recorded
	events = append(events, w.upload(first, w.uploaded())...)
	events = append(events, w.upload(second, w.uploaded())...)
	for n := range 3 {
		started := file.StageStarted{Stage: file.OCR, Attempt: 1 + n}
		events = append(events, w.upload(first, started)...)
		stream := w.happen(desk, ticket.Assigned{Assignee: w.bob})
		events = append(events, stream.Events[stream.Version()-1], eventstore.Recorded{Event: "other"})
		events = append(events, w.upload(second, started)...)
	}
	var got, want []int64
	var protocols []string
	for _, n := range w.from(events...) {
		got, protocols = append(got, n.Position), append(protocols, n.Protocol)
	}
	for _, r := range events {
		if r.Position > 0 {
			want = append(want, r.Position)
		}
	}
	require.Equal(t, want, got)
	require.Equal(t, "file file file ticket file file ticket file file ticket file", strings.Join(protocols, " "))
}

// keep stores what a stage has read and answers its reference.
func (w watch) keep(of domain.FileID, text string) file.ReadingRef {
	w.Helper()
	ref := file.ReadingRef{ID: uuid.New(), Characters: utf8.RuneCountInString(text)}
	_, err := w.pool.Exec(w.Context(), `INSERT INTO readings (org_id, id, file_id, stage, content, text) VALUES ($1, $2, $3, 'ocr', '{}', $4)`,
		w.org.String(), ref.ID.String(), of.String(), text)
	require.NoError(w, err)
	return ref
}

// An event holds the beginning of a text. What a notice tells beyond that is what lies beside the log.
func TestANoticeTellsMoreOfATextThanItsEvent(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	id := newFile()
	w.upload(id, w.uploaded())
	text := "\n " + strings.Repeat("Übermut! ", 1000)
	endless := strings.Repeat("ä", 16_001)
	read := func(stage file.Stage, text string, ref file.ReadingRef) file.StageCompleted {
		return file.StageCompleted{Stage: stage, Attempt: 1, UploadedBy: w.ann, Excerpt: file.Cut(text, file.MaxExcerpt), Reading: ref}
	}
	gone := file.ReadingRef{ID: uuid.New(), Characters: utf8.RuneCountInString(text)}
	changed := gone
	changed.ID = w.keep(id, "a lie "+text).ID
	foreign := w
	foreign.org = newOrg()
	events := w.upload(id,
		read(file.OCR, text, w.keep(id, text)),
		read(file.Extraction, endless, w.keep(id, endless)),
		read(file.Transcription, text, w.keep(id, text)),
		read(file.Transcription, text, gone),
		read(file.Transcription, text, changed),
		read(file.Transcription, text, foreign.keep(id, text)),
		read(file.Transcription, "short", w.keep(id, "short")),
	)
	type words struct {
		Extracted     string `json:"extracted_text"`
		Transcription string `json:"transcription"`
		Truncated     bool   `json:"truncated"`
	}
	told := func() (list []words) {
		for _, n := range w.from(events...) {
			list = append(list, said[words](t, n))
		}
		return list
	}
	excerpt := words{Transcription: file.Cut(text, file.MaxExcerpt), Truncated: true}
	require.Less(t, len(excerpt.Transcription), 600)
	require.Equal(t, []words{
		{Extracted: text},
		{Extracted: endless[:2*16_000], Truncated: true},
		{Transcription: text},
		excerpt, excerpt, excerpt,
		{Transcription: "short"},
	}, told())

	w.upload(id, file.Deleted{})
	require.Equal(t, excerpt, told()[2], "what was read from an upload goes with it")
	_, err := w.pool.Exec(t.Context(), `ALTER TABLE readings RENAME text TO words`)
	require.NoError(t, err)
	_, err = w.notices.From(t.Context(), events)
	require.ErrorContains(t, err, "find texts")
	require.Len(t, w.from(events[6:]...), 1, "a short text needs no reading")
}

// Nobody is told of a ticket that they may not see because they see the same upload through another one.
func TestTheTicketOfAnUploadIsToldToThoseWhoMaySeeIt(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	id, to := newFile(), w.opened()
	attached := ticket.Attached{Attachments: []ticket.Attachment{{FileID: id}}}
	w.happen(to, attached)
	uploaded := w.uploaded()
	uploaded.Ticket = to.UUID
	events := w.upload(id, file.UploadStarted{UploadedBy: w.ann, Filename: "a.png"}, uploaded)
	told := func(want any) {
		t.Helper()
		for _, n := range w.from(events...) {
			require.Equal(t, want, said[map[string]any](t, n)["ticket_id"], n.Type)
		}
	}
	told(to.String())
	bobs := w.opened(func(o *ticket.Opened) { o.Number, o.CreatedBy = 2, w.bob })
	hushed := w.commented(w.ann, "hush", true)
	hushed.Attachments = attached.Attachments
	w.happen(bobs, hushed)
	told(to.String()) // an internal comment shows it to nobody
	w.happen(bobs, attached)
	told(nil)
	w.happen(bobs, ticket.Deleted{})
	told(to.String())
	w.happen(to, ticket.Detached{FileID: id})
	told(nil)
}

// What is told of an upload after its words were erased holds none of them.
func TestErasedWordsAreNotTold(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	id := newFile()
	reading := w.keep(id, "secret words that are still beside the log")
	w.upload(id,
		file.UploadStarted{UploadedBy: w.ann, Filename: "secret.png"},
		w.uploaded(),
		file.StageCompleted{Stage: file.OCR, Attempt: 1, UploadedBy: w.ann, Excerpt: "secret", Reading: reading},
		file.StageFailed{Stage: file.OCR, Attempt: 1, UploadedBy: w.ann, Reason: "secret", Final: true},
		file.StageSkipped{Stage: file.OCR, UploadedBy: w.ann, Reason: "secret"},
		file.Processed{Outcome: file.AllCompleted},
	)
	begin := w.from(w.upload(id, file.StageCompleted{Stage: file.OCR, Attempt: 1, UploadedBy: w.ann, Excerpt: eventstore.Erased, Reading: reading})...)[0]
	require.Equal(t, eventstore.Erased, begin.Data.(projections.FileRecognizedNotice).ExtractedText, "the key goes before the fact that it is gone")
	w.upload(id, file.WordsErased{Of: w.ann})
	events, err := w.store.Read(t.Context(), eventstore.Query{Org: w.org.UUID})
	require.NoError(t, err)
	notices := w.from(events...)
	require.Len(t, notices, 8)
	text, err := json.Marshal(notices)
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret")
	require.NotContains(t, string(text), "desk")
	require.Contains(t, string(text), eventstore.Erased)
	w.seen(notices[7], map[domain.UserID]bool{w.ann: true, w.bob: false})
}

func TestFileNoticesNeedTheDatabaseOnlyForFiles(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	event := w.upload(newFile(), w.uploaded())[0]
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.notices.From(ctx, []eventstore.Recorded{event})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, domain.Internal, domain.KindOf(err))
	none, err := w.notices.From(ctx, []eventstore.Recorded{{Event: "other"}})
	require.NoError(t, err)
	require.Empty(t, none)
}
