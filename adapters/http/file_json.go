package http

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

// File is an upload as lists show it.
type File struct {
	ID                 uuid.UUID   `json:"id" format:"uuid"`
	JobID              uuid.UUID   `json:"job_id" format:"uuid" doc:"The same as id: what to subscribe to for its progress."`
	Filename           string      `json:"filename" example:"screenshot.png"`
	TicketID           *uuid.UUID  `json:"ticket_id" format:"uuid" doc:"The ticket it was uploaded to; null: none, or none that you may see."`
	FileSize           int64       `json:"file_size" doc:"Bytes."`
	FileType           string      `json:"file_type" example:"image/png" doc:"The same as mime_type."`
	MIMEType           string      `json:"mime_type" example:"image/png" doc:"Told from the bytes."`
	FileCategory       string      `json:"file_category" enum:"document,image,audio,video,spreadsheet,presentation,archive,text,code,other"`
	Status             string      `json:"status" enum:"uploaded,processing,processed,failed,quarantined,deleted"`
	ProcessingStatus   string      `json:"processing_status" enum:"queued,processing,completed,failed,skipped"`
	ProcessingRequired bool        `json:"processing_required" doc:"There is something to be read from it."`
	SHA256             string      `json:"sha256" doc:"Of its bytes, in hex."`
	Scan               FileScan    `json:"scan"`
	URL                *string     `json:"url" doc:"Where its bytes are; null: nobody gets them."`
	Stages             []FileStage `json:"stages"`
	Version            int         `json:"version"`
	CreatedAt          Timestamp   `json:"created_at"`
}

// FileScan is what the malware scanner said.
type FileScan struct {
	Status string `json:"status" enum:"clean,unscanned,infected"`
	Reason string `json:"reason,omitempty" doc:"Why it was not scanned, or what was found."`
}

// FileStage is a step of an upload's processing.
type FileStage struct {
	Stage      string     `json:"stage" enum:"validation,transcription,ocr,extraction,integration_upload"`
	Status     string     `json:"status" enum:"queued,processing,completed,failed,skipped"`
	Progress   int        `json:"progress" doc:"Percent."`
	Message    string     `json:"message" example:"page 3 of 12" doc:"What is being done."`
	StartedAt  *Timestamp `json:"started_at"`
	FinishedAt *Timestamp `json:"finished_at"`
	Attempts   int        `json:"attempts"`
	Error      *string    `json:"error" doc:"Why it failed, or was skipped."`
}

// FileDetails is an upload with what was read from it.
type FileDetails struct {
	File
	Description           *string          `json:"description"`
	UploadedBy            Person           `json:"uploaded_by"`
	AttachedTo            []uuid.UUID      `json:"attached_to" doc:"The tickets that refer to it, of those you may see; newest first."`
	ExtractionMethod      *string          `json:"extraction_method" example:"tesseract 5.3.0"`
	ContentSummary        *string          `json:"content_summary" doc:"How the text begins."`
	ExtractedContext      ExtractedContext `json:"extracted_context"`
	Transcription         *string          `json:"transcription" doc:"What is said in it."`
	OCRText               *string          `json:"ocr_text" doc:"What is written in its pictures."`
	ExtractedText         *string          `json:"extracted_text" doc:"The text of a document."`
	Language              *string          `json:"language" example:"en"`
	Width                 *int             `json:"width" doc:"Pixels."`
	Height                *int             `json:"height" doc:"Pixels."`
	DurationSeconds       *float64         `json:"duration_seconds"`
	Notes                 []string         `json:"notes" doc:"What a reader of the texts must know."`
	ProcessingError       *string          `json:"processing_error"`
	ProcessingStartedAt   *Timestamp       `json:"processing_started_at"`
	ProcessingCompletedAt *Timestamp       `json:"processing_completed_at"`
}

// ExtractedContext is what was read, with its places. Only the parts that apply are there.
type ExtractedContext struct {
	Document *DocumentContext `json:"document,omitempty"`
	Image    *ImageContext    `json:"image,omitempty"`
	Audio    *AudioContext    `json:"audio,omitempty"`
}

// DocumentContext is the text of a document, page by page.
type DocumentContext struct {
	Pages    []DocumentPage    `json:"pages"`
	Metadata map[string]string `json:"metadata" doc:"What the document says of itself."`
}

// DocumentPage is a page, a slide or a sheet.
type DocumentPage struct {
	PageNumber int    `json:"page_number"`
	Name       string `json:"name,omitempty" doc:"Of a sheet."`
	Text       string `json:"text"`
	Blocks     []any  `json:"blocks" doc:"Of a page whose parts are known; empty else."`
}

// ImageContext is the text in a picture, or in the pictures of a film.
type ImageContext struct {
	TextRegions []TextRegion  `json:"text_regions"`
	Metadata    ImageMetadata `json:"metadata"`
}

// ImageMetadata is how large a picture is, in pixels.
type ImageMetadata struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

