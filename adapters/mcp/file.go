package mcp

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/projections"
)

// analysis is a way of reading an upload.
type analysis string

const (
	automatic     analysis = "auto"
	transcription analysis = "transcription"
	recognition   analysis = "ocr"
	document      analysis = "document"
	metadata      analysis = "metadata"
)

var analyses = []analysis{automatic, transcription, recognition, document, metadata}

// stages are what does the analyses, the most telling first.
var stages = []struct {
	analysis analysis
	stage    file.Stage
}{
	{transcription, file.Transcription}, {recognition, file.OCR}, {document, file.Extraction},
}

func (s *Server) fileTools() {
	const waits = " If the upload is still being read, it waits a while, and then says so in processing_status."
	add(s, description{
		name: "analyze_file", title: "Read an upload", needs: domain.ReadFiles,
		text: "Answers what was read from an upload: what is said in a recording, written in a picture, or the text of a document. Long texts come in parts: see next_offset." + waits,
	}, s.analyzeFile)
	add(s, description{
		name: "extract_text_from_image", title: "Read the text in a picture", needs: domain.ReadFiles,
		text: "Answers the text in a picture or a film, with its places." + waits,
	}, s.extractText)
	add(s, description{
		name: "transcribe_audio", title: "Read what is said in a recording", needs: domain.ReadFiles,
		text: "Answers what is said in a recording or a film, and when." + waits,
	}, s.transcribe)
}

// fileRef names an upload.
type fileRef struct {
	File   string `json:"file_id" minLength:"1" maxLength:"1500" doc:"The upload's id, or its address in this service as its url has it: /api/v1/files/{id}/storage/{filename}."`
	Offset int    `json:"offset,omitempty" minimum:"0" maximum:"100000000" doc:"Where in a long text to begin, in characters: the next_offset of the part before."`
}

type analyzeArguments struct {
	fileRef
	Analysis analysis `json:"analysis_type,omitempty" default:"auto" doc:"auto takes what tells most."`
}

// FileText is what was read from an upload.
type FileText struct {
	FileID           uuid.UUID     `json:"file_id"`
	Filename         string        `json:"filename"`
	MIMEType         string        `json:"mime_type"`
	FileCategory     file.Category `json:"file_category"`
	ProcessingStatus string        `json:"processing_status" enum:"queued,processing,completed,failed,skipped" doc:"Of this reading. While it is queued or processing, ask again later."`
	AnalysisType     string        `json:"analysis_type" enum:"transcription,ocr,document,metadata"`
	ExtractedText    string        `json:"extracted_text"`
	NextOffset       *int          `json:"next_offset,omitempty" doc:"There is more of the text: where it goes on, in characters."`
	Confidence       *float64      `json:"confidence" doc:"The engine's own, from 0 to 1; null: it has none."`
	Language         string        `json:"language,omitempty" doc:"As far as the engine knows."`
	Metadata         FileMetadata  `json:"metadata"`
	Notes            []string      `json:"notes" doc:"What a reader of the text must know."`
	Reason           string        `json:"reason,omitempty" doc:"Why there is no text."`
}

// FileMetadata is what is known of an upload besides its text.
type FileMetadata struct {
	FileSize   int64             `json:"file_size" doc:"Bytes."`
	Duration   float64           `json:"duration,omitempty" doc:"Seconds, of a recording."`
	ImageSize  *ImageSize        `json:"image_size,omitempty"`
	Pages      int               `json:"pages,omitempty"`
	Properties map[string]string `json:"properties,omitempty" doc:"What the document says of itself."`
}

// ImageSize is how large a picture is, in pixels.
type ImageSize struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

func (s *Server) analyzeFile(ctx context.Context, c call, in analyzeArguments) (FileText, error) {
	text, _, err := s.read(ctx, c, in.fileRef, cmp.Or(in.Analysis, automatic))
	return text, err
}

