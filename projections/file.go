package projections

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/eventstore"
)

// FileStatus is where an upload stands as a whole.
type FileStatus string

// The file statuses.
const (
	FileUploaded    FileStatus = "uploaded"
	FileProcessing  FileStatus = "processing"
	FileProcessed   FileStatus = "processed"
	FileFailed      FileStatus = "failed"
	FileQuarantined FileStatus = "quarantined"
	FileDeleted     FileStatus = "deleted"
)

// FileRow is an upload as lists and details show it.
type FileRow struct {
	ID               domain.FileID
	Org              domain.OrgID
	Version          int
	Filename         string
	Description      string
	Size             int64 // bytes
	MIMEType         string
	Category         file.Category
	ContentHash      string
	UploadedBy       domain.UserID
	Ticket           uuid.UUID // it was uploaded to; zero: none
	Scan             file.Scan
	Signature        string // of the malware in it
	Status           FileStatus
	ProcessingStatus file.StageStatus
	Run              int // the version of the event that asked for its processing
	Stages           []FileStage
	Language         string
	Width, Height    int     // pixels
	Seconds          float64 // of a recording
	Deleted          bool    // or erased
	StartedAt        *time.Time
	CompletedAt      *time.Time
	CreatedAt        time.Time
	UpdatedAt        time.Time
}

// FileStage is a step of an upload's processing.
type FileStage struct {
	Stage      file.Stage       `json:"stage"`
	Status     file.StageStatus `json:"status"`
	Percent    int              `json:"percent"`
	Doing      string           `json:"doing,omitempty"`
	Attempts   int              `json:"attempts"`
	Reason     string           `json:"reason,omitempty"` // why it failed, or was skipped
	StartedAt  *time.Time       `json:"started_at,omitempty"`
	FinishedAt *time.Time       `json:"finished_at,omitempty"`
	Engine     string           `json:"engine,omitempty"`
	Confidence *float64         `json:"confidence,omitempty"`
	Reading    file.ReadingRef  `json:"reading,omitzero"`
	Excerpt    string           `json:"excerpt,omitempty"`
}

// Exists reports whether there is an upload to show.
func (f FileRow) Exists() bool { return f.Status != "" && !f.Deleted }

// Blob is the key of its bytes in the store.
func (f FileRow) Blob() string {
	if f.Signature != "" {
		return file.QuarantineKey(f.Org, f.ContentHash)
	}
	return file.BlobKey(f.Org, f.ContentHash)
}

// Progress is how far its processing is, in percent.
func (f FileRow) Progress() int {
	sum := 0
	for _, s := range f.Stages {
		if s.Status == file.Waiting || s.Status == file.Running {
			sum += s.Percent
		} else {
			sum += 100
		}
	}
	if len(f.Stages) == 0 {
		return 100
	}
	return sum / len(f.Stages)
}

// Stage answers one of its stages; the zero stage when it has none of that name.
func (f FileRow) Stage(name file.Stage) FileStage {
	i := slices.IndexFunc(f.Stages, func(s FileStage) bool { return s.Stage == name })
	if i < 0 {
		return FileStage{}
	}
	return f.Stages[i]
}

