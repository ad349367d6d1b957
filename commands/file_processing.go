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
	"ticketd/internal/wordless"
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

	// Drop deletes it again.
	Drop(ctx context.Context, org domain.OrgID, id uuid.UUID) error
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

// reportTime is how long a report of progress may take.
const reportTime = 5 * time.Second

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
	source := &source{Processing: p, org: job.Org, state: state}
	defer source.release()
	validation, _ := state.Stage(file.Validation)
	damaged := validation.Status == file.Failed
	var trouble error
	for _, s := range left(state) {
		w := work{Processing: p, request: r, id: job.File, stage: s.Stage, attempt: s.Attempts + 1, last: job.Last}
		if damaged && s.Stage != file.Validation {
			if err := w.tell(ctx, file.SkipStage{Stage: s.Stage, Attempt: s.Attempts, Reason: "The file is damaged."}); err != nil && !gone(err) {
				return err
			}
			continue
		}
		err := w.do(ctx, source)
		switch _, broken := errors.AsType[*file.BrokenError](err); {
		case ctx.Err() != nil:
			return ctx.Err()
		case gone(err):
			return nil
		case broken && s.Stage == file.Validation:
			damaged = true
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

// gone reports that a stage is nobody's business any more: somebody else has it, or whoever's it was has let it go.
func gone(err error) bool {
	return errors.Is(err, file.ErrSuperseded) || errors.Is(err, file.ErrNotFound) || errors.Is(err, ErrErased)
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

// source fetches the bytes when the first stage asks for them, in that stage's time.
type source struct {
	Processing
	org   domain.OrgID
	state file.State
	path  string
	done  func()
}

func (s *source) get(ctx context.Context) (Source, error) {
	if s.path == "" {
		path, done, err := s.sources.Fetch(ctx, file.BlobKey(s.org, s.state.ContentHash))
		if err != nil {
			return Source{}, fmt.Errorf("fetch the file: %w", err)
		}
		s.path, s.done = path, done
	}
	return Source{Path: s.path, Name: s.state.Filename, MIMEType: s.state.MIMEType, Category: s.state.Category, Size: s.state.Size}, nil
}

func (s *source) release() {
	if s.done != nil {
		s.done()
	}
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
func (w work) do(ctx context.Context, from *source) error {
	if err := w.tell(ctx, file.StartStage{Stage: w.stage, Attempt: w.attempt}); err != nil {
		return err
	}
	reading, err := w.read(ctx, from)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if skipped, ok := errors.AsType[*file.SkippedError](err); ok {
		return w.tell(ctx, file.SkipStage{Stage: w.stage, Attempt: w.attempt, Reason: skipped.Reason})
	}
	if err == nil {
		if err = w.complete(ctx, reading); err == nil {
			return nil
		}
		if ctx.Err() != nil { // the program stops, and somebody goes on
			return ctx.Err()
		}
	}
	if gone(err) {
		return err
	}
	_, broken := errors.AsType[*file.BrokenError](err)
	if !broken {
		w.log.WarnContext(ctx, "a stage went wrong", "file", w.id, "stage", w.stage, "attempt", w.attempt, "last", w.last, "reason", w.reason(err), "cause", wordless.Of(err))
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
	if plain, ok := errors.AsType[wordless.Plain](err); ok {
		return plain.Plain()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("It took longer than %s.", w.limit(w.stage))
	}
	return "Something went wrong on our side."
}

// read reads within the stage's time, and reports how far it is.
func (w work) read(ctx context.Context, from *source) (file.Reading, error) {
	reader := w.readers[w.stage]
	if reader == nil {
		return file.Reading{}, &file.SkippedError{Reason: "This program has nothing that does it."}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, w.limit(w.stage), context.DeadlineExceeded)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	progress := &progress{}
	var reporting sync.WaitGroup
	reporting.Go(func() { w.report(ctx, progress, giveUp) })
	var reading file.Reading
	s, err := from.get(ctx)
	if err == nil {
		reading, err = reader.Read(ctx, s, progress.set)
	}
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
	known := eventstore.Stream{Org: w.request.Org.UUID, ID: w.id.UUID}
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			percent, doing := latest.get()
			var err error
			known, err = w.progressed(ctx, known, file.ProgressStage{
				Stage: w.stage, Attempt: w.attempt, Percent: percent, Doing: doing, Elapsed: int(now.Sub(began).Seconds()),
			})
			if gone(err) {
				giveUp(err)
				return
			}
		}
	}
}

// progressed appends to the stream as it was a second ago: nobody else writes to it as a rule, and to read it each time
// would cost more with every second that has passed. A report that cannot be made in time is left out.
func (w work) progressed(ctx context.Context, known eventstore.Stream, c file.ProgressStage) (eventstore.Stream, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTime) // one that is under way is not called off
	defer cancel()
	handle := w.files.handler.Continue
	if known.Version() == 0 {
		handle = func(ctx context.Context, r Request, s eventstore.Stream, c file.Command) (eventstore.Stream, error) {
			return w.files.handler.Handle(ctx, r, s.ID, c)
		}
	}
	stream, err := handle(ctx, w.request, known, c)
	if err != nil {
		return eventstore.Stream{Org: known.Org, ID: known.ID}, err
	}
	return stream, nil
}

// complete keeps what was read, and then says so.
func (w work) complete(ctx context.Context, reading file.Reading) error {
	reading = reading.Storable()
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
	err = w.tell(ctx, file.CompleteStage{Stage: w.stage, Attempt: w.attempt, Reading: reading, Kept: kept})
	if gone(err) { // whose words these are may be erased by now
		err = errors.Join(err, w.readings.Drop(ctx, w.request.Org, kept.ID))
	}
	return err
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