// shownParts is how many regions or segments an answer shows.
const shownParts = 200

// ImageText is the text in a picture.
type ImageText struct {
	FileText
	Regions []TextRegion `json:"regions" doc:"The first 200 lines, and where they are, in pixels."`
}

// TextRegion is a line of text in a picture.
type TextRegion struct {
	Text       string  `json:"text"`
	Confidence float64 `json:"confidence"`
	X          int     `json:"x"`
	Y          int     `json:"y"`
	Width      int     `json:"width"`
	Height     int     `json:"height"`
	At         float64 `json:"at,omitempty" doc:"Where a film shows it, in seconds."`
}

func (s *Server) extractText(ctx context.Context, c call, in fileRef) (ImageText, error) {
	text, reading, err := s.read(ctx, c, in, recognition)
	shown := ImageText{FileText: text, Regions: []TextRegion{}}
	for _, r := range reading.Regions[:min(len(reading.Regions), shownParts)] {
		shown.Regions = append(shown.Regions, TextRegion(r))
	}
	return shown, err
}

// SpokenText is what is said in a recording.
type SpokenText struct {
	FileText
	Segments []SpokenSegment `json:"segments" doc:"The first 200, and when they are, in seconds from the beginning."`
}

// SpokenSegment is something that was said.
type SpokenSegment struct {
	Start      float64  `json:"start"`
	End        float64  `json:"end"`
	Text       string   `json:"text"`
	Confidence *float64 `json:"confidence"`
}

func (s *Server) transcribe(ctx context.Context, c call, in fileRef) (SpokenText, error) {
	text, reading, err := s.read(ctx, c, in, transcription)
	shown := SpokenText{FileText: text, Segments: []SpokenSegment{}}
	for _, heard := range reading.Segments[:min(len(reading.Segments), shownParts)] {
		shown.Segments = append(shown.Segments, SpokenSegment(heard))
	}
	return shown, err
}

// read answers what an analysis made of an upload.
func (s *Server) read(ctx context.Context, c call, in fileRef, how analysis) (text FileText, reading file.Reading, err error) {
	row, err := s.findFile(ctx, c, in.File)
	if err != nil {
		return text, reading, err
	}
	if row.Status == projections.FileQuarantined {
		return text, reading, file.ErrInfected
	}
	if how != automatic && how != metadata && row.Stage(stageOf(how)).Stage == "" {
		return text, reading, notReadable(row, how)
	}
	if row, err = s.settled(ctx, c, row); err != nil {
		return text, reading, err
	}
	how, reading, lost, err := s.pick(ctx, row, how)
	if err != nil {
		return text, reading, err
	}
	return renderText(row, how, reading, lost, in.Offset), reading, nil
}

// findFile answers the upload that an id, or an address of its bytes, names: if the caller may see it.
func (s *Server) findFile(ctx context.Context, c call, ref string) (projections.FileRow, error) {
	name, addressed := strings.CutPrefix(ref, "/api/v1/files/")
	filename := ""
	if addressed {
		id, encoded, _ := strings.Cut(name, "/storage/")
		decoded, err := url.PathUnescape(encoded)
		if err != nil || decoded == "" {
			return projections.FileRow{}, file.ErrNotFound
		}
		name, filename = id, decoded
	}
	id, err := uuid.Parse(name)
	if err != nil || len(name) != 36 {
		return projections.FileRow{}, file.ErrNotFound.With("There is no such file. A file_id is the id of an upload.")
	}
	row, err := s.FileRows.FindVisible(ctx, c.caller, domain.FileID{UUID: id})
	if err == nil && addressed && row.Filename != filename {
		return projections.FileRow{}, file.ErrNotFound
	}
	return row, err
}

func stageOf(how analysis) file.Stage {
	for _, s := range stages {
		if s.analysis == how {
			return s.stage
		}
	}
	return ""
}

