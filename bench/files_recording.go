package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// noEngine is said where the speech engine is not installed.
const noEngine = "\nThe speech engine is not here (scripts/speech brings it), so no recording was measured.\n"

// benchRecording measures how long the words of a recording take. The limit is the engine alone: what it takes to hear a
// chunk, times the recording's length, shared by all cores. It hears the chunk before and after, and the faster counts.
func (w *filesWorld) benchRecording(ctx context.Context, _ options, sizes filesSizes, out io.Writer) error {
	if w.speech == "" {
		_, err := io.WriteString(out, noEngine)
		return err
	}
	recording, chunk, err := w.record(ctx, sizes)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(recording)
	if err != nil {
		return err
	}
	before, err := w.hear(ctx, chunk)
	if err != nil {
		return err
	}
	took, err := w.readUpload(ctx, "recording.m4a", content, transcribed)
	if err != nil {
		return err
	}
	after, err := w.hear(ctx, chunk)
	if err != nil {
		return err
	}
	alone := min(before, after)
	factor := alone.Seconds() / sizes.chunk.Seconds()
	limit := time.Duration(factor * float64(sizes.recording) / float64(cores()))
	results := newTable("what", "s:", "ratio:", "target:")
	results.add("limit: the engine's own time over the cores", seconds(limit), ratio(1), "")
	results.add("the whole program: upload to "+transcribed, seconds(took), ratio(float64(limit)/float64(took)), "")
	results.write(out, "Words of a recording", fmt.Sprintf("%s of speech, measured once. The engine alone hears %s in %s s, its model's loading included: %.3f of real time, on %d cores.",
		sizes.recording, sizes.chunk, seconds(alone), factor, cores()))
	return nil
}

// record makes a recording of somebody who speaks, and its beginning in the form that the engine hears.
func (w *filesWorld) record(ctx context.Context, sizes filesSizes) (recording, chunk string, err error) {
	spoken, once := filepath.Join(w.dir, "spoken.wav"), filepath.Join(w.dir, "once.m4a")
	recording, chunk = filepath.Join(w.dir, "recording.m4a"), filepath.Join(w.dir, "chunk.wav")
	if err := speak(ctx, report, spoken); err != nil {
		return "", "", err
	}
	if err := ffmpeg(ctx, "-i", spoken, "-ac", "1", "-c:a", "aac", once); err != nil {
		return "", "", err
	}
	if err := ffmpeg(ctx, "-stream_loop", "-1", "-i", once, "-t", length(sizes.recording), "-c", "copy", recording); err != nil {
		return "", "", err
	}
	return recording, chunk, toHear(ctx, recording, chunk, "-t", length(sizes.chunk))
}

// hear is how long the engine takes for a sound, in the process that the program makes for a piece of a recording.
func (w *filesWorld) hear(ctx context.Context, wav string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, w.real.cmd.Path, "hear", w.speech, wav)
	cmd.Env = append(os.Environ(), "OPENBLAS_NUM_THREADS=1", "GOMAXPROCS=1", "MALLOC_ARENA_MAX=1")
	start := time.Now()
	if said, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("hear: %w: %s", err, said)
	}
	return time.Since(start), nil
}

// speak has a text spoken into a WAV.
func speak(ctx context.Context, text, wav string) error {
	if said, err := exec.CommandContext(ctx, "espeak-ng", "-v", "en-us", "-s", "140", "-w", wav, text).CombinedOutput(); err != nil {
		return fmt.Errorf("espeak-ng: %w: %s", err, said)
	}
	return nil
}

// toHear makes the WAV that the engine hears of a sound.
func toHear(ctx context.Context, from, wav string, options ...string) error {
	args := append([]string{"-i", from}, options...)
	return ffmpeg(ctx, append(args, "-ac", "1", "-ar", "16000", "-bitexact", "-map_metadata", "-1", "-c:a", "pcm_s16le", wav)...)
}

func ffmpeg(ctx context.Context, args ...string) error {
	if said, err := exec.CommandContext(ctx, "ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, said)
	}
	return nil
}

func length(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
