// Package probe finds out what an upload really is: how large a picture, how long a recording, and whether it can be read
// at all.
//
// # Why
//
// A name and the first bytes promise a recording; only a decoder knows whether there is one. So a little of it is decoded
// here, and a file that is cut off or filled with anything else is told to its owner within a second, before anybody
// waits minutes for its text.
package probe

import (
	"context"
	"strings"

	"ticketd/commands"
	"ticketd/domain/file"
)

// Reader makes the stage validation.
type Reader struct {
	FFprobe string // the program that describes recordings; by default ffprobe
	FFmpeg  string // the program that decodes them; by default ffmpeg
}

// Read implements commands.Reader. What is neither a picture nor a recording, and pictures of a kind we cannot measure, have
// nothing to be measured: their reading is empty.
func (r Reader) Read(ctx context.Context, s commands.Source, _ commands.ReadProgress) (file.Reading, error) {
	switch {
	case s.Category == file.Audio, s.Category == file.Video:
		return r.recording(ctx, s.Path)
	case s.Category == file.Image, strings.HasPrefix(s.MIMEType, "image/"):
		return picture(s.Path, s.MIMEType)
	}
	return file.Reading{}, nil
}
