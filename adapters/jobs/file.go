package jobs

import (
	"context"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
)

// readFile has an upload read. The names are stored.
type readFile struct {
	Org         uuid.UUID `json:"org_id" river:"unique"`
	File        uuid.UUID `json:"file_id" river:"unique"`
	Run         int       `json:"run" river:"unique"`
	Correlation string    `json:"correlation"`
	Causation   string    `json:"causation"`
}

// Kind implements river.JobArgs. The name is stored.
func (readFile) Kind() string { return "read_file" }

// Enqueue implements commands.FileJobs. The job is written beside the transaction that moves the reaction's checkpoint, and
// not in it: the reaction may repeat, so a job is enqueued at least once. The same upload and run are one job until it has
// ended, which makes a repetition harmless; what asks for it even later finds the stages made.
func (j *Jobs) Enqueue(ctx context.Context, job commands.FileJob, category file.Category, run int) error {
	args := readFile{Org: job.Org.UUID, File: job.File.UUID, Run: run, Correlation: job.Correlation, Causation: job.Causation}
	return j.insert(ctx, args, queueOf(category), river.PriorityDefault)
}

// queueOf answers who reads a category.
func queueOf(c file.Category) string {
	switch c {
	case file.Audio, file.Video:
		return transcription
	case file.Image:
		return ocr
	case file.Document, file.Spreadsheet, file.Presentation, file.Archive, file.Text, file.Code, file.Other:
	}
	return extraction
}

func (a readFile) do(ctx context.Context, o Options, last bool) error {
	return o.Process(ctx, a.job(last))
}

func (a readFile) giveUp(ctx context.Context, o Options) error { return o.GiveUp(ctx, a.job(true)) }

func (a readFile) subject() (name string, id uuid.UUID) { return "file", a.File }

func (a readFile) show(job *commands.Job) { job.File = domain.FileID{UUID: a.File} }

// job is the job as those who do it know it.
func (a readFile) job(last bool) commands.FileJob {
	return commands.FileJob{
		Org: domain.OrgID{UUID: a.Org}, File: domain.FileID{UUID: a.File}, Correlation: a.Correlation, Causation: a.Causation, Last: last,
	}
}
