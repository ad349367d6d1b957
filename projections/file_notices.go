package projections

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
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
	// FileUploadStartedNotice is the data of file_upload_started. ticket_id is null as long as it is not known.
	FileUploadStartedNotice struct {
		JobID     uuid.UUID  `json:"job_id"`
		Filename  string     `json:"filename"`
		FileSize  int64      `json:"file_size"` // bytes as announced; 0: not said
		TicketID  *uuid.UUID `json:"ticket_id"`
		Timestamp string     `json:"timestamp"`
	}

	// FileUploadCompletedNotice is the data of file_upload_completed; ticket_id is null when it was uploaded to none.
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
		Filename  string     `json:"filename"` // empty when nothing of the upload was kept
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

// StoragePath is where the API shows an upload under its name.
func StoragePath(id domain.FileID, filename string) string {
	return "/api/v1/files/" + id.String() + "/storage/" + url.PathEscape(filename)
}

// watchedFile is what notices say of an upload and its events do not. It is zero when the upload never ended.
type watchedFile struct {
	filename string
	ticket   *uuid.UUID // it was uploaded to
	owners   []domain.UserID
}

// watched answers whose own each upload is, by the rule of visibleFile, and what else the notices say.
func (f *Files) watched(ctx context.Context, orgs, ids []uuid.UUID) (map[uuid.UUID]watchedFile, error) {
	rows, err := f.pool.Query(ctx, `
		SELECT f.id, f.filename, f.ticket,
			ARRAY[f.uploaded_by] || ARRAY(
				SELECT unnest(ARRAY[t.created_by, coalesce(t.assignee, t.created_by)]) FROM ticket_files a JOIN tickets t ON t.id = a.ticket_id
				WHERE a.org_id = about.org AND a.file_id = f.id AND NOT a.internal AND NOT t.deleted)
		FROM unnest($1::uuid[], $2::uuid[]) AS about (org, id) JOIN files f ON f.org_id = about.org AND f.id = about.id`, raw(orgs), raw(ids))
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

// aboutFile says what happened to an upload, to those whose own it is. reached is how far its stages were that wait.
func (n Notice) aboutFile(event file.Event, r eventstore.Recorded, w watchedFile, reached map[file.Stage]int) Notice {
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
		n.Data = FileUploadStartedNotice{JobID: r.Stream, Filename: e.Filename, FileSize: e.Announced, TicketID: w.ticket, Timestamp: at}
	case file.Uploaded:
		n.Type = "file_upload_completed"
		n.Data = FileUploadCompletedNotice{
			JobID: r.Stream, Filename: e.Filename, FilePath: StoragePath(domain.FileID{UUID: r.Stream}, e.Filename), FileSize: e.Size,
			MIMEType: e.MIMEType, FileCategory: e.Category, TicketID: w.ticket, Timestamp: at,
		}
	case file.UploadRefused:
		own(r.Metadata.Actor.Person())
		failed(w.filename, file.Validation, refusal(e.Code))
	case file.Quarantined:
		failed(e.Filename, file.Validation, "Malicious file detected")
	case file.StageStarted:
		progress(e.Stage, 0, "started")
	case file.StageProgressed:
		progress(e.Stage, e.Percent, doing(e))
	case file.StageCompleted:
		if n.Type, n.Data = found(e, r.Stream, w.filename, at); n.Data == nil {
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

// found says what a stage has read; nothing for a stage that reads no text.
func found(e file.StageCompleted, id uuid.UUID, filename, at string) (kind string, data any) {
	truncated := e.Reading.Characters > utf8.RuneCountInString(e.Excerpt)
	extracted := FileExtractedNotice{JobID: id, Filename: filename, ExtractedText: e.Excerpt, Truncated: truncated, Timestamp: at}
	switch e.Stage {
	case file.OCR:
		return "ocr_completed", FileRecognizedNotice{FileExtractedNotice: extracted, Confidence: e.Confidence}
	case file.Extraction:
		return "extraction_completed", extracted
	case file.Transcription:
		return "transcription_completed", FileTranscribedNotice{
			JobID: id, Filename: filename, Transcription: e.Excerpt, Truncated: truncated, Confidence: e.Confidence, Timestamp: at,
		}
	case file.Validation, file.IntegrationUpload:
	}
	return "", nil
}