// ApplyFile folds one event into the row.
func ApplyFile(f FileRow, r eventstore.Recorded) FileRow {
	event, ok := r.Event.(file.Event)
	if !ok {
		return f
	}
	at := r.At
	switch e := event.(type) {
	case file.UploadStarted, file.UploadRefused: // no upload yet
		return f
	case file.Uploaded:
		f = FileRow{
			Filename: e.Filename, Description: e.Description, Size: e.Size, MIMEType: e.MIMEType, Category: e.Category, ContentHash: e.ContentHash,
			UploadedBy: e.UploadedBy, Ticket: e.Ticket, Scan: e.Scan, Status: FileUploaded, ProcessingStatus: file.Waiting, Run: r.Version, CreatedAt: at,
		}
		for _, stage := range e.Category.Stages() {
			f.Stages = append(f.Stages, FileStage{Stage: stage, Status: file.Waiting})
		}
	case file.Quarantined:
		f = FileRow{
			Filename: e.Filename, Size: e.Size, MIMEType: e.MIMEType, Category: e.Category, ContentHash: e.ContentHash, UploadedBy: e.UploadedBy,
			Signature: e.Signature, Status: FileQuarantined, ProcessingStatus: file.Skipped, CreatedAt: at,
		}
	case file.StageStarted, file.StageProgressed, file.StageCompleted, file.StageFailed, file.StageSkipped:
		f = f.staged(e, at)
	case file.Processed:
		f.CompletedAt, f.Status, f.ProcessingStatus = &at, FileProcessed, file.StageStatus(e.Outcome)
		if e.Outcome == file.SomeFailed {
			f.Status = FileFailed
		}
	case file.ProcessingRequested:
		f.Status, f.ProcessingStatus, f.Run, f.StartedAt, f.CompletedAt = FileUploaded, file.Waiting, r.Version, nil, nil
		f.Stages = slices.Clone(f.Stages)
		for i, s := range f.Stages { // what was read before is there until something else was
			s.Status, s.Percent, s.Doing, s.Reason, s.StartedAt, s.FinishedAt = file.Waiting, 0, "", "", nil, nil
			f.Stages[i] = s
		}
	case file.Deleted:
		f = f.gone()
	case file.WordsErased: // the words before it read as erased already
		if f.Status == "" {
			return f
		}
		f = f.gone()
	}
	f.ID, f.Org, f.Version, f.UpdatedAt = domain.FileID{UUID: r.Stream}, domain.OrgID{UUID: r.Org}, r.Version, at
	return f
}

// gone keeps of an upload what a reference to it shows.
func (f FileRow) gone() FileRow {
	f.Deleted, f.Status = true, FileDeleted
	f.Stages = slices.Clone(f.Stages)
	for i := range f.Stages {
		f.Stages[i].Excerpt, f.Stages[i].Reading = "", file.ReadingRef{}
	}
	return f
}

// staged folds a fact about one stage.
func (f FileRow) staged(event file.Event, at time.Time) FileRow {
	f.Stages = slices.Clone(f.Stages)
	change := func(name file.Stage, how func(*FileStage)) {
		for i := range f.Stages {
			if f.Stages[i].Stage == name {
				how(&f.Stages[i])
			}
		}
	}
	switch e := event.(type) {
	case file.StageStarted:
		f.Status, f.ProcessingStatus = FileProcessing, file.Running
		if f.StartedAt == nil {
			f.StartedAt = &at
		}
		change(e.Stage, func(s *FileStage) {
			s.Status, s.Percent, s.Doing, s.Attempts, s.Reason, s.StartedAt, s.FinishedAt = file.Running, 0, "", e.Attempt, "", &at, nil
		})
	case file.StageProgressed:
		change(e.Stage, func(s *FileStage) { s.Percent, s.Doing = e.Percent, e.Doing })
	case file.StageCompleted:
		change(e.Stage, func(s *FileStage) {
			s.Status, s.Percent, s.Doing, s.FinishedAt = file.Completed, 100, "", &at
			s.Engine, s.Confidence, s.Reading, s.Excerpt = e.Engine, e.Confidence, e.Reading, e.Excerpt
		})
		f.Width, f.Height, f.Seconds = max(f.Width, e.Width), max(f.Height, e.Height), max(f.Seconds, e.Seconds)
		if e.Language != "" {
			f.Language = e.Language
		}
	case file.StageFailed:
		change(e.Stage, func(s *FileStage) {
			s.Status, s.Doing, s.Reason = file.Waiting, "", e.Reason
			if e.Final {
				s.Status, s.FinishedAt = file.Failed, &at
			}
		})
	case file.StageSkipped:
		change(e.Stage, func(s *FileStage) { s.Status, s.Doing, s.Reason, s.FinishedAt = file.Skipped, "", e.Reason, &at })
	case file.UploadStarted, file.Uploaded, file.UploadRefused, file.Quarantined, file.Processed, file.ProcessingRequested, file.Deleted, file.WordsErased: // about the upload
	}
	return f
}

// Files is the files table. It implements Table.
type Files struct{ pool *pgxpool.Pool }

