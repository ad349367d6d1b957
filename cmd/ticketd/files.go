package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"ticketd/adapters/apart"
	"ticketd/adapters/extract"
	"ticketd/adapters/filetype"
	"ticketd/adapters/jobs"
	"ticketd/adapters/llm"
	"ticketd/adapters/ocr"
	"ticketd/adapters/postgres"
	"ticketd/adapters/probe"
	"ticketd/adapters/scan"
	"ticketd/adapters/storage"
	"ticketd/adapters/transcribe"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/eventstore"
	"ticketd/projections"
)

const (
	// sweepEvery is how often what no upload names any more is removed, and uploads without a job are looked for.
	sweepEvery = 10 * time.Minute
	// claimLife is how long after it was claimed a blob, or after it was stored a reading, is left alone: its fact may be on
	// its way.
	claimLife = 15 * time.Minute
	// leftover is how old the rest of an upload, or a copy for a reader, is that a crash must have left.
	leftover = 24 * time.Hour
)

// files is what takes uploads in, reads them and lets them go.
type files struct {
	store    storage.Storage
	commands commands.Files
	uploads  commands.Uploads
	rows     *projections.Files
	tickets  *projections.TicketFiles
	readings postgres.Readings
	ledger   postgres.Blobs
	jobs     *jobs.Jobs

	temporary temporary
}

func (p *program) wireFiles(tickets commands.Tickets) (err error) {
	c, f := p.config, &p.files
	if f.store, err = storage.Open(c.StorageURL, c.DataDir); err != nil {
		return fmt.Errorf("open STORAGE_URL: %w", err)
	}
	f.readings, f.ledger = postgres.Readings{Pool: p.pool}, postgres.Blobs{Pool: p.pool, Quota: c.StorageQuota << 20}
	var scanner commands.Scanner
	if c.ClamdAddr != "" {
		scanner = scan.New(c.ClamdAddr)
	}
	f.uploads = commands.NewUploads(f.commands, tickets, f.store, filetype.New(c.UploadTypes == "strict"), scanner, f.ledger,
		commands.UploadLimits{Size: c.UploadSize << 20, ScanRequired: c.ScanRequired})
	if !c.tool { // which reads none
		if f.temporary, err = newTemporary(filepath.Join(c.DataDir, "reading")); err != nil {
			return fmt.Errorf("prepare to read files: %w", err)
		}
	}
	processing := commands.NewProcessing(f.commands, f.store, f.readings, c.readers(p.log, f.temporary.path), p.log)
	f.jobs, err = jobs.New(p.pool, jobs.Options{
		Workers: c.Workers, Process: processing.Process, GiveUp: processing.GiveUp, AgentWorkers: c.AgentWorkers, Run: p.agents.commands.Resume,
		GiveUpRun: p.agents.commands.GiveUp, Backtest: p.agents.backtests.Run, GiveUpBacktest: p.agents.backtests.GiveUp, Sync: p.syncs.run, GiveUpSync: p.syncs.giveUp, RetryAfter: c.retryAfter, Lease: c.Lease, Log: p.log,
	})
	return err
}

// readers answers who makes which stage. Those that decode what somebody uploaded have processes of their own: validation
// looks at the first bytes only, and transcription waits for children anyway.
func (c config) readers(log *slog.Logger, temporary string) map[file.Stage]commands.Reader {
	var hearing []transcribe.Provider
	if c.OpenAIKey != "" || c.OpenAIBaseURL != "" {
		hearing = append(hearing, llm.NewTranscriber(cmp.Or(c.OpenAIBaseURL, "https://api.openai.com/v1"), c.OpenAIKey, c.TranscriptionModel))
	}
	hear := append(slices.Clip(c.ourselves), "hear")
	hearing = append(hearing, transcribe.Vosk{Dir: c.SpeechDir, Language: "en", Hear: hear, Memory: c.childMemory}, transcribe.Pocketsphinx{})
	recordings := transcribe.New(log, hearing...)
	recordings.Temporary = temporary
	readers := map[file.Stage]commands.Reader{file.Validation: probe.Reader{}, file.Transcription: recordings}
	for stage := range readersApart("") {
		limits := apart.Limits(stage)
		limits.Memory = cmp.Or(c.childMemory, limits.Memory)
		readers[stage] = apart.Reader{Stage: stage, Program: append(slices.Clip(c.ourselves), "read", temporary), Limits: limits}
	}
	maps.Copy(readers, c.replaced)
	return readers
}

// readersApart answers who makes which stage in the child that reads.
func readersApart(temporary string) map[file.Stage]commands.Reader {
	pictures := ocr.New(ocr.Options{})
	return map[file.Stage]commands.Reader{
		file.OCR:        pictures,
		file.Extraction: extract.New(extract.Config{Pictures: pictures.ReadPicture, Temporary: temporary}),
	}
}

