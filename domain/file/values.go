package file

import "slices"

// Category is what kind of file it is.
type Category string

// The categories.
const (
	Document     Category = "document"
	Image        Category = "image"
	Audio        Category = "audio"
	Video        Category = "video"
	Spreadsheet  Category = "spreadsheet"
	Presentation Category = "presentation"
	Archive      Category = "archive"
	Text         Category = "text"
	Code         Category = "code"
	Other        Category = "other"
)

// Categories lists them in the order people read them.
var Categories = []Category{Document, Image, Audio, Video, Spreadsheet, Presentation, Archive, Text, Code, Other}

// Valid reports whether the category is one of Categories.
func (c Category) Valid() bool { return slices.Contains(Categories, c) }

// Stage is a step of a file's processing.
type Stage string

// The stages, in the order they run in.
const (
	Validation        Stage = "validation"
	Transcription     Stage = "transcription"
	OCR               Stage = "ocr"
	Extraction        Stage = "extraction"
	IntegrationUpload Stage = "integration_upload"
)

// Stages answers what a file of the category goes through, in order.
func (c Category) Stages() []Stage {
	switch c {
	case Image:
		return []Stage{Validation, OCR}
	case Audio:
		return []Stage{Validation, Transcription}
	case Video:
		return []Stage{Validation, Transcription, OCR}
	case Document, Spreadsheet, Presentation, Archive, Text, Code:
		return []Stage{Validation, Extraction}
	case Other:
	}
	return []Stage{Validation}
}

// StageStatus is where a stage stands.
type StageStatus string

// The stage statuses.
const (
	Waiting   StageStatus = "queued"
	Running   StageStatus = "processing"
	Completed StageStatus = "completed"
	Failed    StageStatus = "failed"
	Skipped   StageStatus = "skipped"
)

// Outcome is how the processing of an upload ended.
type Outcome string

// The outcomes.
const (
	AllCompleted Outcome = "completed"
	SomeFailed   Outcome = "failed"
	AllSkipped   Outcome = "skipped"
)

// ScanStatus is what is known of malware in an upload.
type ScanStatus string

// The scan statuses.
const (
	Clean     ScanStatus = "clean"
	Unscanned ScanStatus = "unscanned"
)

// The limits of what people write, in characters.
const (
	MaxFilename    = 255
	MaxDescription = 5000
	MaxExcerpt     = 500
	MaxReason      = 500
)
