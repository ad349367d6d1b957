package projections

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/eventstore"
)

// The data of the file notices. Their names and fields are the wire contract's; a job has the id of its upload.
type (
	// FileUploadStartedNotice is the data of file_upload_started. file_size is what the request announces, which holds the
	// form around the file too, and null when it announces nothing: only file_upload_completed knows how long the file is.
	// ticket_id is null as long as it is not known; else see watched.
	FileUploadStartedNotice struct {
		JobID     uuid.UUID  `json:"job_id"`
		Filename  string     `json:"filename"`
		FileSize  *int64     `json:"file_size"` // bytes
		TicketID  *uuid.UUID `json:"ticket_id"`
		Timestamp string     `json:"timestamp"`
	}

	// FileUploadCompletedNotice is the data of file_upload_completed; ticket_id is null when it was uploaded to none, and
	// when it is not told, see watched.
	FileUploadCompletedNotice struct {
		JobID        uuid.UUID     `json:"job_id"`
		Filename     string        `json:"filename"`
		FilePath     string        `json:"file_path"`
		FileSize     int64         `json:"file_size"` // bytes
		MIMEType     string        `json:"mime_type"`
		FileCategory file.Category `json:"file_category"`
		TicketID     *uuid.UUID    `json:"ticket_id"`
		Timestamp    string        `json:"timestamp"`
	}

	// FileProgressNotice is the data of file_processing_progress.
	FileProgressNotice struct {
		JobID     uuid.UUID  `json:"job_id"`
		Stage     file.Stage `json:"stage"`
		Progress  int        `json:"progress"` // from 0 to 100
		Message   string     `json:"message"`
		Timestamp string     `json:"timestamp"`
	}

	// FileTranscribedNotice is the data of transcription_completed; confidence is null when the engine has none.
	FileTranscribedNotice struct {
		JobID         uuid.UUID `json:"job_id"`
		Filename      string    `json:"filename"`
		Transcription string    `json:"transcription"`
		Truncated     bool      `json:"truncated"` // there is more of it than the notice holds
		Confidence    *float64  `json:"confidence"`
		Timestamp     string    `json:"timestamp"`
	}

	// FileExtractedNotice is the data of extraction_completed.
	FileExtractedNotice struct {
		JobID         uuid.UUID `json:"job_id"`
		Filename      string    `json:"filename"`
		ExtractedText string    `json:"extracted_text"`
		Truncated     bool      `json:"truncated"` // there is more of it than the notice holds
		Timestamp     string    `json:"timestamp"`
	}

	// FileRecognizedNotice is the data of ocr_completed; confidence is null when the engine has none.
	FileRecognizedNotice struct {
		FileExtractedNotice

		Confidence *float64 `json:"confidence"`
	}

	// FileFailedNotice is the data of file_processing_failed.
	FileFailedNotice struct {
		JobID     uuid.UUID  `json:"job_id"`
		Filename  string     `json:"filename"`
		Error     string     `json:"error"`
		Stage     file.Stage `json:"stage"`
		Timestamp string     `json:"timestamp"`
	}

	// FileProcessedNotice is the data of file_processing_completed: there is nothing more to wait for.
	FileProcessedNotice struct {
		JobID            uuid.UUID    `json:"job_id"`
		Filename         string       `json:"filename"`
		ProcessingStatus file.Outcome `json:"processing_status"`
		Timestamp        string       `json:"timestamp"`
	}

	// FileDeletedNotice is the data of file_deleted.
	FileDeletedNotice struct {
		JobID     uuid.UUID `json:"job_id"`
		Timestamp string    `json:"timestamp"`
	}
)

// watchedFile is what notices say of an upload and its events do not. It is zero when the upload never ended.
type watchedFile struct {
	filename string
	ticket   *uuid.UUID // it was uploaded to, if that is told
	owners   []domain.UserID
}

