package probe

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ticketd/domain/file"
	"ticketd/internal/child"
	"ticketd/internal/media"
)

const (
	// answerMost is more than a recording can say of itself.
	answerMost = 1 << 20
)

// aMoment is what looking at a recording may take.
var aMoment = child.Limits{Time: 30 * time.Second, CPU: 15 * time.Second, Memory: 2 << 30}

// described is ffprobe's answer.
type described struct {
	Program struct {
		Version string `json:"version"`
	} `json:"program_version"`
	Streams []stream `json:"streams"`
	Format  struct {
		Name     string `json:"format_name"`
		Duration string `json:"duration"`
	} `json:"format"`
}

type stream struct {
	Type        string `json:"codec_type"`
	Codec       string `json:"codec_name"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	SampleRate  string `json:"sample_rate"`
	Channels    int    `json:"channels"`
	Disposition struct {
		Cover int `json:"attached_pic"`
	} `json:"disposition"`
}

// recording describes a recording and decodes a little of it.
func (r Reader) recording(ctx context.Context, path string) (file.Reading, error) {
	d, err := r.describe(ctx, path)
	if err != nil {
		return file.Reading{}, err
	}
	reading := d.reading()
	if len(reading.Metadata) == 1 { // its container, with nothing inside
		return file.Reading{}, &file.BrokenError{Reason: "The recording is empty: there is neither sound nor picture in it."}
	}
	if err := r.decode(ctx, path); err != nil {
		return file.Reading{}, err
	}
	if reading.Seconds == 0 {
		if reading.Seconds, err = r.measure(ctx, path); err != nil {
			return file.Reading{}, err
		}
	}
	return reading, nil
}

func (r Reader) describe(ctx context.Context, path string) (described, error) {
	var d described
	out, err := look(ctx, cmp.Or(r.FFprobe, "ffprobe"), media.Careful(
		"-of", "json", "-show_program_version", "-show_format", "-show_streams", "file:"+path)...)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(out, &d); err != nil {
		return d, fmt.Errorf("read ffprobe's answer: %w", err)
	}
	return d, nil
}

func (d described) reading() file.Reading {
	version, _, _ := strings.Cut(d.Program.Version, "-") // what comes after it is the distribution's
	said := map[string]string{"container": d.Format.Name}
	reading := file.Reading{Engine: strings.TrimSpace("ffprobe " + version), Metadata: said}
	reading.Seconds, _ = strconv.ParseFloat(d.Format.Duration, 64) // "N/A" is none
	for _, s := range d.Streams {
		switch {
		case s.Type == "audio" && said["audio_codec"] == "":
			said["audio_codec"], said["sample_rate"], said["channels"] = s.Codec, s.SampleRate, strconv.Itoa(s.Channels)
		case s.Type == "video" && s.Disposition.Cover == 0 && said["video_codec"] == "":
			said["video_codec"] = s.Codec
			reading.Width, reading.Height = s.Width, s.Height
		}
	}
	return reading
}

// decode hears the first second and sees its first pictures: a container may be whole and hold nothing that can be played.
func (r Reader) decode(ctx context.Context, path string) error {
	out, err := look(ctx, cmp.Or(r.FFmpeg, "ffmpeg"), media.Careful(
		"-nostdin", "-threads", "1", "-t", "1", "-i", "file:"+path, "-map", "0:a:0?", "-map", "0:V:0?", "-frames:v", "5", "-f", "framecrc", "-")...)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(out) {
		if !bytes.HasPrefix(line, []byte("#")) {
			return nil // something was decoded
		}
	}
	return &file.BrokenError{Reason: unplayable}
}

// measure reads a recording through, for what a browser records does not say how long it is.
func (r Reader) measure(ctx context.Context, path string) (float64, error) {
	out, err := look(ctx, cmp.Or(r.FFmpeg, "ffmpeg"), media.Careful(
		"-nostdin", "-i", "file:"+path, "-map", "0:a:0?", "-map", "0:V:0?", "-c", "copy", "-f", "null", "-progress", "pipe:1", "-stats_period", "60", "-")...)
	if err != nil {
		return 0, err
	}
	var micros int64
	for line := range strings.Lines(string(out)) {
		if at, ok := strings.CutPrefix(strings.TrimSpace(line), "out_time_us="); ok {
			micros, _ = strconv.ParseInt(at, 10, 64) // "N/A" is none
		}
	}
	return float64(max(0, micros)) / 1e6, nil
}

const unplayable = "This is not a recording that can be played: what is inside cannot be decoded."

// look runs a program on a recording. Errors: *file.SkippedError when the program is missing, *file.BrokenError when it
// refuses the recording.
func look(ctx context.Context, program string, args ...string) ([]byte, error) {
	out, err := child.Output(ctx, child.Command{Name: program, Args: args, Limits: aMoment}, answerMost)
	if missing, ok := errors.AsType[*child.MissingError](err); ok {
		return nil, &file.SkippedError{Reason: "Looking into recordings needs " + missing.Program + ", which is not installed here."}
	}
	if exit, ok := errors.AsType[*child.ExitError](err); ok && strings.HasPrefix(exit.State, "exit status") { // a program that was killed says nothing about the file
		if strings.Contains(exit.Said, "moov atom not found") {
			return nil, &file.BrokenError{Reason: "The recording is cut off: the part that says how to play it is missing."}
		}
		return nil, &file.BrokenError{Reason: unplayable}
	}
	return out, err
}