// NewFiles answers the table in this database.
func NewFiles(pool *pgxpool.Pool) *Files { return &Files{pool: pool} }

const fileColumns = `id, org_id, version, filename, description, size, mime_type, category, content_hash, blob, uploaded_by, ticket, scan,
	signature, status, processing_status, run, stages, language, width, height, seconds, deleted, started_at, completed_at, created_at, updated_at`

const writeFile = `
INSERT INTO files (` + fileColumns + `)
SELECT $1::uuid, $2::uuid, $3::int, $4::text, $5::text, $6::bigint, $7::text, $8::text, $9::text, $10::text, $11::uuid, $12::uuid, $13::json,
	$14::text, $15::text, $16::text, $17::int, $18::json, $19::text, $20::int, $21::int, $22::float8, $23::bool, $24::timestamptz, $25::timestamptz,
	$26::timestamptz, $27::timestamptz
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = $3 AND e.hash = $28)
ON CONFLICT (id) DO UPDATE SET
	version = excluded.version, filename = excluded.filename, description = excluded.description, status = excluded.status,
	processing_status = excluded.processing_status, run = excluded.run, stages = excluded.stages, language = excluded.language,
	width = excluded.width, height = excluded.height, seconds = excluded.seconds, deleted = excluded.deleted,
	started_at = excluded.started_at, completed_at = excluded.completed_at, updated_at = excluded.updated_at`

// Queue implements eventstore.Inline.
func (*Files) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		if s.Category() != file.Decider.Category {
			continue
		}
		if row := Fold(ApplyFile, s.Events); row.Status != "" {
			b.Queue(writeFile, append(row.columns(), s.Events[s.Version()-1].Hash[:])...)
		}
	}
}

// Projection tells how the table is made.
func (f *Files) Projection() Projection {
	return Projection{Name: "files", Key: "id", Nouns: []string{file.Decider.Category}, Code: 1, Inline: f}
}

// Columns implements Table.
func (*Files) Columns() string { return fileColumns }

// Rows implements Table.
func (*Files) Rows(s eventstore.Stream) [][]any {
	if s.Category() != file.Decider.Category {
		return nil
	}
	row := Fold(ApplyFile, s.Events)
	if row.Status == "" {
		return nil
	}
	return [][]any{row.columns()}
}

// columns are the values of fileColumns.
func (f FileRow) columns() []any {
	return []any{
		[16]byte(f.ID.UUID), [16]byte(f.Org.UUID), f.Version, f.Filename, f.Description, f.Size, f.MIMEType, string(f.Category), f.ContentHash, f.Blob(),
		[16]byte(f.UploadedBy.UUID), optional(domain.UserID{UUID: f.Ticket}), jsonText(f.Scan, "{}"), f.Signature, string(f.Status),
		string(f.ProcessingStatus), f.Run, jsonText(f.Stages, "[]"), f.Language, f.Width, f.Height, f.Seconds, f.Deleted, f.StartedAt, f.CompletedAt,
		f.CreatedAt, f.UpdatedAt,
	}
}

func scanFile(row pgx.CollectableRow) (FileRow, error) {
	var f FileRow
	var ticket *uuid.UUID
	var blob string // made of the others
	var scan, stages []byte
	err := row.Scan(
		(*[16]byte)(&f.ID.UUID), (*[16]byte)(&f.Org.UUID), &f.Version, &f.Filename, &f.Description, &f.Size, &f.MIMEType, &f.Category, &f.ContentHash, &blob,
		(*[16]byte)(&f.UploadedBy.UUID), &ticket, &scan, &f.Signature, &f.Status, &f.ProcessingStatus, &f.Run, &stages, &f.Language,
		&f.Width, &f.Height, &f.Seconds, &f.Deleted, &f.StartedAt, &f.CompletedAt, &f.CreatedAt, &f.UpdatedAt,
	)
	if err != nil {
		return f, err
	}
	if ticket != nil {
		f.Ticket = *ticket
	}
	return f, errors.Join(json.Unmarshal(scan, &f.Scan), unlessEmpty(stages, &f.Stages))
}
