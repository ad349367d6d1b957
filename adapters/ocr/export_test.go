package ocr

import (
	"context"
	"image"
)

// WithPrograms makes the reader run other programs.
func (r *Reader) WithPrograms(tesseract, ffmpeg, ffprobe string) *Reader {
	r.programs = programs{tesseract: tesseract, ffmpeg: ffmpeg, ffprobe: ffprobe}
	return r
}

// WithAreas makes the reader show the engine fewer pixels, of a whole picture and at once.
func (r *Reader) WithAreas(most, band int) *Reader {
	r.most, r.band = most, band
	return r
}

// WithFrames makes the reader read fewer frames of a recording.
func (r *Reader) WithFrames(most int) *Reader {
	r.frames = most
	return r
}

// Decoded answers a picture as people see it.
func (r *Reader) Decoded(ctx context.Context, path string) (*image.Gray, error) {
	source, err := r.decode(ctx, path, "")
	return source.grey, err
}