// TextRegion is a line of text in a picture.
type TextRegion struct {
	Text       string   `json:"text"`
	Confidence float64  `json:"confidence" doc:"The engine's own, from 0 to 1."`
	Geometry   Geometry `json:"geometry"`
	At         *float64 `json:"at,omitempty" doc:"Where a film shows it, in seconds."`
}

// Geometry is a place in a picture, in pixels from its upper left corner.
type Geometry struct {
	X      int `json:"x"`
	Y      int `json:"y"`
	Width  int `json:"width"`
	Height int `json:"height"`
}

// AudioContext is what is said in a recording.
type AudioContext struct {
	Transcription Transcription `json:"transcription"`
}

// Transcription is what is said in a recording, and when.
type Transcription struct {
	Text            string          `json:"text"`
	Language        *string         `json:"language"`
	Confidence      *float64        `json:"confidence" doc:"The engine's own, from 0 to 1; null: it has none."`
	DurationSeconds float64         `json:"duration_seconds"`
	Segments        []SpokenSegment `json:"segments"`
}

// SpokenSegment is something that was said. Times are seconds from the beginning.
type SpokenSegment struct {
	Start      float64  `json:"start"`
	End        float64  `json:"end"`
	Text       string   `json:"text"`
	Confidence *float64 `json:"confidence"`
}

func renderFile(f projections.FileRow) File {
	shown := File{
		ID: f.ID.UUID, JobID: f.ID.UUID, Filename: f.Filename, FileSize: f.Size, FileType: f.MIMEType, MIMEType: f.MIMEType, FileCategory: string(f.Category),
		Status: string(f.Status), ProcessingStatus: string(f.ProcessingStatus), ProcessingRequired: len(f.Stages) > 1, SHA256: f.ContentHash,
		Scan: FileScan{Status: string(f.Scan.Status), Reason: f.Scan.Reason}, Stages: renderStages(f.Stages), Version: f.Version, CreatedAt: Timestamp(f.CreatedAt),
	}
	if f.Status == projections.FileQuarantined {
		shown.Scan = FileScan{Status: "infected", Reason: f.Signature}
	} else if f.Exists() {
		shown.URL = new(file.URL(f.ID, f.Filename))
	}
	if f.Ticket != uuid.Nil {
		shown.TicketID = &f.Ticket
	}
	return shown
}

// renderFiles shows uploads. Whoever sees one through another ticket than the one that it was uploaded to is not told of that.
func (s *Server) renderFiles(ctx context.Context, rows ...projections.FileRow) ([]File, error) {
	var tickets []uuid.UUID
	for _, row := range rows {
		if row.Ticket != uuid.Nil && !slices.Contains(tickets, row.Ticket) {
			tickets = append(tickets, row.Ticket)
		}
	}
	visible, err := s.TicketRows.Visible(ctx, callerOf(ctx), tickets)
	if err != nil {
		return nil, err
	}
	shown := make([]File, len(rows))
	for i, row := range rows {
		shown[i] = renderFile(row)
		if !visible[row.Ticket] {
			shown[i].TicketID = nil
		}
	}
	return shown, nil
}

func renderStages(stages []projections.FileStage) []FileStage {
	shown := make([]FileStage, len(stages))
	for i, s := range stages {
		shown[i] = FileStage{
			Stage: string(s.Stage), Status: string(s.Status), Progress: s.Percent, Message: s.Doing, StartedAt: optionalTime(s.StartedAt),
			FinishedAt: optionalTime(s.FinishedAt), Attempts: s.Attempts, Error: unlessBlank(s.Reason),
		}
	}
	return shown
}

// troubleOf answers why an upload was not read, or not wholly; nothing when it was, or may still be.
func troubleOf(f projections.FileRow) []string {
	var reasons []string
	for _, s := range f.Stages {
		if s.Status == f.ProcessingStatus && (s.Status == file.Failed || s.Status == file.Skipped) && s.Reason != "" && !slices.Contains(reasons, s.Reason) {
			reasons = append(reasons, s.Reason)
		}
	}
	return reasons
}

const readingGone = "What was read is missing, or was changed after it was read; have the file processed again."