var errNotReadable = &domain.Error{Kind: domain.Invalid, Code: "analysis_not_available", Message: "This file cannot be read so.", Field: "analysis_type"}

// notReadable says how an upload can be read instead.
func notReadable(row projections.FileRow, how analysis) error {
	var can []string
	for _, s := range stages {
		if row.Stage(s.stage).Stage != "" {
			can = append(can, string(s.analysis))
		}
	}
	can = append(can, string(metadata))
	return errNotReadable.With(fmt.Sprintf("There is no %s of a file of the category %s; there is %s. See analyze_file.", how, row.Category, strings.Join(can, ", ")))
}

func unfinished(row projections.FileRow) bool {
	return row.ProcessingStatus == file.Waiting || row.ProcessingStatus == file.Running
}

// settled waits for an upload to be read, unless the client leaves, the program stops or it takes too long. It answers the
// upload as it then is.
func (s *Server) settled(ctx context.Context, c call, row projections.FileRow) (projections.FileRow, error) {
	if !unfinished(row) {
		return row, nil
	}
	err := s.until(c, row.ID.UUID, s.config.Wait, func() (_ bool, err error) {
		row, err = s.FileRows.FindVisible(ctx, c.caller, row.ID)
		return !unfinished(row), err
	})
	return row, err
}

// pick answers the reading that was asked for, or of all that there are the first with a text. lost reports one that is
// there no more, or was changed.
func (s *Server) pick(ctx context.Context, row projections.FileRow, how analysis) (picked analysis, reading file.Reading, lost bool, err error) {
	refs := make([]file.ReadingRef, len(row.Stages))
	for i, stage := range row.Stages {
		refs[i] = stage.Reading
	}
	found, err := s.Readings.Find(ctx, row.Org, refs...)
	if err != nil {
		return how, reading, false, err
	}
	of := func(how analysis) (r file.Reading, lost bool) {
		ref := row.Stage(stageOf(how)).Reading
		r, known := found[ref.ID]
		return r, !known && ref.ID != uuid.Nil
	}
	if how != automatic {
		reading, lost = of(how)
		return how, reading, lost, nil
	}
	picked = metadata
	for _, s := range stages {
		if row.Stage(s.stage).Stage == "" {
			continue
		}
		r, gone := of(s.analysis)
		if picked == metadata || reading.Text == "" && r.Text != "" {
			picked, reading, lost = s.analysis, r, gone
		}
	}
	return picked, reading, lost, nil
}

// shownText is how much of a text an answer shows, in characters.
const shownText = 20_000

const readingGone = "What was read is missing, or was changed after it was read; have the file processed again."

func renderText(row projections.FileRow, how analysis, r file.Reading, lost bool, offset int) FileText {
	stage := row.Stage(stageOf(how))
	status, reason := stage.Status, stage.Reason
	if how == metadata {
		status = row.ProcessingStatus
	}
	if lost {
		status, reason = file.Failed, readingGone
	}
	shown := FileText{
		FileID: row.ID.UUID, Filename: row.Filename, MIMEType: row.MIMEType, FileCategory: row.Category, ProcessingStatus: string(status),
		AnalysisType: string(how), Confidence: r.Confidence, Language: r.Language, Notes: orEmpty(slices.Clone(r.Notes)), Reason: reason,
		Metadata: FileMetadata{FileSize: row.Size, Duration: row.Seconds, Pages: len(r.Pages), Properties: r.Metadata},
	}
	if row.Width > 0 {
		shown.Metadata.ImageSize = &ImageSize{row.Width, row.Height}
	}
	shown.ExtractedText, shown.NextOffset = part(r.Text, offset)
	return shown
}

// part answers so much of a text from a character on, and where it goes on if there is more.
func part(text string, offset int) (string, *int) {
	from, at := len(text), 0
	for i := range text {
		switch at {
		case offset:
			from = i
		case offset + shownText:
			return text[from:i], &at
		}
		at++
	}
	return text[from:], nil
}
