package file

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"ticketd/domain"
)

// State is what Decide needs to know, and nothing more: screens read projections.
type State struct {
	Started     bool // bytes arrive, or did not all arrive
	Uploaded    bool
	Quarantined bool
	Deleted     bool
	Erased      bool
	UploadedBy  domain.UserID
	Filename    string
	MIMEType    string
	Category    Category
	Size        int64
	ContentHash string
	Ticket      uuid.UUID
	Stages      []StageState // in the order they run in
	Processed   bool         // every stage of this run has ended
}

// StageState is where a stage stands.
type StageState struct {
	Stage    Stage
	Status   StageStatus
	Attempts int
	Percent  int
	Doing    string
	Elapsed  int
}

// Over reports a stage that is not to be tried again by itself.
func (s StageState) Over() bool { return s.Status != Waiting && s.Status != Running }

// Decider is the file aggregate.
var Decider = domain.Decider[State, Command, Event]{Category: "file", Decide: Decide, Evolve: Evolve}

// Command asks an upload to change. A command may be refused; an event may not.
//
//sumtype:decl
type Command interface{ isCommand() }

// StartUpload announces bytes.
type StartUpload struct {
	Filename  string
	Announced int64
	By        domain.Actor
}

// FinishUpload asks to take in the bytes that have arrived, and that nothing was found against.
type FinishUpload struct {
	Filename    string
	Description string
	Size        int64
	MIMEType    string
	Category    Category
	ContentHash string
	Scan        Scan
	Ticket      uuid.UUID
	By          domain.Actor
}

// RefuseUpload notes why the bytes were not taken in.
type RefuseUpload struct {
	Code string
	By   domain.Actor
}

// Quarantine notes that the bytes hold malware.
type Quarantine struct {
	Filename    string
	Size        int64
	MIMEType    string
	Category    Category
	ContentHash string
	Signature   string
	By          domain.Actor
}

// StartStage begins an attempt at a stage: one more than there were. Only the system sends it, and what follows.
type StartStage struct {
	Stage   Stage
	Attempt int
}

// ProgressStage says how far the attempt is.
type ProgressStage struct {
	Stage   Stage
	Attempt int
	Percent int
	Doing   string
	Elapsed int
}

// CompleteStage ends the attempt with what was read, and where that is kept.
type CompleteStage struct {
	Stage   Stage
	Attempt int
	Reading Reading
	Kept    ReadingRef
}

// FailStage ends the attempt with what went wrong.
type FailStage struct {
	Stage   Stage
	Attempt int
	Reason  string
	Final   bool
}

// SkipStage leaves a stage out, in an attempt or before the first.
type SkipStage struct {
	Stage   Stage
	Attempt int // 0: it was never tried
	Reason  string
}

// Reprocess asks to read the upload again.
type Reprocess struct{ By domain.Actor }

// Delete hides the upload.
type Delete struct{ By domain.Actor }

// EraseWords makes what a person said with the upload unreadable for ever, and lets its bytes go; with the zero id,
// whoever's it is. Only the system sends it.
type EraseWords struct {
	Of domain.UserID
	By domain.Actor
}

func (StartUpload) isCommand()   {}
func (FinishUpload) isCommand()  {}
func (RefuseUpload) isCommand()  {}
func (Quarantine) isCommand()    {}
func (StartStage) isCommand()    {}
func (ProgressStage) isCommand() {}
func (CompleteStage) isCommand() {}
func (FailStage) isCommand()     {}
func (SkipStage) isCommand()     {}
func (Reprocess) isCommand()     {}
func (Delete) isCommand()        {}
func (EraseWords) isCommand()    {}