// watched answers whose own each upload is, by the rule of visibleFile, and what else the notices say.
//
// A notice is made once for all who receive it. So the ticket that an upload was uploaded to is told only while no other
// ticket shows the upload: then whoever receives the notice may see that ticket, or has uploaded to it. What remains is
// that support, who may know, does not hear of it from a notice that is told again after the upload was attached elsewhere.
func (f *Files) watched(ctx context.Context, orgs, ids []uuid.UUID) (map[uuid.UUID]watchedFile, error) {
	rows, err := f.pool.Query(ctx, `
		SELECT f.id, f.filename, CASE WHEN shown.tickets = ARRAY[f.ticket] THEN f.ticket END, ARRAY[f.uploaded_by] || shown.people
		FROM unnest($1::uuid[], $2::uuid[]) AS about (org, id) JOIN files f ON f.org_id = about.org AND f.id = about.id
		CROSS JOIN LATERAL (
			SELECT array_agg(t.id) AS tickets, array_agg(t.created_by) || array_agg(coalesce(t.assignee, t.created_by)) AS people
			FROM ticket_files a JOIN tickets t ON t.id = a.ticket_id
			WHERE a.org_id = about.org AND a.file_id = f.id AND NOT a.internal AND NOT t.deleted) AS shown`, raw(orgs), raw(ids))
	if err != nil {
		return nil, fmt.Errorf("find watched files: %w", err)
	}
	files := make(map[uuid.UUID]watchedFile, len(ids))
	var id uuid.UUID
	var w watchedFile
	var owners [][16]byte
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id), &w.filename, &w.ticket, &owners}, func() error {
		w.owners = nil
		for _, owner := range owners {
			w.owners = append(w.owners, domain.UserID{UUID: owner})
		}
		files[id] = w
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find watched files: %w", err)
	}
	return files, nil
}

// mostTold is how much of a text a notice tells, in characters.
const mostTold = 16_000

// texts answers how the texts begin that stages have read and their events do not hold whole, by the ids of the readings.
// Those that are let go, and those of uploads that are gone, are not there.
func (f *Files) texts(ctx context.Context, events []eventstore.Recorded) (map[uuid.UUID]string, error) {
	var orgs, ids []uuid.UUID
	for _, r := range events {
		if e, ok := r.Event.(file.StageCompleted); ok && e.Reading.ID != uuid.Nil && more(e, e.Excerpt) {
			orgs, ids = append(orgs, r.Org), append(ids, e.Reading.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := f.pool.Query(ctx, `
		SELECT r.id, left(r.text, $3)
		FROM unnest($1::uuid[], $2::uuid[]) AS about (org, id) JOIN readings r ON r.org_id = about.org AND r.id = about.id
		JOIN files f ON f.org_id = r.org_id AND f.id = r.file_id AND NOT f.deleted`, raw(orgs), raw(ids), mostTold)
	if err != nil {
		return nil, fmt.Errorf("find texts: %w", err)
	}
	texts := make(map[uuid.UUID]string, len(ids))
	var id uuid.UUID
	var text string
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id), &text}, func() error {
		texts[id] = text
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find texts: %w", err)
	}
	return texts, nil
}

// reached answers how far the stages are that wait for another attempt, in percent. It is a query of its own because a row
// holds long texts beside that, and few events ask for it.
func (f *Files) reached(ctx context.Context, orgs, ids []uuid.UUID) (map[uuid.UUID]map[file.Stage]int, error) {
	rows, err := f.pool.Query(ctx, `
		SELECT f.id, s->>'stage', (s->>'percent')::int
		FROM unnest($1::uuid[], $2::uuid[]) AS about (org, id) JOIN files f ON f.org_id = about.org AND f.id = about.id, json_array_elements(f.stages) s
		WHERE s->>'status' = 'queued'`, raw(orgs), raw(ids))
	if err != nil {
		return nil, fmt.Errorf("find waiting stages: %w", err)
	}
	waiting := map[uuid.UUID]map[file.Stage]int{}
	var id uuid.UUID
	var stage file.Stage
	var percent int
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id), &stage, &percent}, func() error {
		if waiting[id] == nil {
			waiting[id] = map[file.Stage]int{}
		}
		waiting[id][stage] = percent
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find waiting stages: %w", err)
	}
	return waiting, nil
}

