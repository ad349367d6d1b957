// Package file is an upload, from its first byte to what was read from it.
package file

import (
	"github.com/google/uuid"

	"ticketd/domain"
)

// Event is a fact about one upload. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning. A field tagged personal:"<field>" is sealed with the key of the person
// whom that other field of the same event names.
//
//sumtype:decl
type Event interface{ isEvent() }

// UploadStarted says that somebody's bytes begin to arrive.
type UploadStarted struct {
	UploadedBy domain.UserID `json:"uploaded_by"`
	Filename   string        `json:"filename" personal:"uploaded_by"`
	Announced  int64         `json:"announced"` // bytes, of the file or of the request that holds it; 0: not said
}

// Uploaded says that all bytes are kept.
type Uploaded struct {
	UploadedBy  domain.UserID `json:"uploaded_by"`
	Filename    string        `json:"filename" personal:"uploaded_by"`
	Description string        `json:"description,omitempty" personal:"uploaded_by"`
	Size        int64         `json:"size"` // bytes
	MIMEType    string        `json:"mime_type"`
	Category    Category      `json:"category"`
	ContentHash string        `json:"content_hash"` // SHA-256 of the bytes, in hex
	Scan        Scan          `json:"scan"`
	Ticket      uuid.UUID     `json:"ticket,omitzero"` // it was uploaded to
}

// UploadRefused says that the bytes were not kept.
type UploadRefused struct {
	UploadedBy domain.UserID `json:"uploaded_by"`
	Filename   string        `json:"filename" personal:"uploaded_by"`
	Code       string        `json:"code"` // of the refusal: "file_too_large"
}

// Quarantined says that the bytes hold malware. They lie apart, and nobody gets them.
type Quarantined struct {
	UploadedBy  domain.UserID `json:"uploaded_by"`
	Filename    string        `json:"filename" personal:"uploaded_by"`
	Size        int64         `json:"size"` // bytes
	MIMEType    string        `json:"mime_type"`
	Category    Category      `json:"category"`
	ContentHash string        `json:"content_hash"` // SHA-256 of the bytes, in hex
	Signature   string        `json:"signature"`    // what the scanner calls it
}

// StageStarted says that a worker begins a stage.
type StageStarted struct {
	Stage   Stage `json:"stage"`
	Attempt int   `json:"attempt"` // from 1, in the life of the upload
}

// StageProgressed says how far a stage is.
type StageProgressed struct {
	Stage   Stage  `json:"stage"`
	Attempt int    `json:"attempt"`
	Percent int    `json:"percent"`
	Doing   string `json:"doing,omitempty"`   // "page 3 of 12"
	Elapsed int    `json:"elapsed,omitempty"` // seconds since the stage began
}

// StageCompleted says what a stage has found. Its reading is kept beside the log, which holds its hash.
type StageCompleted struct {
	Stage      Stage         `json:"stage"`
	Attempt    int           `json:"attempt"`
	UploadedBy domain.UserID `json:"uploaded_by"`
	Excerpt    string        `json:"excerpt,omitempty" personal:"uploaded_by"` // the beginning of the text
	Reading    ReadingRef    `json:"reading"`
	Engine     string        `json:"engine,omitempty"`
	Language   string        `json:"language,omitempty"`
	Confidence *float64      `json:"confidence,omitempty"` // from 0 to 1; absent: the engine has none
	Width      int           `json:"width,omitempty"`      // pixels
	Height     int           `json:"height,omitempty"`     // pixels
	Seconds    float64       `json:"seconds,omitempty"`    // of a recording
}

// StageFailed says that an attempt went wrong. Final ones are not tried again by themselves.
type StageFailed struct {
	Stage      Stage         `json:"stage"`
	Attempt    int           `json:"attempt"`
	UploadedBy domain.UserID `json:"uploaded_by"`
	Reason     string        `json:"reason" personal:"uploaded_by"` // a sentence for a person; it may quote the file
	Final      bool          `json:"final"`
}

// StageSkipped says why a stage is left out.
type StageSkipped struct {
	Stage      Stage         `json:"stage"`
	UploadedBy domain.UserID `json:"uploaded_by"`
	Reason     string        `json:"reason" personal:"uploaded_by"` // a sentence for a person
}

// Processed says that every stage has come to an end, and how: completed, failed or skipped.
type Processed struct {
	Outcome Outcome `json:"outcome"`
}

// ProcessingRequested says that somebody wants the upload to be read again.
type ProcessingRequested struct {
	By domain.UserID `json:"by,omitzero"`
}

// Deleted hides an upload and lets its bytes go. References to it stay.
type Deleted struct{}

// WordsErased says that what a person said with the upload is gone for ever, and so are its bytes; without a person,
// whoever's it was.
type WordsErased struct {
	Of domain.UserID `json:"of,omitzero"`
}

// Erases answers whose words: the zero id is everybody's.
func (e WordsErased) Erases() uuid.UUID { return e.Of.UUID }

// Scan is what the malware scanner said.
type Scan struct {
	Status ScanStatus `json:"status"`
	Reason string     `json:"reason,omitempty"` // why it was not scanned
}

// ReadingRef names a reading that is kept beside the log, and proves that it is the one.
type ReadingRef struct {
	ID         uuid.UUID `json:"id,omitzero"`          // zero: nothing was read
	ReadHash   string    `json:"read_hash,omitempty"`  // SHA-256 of its JSON, in hex
	Characters int       `json:"characters,omitempty"` // of its text
}

func (UploadStarted) isEvent()       {}
func (Uploaded) isEvent()            {}
func (UploadRefused) isEvent()       {}
func (Quarantined) isEvent()         {}
func (StageStarted) isEvent()        {}
func (StageProgressed) isEvent()     {}
func (StageCompleted) isEvent()      {}
func (StageFailed) isEvent()         {}
func (StageSkipped) isEvent()        {}
func (Processed) isEvent()           {}
func (ProcessingRequested) isEvent() {}
func (Deleted) isEvent()             {}
func (WordsErased) isEvent()         {}