// The refusals.
var (
	ErrExists     = &domain.Error{Kind: domain.Conflict, Code: "file_exists", Message: "There is another upload with this id."}
	ErrNotFound   = &domain.Error{Kind: domain.NotFound, Code: "file_not_found", Message: "There is no such file."}
	ErrSuperseded = &domain.Error{Kind: domain.Conflict, Code: "stage_superseded", Message: "This attempt at the stage is no longer the present one."}
	ErrInfected   = &domain.Error{Kind: domain.Conflict, Code: "file_quarantined", Message: "The file holds malware; it can only be deleted."}
	ErrInvalid    = &domain.Error{Kind: domain.Invalid, Code: "file_invalid", Message: "The upload is not valid."}
)

// Decide answers a command with the facts it causes. Asking twice for the same change causes nothing the second time.
func Decide(s State, c Command) ([]Event, error) {
	switch c := c.(type) {
	case StartUpload:
		return start(s, c)
	case FinishUpload:
		return finish(s, c)
	case RefuseUpload:
		return refuse(s, c)
	case Quarantine:
		return quarantine(s, c)
	case StartStage:
		return startStage(s, c)
	case ProgressStage:
		return progressStage(s, c)
	case CompleteStage:
		return completeStage(s, c)
	case FailStage:
		return failStage(s, c)
	case SkipStage:
		return skipStage(s, c)
	case Reprocess:
		return reprocess(s, c)
	case Delete:
		return remove(s, c)
	case EraseWords:
		return eraseWords(s, c)
	default:
		panic(fmt.Sprintf("file: unknown command %T", c))
	}
}

// Exists reports whether there is an upload to speak of.
func (s State) Exists() bool { return (s.Uploaded || s.Quarantined) && !s.Deleted && !s.Erased }

func start(s State, c StartUpload) ([]Event, error) {
	if err := mayUpload(s, c.By); err != nil {
		return nil, err
	}
	if err := checkName(c.Filename); err != nil {
		return nil, err
	}
	if s.Started || s.Uploaded || s.Quarantined { // a repetition: finish looks at the bytes
		return nil, nil
	}
	return []Event{UploadStarted{UploadedBy: c.By.User, Filename: c.Filename, Announced: max(0, c.Announced)}}, nil
}

// mayUpload refuses those who may not upload anything, or not to this id.
func mayUpload(s State, by domain.Actor) error {
	switch {
	case !by.Can(domain.CreateFiles):
		return domain.ErrForbidden
	case !s.UploadedBy.IsZero() && s.UploadedBy != by.User:
		return ErrExists
	}
	return nil
}

func finish(s State, c FinishUpload) ([]Event, error) {
	if err := mayUpload(s, c.By); err != nil {
		return nil, err
	}
	if err := checkName(c.Filename); err != nil {
		return nil, err
	}
	if !domain.Storable(c.Description) || utf8.RuneCountInString(c.Description) > MaxDescription {
		return nil, ErrInvalid.On("description", fmt.Sprintf("description must be text of at most %d characters.", MaxDescription))
	}
	switch {
	case s.Quarantined:
		return nil, ErrExists
	case s.Uploaded && (s.ContentHash != c.ContentHash || s.Filename != c.Filename || s.Ticket != c.Ticket):
		return nil, ErrExists
	case s.Uploaded:
		return nil, nil
	}
	return []Event{Uploaded{
		UploadedBy: c.By.User, Filename: c.Filename, Description: c.Description, Size: c.Size, MIMEType: c.MIMEType,
		Category: c.Category, ContentHash: c.ContentHash, Scan: c.Scan, Ticket: c.Ticket,
	}}, nil
}

func refuse(s State, c RefuseUpload) ([]Event, error) {
	if err := mayUpload(s, c.By); err != nil {
		return nil, err
	}
	if !s.Started || s.Uploaded || s.Quarantined {
		return nil, nil
	}
	return []Event{UploadRefused{UploadedBy: s.UploadedBy, Filename: s.Filename, Code: c.Code}}, nil
}

