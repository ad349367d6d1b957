package commands

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/eventstore"
)

// FileJob asks a worker to do what is left of an upload's stages.
type FileJob struct {
	Org         domain.OrgID
	File        domain.FileID
	Correlation string // the request everything started with
	Causation   string // the position of the event that asked for it
	Last        bool   // there is no other try after this one
}

// Sources gives workers the bytes of uploads.
type Sources interface {
	// Fetch answers a path of this machine where the bytes lie until done is called.
	Fetch(ctx context.Context, key string) (path string, done func(), err error)
}

// Readings keeps what was read beside the log.
type Readings interface {
	// Keep stores a reading's JSON under a new id.
	Keep(ctx context.Context, org domain.OrgID, id uuid.UUID, file domain.FileID, stage file.Stage, content []byte) error
}

// Processing makes the stages of uploads.
//
// # Why
//
// A job is one upload, and a stage is what a job can be interrupted between: each begins and ends with a fact, so whoever
// takes the job over goes on behind the last stage that ended. What is read is stored before the fact that names it. An
// attempt has a number, and facts about any but the present attempt are refused: a worker that was taken for dead changes
// nothing when it comes back.
type Processing struct {
	files    Files
	sources  Sources
	readings Readings
	readers  map[file.Stage]Reader
	every    time.Duration // between two reports of progress
	limit    func(file.Stage) time.Duration
	log      *slog.Logger
}

// NewProcessing ties the stages to those who make them. A stage without a reader is skipped.
func NewProcessing(f Files, s Sources, kept Readings, readers map[file.Stage]Reader, log *slog.Logger) Processing {
	return Processing{files: f, sources: s, readings: kept, readers: readers, every: time.Second, limit: StageLimit, log: log}
}

// StageLimit is how long one attempt at a stage may take. A job may take as long as its stages together.
func StageLimit(s file.Stage) time.Duration {
	switch s {
	case file.Validation:
		return 2 * time.Minute
	case file.OCR, file.Extraction, file.IntegrationUpload:
		return 15 * time.Minute
	case file.Transcription:
	}
	return 90 * time.Minute
}

// outagePatience is how long a finished stage waits for a database that is away, before it must be made again.
const outagePatience = time.Minute

// Process makes the stages that have not ended. An error says that it is worth another try, unless it was the last; what
// cannot be read, and what is nobody's business any more, is none.
func (p Processing) Process(ctx context.Context, job FileJob) error {
	r := Request{Org: job.Org, By: domain.System, Correlation: job.Correlation, Causation: job.Causation}
	state, err := p.files.handler.State(ctx, job.Org, job.File.UUID)
	if err != nil {
		return err
	}
	if !state.Exists() || !state.Uploaded {
		return nil
	}
	source, done := p.source(ctx, job.Org, state)
	defer done()
	var trouble error
	for _, s := range left(state) {
		w := work{Processing: p, request: r, id: job.File, stage: s.Stage, attempt: s.Attempts + 1, last: job.Last}
		err := w.do(ctx, source)
		switch _, broken := errors.AsType[*file.BrokenError](err); {
		case ctx.Err() != nil:
			return ctx.Err()
		case domain.KindOf(err) == domain.Conflict, domain.KindOf(err) == domain.NotFound: // somebody else has it, or it is gone
			return nil
		case broken && s.Stage == file.Validation:
			return p.skipRest(ctx, r, job.File, state)
		case err != nil && !broken && s.Stage == file.Validation: // nothing is read that was not looked at
			return err
		case !broken:
			trouble = errors.Join(trouble, err)
		}
	}
	return trouble
}

// GiveUp notes that an upload is not tried again by itself: whoever tried to read it died each time, or somebody called it
// off.
func (p Processing) GiveUp(ctx context.Context, job FileJob) error {
	r := Request{Org: job.Org, By: domain.System, Correlation: job.Correlation, Causation: job.Causation}
	state, err := p.files.handler.State(ctx, job.Org, job.File.UUID)
	if err != nil {
		return err
	}
	for _, s := range state.Stages {
		if s.Over() {
			continue
		}
		_, err := p.files.Handle(ctx, r, job.File, file.FailStage{
			Stage: s.Stage, Attempt: s.Attempts, Reason: "It was given up.", Final: true,
		})
		if err != nil && domain.KindOf(err) != domain.NotFound {
			return err
		}
	}
	return nil
}

// left answers the stages to make: those that have not ended or, when somebody wants another try at a file that was given
// up, those that failed.
func left(s file.State) []file.StageState {
	var waiting, failed []file.StageState
	for _, stage := range s.Stages {
		switch {
		case !stage.Over():
			waiting = append(waiting, stage)
		case stage.Status == file.Failed:
			failed = append(failed, stage)
		}
	}
	if len(waiting) > 0 {
		return waiting
	}
	return failed
}

// source fetches the bytes when the first stage asks for them.
func (p Processing) source(ctx context.Context, org domain.OrgID, s file.State) (get func() (Source, error), done func()) {
	release := func() {}
	return sync.OnceValues(func() (Source, error) {
		path, fetched, err := p.sources.Fetch(ctx, BlobKey(org, s.ContentHash))
		if err != nil {
			return Source{}, fmt.Errorf("fetch the file: %w", err)
		}
		release = fetched
		return Source{Path: path, Name: s.Filename, MIMEType: s.MIMEType, Category: s.Category, Size: s.Size}, nil
	}), func() { release() }
}