// aboutFile says what happened to an upload, to those whose own it is. reached is how far its stages were that wait, and
// texts is what Files.texts answers.
func (n Notice) aboutFile(event file.Event, r eventstore.Recorded, w watchedFile, reached map[file.Stage]int, texts map[uuid.UUID]string) Notice {
	n.Protocol, n.Needs, n.Owners = "file", domain.ReadFiles, w.owners
	at := r.At.Format(Millis)
	progress := func(stage file.Stage, percent int, message string) {
		n.Type = "file_processing_progress"
		n.Data = FileProgressNotice{JobID: r.Stream, Stage: stage, Progress: percent, Message: message, Timestamp: at}
	}
	failed := func(filename string, stage file.Stage, why string) {
		n.Type = "file_processing_failed"
		n.Data = FileFailedNotice{JobID: r.Stream, Filename: filename, Error: why, Stage: stage, Timestamp: at}
	}
	own := func(id uuid.UUID) { n.Owners = append(slices.Clip(n.Owners), domain.UserID{UUID: id}) } // of an upload that has no row
	switch e := event.(type) {
	case file.UploadStarted:
		own(e.UploadedBy.UUID)
		n.Type = "file_upload_started"
		data := FileUploadStartedNotice{JobID: r.Stream, Filename: e.Filename, TicketID: w.ticket, Timestamp: at}
		if e.Announced > 0 {
			data.FileSize = &e.Announced
		}
		n.Data = data
	case file.Uploaded:
		n.Type = "file_upload_completed"
		n.Data = FileUploadCompletedNotice{
			JobID: r.Stream, Filename: e.Filename, FilePath: file.URL(domain.FileID{UUID: r.Stream}, e.Filename), FileSize: e.Size,
			MIMEType: e.MIMEType, FileCategory: e.Category, TicketID: w.ticket, Timestamp: at,
		}
	case file.UploadRefused:
		own(e.UploadedBy.UUID)
		failed(e.Filename, file.Validation, refusal(e.Code))
	case file.Quarantined:
		failed(e.Filename, file.Validation, "Malicious file detected")
	case file.StageStarted:
		progress(e.Stage, 0, "started")
	case file.StageProgressed:
		progress(e.Stage, e.Percent, doing(e))
	case file.StageCompleted:
		if n.Type, n.Data = found(e, told(e, texts[e.Reading.ID]), r.Stream, w.filename, at); n.Data == nil {
			progress(e.Stage, 100, "completed")
		}
	case file.StageFailed:
		if e.Final {
			failed(w.filename, e.Stage, e.Reason)
		} else {
			progress(e.Stage, reached[e.Stage], fmt.Sprintf("attempt %d failed: %s; it will be tried again", e.Attempt, strings.TrimRight(e.Reason, ".")))
		}
	case file.StageSkipped:
		progress(e.Stage, 100, "skipped: "+e.Reason)
	case file.Processed:
		n.Type = "file_processing_completed"
		n.Data = FileProcessedNotice{JobID: r.Stream, Filename: w.filename, ProcessingStatus: e.Outcome, Timestamp: at}
	case file.ProcessingRequested:
		progress(file.Validation, 0, "queued again")
	case file.Deleted:
		n.Type, n.Data = "file_deleted", FileDeletedNotice{JobID: r.Stream, Timestamp: at}
	case file.WordsErased:
		own(e.Of.UUID)
		n.Type, n.Data = "file_deleted", FileDeletedNotice{JobID: r.Stream, Timestamp: at}
	}
	return n
}

// refusal makes a sentence of the code with which bytes were not taken in.
func refusal(code string) string {
	if code == "internal" {
		return "The file was not taken in: something went wrong on our side."
	}
	return "The file was not taken in: " + strings.ReplaceAll(code, "_", " ") + "."
}

// doing says what a stage is at, and since when, so that whoever waits sees that it is alive.
func doing(e file.StageProgressed) string {
	return fmt.Sprintf("%s (%d s)", cmp.Or(e.Doing, "working"), e.Elapsed)
}

// told answers what a notice tells of a text that a stage has read. kept is its beginning, as it is kept beside the log. It
// does not begin with what the log holds of it when somebody has changed it, or when the words are erased.
func told(e file.StageCompleted, kept string) string {
	if strings.HasPrefix(strings.TrimSpace(kept), strings.TrimSpace(e.Excerpt)) {
		return kept
	}
	return e.Excerpt
}

// more reports whether a stage has read more than is told of it.
func more(e file.StageCompleted, told string) bool {
	return e.Reading.Characters > utf8.RuneCountInString(told)
}

// found says what a stage has read; nothing for a stage that reads no text.
func found(e file.StageCompleted, text string, id uuid.UUID, filename, at string) (kind string, data any) {
	extracted := FileExtractedNotice{JobID: id, Filename: filename, ExtractedText: text, Truncated: more(e, text), Timestamp: at}
	switch e.Stage {
	case file.OCR:
		return "ocr_completed", FileRecognizedNotice{FileExtractedNotice: extracted, Confidence: e.Confidence}
	case file.Extraction:
		return "extraction_completed", extracted
	case file.Transcription:
		return "transcription_completed", FileTranscribedNotice{
			JobID: id, Filename: filename, Transcription: text, Truncated: more(e, text), Confidence: e.Confidence, Timestamp: at,
		}
	case file.Validation, file.IntegrationUpload:
	}
	return "", nil
}
