package file

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Stage answers where a stage stands; false when the upload has none of that name.
func (s State) Stage(stage Stage) (StageState, bool) {
	i := slices.IndexFunc(s.Stages, func(known StageState) bool { return known.Stage == stage })
	if i < 0 {
		return StageState{}, false
	}
	return s.Stages[i], true
}

func startStage(s State, c StartStage) ([]Event, error) {
	stage, known := s.Stage(c.Stage)
	switch {
	case !known || !s.Exists():
		return nil, ErrNotFound
	case stage.Attempts == c.Attempt && stage.Status == Running:
		return nil, nil
	case stage.Attempts != c.Attempt-1 || stage.Status == Completed || stage.Status == Skipped:
		return nil, ErrSuperseded
	}
	return []Event{StageStarted{Stage: c.Stage, Attempt: c.Attempt}}, nil
}

// attempted answers the stage if the attempt is its present one. A worker that was taken for dead, and comes back, is told
// ErrSuperseded by it.
func (s State) attempted(name Stage, attempt int) (StageState, error) {
	stage, known := s.Stage(name)
	switch {
	case !known || !s.Exists():
		return stage, ErrNotFound
	case stage.Attempts != attempt:
		return stage, ErrSuperseded
	}
	return stage, nil
}

func progressStage(s State, c ProgressStage) ([]Event, error) {
	stage, err := s.attempted(c.Stage, c.Attempt)
	switch {
	case err != nil:
		return nil, err
	case stage.Status != Running:
		return nil, ErrSuperseded
	}
	percent := min(max(c.Percent, stage.Percent), 99) // it never goes back, and 100 is for what is completed
	if percent == stage.Percent && c.Doing == stage.Doing && c.Elapsed == stage.Elapsed {
		return nil, nil
	}
	return []Event{StageProgressed{Stage: c.Stage, Attempt: c.Attempt, Percent: percent, Doing: c.Doing, Elapsed: c.Elapsed}}, nil
}

func completeStage(s State, c CompleteStage) ([]Event, error) {
	stage, err := s.attempted(c.Stage, c.Attempt)
	switch {
	case err != nil:
		return nil, err
	case stage.Status == Completed:
		return nil, nil
	case stage.Status != Running:
		return nil, ErrSuperseded
	}
	r := c.Reading
	return s.andProcessed(StageCompleted{
		Stage: c.Stage, Attempt: c.Attempt, UploadedBy: s.UploadedBy, Excerpt: Cut(r.Text, MaxExcerpt), Reading: c.Kept,
		Engine: r.Engine, Language: r.Language, Confidence: r.Confidence, Width: r.Width, Height: r.Height, Seconds: r.Seconds,
	}), nil
}

func failStage(s State, c FailStage) ([]Event, error) {
	stage, err := s.attempted(c.Stage, c.Attempt)
	switch {
	case err != nil:
		return nil, err
	case stage.Status == Failed && c.Final, stage.Status == Waiting && !c.Final:
		return nil, nil
	case stage.Status != Running && (stage.Status != Waiting || !c.Final): // a last attempt may fail before it begins
		return nil, ErrSuperseded
	}
	return s.andProcessed(StageFailed{
		Stage: c.Stage, Attempt: c.Attempt, UploadedBy: s.UploadedBy, Reason: Cut(c.Reason, MaxReason), Final: c.Final,
	}), nil
}

func skipStage(s State, c SkipStage) ([]Event, error) {
	stage, err := s.attempted(c.Stage, c.Attempt)
	switch {
	case err != nil:
		return nil, err
	case stage.Status == Skipped:
		return nil, nil
	case stage.Status == Completed:
		return nil, ErrSuperseded
	}
	return s.andProcessed(StageSkipped{Stage: c.Stage, UploadedBy: s.UploadedBy, Reason: Cut(c.Reason, MaxReason)}), nil
}

// andProcessed adds that every stage has come to an end, if it is so with this fact.
func (s State) andProcessed(fact Event) []Event {
	outcome := AllSkipped
	for _, stage := range evolveStage(s.Stages, fact) {
		switch {
		case !stage.Over():
			return []Event{fact}
		case stage.Status == Failed:
			outcome = SomeFailed
		case stage.Status == Completed && outcome == AllSkipped && (stage.Stage != Validation || len(s.Stages) == 1):
			outcome = AllCompleted // that the file is what it says is not yet a reading of it
		}
	}
	return []Event{fact, Processed{Outcome: outcome}}
}

// evolveStage answers the stages after one fact about one of them.
func evolveStage(stages []StageState, e Event) []StageState {
	stages = slices.Clone(stages)
	change := func(name Stage, how func(*StageState)) {
		for i := range stages {
			if stages[i].Stage == name {
				how(&stages[i])
			}
		}
	}
	switch e := e.(type) {
	case StageStarted:
		change(e.Stage, func(s *StageState) { *s = StageState{Stage: e.Stage, Status: Running, Attempts: e.Attempt} })
	case StageProgressed:
		change(e.Stage, func(s *StageState) { s.Percent, s.Doing, s.Elapsed = e.Percent, e.Doing, e.Elapsed })
	case StageCompleted:
		change(e.Stage, func(s *StageState) { s.Status, s.Percent = Completed, 100 })
	case StageFailed:
		change(e.Stage, func(s *StageState) {
			s.Status = Waiting
			if e.Final {
				s.Status = Failed
			}
		})
	case StageSkipped:
		change(e.Stage, func(s *StageState) { s.Status = Skipped })
	case UploadStarted, Uploaded, UploadRefused, Quarantined, Processed, ProcessingRequested, Deleted, WordsErased: // about the upload
	}
	return stages
}

// Cut answers the beginning of a text, at most so many characters of it.
func Cut(text string, most int) string {
	if len(text) <= most || utf8.RuneCountInString(text) <= most {
		return text
	}
	cut := 0
	for i := range text {
		if cut == most {
			return strings.TrimSpace(text[:i])
		}
		cut++
	}
	return text
}
