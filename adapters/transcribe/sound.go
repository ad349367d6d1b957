package transcribe

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
	"ticketd/internal/media"
)

const (
	sampleRate  = 16_000
	sampleBytes = 2
	secondBytes = sampleRate * sampleBytes
	// frameBytes is what a level is measured over: 20 ms.
	frameBytes = secondBytes / framesPerSecond

	framesPerSecond = 50
	// decodeShare is how much of the whole work decoding is, in percent.
	decodeShare = 3
	// answerMost is more than a recording can say of its sound.
	answerMost = 1 << 20
)

var decoding = child.Limits{Time: 15 * time.Minute, CPU: 10 * time.Minute, Memory: 2 << 30}

// soundOf answers how long a recording says it is, or 0. Errors: *file.SkippedError when it has no sound.
func (r *Reader) soundOf(ctx context.Context, path string) (seconds float64, err error) {
	out, err := child.Output(ctx, child.Command{
		Name:   cmp.Or(r.FFprobe, "ffprobe"),
		Args:   media.Careful("-select_streams", "a", "-of", "json", "-show_entries", "format=duration:stream=index", "file:"+path),
		Limits: decoding,
	}, answerMost)
	if err != nil {
		return 0, blame(err)
	}
	var answer struct {
		Streams []struct{} `json:"streams"`
		Format  struct {
			Duration string `json:"duration"`
		} `json:"format"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return 0, fmt.Errorf("read ffprobe's answer: %w", err)
	}
	if len(answer.Streams) == 0 {
		return 0, errNoSound()
	}
	seconds, _ = strconv.ParseFloat(answer.Format.Duration, 64) // "N/A" is none
	return seconds, nil
}

// longest is how much of a recording is heard.
func (r *Reader) longest() time.Duration { return cmp.Or(r.Longest, 4*time.Hour) }

func errNoSound() error { return &file.SkippedError{Reason: "The recording has no sound."} }

// blame tells whose fault it is that ffmpeg or ffprobe did not do its work.
func blame(err error) error {
	if missing, ok := errors.AsType[*child.MissingError](err); ok {
		return &file.SkippedError{Reason: "Transcription needs " + missing.Program + ", which is not installed here."}
	}
	// A program that was killed says nothing about the file.
	if exit, ok := errors.AsType[*child.ExitError](err); ok && strings.HasPrefix(exit.State, "exit status") {
		return &file.BrokenError{Reason: "The recording's sound cannot be decoded."}
	}
	return err
}

// sound is a recording's sound in a file: one channel of 16,000 samples a second, two bytes each.
type sound struct {
	folder string
	levels []uint16 // how loud it is, for each 20 ms
	bytes  int64

	out      *bufio.Writer
	partial  []byte // of a frame
	err      error  // of writing
	progress func(seconds float64)
}

func (s *sound) path() string     { return filepath.Join(s.folder, "sound.pcm") }
func (s *sound) seconds() float64 { return float64(s.bytes) / secondBytes }

// decode brings a recording's sound into the folder.
func (r *Reader) decode(ctx context.Context, path, folder string, seconds float64, progress commands.ReadProgress) (*sound, error) {
	s := &sound{folder: folder, progress: func(done float64) {
		progress(int(decodeShare*min(1, done/max(done, seconds))), "decoding the sound")
	}}
	f, err := os.Create(s.path())
	if err != nil {
		return nil, fmt.Errorf("keep the sound: %w", err)
	}
	defer func() { _ = f.Close() }()
	s.out = bufio.NewWriterSize(f, 1<<20)
	err = child.Run(ctx, child.Command{
		Name: cmp.Or(r.FFmpeg, "ffmpeg"),
		Args: media.Careful(
			"-nostdin", "-i", "file:"+path,
			"-map", "0:a:0", "-vn", "-sn", "-dn", "-ac", "1", "-ar", strconv.Itoa(sampleRate), "-t", strconv.Itoa(int(r.longest().Seconds())),
			"-c:a", "pcm_s16le", "-f", "s16le", "pipe:1",
		),
		Stdout: s, Limits: decoding,
	})
	if s.err == nil {
		s.err = s.out.Flush()
	}
	switch {
	case s.err != nil: // not the recording's fault, though ffmpeg ended badly for want of a reader
		return nil, fmt.Errorf("keep the sound: %w", s.err)
	case err != nil:
		return nil, blame(err)
	case s.bytes < sampleBytes:
		return nil, errNoSound()
	}
	return s, nil
}

// Write implements io.Writer: it keeps the sound and measures how loud it is.
func (s *sound) Write(p []byte) (int, error) {
	n, err := s.out.Write(p)
	if err != nil {
		s.err = err
		return n, err
	}
	before := s.bytes / secondBytes
	s.bytes += int64(len(p))
	s.partial = append(s.partial, p...)
	for len(s.partial) >= frameBytes {
		s.levels = append(s.levels, level(s.partial[:frameBytes]))
		s.partial = s.partial[frameBytes:]
	}
	if s.bytes/secondBytes > before {
		s.progress(s.seconds())
	}
	return n, nil
}

// level is the mean of what the samples are away from silence.
func level(frame []byte) uint16 {
	var sum int
	for at := 0; at < len(frame); at += sampleBytes {
		sample := int(int16(binary.LittleEndian.Uint16(frame[at:]))) //nolint:gosec // the sample's sign is in its highest bit
		sum += max(sample, -sample)
	}
	return uint16(sum / (len(frame) / sampleBytes)) //nolint:gosec // a mean of samples is no larger than a sample
}