// openBlob opens an upload's bytes. What is not there is fs.ErrNotExist.
func (f *files) openBlob(ctx context.Context, key string) (io.ReadSeekCloser, error) {
	blob, err := f.store.Open(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, fs.ErrNotExist
	}
	return blob, err
}

// keepFiles sees to it that nothing lies about that nobody needs, and that nothing waits for a job that it does not have:
// after a restore, or should the queue ever lose one.
func (p *program) keepFiles(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		_, err := postgres.Alone(ctx, p.pool, eventstore.SweepLock, func(ctx context.Context) error { return p.sweepFiles(ctx, claimLife) })
		if err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "the files were not all swept; that is tried again", "cause", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (p *program) sweepFiles(ctx context.Context, age time.Duration) error {
	f := &p.files
	_, readings := f.readings.Forget(ctx, age)
	_, blobs := f.ledger.Sweep(ctx, age, f.store.Remove)
	return errors.Join(p.employ(ctx), p.takeUp(ctx, abandonedAfter), readings, blobs, f.store.Sweep(ctx, leftover))
}

// employ gives a job to every upload that is not finished; those that have one keep it.
func (p *program) employ(ctx context.Context) error {
	unfinished, err := p.files.rows.Unfinished(ctx)
	for _, u := range unfinished {
		why := "unfinished-" + u.ID.String()
		job := commands.FileJob{Org: u.Org, File: u.ID, Correlation: why, Causation: why}
		if err := p.files.jobs.Enqueue(ctx, job, u.Category, u.Run); err != nil {
			return err
		}
	}
	return err
}

// visibleFiles finds uploads for the sockets, by the same rule as the REST routes.
type visibleFiles struct{ rows *projections.Files }

// Find implements ws.Jobs.
func (v visibleFiles) Find(ctx context.Context, caller domain.Caller, ref string) (uuid.UUID, any, error) {
	id, err := uuid.Parse(strings.TrimSpace(ref))
	if err != nil {
		return uuid.Nil, nil, file.ErrNotFound
	}
	row, err := v.rows.FindVisible(ctx, caller, domain.FileID{UUID: id})
	if err != nil {
		return uuid.Nil, nil, err
	}
	status := jobStatus{
		JobID: id, Filename: row.Filename, FileSize: row.Size, Status: string(row.Status), ProcessingStatus: string(row.ProcessingStatus),
		Progress: row.Progress(), Stages: []stageStatus{}, UpdatedAt: row.UpdatedAt.Format(projections.Millis),
	}
	for _, s := range row.Stages {
		status.Stages = append(status.Stages, stageStatus{Stage: string(s.Stage), Status: string(s.Status), Progress: s.Percent, Message: s.Doing, Error: s.Reason})
	}
	return id, status, nil
}

// jobStatus is the data of the socket's job_status.
type jobStatus struct {
	JobID            uuid.UUID     `json:"job_id"`
	Filename         string        `json:"filename"`
	FileSize         int64         `json:"file_size"`
	Status           string        `json:"status"`
	ProcessingStatus string        `json:"processing_status"`
	Progress         int           `json:"progress"`
	Stages           []stageStatus `json:"stages"`
	UpdatedAt        string        `json:"updated_at"`
}

type stageStatus struct {
	Stage    string `json:"stage"`
	Status   string `json:"status"`
	Progress int    `json:"progress"`
	Message  string `json:"message,omitempty"`
	Error    string `json:"error,omitempty"`
}

// hearCommand is how the program runs itself to load the speech engine, which may crash.
func hearCommand() *cobra.Command {
	return &cobra.Command{
		Use: "hear FOLDER WAV", Short: "Transcribe a chunk of sound with Vosk", Hidden: true, Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return transcribe.Hear(args, cmd.OutOrStdout()) },
	}
}

// readCommand is how the program runs itself to read an upload, which may be made to harm.
func readCommand() *cobra.Command {
	return &cobra.Command{
		Use: "read FOLDER STAGE", Short: "Read the upload that standard input describes", Hidden: true, Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return apart.Serve(cmd.Context(), readersApart(args[0]), args[1], cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}

// ourselves is how the program runs itself as a child, and how many bytes of address space that may take; 0: what it
// usually needs. Only the program of the tests has another way.
var ourselves = func() (program []string, memory int64) {
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	return []string{path}, 0
}

// usualWorkers is how many uploads of a kind are read at a time: reading keeps a core busy.
func usualWorkers() int { return runtime.GOMAXPROCS(0) }
