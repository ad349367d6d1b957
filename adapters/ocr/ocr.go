// Package ocr reads the text in pictures and in recordings of screens, with tesseract as a child process.
//
// # Why
//
// The engine was made for scanned paper: of a raw screenshot it reads 70 to 90 %, and loses white words on coloured
// buttons altogether. So a picture is made into paper first: upright, level, dark on white, with letters as tall as the engine knows.
// A second pass, with another way to tell ink from ground, is for what the first was not sure of: one pass takes about
// a second of processor, and most screenshots need one. Where the lines stand on the page decides the order of the text,
// for the engine reads a table column by column.
package ocr

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/text/language"

	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
)

// Options are what a Reader may be told; the zero value will do.
type Options struct {
	Languages []string      // the engine's language packs, "eng" without any
	PassLimit time.Duration // how long the engine may look at one picture once; five minutes when 0
}

// Reader makes the stage ocr of pictures and recordings. Many may be read at the same time.
type Reader struct {
	languages []string
	limit     time.Duration
	programs  programs
	decoding  *semaphore.Weighted
	most      int // mostArea,
	band      int // bandArea, and
	frames    int // mostFrames, but in tests

	mu      sync.Mutex
	version string // of the engine, once it has told
}

// programs are the names of what we run.
type programs struct{ tesseract, ffmpeg, ffprobe string }

var _ commands.Reader = (*Reader)(nil)

// New answers a reader.
func New(o Options) *Reader {
	r := &Reader{
		languages: o.Languages, limit: o.PassLimit,
		programs: programs{tesseract: "tesseract", ffmpeg: "ffmpeg", ffprobe: "ffprobe"},
		decoding: semaphore.NewWeighted(mostPixels),
		most:     mostArea, band: bandArea, frames: mostFrames,
	}
	if len(r.languages) == 0 {
		r.languages = []string{"eng"}
	}
	if r.limit == 0 {
		r.limit = 5 * time.Minute
	}
	return r
}

// Read implements commands.Reader for pictures and recordings. A picture that shows no text is read: its text is empty.
func (r *Reader) Read(ctx context.Context, s commands.Source, progress commands.ReadProgress) (file.Reading, error) {
	switch s.Category {
	case file.Image:
		return r.picture(ctx, s.Path, s.MIMEType, progress)
	case file.Video:
		return r.recording(ctx, s.Path, progress)
	case file.Document, file.Audio, file.Spreadsheet, file.Presentation, file.Archive, file.Text, file.Code, file.Other:
	}
	return file.Reading{}, &file.SkippedError{Reason: "A file of this kind shows nothing that could be read with OCR."}
}

// ReadPicture reads one picture, such as a scanned page. Errors are those of Read.
func (r *Reader) ReadPicture(ctx context.Context, path string) (file.Reading, error) {
	return r.picture(ctx, path, "", func(int, string) {})
}

// reading starts what is answered, with who read it. Errors: *file.SkippedError when the engine is missing.
func (r *Reader) reading(ctx context.Context) (file.Reading, error) {
	version, err := r.engineVersion(ctx)
	if err != nil {
		return file.Reading{}, err
	}
	return file.Reading{Engine: "tesseract " + version, Language: r.languageCode()}, nil
}

// languageCode answers the two letters of the language. Of several the engine does not tell which it met.
func (r *Reader) languageCode() string {
	if len(r.languages) != 1 {
		return ""
	}
	base, err := language.ParseBase(r.languages[0])
	if err != nil {
		return ""
	}
	return base.String()
}

// unable explains why a program has not done its work. A program that is missing today is missing at the next try.
func unable(err error) error {
	if missing, ok := errors.AsType[*child.MissingError](err); ok {
		return &file.SkippedError{Reason: "OCR needs " + filepath.Base(missing.Program) + ", which is not installed here."}
	}
	if exit, ok := errors.AsType[*child.ExitError](err); ok && strings.Contains(exit.Said, "Failed loading language") {
		return &file.SkippedError{Reason: "OCR needs a language pack of tesseract that is not installed here."}
	}
	return fmt.Errorf("read text with OCR: %w", err)
}