func quarantine(s State, c Quarantine) ([]Event, error) {
	if err := mayUpload(s, c.By); err != nil {
		return nil, err
	}
	switch {
	case s.Quarantined && s.ContentHash == c.ContentHash:
		return nil, nil
	case s.Uploaded || s.Quarantined:
		return nil, ErrExists
	}
	return []Event{Quarantined{
		UploadedBy: c.By.User, Filename: c.Filename, Size: c.Size, MIMEType: c.MIMEType, Category: c.Category,
		ContentHash: c.ContentHash, Signature: c.Signature,
	}}, nil
}

func reprocess(s State, c Reprocess) ([]Event, error) {
	switch {
	case !s.Exists() || !c.By.May(domain.ReadFiles, s.UploadedBy):
		return nil, ErrNotFound
	case !c.By.May(domain.ReprocessFiles, s.UploadedBy):
		return nil, domain.ErrForbidden
	case s.Quarantined:
		return nil, ErrInfected
	case !s.Processed: // it is being read, or will be
		return nil, nil
	}
	return []Event{ProcessingRequested{By: c.By.User}}, nil
}

func remove(s State, c Delete) ([]Event, error) {
	switch {
	case s.Deleted && c.By.May(domain.DeleteFiles, s.UploadedBy):
		return nil, nil
	case !s.Exists() || !c.By.May(domain.ReadFiles, s.UploadedBy):
		return nil, ErrNotFound
	case !c.By.May(domain.DeleteFiles, s.UploadedBy):
		return nil, domain.ErrForbidden
	}
	return []Event{Deleted{}}, nil
}

func eraseWords(s State, c EraseWords) ([]Event, error) {
	switch {
	case c.By.Type != domain.BySystem:
		return nil, domain.ErrForbidden
	case s.UploadedBy.IsZero(): // a refused upload has its name too
		return nil, ErrNotFound
	case s.Erased || !c.Of.IsZero() && c.Of != s.UploadedBy:
		return nil, nil
	}
	return []Event{WordsErased{Of: c.Of}}, nil
}

// Evolve applies one fact. It never fails and never decides.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case UploadStarted:
		s.Started, s.UploadedBy, s.Filename = true, e.UploadedBy, e.Filename
	case Uploaded:
		s.Uploaded, s.UploadedBy, s.Filename, s.Ticket = true, e.UploadedBy, e.Filename, e.Ticket
		s.MIMEType, s.Category, s.Size, s.ContentHash = e.MIMEType, e.Category, e.Size, e.ContentHash
		s.Stages = nil
		for _, stage := range e.Category.Stages() {
			s.Stages = append(s.Stages, StageState{Stage: stage, Status: Waiting})
		}
	case UploadRefused:
		s.Started = false
	case Quarantined:
		s.Quarantined, s.UploadedBy, s.Filename, s.ContentHash = true, e.UploadedBy, e.Filename, e.ContentHash
	case StageStarted, StageProgressed, StageCompleted, StageFailed, StageSkipped:
		s.Stages = evolveStage(s.Stages, e)
	case Processed:
		s.Processed = true
	case ProcessingRequested:
		s.Processed = false
		s.Stages = slices.Clone(s.Stages)
		for i := range s.Stages {
			s.Stages[i] = StageState{Stage: s.Stages[i].Stage, Status: Waiting, Attempts: s.Stages[i].Attempts}
		}
	case Deleted:
		s.Deleted = true
	case WordsErased:
		s.Erased = true
	}
	return s
}

// checkName refuses what is no name of a file, but a path, or a trick on whoever reads it.
func checkName(name string) error {
	trick := strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || r == '/' || r == '\\' || unicode.Is(unicode.Bidi_Control, r)
	})
	if trick || !domain.Storable(name) || name == "" || name == "." || name == ".." || utf8.RuneCountInString(name) > MaxFilename {
		return ErrInvalid.On("file", fmt.Sprintf("A file's name has 1 to %d characters, no slashes and nothing invisible.", MaxFilename))
	}
	return nil
}
