// Package transcribe writes down what is said in recordings.
//
// # Why
//
// Speech is heard at a fraction of its length at best, so a long recording is cut where nobody speaks, and the pieces are
// heard side by side. Engines differ in what they cost and how good they are: the best that is there is asked first, and
// whoever reads the text is told who wrote it. A recording is written down by one engine as a whole, for half a text of
// one kind and half of another would be read as a fault of the recording.
package transcribe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"ticketd/commands"
	"ticketd/domain/file"
)

// Provider hears speech. heard is called with how many seconds it has heard so far, if it knows. Times of segments count
// from the beginning of the sound. Errors: *file.SkippedError when it is not installed here; after any other the next
// provider is asked.
type Provider interface {
	Name() string // in the middle of a sentence
	Transcribe(ctx context.Context, wav string, heard func(seconds float64)) (file.Reading, error)
}

// Reader makes the stage transcription. It may read several recordings at once, and hears as many pieces of all of them
// together as there are processors.
type Reader struct {
	FFprobe string // the program that describes recordings; by default ffprobe
	FFmpeg  string // the program that decodes them; by default ffmpeg
	// Longest is how much of a recording is heard, by default four hours: its sound takes 115 MB an hour on the disk.
	Longest time.Duration
	// Temporary is the folder for the sound while it is heard; empty: the system's own.
	Temporary string

	providers []Provider
	log       *slog.Logger
	slots     chan struct{}
	lengths   lengths
}

// New asks the providers in this order.
func New(log *slog.Logger, providers ...Provider) *Reader {
	return &Reader{providers: providers, log: log, slots: make(chan struct{}, runtime.GOMAXPROCS(0)), lengths: usual}
}

// Read implements commands.Reader.
func (r *Reader) Read(ctx context.Context, s commands.Source, progress commands.ReadProgress) (file.Reading, error) {
	seconds, err := r.soundOf(ctx, s.Path)
	if err != nil {
		return file.Reading{}, err
	}
	folder, err := os.MkdirTemp(r.Temporary, "transcribe-")
	if err != nil {
		return file.Reading{}, fmt.Errorf("make a folder for the sound: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	heard, err := r.decode(ctx, s.Path, folder, seconds, progress)
	if err != nil {
		return file.Reading{}, err
	}
	reading, err := r.ask(ctx, heard, heard.pieces(r.lengths, s.Size, cap(r.slots)), progress)
	if err != nil {
		return file.Reading{}, err
	}
	reading.Seconds = max(heard.seconds(), seconds)
	if most := r.longest(); heard.seconds() >= most.Seconds() {
		reading.Notes = append(reading.Notes, fmt.Sprintf("Only the first %.0f minutes were transcribed.", most.Minutes()))
	}
	return reading, nil
}

// ask asks one provider after the other, until one has heard everything.
func (r *Reader) ask(ctx context.Context, s *sound, pieces []piece, progress commands.ReadProgress) (file.Reading, error) {
	var reasons, notes []string
	var failed error
	for _, p := range r.providers {
		readings, err := r.hear(ctx, p, s, pieces, progress)
		if err == nil {
			reading := merge(pieces, readings)
			reading.Notes = append(reading.Notes, notes...)
			return reading, nil
		}
		if ctx.Err() != nil {
			return file.Reading{}, ctx.Err()
		}
		if skipped, ok := errors.AsType[*file.SkippedError](err); ok {
			reasons = append(reasons, skipped.Reason)
			continue
		}
		r.log.WarnContext(ctx, "transcription: the next provider is asked", "provider", p.Name(), "because", err)
		notes = append(notes, "It could not be transcribed by "+p.Name()+", which would have been asked first.")
		failed = errors.Join(failed, fmt.Errorf("%s: %w", p.Name(), err))
	}
	if failed != nil {
		return file.Reading{}, failed
	}
	if len(reasons) == 0 {
		reasons = []string{"No speech engine is configured here."}
	}
	return file.Reading{}, &file.SkippedError{Reason: strings.Join(reasons, " ")}
}