// skipRest leaves out what cannot be read of a damaged file.
func (p Processing) skipRest(ctx context.Context, r Request, id domain.FileID, s file.State) error {
	for _, stage := range s.Stages {
		if stage.Stage == file.Validation || stage.Over() && stage.Status != file.Failed {
			continue
		}
		_, err := p.files.Handle(ctx, r, id, file.SkipStage{Stage: stage.Stage, Reason: "The file is damaged."})
		if err != nil && domain.KindOf(err) == domain.Internal {
			return err
		}
	}
	return nil
}

// work is one attempt at one stage.
type work struct {
	Processing
	request Request
	id      domain.FileID
	stage   file.Stage
	attempt int
	last    bool
}

// do makes the stage and tells how it went. Errors: a *file.BrokenError, which was told; what the decider refuses; and
// what is worth another try, which was told too.
func (w work) do(ctx context.Context, source func() (Source, error)) error {
	if err := w.tell(ctx, file.StartStage{Stage: w.stage, Attempt: w.attempt}); err != nil {
		return err
	}
	reading, err := w.read(ctx, source)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if skipped, ok := errors.AsType[*file.SkippedError](err); ok {
		return w.tell(ctx, file.SkipStage{Stage: w.stage, Reason: skipped.Reason})
	}
	if err == nil {
		if err = w.complete(ctx, reading); err == nil {
			return nil
		}
	}
	if kind := domain.KindOf(err); kind == domain.Conflict || kind == domain.NotFound {
		return err
	}
	_, broken := errors.AsType[*file.BrokenError](err)
	if !broken {
		w.log.WarnContext(ctx, "a stage went wrong", "file", w.id, "stage", w.stage, "attempt", w.attempt, "last", w.last, "cause", err)
	}
	if told := w.tell(ctx, file.FailStage{Stage: w.stage, Attempt: w.attempt, Reason: w.reason(err), Final: broken || w.last}); told != nil {
		return told
	}
	return err
}

// reason is what went wrong in words for whoever waits for the file.
func (w work) reason(err error) string {
	if broken, ok := errors.AsType[*file.BrokenError](err); ok {
		return broken.Reason
	}
	if plain, ok := errors.AsType[interface {
		error
		Plain() string
	}](err); ok {
		return plain.Plain()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("It took longer than %s.", w.limit(w.stage))
	}
	return "Something went wrong on our side."
}

// read reads within the stage's time, and reports how far it is.
func (w work) read(ctx context.Context, source func() (Source, error)) (file.Reading, error) {
	reader := w.readers[w.stage]
	if reader == nil {
		return file.Reading{}, &file.SkippedError{Reason: "This program has nothing that does it."}
	}
	s, err := source()
	if err != nil {
		return file.Reading{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, w.limit(w.stage), context.DeadlineExceeded)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	progress := &progress{}
	var reporting sync.WaitGroup
	reporting.Go(func() { w.report(ctx, progress, giveUp) })
	reading, err := reader.Read(ctx, s, progress.set)
	cause := context.Cause(ctx)
	giveUp(nil)
	reporting.Wait()
	if err != nil && cause != nil {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return reading, err
}

// progress is what a reader said last.
type progress struct {
	mu      sync.Mutex
	percent int
	doing   string
}

func (p *progress) set(percent int, doing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.percent, p.doing = percent, doing
}

func (p *progress) get() (percent int, doing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.percent, p.doing
}

// report tells how far the stage is, until ctx ends. It gives the stage up when that is nobody's business any more.
func (w work) report(ctx context.Context, latest *progress, giveUp func(error)) {
	began := time.Now()
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			percent, doing := latest.get()
			_, err := w.files.Handle(context.WithoutCancel(ctx), w.request, w.id, file.ProgressStage{
				Stage: w.stage, Attempt: w.attempt, Percent: percent, Doing: doing, Elapsed: int(now.Sub(began).Seconds()),
			})
			if kind := domain.KindOf(err); err != nil && (kind == domain.Conflict && !errors.Is(err, ErrBusy) || kind == domain.NotFound) {
				giveUp(err)
				return
			}
		}
	}
}

// complete keeps what was read, and then says so.
func (w work) complete(ctx context.Context, reading file.Reading) error {
	content, err := json.Marshal(reading)
	if err != nil {
		return fmt.Errorf("write the reading: %w", err)
	}
	hash := sha256.Sum256(content)
	kept := file.ReadingRef{ID: NewID(), ReadHash: hex.EncodeToString(hash[:]), Characters: utf8.RuneCountInString(reading.Text)}
	err = w.patiently(ctx, func() error { return w.readings.Keep(ctx, w.request.Org, kept.ID, w.id, w.stage, content) })
	if err != nil {
		return err
	}
	return w.tell(ctx, file.CompleteStage{Stage: w.stage, Attempt: w.attempt, Reading: reading, Kept: kept})
}

func (w work) tell(ctx context.Context, c file.Command) error {
	return w.patiently(ctx, func() error {
		_, err := w.files.Handle(ctx, w.request, w.id, c)
		return err
	})
}

// patiently waits out a database that is away for a moment: what took minutes to read is not to be read again.
func (w work) patiently(ctx context.Context, do func() error) error {
	bounded, cancel := context.WithTimeout(ctx, outagePatience)
	defer cancel()
	for {
		err := do()
		if !eventstore.IsOutage(err) && !errors.Is(err, ErrBusy) {
			return err
		}
		if rest(bounded, w.every) != nil {
			return err
		}
	}
}