// renderDetails shows an upload with what was read from it. listed is how lists show it.
func renderDetails(
	listed File, f projections.FileRow, readings map[uuid.UUID]file.Reading, people map[domain.UserID]projections.Person, attachedTo []uuid.UUID,
) FileDetails {
	shown := FileDetails{
		File: listed, Description: unlessBlank(f.Description), UploadedBy: renderPerson(f.UploadedBy, people), AttachedTo: orEmpty(attachedTo),
		Language: unlessBlank(f.Language), Width: positive(f.Width), Height: positive(f.Height), DurationSeconds: positive(f.Seconds), Notes: []string{},
		ProcessingStartedAt: optionalTime(f.StartedAt), ProcessingCompletedAt: optionalTime(f.CompletedAt),
	}
	trouble := troubleOf(f)
	var engines []string
	var summary string
	for _, stage := range f.Stages {
		if stage.Reading.ID == uuid.Nil {
			continue
		}
		if stage.Stage != file.Validation && stage.Engine != "" && !slices.Contains(engines, stage.Engine) {
			engines = append(engines, stage.Engine)
		}
		summary = cmp.Or(summary, summaryOf(stage.Excerpt))
		if reading, found := readings[stage.Reading.ID]; found {
			shown.read(f, stage.Stage, reading)
		} else if !slices.Contains(trouble, readingGone) {
			trouble = append(trouble, readingGone)
		}
	}
	if f.Category == file.Image && f.Width > 0 && shown.ExtractedContext.Image == nil { // what is known though no engine could read it
		shown.ExtractedContext.Image = &ImageContext{[]TextRegion{}, ImageMetadata{f.Width, f.Height}}
	}
	shown.ExtractionMethod, shown.ContentSummary = unlessBlank(strings.Join(engines, ", ")), unlessBlank(summary)
	shown.ProcessingError = unlessBlank(strings.Join(trouble, " "))
	return shown
}

// read adds what a stage has read.
func (d *FileDetails) read(f projections.FileRow, stage file.Stage, r file.Reading) {
	for _, note := range r.Notes {
		if !slices.Contains(d.Notes, note) {
			d.Notes = append(d.Notes, note)
		}
	}
	switch stage {
	case file.Transcription:
		d.Transcription, d.ExtractedContext.Audio = &r.Text, &AudioContext{renderTranscription(r)}
	case file.OCR:
		d.OCRText, d.ExtractedContext.Image = &r.Text, &ImageContext{renderRegions(r.Regions, f.Category), ImageMetadata{f.Width, f.Height}}
	case file.Extraction:
		d.ExtractedText, d.ExtractedContext.Document = &r.Text, &DocumentContext{renderPages(r.Pages), r.Metadata}
		if r.Metadata == nil {
			d.ExtractedContext.Document.Metadata = map[string]string{}
		}
	case file.Validation, file.IntegrationUpload: // they read no text
	}
}

func renderTranscription(r file.Reading) Transcription {
	shown := Transcription{Text: r.Text, Language: unlessBlank(r.Language), Confidence: r.Confidence, DurationSeconds: r.Seconds, Segments: make([]SpokenSegment, len(r.Segments))}
	for i, s := range r.Segments {
		shown.Segments[i] = SpokenSegment{Start: s.Start, End: s.End, Text: s.Text, Confidence: s.Confidence}
	}
	return shown
}

func renderRegions(regions []file.Region, of file.Category) []TextRegion {
	shown := make([]TextRegion, len(regions))
	for i, r := range regions {
		shown[i] = TextRegion{Text: r.Text, Confidence: r.Confidence, Geometry: Geometry{X: r.X, Y: r.Y, Width: r.Width, Height: r.Height}}
		if of == file.Video {
			shown[i].At = &r.At
		}
	}
	return shown
}

func renderPages(pages []file.Page) []DocumentPage {
	shown := make([]DocumentPage, len(pages))
	for i, p := range pages {
		shown[i] = DocumentPage{PageNumber: p.Number, Name: p.Name, Text: p.Text, Blocks: []any{}}
	}
	return shown
}

// longestSummary is how much of a text a summary shows, in characters.
const longestSummary = 280

// summaryOf answers how a text begins, on one line and in whole words where it has some.
func summaryOf(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	summary := file.Cut(text, longestSummary)
	if len(summary) == len(text) {
		return text
	}
	if end := strings.LastIndexByte(summary, ' '); end > 0 && text[len(summary)] != ' ' {
		summary = summary[:end]
	}
	return summary + " …"
}

func positive[T int | float64](n T) *T {
	if n <= 0 {
		return nil
	}
	return &n
}

// filesOf answers the uploads that tickets refer to, with one query.
func (s *Server) filesOf(ctx context.Context, rows ...projections.TicketRow) (map[domain.FileID]projections.FileRow, error) {
	var ids []domain.FileID
	for _, row := range rows {
		for _, a := range row.Attachments {
			ids = append(ids, a.FileID)
		}
	}
	return s.FileRows.Named(ctx, callerOf(ctx).Org, ids)
}

// renderFilesOf shows the uploads that a ticket refers to. The reference to one that is gone stays.
func renderFilesOf(attachments []ticket.Attachment, files map[domain.FileID]projections.FileRow) []TicketFile {
	shown := make([]TicketFile, len(attachments))
	for i, a := range attachments {
		f := renderFile(files[a.FileID])
		shown[i] = TicketFile{
			ID: a.FileID.UUID, Filename: f.Filename, FileSize: f.FileSize, MIMEType: f.MIMEType, FileCategory: f.FileCategory,
			Status: cmp.Or(f.Status, string(projections.FileDeleted)), URL: f.URL,
		}
		if f.Filename == eventstore.Erased {
			shown[i].Filename = ""
		}
	}
	return shown
}
