package ocr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"strconv"
	"strings"
	"time"

	"ticketd/domain/file"
	"ticketd/internal/child"
	"ticketd/internal/media"
)

const (
	// decoderMemory is address space, for one frame at a time of the largest screens.
	decoderMemory = 2 << 30
	// scanLimit is how long looking through a whole recording may take.
	scanLimit = 15 * time.Minute
	// secondsApart is how often a recording is looked at.
	secondsApart = 0.5
	// frameSide is the longest side of a frame that is read: more is sharper than recordings are.
	frameSide = 2560
)

// video is a recording's picture.
type video struct {
	size    image.Point // as it is shown
	seconds float64     // 0 when the recording does not tell
}

// probe asks what a recording holds. Errors: *file.BrokenError when it is none, *file.SkippedError when it has no picture.
func (r *Reader) probe(ctx context.Context, path string) (video, error) {
	out, err := child.Output(ctx, child.Command{
		Name: r.programs.ffprobe,
		Args: media.Careful(
			"-select_streams", "V:0", // capital: no cover of an album
			"-show_entries", "stream=width,height:stream_side_data=rotation:format=duration", "-of", "json", "file:"+path,
		),
		Limits: child.Limits{Time: r.limit, CPU: r.limit, Memory: decoderMemory},
	}, answerMost)
	if exit, ok := errors.AsType[*child.ExitError](err); ok && exit.State == "exit status 1" {
		return video{}, &file.BrokenError{Reason: "The recording is damaged or incomplete; it cannot be opened."}
	}
	if err != nil {
		return video{}, unable(err)
	}
	var answer struct {
		Streams []struct {
			Width    int `json:"width"`
			Height   int `json:"height"`
			SideData []struct {
				Rotation int `json:"rotation"`
			} `json:"side_data_list"`
		} `json:"streams"`
		Format struct {
			Duration string `json:"duration"`
		} `json:"format"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return video{}, fmt.Errorf("read what %s says of the recording: %w", r.programs.ffprobe, err)
	}
	if len(answer.Streams) == 0 {
		return video{}, &file.SkippedError{Reason: "The recording has no picture, so there is no text to see."}
	}
	stream := answer.Streams[0]
	v := video{size: image.Pt(stream.Width, stream.Height)}
	for _, data := range stream.SideData {
		if data.Rotation%180 != 0 {
			v.size.X, v.size.Y = v.size.Y, v.size.X
		}
	}
	if v.size.X <= 0 || v.size.Y <= 0 || v.size.X*v.size.Y > mostPixels {
		return video{}, &file.SkippedError{Reason: fmt.Sprintf("The recording's picture of %d x %d pixels cannot be read.", v.size.X, v.size.Y)}
	}
	// What is live has no duration, and says "N/A".
	if seconds, err := strconv.ParseFloat(answer.Format.Duration, 64); err == nil {
		v.seconds = seconds
	}
	return v, nil
}

// sample is how much a recording has changed at a time, in seconds, since the sample before: from 0 to 1.
type sample struct{ at, change float64 }

// samples looks through a whole recording, and says from time to time where it is.
func (r *Reader) samples(ctx context.Context, path string, reached func(at float64)) ([]sample, error) {
	told := scores{reached: reached}
	err := child.Run(ctx, child.Command{
		Name: r.programs.ffmpeg,
		Args: append(fromFile(path, 0), "-vf",
			// Rounded up, a sample's time is never before its frame is shown.
			fmt.Sprintf("fps=%g:round=up,scale=640:-2,select='gte(scene,0)',metadata=print:key=lavfi.scene_score:file=-", 1/secondsApart), "-f", "null", "-"),
		Stdout: &told,
		Limits: child.Limits{Time: scanLimit, CPU: scanLimit, Memory: decoderMemory},
	})
	if err != nil {
		return nil, unable(err)
	}
	return told.samples, nil
}

// frame answers the frame at a time, or nil past the end.
func (r *Reader) frame(ctx context.Context, path string, at float64) (*image.Gray, error) {
	out, err := child.Output(ctx, child.Command{
		Name: r.programs.ffmpeg,
		Args: append(fromFile(path, at), "-frames:v", "1",
			"-vf", fmt.Sprintf("scale=w='min(%d,iw)':h='min(%d,ih)':force_original_aspect_ratio=decrease", frameSide, frameSide),
			"-c:v", "pgm", "-pix_fmt", "gray", "-f", "image2pipe", "pipe:1"),
		Limits: child.Limits{Time: r.limit, CPU: r.limit, Memory: decoderMemory},
	}, frameSide*frameSide+64)
	if err != nil {
		return nil, unable(err)
	}
	if len(out) == 0 {
		return nil, nil //nolint:nilnil // there is no such frame, and nothing went wrong
	}
	return grey(out)
}

// fromFile are the arguments to decode the picture of a recording, and nothing it points at.
func fromFile(path string, at float64) []string {
	return media.Careful(
		"-nostdin", "-threads", "1", "-filter_threads", "1",
		"-ss", strconv.FormatFloat(at, 'f', 3, 64), "-i", "file:"+path, "-map", "0:V:0", "-an", "-sn", "-dn",
	)
}

// grey reads the format that costs nothing to write: the size in letters, then the pixels.
func grey(pgm []byte) (*image.Gray, error) {
	r := bytes.NewReader(pgm)
	var width, height, most int
	if _, err := fmt.Fscanf(r, "P5\n%d %d\n%d\n", &width, &height, &most); err != nil || width <= 0 || height <= 0 || r.Len() != width*height {
		return nil, errors.New("read a frame: it is not what ffmpeg was asked for")
	}
	img := image.NewGray(image.Rect(0, 0, width, height))
	_, err := io.ReadFull(r, img.Pix)
	return img, err
}

// scores hears the decoder tell, in two lines a sample, the time and how much has changed.
type scores struct {
	rest    []byte
	samples []sample
	reached func(at float64)
}

// Write implements io.Writer.
func (s *scores) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	for {
		line, rest, found := bytes.Cut(s.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		s.line(string(line))
		s.rest = rest
	}
}

// line takes one line.
func (s *scores) line(line string) {
	if _, value, found := strings.Cut(line, "pts_time:"); found {
		if at, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
			s.samples = append(s.samples, sample{at: at})
			s.reached(at)
		}
		return
	}
	if _, value, found := strings.Cut(line, "lavfi.scene_score="); found && len(s.samples) > 0 {
		if change, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
			s.samples[len(s.samples)-1].change = change
		}
	}
}
